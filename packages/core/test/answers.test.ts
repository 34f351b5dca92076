/**
 * When waiting callers go on: at once after what they waited for, in no other caller's turn, and never so many that the event loop
 * stands still.
 */
import { assert, describe, it } from "@effect/vitest"
import { ConnectionPool } from "@holdfast/core"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"
import * as FakeConnector from "./support/FakeConnector.ts"

const now = { startImmediately: true } as const

/** A scheduler that says which of its tasks runs. */
const counting = () => {
  let task = 0
  const scheduler = new Scheduler.MixedScheduler("async", (run) => {
    const handle = setImmediate(() => {
      task++
      run()
    })
    return () => clearImmediate(handle)
  })
  return { scheduler, task: () => task }
}

/** Callers of a key whose dial waits for `gate`, and what they note when they go on. */
const waitingCallers = Effect.fnUntraced(function*(count: number) {
  const { scheduler, task } = counting()
  const gate = yield* Deferred.make<void, FakeConnector.FakeError>()
  const connector = FakeConnector.make()
  connector.plan = () => Deferred.await(gate)
  const pool = yield* Effect.provideService(
    ConnectionPool.make(connector, { policy: { maxWaiters: count, maxInFlight: count } }),
    Scheduler.Scheduler,
    scheduler
  )
  const answered: Array<number> = []
  const perTask = new Map<number, number>()
  const note = (i: number) =>
    Effect.sync(() => {
      answered.push(i)
      perTask.set(task(), (perTask.get(task()) ?? 0) + 1)
    })
  const callers = yield* Effect.forEach(
    Array.from({ length: count }, (_, i) => Effect.onExit(pool.lease("a"), () => note(i))),
    (caller) => Effect.forkScoped(Effect.exit(caller), now)
  )
  return { answered, callers, gate, order: Array.from({ length: count }, (_, i) => i), perTask, pool }
})

describe("answers", () => {
  it.effect("callers that wait for a dial go on in the turn in which it ends", () =>
    Effect.gen(function*() {
      const { answered, gate, order } = yield* waitingCallers(100)
      Deferred.doneUnsafe(gate, Exit.void)
      assert.deepStrictEqual(answered, order)
    }))

  it.effect("a caller that gives back goes on before the next one is served", () =>
    Effect.gen(function*() {
      const pool = yield* ConnectionPool.make(FakeConnector.make(), {
        policy: { sharing: "exclusive", maxConnectionsPerKey: 1 }
      })
      const log: Array<string> = []
      const say = (line: string) => Effect.sync(() => void log.push(line))
      const gate = yield* Deferred.make<void>()
      const first = yield* Effect.forkChild(
        Effect.andThen(pool.use("a", () => Deferred.await(gate)), say("the first goes on")),
        now
      )
      const second = yield* Effect.forkChild(pool.use("a", () => say("the second is served")), now)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.joinAll([first, second])
      assert.deepStrictEqual(log, ["the first goes on", "the second is served"])
    }))

  it.effect("a caller whose dial ends does not overtake one that a connection was handed to before", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      const pool = yield* ConnectionPool.make(connector, { policy: { sharing: "exclusive", maxConnectionsPerKey: 1 } })
      const log: Array<string> = []
      const [returned, dialled] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      yield* Effect.forkChild(pool.use("a", () => Deferred.await(returned)), now)
      connector.plan = () => Deferred.await(dialled)
      const callers = yield* Effect.forEach(
        ["a", "b"],
        (key) => Effect.forkChild(pool.use(key, () => Effect.sync(() => void log.push(key))), now)
      )
      Deferred.doneUnsafe(returned, Exit.void)
      Deferred.doneUnsafe(dialled, Exit.void)
      yield* Fiber.joinAll(callers)
      assert.deepStrictEqual(log, ["a", "b"])
    }))

  for (
    const [what, end] of [
      ["that are served together", (gate) => Deferred.succeed(gate, undefined)],
      [
        "that are refused together",
        (gate) => Deferred.fail(gate, new FakeConnector.FakeError({ message: "no such program", as: "permanent" }))
      ],
      ["of a pool that drains", (_, pool) => pool.drain("1 second")]
    ] satisfies ReadonlyArray<
      readonly [
        string,
        (
          gate: Deferred.Deferred<void, FakeConnector.FakeError>,
          pool: ConnectionPool.ConnectionPool<string, FakeConnector.FakeConnection, FakeConnector.FakeError>
        ) => Effect.Effect<unknown>
      ]
    >
  ) {
    it.effect(`ten thousand callers ${what} leave the event loop its turns, and none overtakes another`, () =>
      Effect.gen(function*() {
        const { answered, callers, gate, order, perTask, pool } = yield* waitingCallers(10_000)
        yield* Effect.forkScoped(end(gate, pool), now)
        yield* Fiber.joinAll(callers)
        assert.deepStrictEqual(answered, order)
        assert.isAtMost(Math.max(...perTask.values()), 1024)
      }))
  }

  it.effect("all callers of a full connection are served in the end, each turn's leases after those of the turn before", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const connector = FakeConnector.make()
      connector.plan = () => Deferred.await(gate)
      const pool = yield* ConnectionPool.make(connector, { policy: { maxInFlight: 10, maxWaiters: 5000 } })
      const served: Array<number> = []
      const order = Array.from({ length: 5000 }, (_, i) => i)
      const callers = yield* Effect.forEach(
        order,
        (i) => Effect.forkChild(pool.use("a", () => Effect.sync(() => void served.push(i))), now)
      )
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.joinAll(callers)
      assert.deepStrictEqual(served, order)
    }))
})
