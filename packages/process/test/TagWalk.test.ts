import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Tag from "../src/internal/Tag.ts"
import * as TagWalk from "../src/internal/TagWalk.ts"

const tag = (number: number): Tag.Tag => ({ runtime: "0".repeat(32), number, policy: "kill" })

/** A process table on paper, and how often it was listed from the start. */
const make = (living: Map<number, Tag.Tag | "None" | "Unclear">, onLook: (pid: number) => void = () => {}) => {
  let listings = 0
  const looks: Array<number> = []
  const walk = TagWalk.make({
    pids: () => {
      listings++
      return [...living.keys()]
    },
    tagOf: (pid) => {
      looks.push(pid)
      onLook(pid)
      return living.get(pid) ?? "None"
    }
  })
  return { walk, looks, listings: () => listings }
}

const pidsOf = (bearers: ReadonlyArray<TagWalk.Bearer>): ReadonlyArray<number> => bearers.map(({ pid }) => pid)

describe("a walk through the process table", () => {
  it.live("is shared by all who ask before it begins", () =>
    Effect.gen(function*() {
      const living = new Map<number, Tag.Tag | "None">([[1, "None"], [2, tag(1)], [3, tag(2)]])
      const { looks, walk } = make(living)
      const asked = yield* Effect.all(Array.from({ length: 50 }, () => walk.bearers), { concurrency: "unbounded" })
      for (const bearers of asked) assert.deepStrictEqual(pidsOf(bearers), [2, 3])
      assert.deepStrictEqual(looks, [1, 2, 3])
    }))

  it.live("never answers a question that came after it began", () =>
    Effect.gen(function*() {
      const living = new Map<number, Tag.Tag | "None">([[1, "None"], [2, "None"]])
      const askLate = Deferred.makeUnsafe<void>()
      const { walk } = make(living, (pid) => {
        if (pid !== 2) return
        // Number 1 has been looked at: this walk cannot see the change any more.
        living.set(1, tag(1))
        Deferred.doneUnsafe(askLate, Effect.void)
      })
      const early = yield* Effect.forkChild(walk.bearers, { startImmediately: true })
      yield* Deferred.await(askLate)
      const late = yield* walk.bearers
      assert.deepStrictEqual(pidsOf(yield* Fiber.join(early)), [])
      assert.deepStrictEqual(pidsOf(late), [1])
    }))

  it.live("finds whoever is forked while it is on its way, by one who is gone when it gets there", () =>
    Effect.gen(function*() {
      const living = new Map<number, Tag.Tag | "None">([[1, "None"], [2, tag(1)]])
      const { walk } = make(living, (pid) => {
        if (pid !== 1) return
        living.delete(2)
        living.set(3, tag(1))
      })
      assert.deepStrictEqual(pidsOf(yield* walk.bearers), [3])
    }))

  it.live("looks again at one who is just being exchanged for another program, but not for ever", () =>
    Effect.gen(function*() {
      const living = new Map<number, Tag.Tag | "None" | "Unclear">([[1, "Unclear"], [2, "Unclear"]])
      const { looks, walk } = make(living, () => {
        if (looks.length === 3) living.set(1, tag(1))
      })
      assert.deepStrictEqual(pidsOf(yield* walk.bearers), [1])
      assert.deepStrictEqual(looks.slice(0, 5), [1, 2, 1, 2, 2])
      assert.strictEqual(looks.filter((pid) => pid === 2).length, 100)
    }))

  it.live("lets the event loop turn on its way", () =>
    Effect.gen(function*() {
      let turns = 0
      const count = setInterval(() => turns++, 0)
      const many = new Map(Array.from({ length: 10_000 }, (_, pid) => [pid + 1, "None"] as const))
      const { walk } = make(many)
      yield* walk.bearers
      clearInterval(count)
      assert.isAbove(turns, 0)
    }))

  it.live("ends where somebody new is always there", () =>
    Effect.gen(function*() {
      const living = new Map<number, Tag.Tag | "None">([[1, tag(1)]])
      const { walk } = make(living, () => living.set(living.size + 1, "None"))
      assert.deepStrictEqual(pidsOf(yield* walk.bearers), [1])
    }))
})
