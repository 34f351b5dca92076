import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Places from "../src/internal/postgres/Places.ts"

/** Places, what was granted so far, and a clock. */
const make = (most = Infinity) => {
  const granted: Array<string> = []
  let time = 0
  let freed = 0
  const places = Places.make({ most, now: () => time, onFree: () => void freed++ })
  const queue = (name: string, options: Places.Options & { readonly kind?: string } = {}) =>
    places.queue(options.kind ?? "kind", 2, { ...options, onGranted: () => void granted.push(name) })
  return {
    places,
    queue,
    granted,
    freed: () => freed,
    pass: (millis: number) => {
      time += millis
      places.look()
    }
  }
}

describe("the places of a program", () => {
  it.effect("are as many as the kind has, and as many as all kinds have together, first come, first served", () =>
    Effect.sync(() => {
      const { granted, places, queue } = make(3)
      const a = queue("a")
      queue("b")
      queue("c")
      assert.deepStrictEqual(granted, ["a", "b"])
      assert.isUndefined(places.take("kind", 2))
      assert.isDefined(places.take("other", 2))
      a.leave()
      a.leave()
      assert.deepStrictEqual(granted, ["a", "b", "c"])
      assert.isUndefined(places.take("third", 2))
      assert.strictEqual(places.taken("kind"), 2)
    }))

  it.effect("are had alone when all others are free, and nothing is granted before that nor meanwhile, of whatever kind", () =>
    Effect.sync(() => {
      const { freed, granted, places, queue } = make()
      const early = queue("early")
      const suspect = queue("suspect", { isAlone: true, kind: "other" })
      queue("late")
      assert.isUndefined(places.take("third", 2))
      assert.deepStrictEqual(granted, ["early"])
      early.leave()
      assert.deepStrictEqual(granted, ["early", "suspect"])
      assert.isUndefined(places.take("third", 2))
      const before = freed()
      suspect.share()
      assert.isAbove(freed(), before)
      assert.deepStrictEqual(granted, ["early", "suspect", "late"])
      assert.isDefined(places.take("third", 2))
    }))

  it.effect("are granted to others again when the one that was alone leaves, or wants it no longer", () =>
    Effect.sync(() => {
      const { granted, queue } = make()
      const suspect = queue("suspect", { isAlone: true })
      const next = queue("next", { isAlone: true })
      queue("late")
      suspect.leave()
      assert.deepStrictEqual(granted, ["suspect", "next"])
      const other = queue("other", { isAlone: true })
      other.leave()
      next.leave()
      assert.deepStrictEqual(granted, ["suspect", "next", "late"])
    }))

  it.effect("are kept for one that is to be alone, or is, for a while only: jobs may wait for each other", () =>
    Effect.sync(() => {
      const { granted, pass, queue } = make()
      const endless = queue("endless")
      const suspect = queue("suspect", { isAlone: true })
      const second = queue("second", { kind: "other" })
      pass(Places.patienceMillis - 1)
      assert.deepStrictEqual(granted, ["endless"])
      pass(1)
      assert.deepStrictEqual(granted, ["endless", "second"])
      second.leave()
      // Then it is the turn of the one that is to be alone again.
      pass(Places.patienceMillis)
      queue("third", { kind: "other" })
      assert.deepStrictEqual(granted, ["endless", "second"])
      endless.leave()
      assert.deepStrictEqual(granted, ["endless", "second", "suspect"])
      pass(Places.patienceMillis - 1)
      assert.deepStrictEqual(granted, ["endless", "second", "suspect"])
      pass(1)
      assert.deepStrictEqual(granted, ["endless", "second", "suspect", "third"])
      suspect.leave()
    }))
})
