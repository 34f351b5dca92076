import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import type { Event, ServerStatus } from "../src/ControlContract.ts"
import { Feed } from "../src/internal/Feed.ts"
import * as Samples from "../src/internal/Samples.ts"

const by = { program: "test", pid: 1, directory: "/", wants: "fs" }

const server: ServerStatus = {
  name: "fs",
  command: "fs",
  directory: "/",
  key: "a",
  likeness: "a",
  sharing: "shared",
  state: "in use",
  pid: 7,
  leases: [by],
  inFlight: 2,
  waiting: 1
}

const begin = Effect.gen(function*() {
  const events = new Feed<Event>({ most: 10 })
  const asked: Array<ReadonlySet<number>> = []
  const samples = yield* Samples.make({
    events,
    servers: Effect.succeed([server, { ...server, pid: undefined, inFlight: undefined, waiting: 0 }]),
    sessions: () => 3,
    memory: (pids) =>
      Effect.sync(() => {
        asked.push(pids)
        return { servers: { rss: 100, pss: 60 }, own: { rss: 40 } }
      })
  })
  const called = (delivery: string, more: object = {}) =>
    events.add((seq) => ({ event: "called", seq, at: 0, server: "fs", tool: "x", by, delivery, millis: 1, ...more }))
  return { asked, called, events, samples }
})

describe("the samples of the last hour", () => {
  it.effect("say what was there at each time, and what has happened since the one before", () =>
    Effect.scoped(Effect.gen(function*() {
      const { called, events, samples } = yield* begin
      assert.deepStrictEqual(samples(), { everyMillis: 15_000, samples: [] })
      called("answered")
      called("answered", { isError: true })
      called("Unknown")
      called("cancelled")
      events.add((seq) => ({ event: "lost", seq, at: 0, server: "fs", pid: 7, reason: "x", message: "x" }))
      yield* TestClock.adjust("15 seconds")
      called("answered", { code: -32_000 })
      yield* TestClock.adjust("15 seconds")
      const common = { inFlight: 2, waiting: 1, processes: 1, sessions: 3, memory: 60, ownMemory: 40 }
      assert.deepStrictEqual(samples().samples, [
        { at: 15_000, calls: 4, failures: 3, ...common },
        { at: 30_000, calls: 1, failures: 1, ...common }
      ])
    })))

  it.effect("ask the system for memory only where something has happened: a daemon at rest stays at rest", () =>
    Effect.scoped(Effect.gen(function*() {
      const { asked, called, samples } = yield* begin
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(samples().samples.length, 40)
      assert.deepStrictEqual(asked, [new Set([7])])
      called("answered")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(asked.length, 2)
      assert.strictEqual(samples().samples.at(-1)?.memory, 60)
    })))

  it.effect("are those of an hour, however long the daemon runs", () =>
    Effect.scoped(Effect.gen(function*() {
      const { samples } = yield* begin
      yield* TestClock.adjust("3 hours")
      const { samples: kept } = samples()
      assert.deepStrictEqual([kept.length, kept[0]?.at, kept.at(-1)?.at], [240, 7_215_000, 10_800_000])
    })))
})
