import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { type Host, JobHost } from "../../src/internal/JobHost.ts"
import type { Store } from "../../src/internal/lease/LeaseStore.ts"
import * as OtherRunners from "../../src/internal/lease/OtherRunners.ts"
import { Rows } from "./LeaseRows.ts"

const lease = 10_000
const identity = { machine: "m", pid: 7, birth: "1" }

/** One runner, with a job, that is looked at once a second; `wrong` is how far its clock is behind. */
const watched = Effect.fnUntraced(function*(host: Partial<Host> = {}, wrong = 0) {
  const store: Store = yield* Rows
  const renew = store.renew({ id: "one", identity }, lease - wrong)
  yield* renew
  yield* store.insert({
    id: "a",
    kind: "k",
    version: 1,
    owner: "o",
    key: undefined,
    payload: "1",
    maxQueued: 9,
    again: false,
    delayMillis: 0,
    deadlineMillis: undefined
  })
  yield* store.claim({ runner: "one", kind: "k", version: 1, onOldVersion: "restart", maxCrashes: 3 })
  const others = yield* OtherRunners.make(
    store,
    { ...yield* JobHost, isAlive: () => false, isDead: () => false, ...host },
    "me",
    lease
  )
  const seconds = Effect.fnUntraced(function*(count: number, isRenewing: boolean) {
    const silent = []
    for (let at = 1; at <= count; at++) {
      yield* TestClock.adjust("1 second")
      if (isRenewing && at % 2 === 0) yield* renew
      silent.push(...yield* others.look)
    }
    return silent
  })
  return { store, others, renew, seconds, look: others.look }
})

const promise = (sentence: string, test: Effect.Effect<void, unknown, Rows>) =>
  it.effect(sentence, () => Effect.provide(test, Rows.layerMemory))

describe("another runner", () => {
  promise(
    "that renews its lease is left alone, and is silent when it has not for as long as that lasts",
    Effect.gen(function*() {
      const { others, seconds } = yield* watched()
      assert.deepStrictEqual(yield* seconds(30, true), [])
      assert.deepStrictEqual(yield* seconds(9, false), [])
      assert.deepStrictEqual(yield* seconds(2, false), ["one", "one"])
      assert.match(
        others.describe({ runner: "one", leaseOverMillis: 1000 }),
        /^its lease ended 1 s ago and it renews none$/
      )
    })
  )

  promise(
    "whose lease looks over is left alone while it renews it, and no longer",
    Effect.gen(function*() {
      const { others, seconds } = yield* watched({ isAlive: () => true }, 86_400_000)
      assert.deepStrictEqual(yield* seconds(60, true), [])
      assert.include(yield* seconds(13, false), "one")
      assert.match(
        others.describe({ runner: "one", leaseOverMillis: 1 }),
        /its process, 7 of this machine, lives: does it hang/
      )
    })
  )

  promise(
    "that is met with its lease over is silent at once if its process is not known to live here",
    Effect.gen(function*() {
      const { look } = yield* watched({}, 86_400_000)
      assert.deepStrictEqual(yield* look, ["one"])
    })
  )

  promise(
    "is given the time to renew its lease after a sleep of our own",
    Effect.gen(function*() {
      const { look, renew, seconds } = yield* watched()
      assert.deepStrictEqual(yield* seconds(3, true), [])
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(yield* look, [])
      assert.deepStrictEqual(yield* seconds(9, false), [])
      yield* renew
      assert.deepStrictEqual(yield* seconds(9, false), [])
      yield* TestClock.adjust("1 hour")
      yield* look
      assert.deepStrictEqual(yield* seconds(11, false), ["one", "one"])
    })
  )

  promise(
    "whose process has died is retired at once, and one that is silent when it has no job any more",
    Effect.gen(function*() {
      const dead = yield* watched({ isDead: () => true })
      assert.deepStrictEqual(yield* dead.look, [])
      assert.deepStrictEqual(yield* dead.store.runners, [])
      assert.strictEqual(
        dead.others.describe({ runner: "one", leaseOverMillis: undefined }),
        "its process, 7 of this machine, has died"
      )
      const { seconds, store } = yield* watched()
      const [held] = yield* store.held("one")
      yield* seconds(10, false)
      assert.lengthOf(yield* store.runners, 1)
      if (held !== undefined) yield* store.release(held)
      yield* seconds(1, false)
      assert.deepStrictEqual(yield* store.runners, [])
    })
  )
})
