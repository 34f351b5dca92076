/** What the built-in rules find of fake secrets of known formats, and where. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { find } from "./support/matching.ts"
import { first, type Plant, second } from "./support/SecretCorpus.ts"

/** The plants that are missed, or not found just where they are, once. */
const missedOf = (plants: ReadonlyArray<Plant>) =>
  Effect.map(
    Effect.filter(plants, ({ file, secret, text }) =>
      Effect.map(find(text, { path: file }), ({ found }) => {
        const before = text.slice(0, text.indexOf(secret)).split("\n")
        const column = (before.at(-1) ?? "").length + 1
        return found.length !== 1 || found[0]?.line !== before.length || found[0].column !== column
      })),
    (missed) => missed.map(({ id }) => id)
  )

describe("of a hundred planted secrets", () => {
  it.effect("the half that rules are written against is found, each once and in its column", () =>
    Effect.gen(function*() {
      assert.lengthOf(first, 50)
      assert.deepStrictEqual(yield* missedOf(first), [])
    }))

  it.effect("the half that rules are judged by is found, each once and in its column", () =>
    Effect.gen(function*() {
      assert.lengthOf(second, 50)
      assert.deepStrictEqual(yield* missedOf(second), [])
    }))
})
