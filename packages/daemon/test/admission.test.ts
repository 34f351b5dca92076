import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import * as Admission from "../src/Admission.ts"
import { limitsOf } from "../src/internal/limitsOf.ts"
import type { PooledServer } from "../src/PooledServer.ts"
import type { ServerTarget } from "../src/ServerTarget.ts"

const usual: Admission.Limits = { processes: 4, perProgram: 3, starts: 2, memoryReserve: 100 }

/** What `Admission` looks at; nothing else of a target and of a server is touched. */
const target = (fingerprint: string, isShared = false) =>
  ({ fingerprint, isShared, wanted: { name: fingerprint } }) as ServerTarget

const world = (limits: Partial<Admission.Limits> = {}) => {
  const servers = new Set<PooledServer>()
  const ended: Array<string> = []
  const memory = { left: 1000, perProcess: 50 }
  const admission = Admission.make({
    limits: { ...usual, ...limits },
    servers: () => servers,
    availableMemory: () => memory.left
  })
  /** A process that is there, with the programs that use it. */
  const add = (target: ServerTarget, programs: ReadonlyArray<string> = [], idleSince = 0): PooledServer => {
    const holders = new Set(programs.map((program) => ({ program, pid: 1, directory: "/", wants: "" })))
    let isLost = false
    const server = {
      target,
      holders,
      idleSince: () => idleSince,
      isRetired: () => false,
      lost: () => isLost ? { reason: "ConnectionLost", message: "", treatment: "retryable" } : undefined,
      end: Effect.sync(() => {
        isLost = true
        memory.left += memory.perProcess
        ended.push(`${target.fingerprint}@${idleSince}`)
      })
    } as unknown as PooledServer // the members that matter are there
    servers.add(server)
    return server
  }
  const start = (fingerprint: string, program: string) =>
    admission.admit(target(fingerprint), program, Effect.sync(() => add(target(fingerprint), [program])))
  const refusal = (fingerprint: string, program: string) =>
    Effect.map(Effect.flip(start(fingerprint, program)), ({ message, reason }) => `${reason}: ${message}`)
  return { admission, add, ended, memory, refusal, servers, start }
}

describe("admission", () => {
  it.effect("refuses a program at once that has as many processes as one may have, and no other", () =>
    Effect.gen(function*() {
      const w = world()
      for (const name of ["x", "y", "z"]) yield* w.start(name, "a")
      assert.match(yield* w.refusal("v", "a"), /^TooBusy: v: a uses 3 processes, as many as one program may have \(3, /)
      yield* w.start("v", "b")
      // What is there costs nothing: a shared process, and one that is idle.
      w.add(target("idle"))
      yield* w.admission.admit(target("idle"), "a", Effect.void)
      w.add(target("shared", true), ["b"])
      yield* w.admission.admit(target("shared", true), "a", Effect.void)
      assert.deepStrictEqual(w.ended, [])
    }))

  it.effect("lets the process make room that has been idle the longest, and refuses where none is idle", () =>
    Effect.gen(function*() {
      const w = world()
      w.add(target("new"), [], 30)
      w.add(target("old"), [], 10)
      w.add(target("used"), ["b"], 0)
      yield* w.start("x", "a")
      assert.deepStrictEqual(w.ended, [])
      yield* w.start("y", "a")
      yield* w.start("z", "c")
      assert.deepStrictEqual(w.ended, ["old@10", "new@30"])
      assert.match(yield* w.refusal("v", "d"), /^TooBusy: v: the daemon's processes are all in use, as many as it may/)
    }))

  it.effect("ends idle processes while too little memory is left, and refuses when none is left to end", () =>
    Effect.gen(function*() {
      const w = world()
      w.add(target("old"), [], 10)
      w.add(target("new"), [], 30)
      w.memory.left = 20
      yield* w.start("x", "a")
      assert.deepStrictEqual([w.ended, w.memory.left], [["old@10", "new@30"], 120])
      w.memory.left = 20
      assert.match(yield* w.refusal("y", "a"), /^TooBusy: y: no process is idle that could end for it, and 0 MB of/)
    }))

  it.effect("gives turns for starts fairly by program, and one that hangs holds the others up for five seconds", () =>
    Effect.gen(function*() {
      const w = world({ processes: 100, perProgram: 100 })
      const order: Array<string> = []
      const fork = (name: string, program: string, effect: Effect.Effect<void>) =>
        Effect.forkChild(
          w.admission.admit(target(name), program, Effect.andThen(Effect.sync(() => order.push(name)), effect)),
          { startImmediately: true }
        )
      const ready = Deferred.makeUnsafe<void>()
      const hang = yield* fork("a1", "a", Effect.never)
      yield* fork("a2", "a", Deferred.await(ready))
      for (const name of ["a3", "a4", "a5"]) yield* fork(name, "a", Effect.never)
      const gone = yield* fork("c1", "c", Effect.never)
      yield* fork("b1", "b", Effect.void)
      yield* Fiber.interrupt(gone)
      assert.deepStrictEqual(order, ["a1", "a2"])
      // A turn that ends is the next program's, and that one's the next.
      yield* Deferred.succeed(ready, undefined)
      yield* Effect.yieldNow
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(order, ["a1", "a2", "a3"])
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(order, ["a1", "a2", "a3", "b1", "a4", "a5"])
      yield* Fiber.interrupt(hang)
      const late = yield* fork("d1", "d", Effect.never)
      assert.notInclude(order, "d1")
      yield* TestClock.adjust("5 seconds")
      assert.include(order, "d1")
      yield* Fiber.interrupt(late)
    }))
})

describe("the limits of a daemon", () => {
  it.effect("are what its environment says, and else suit the machine", () =>
    Effect.gen(function*() {
      const { memoryReserve, perProgram, processes, starts } = yield* limitsOf({})
      assert.deepStrictEqual([processes, perProgram], [256, 128])
      assert.isAtLeast(starts, 4)
      assert.isAbove(memoryReserve, 0)
      const said = { HOLDFAST_DAEMON_MAX_PROCESSES: "7", HOLDFAST_DAEMON_MAX_PER_PROGRAM: "2" }
      const own = yield* limitsOf({ ...said, HOLDFAST_DAEMON_MEMORY_RESERVE_MB: "0" })
      assert.deepStrictEqual([own.processes, own.perProgram, own.memoryReserve], [7, 2, 0])
      const { message } = yield* Effect.flip(limitsOf({ HOLDFAST_DAEMON_MAX_PROCESSES: "0" }))
      assert.strictEqual(message, "HOLDFAST_DAEMON_MAX_PROCESSES is no number of at least 1: 0")
    }))
})
