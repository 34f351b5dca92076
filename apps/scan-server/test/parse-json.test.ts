/** Where a text is no JSON. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { parseJson } from "../src/internal/parseJson.ts"

const placeIn = (text: string) => Effect.map(Effect.flip(parseJson(text)), ({ column, line }) => `${line}:${column}`)

describe("a text that is no JSON", () => {
  it.effect("is wrong where it stops being the beginning of some", () =>
    Effect.gen(function*() {
      const mistakes = {
        "x": "1:1",
        "{ x": "1:3",
        "{\n  \"a\": 1\n  \"b\": 2\n}": "3:3",
        "[1, 2,]": "1:7",
        "[1,\n 2": "2:3",
        "{\"a\": tru}": "1:10",
        "{\"a\": 'b'}": "1:7",
        "[\"a": "1:4",
        "[\"a\n\"]": "1:4",
        "[1] 2": "1:5",
        "[-]": "1:3",
        "[1e]": "1:4",
        "[\"\\u12\"]": "1:7",
        "// rules\n[]": "1:1",
        "": "1:1"
      }
      const places = yield* Effect.all(
        Object.fromEntries(Object.keys(mistakes).map((text) => [text, placeIn(text)]))
      )
      assert.deepStrictEqual(places, mistakes)
    }))

  it.effect("is quoted by one character at most", () =>
    Effect.gen(function*() {
      const { problem } = yield* Effect.flip(parseJson("{\"password\": s3cret}"))
      assert.notInclude(problem, "3cret")
      assert.include(problem, "\"s\"")
    }))
})
