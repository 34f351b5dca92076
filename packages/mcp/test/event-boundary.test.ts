/** Whatever runs inside an event of a link may throw: it costs the call it belongs to, if any, and nothing else. */
import { assert, describe, it } from "@effect/vitest"
import type * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import type { Multiplexer } from "../src/internal/connection/Multiplexer.ts"
import type { RequestOptions } from "../src/McpConnection.ts"
import { noteTaker } from "./support/noteTaker.ts"

const fails = (what: string) => (): never => {
  throw new Error(`${what} has failed`)
}

/** Keeps what is logged from error to debug, and prints none of it. */
const keeping = () => {
  const lines: Array<string> = []
  const logger = Logger.make(({ logLevel, message }) => {
    if (logLevel !== "Debug") {
      lines.push(`${logLevel}: ${Array.isArray(message) ? message.map(String).join(" ") : String(message)}`)
    }
  })
  return { lines, layer: Logger.layer([logger]) }
}

const forkWith = (layer: ReturnType<typeof keeping>["layer"]) =>
  Effect.map(Effect.provide(Effect.context(), layer), (context) => Effect.runForkWith(context))

const start = (calls: Multiplexer, options: RequestOptions = {}) =>
  Effect.forkChild(Effect.exit(calls.request("tools/call", {}, options)), { startImmediately: true })

const success = (id: number): JsonRpc.Success => ({ _tag: "Success", id, result: { of: id } })
const failure = (id: number): JsonRpc.Failure => ({ _tag: "Failure", id, error: { code: 1, message: "my secret" } })

/** What became of a call, by its tag. */
const fateOf = (exit: Exit.Exit<unknown, { readonly _tag: string }>): string =>
  exit._tag === "Success"
    ? "Success"
    : exit.cause.reasons.map((reason) => reason._tag === "Fail" ? reason.error._tag : reason._tag).join()

describe("a call is settled", () => {
  it.effect("with its delivery and without its words when secrets cannot be taken out of them", () =>
    Effect.gen(function*() {
      const { layer, lines } = keeping()
      const { calls, handOff } = noteTaker({ redact: fails("redact"), fork: yield* forkWith(layer) })
      const fibers = yield* Effect.forEach([1, 2, 3, 4, 5], () => start(calls))
      handOff()
      calls.onMessage(failure(1))
      calls.onMalformed({ _tag: "Malformed", reason: "my secret", excerpt: "my secret", answerTo: 2 })
      calls.onMalformed({ _tag: "Malformed", reason: "my secret", excerpt: "my secret" })
      calls.onMessage(success(3))
      calls.onClosed({ _tag: "PipeBroken", description: "my secret" })
      const exits = yield* Effect.forEach(fibers, Fiber.join)
      assert.deepStrictEqual(exits.map(fateOf), [
        "ServerError",
        "InvalidAnswer",
        "Success",
        "OutcomeUnknown",
        "OutcomeUnknown"
      ])
      assert.notInclude(JSON.stringify(exits), "my secret")
      assert.isNotEmpty(lines)
      assert.notInclude(lines.join(), "my secret")
    }))

  it.effect("though an observer of another one throws when it is", () =>
    Effect.gen(function*() {
      const { layer, lines } = keeping()
      const { calls, handOff } = noteTaker({ fork: yield* forkWith(layer) })
      const fork = Effect.runForkWith(yield* Effect.context())
      const watched = Array.from({ length: 4 }, () => fork(Effect.exit(calls.request("tools/call", {}, {}))))
      const other = yield* start(calls)
      for (const fiber of watched) fiber.addObserver(fails("an observer"))
      handOff()
      calls.onMessage(success(1))
      calls.onMessage(failure(2))
      calls.onMalformed({ _tag: "Malformed", reason: "no", excerpt: "no", answerTo: 3 })
      calls.onClosed({ _tag: "Released" })
      const exits = [...watched.map((fiber) => fiber.pollUnsafe()), yield* Fiber.join(other)]
      const fates = exits.map((exit) =>
        exit?._tag === "Success" ? fateOf(exit.value as Exit.Exit<unknown, { _tag: string }>) : exit && fateOf(exit)
      )
      assert.deepStrictEqual(fates, ["Success", "ServerError", "InvalidAnswer", "OutcomeUnknown", "OutcomeUnknown"])
      assert.include(lines.join(), "an observer has failed")
      assert.strictEqual(calls.inFlight, 0)
    }))

  it.effect("by its deadline, or by going away, though the link throws at everything", () =>
    Effect.gen(function*() {
      const { layer } = keeping()
      let isBroken = false
      const breakable = (what: string) => () => isBroken ? fails(what)() : false
      const { armed, calls, handOff } = noteTaker({ fork: yield* forkWith(layer) }, {
        withdraw: breakable("withdraw"),
        forget: breakable("forget")
      })
      const late = yield* start(calls, { hardDeadline: 10 })
      const gone = yield* start(calls)
      handOff()
      isBroken = true
      armed[0]?.expire()
      assert.strictEqual(fateOf(yield* Fiber.join(late)), "DeadlineExceeded")
      yield* Fiber.interrupt(gone)
      assert.strictEqual(calls.inFlight, 0)
    }))

  it.effect("as not sent when the link throws instead of taking it, and the connection goes on", () =>
    Effect.gen(function*() {
      const { layer } = keeping()
      let isBroken = true
      const { calls, posted } = noteTaker({ fork: yield* forkWith(layer) }, {
        post: (outbound) => {
          if (isBroken) fails("post")()
          posted.push(outbound)
        }
      })
      const exit = yield* Fiber.join(yield* start(calls))
      assert.strictEqual(fateOf(exit), "ConnectionLost")
      assert.strictEqual((yield* Effect.flip(calls.notify("notifications/x", {})))._tag, "ConnectionLost")
      isBroken = false
      const next = yield* start(calls)
      calls.onMessage(success(2))
      assert.strictEqual(fateOf(yield* Fiber.join(next)), "Success")
      assert.strictEqual(calls.inFlight, 0)
    }))

  it.effect("though its deadlines cannot be disarmed", () =>
    Effect.gen(function*() {
      const { layer } = keeping()
      const { calls, handOff } = noteTaker({
        fork: yield* forkWith(layer),
        deadlines: { arm: () => ({ cancel: fails("cancel"), renew: () => {} }), now: () => 0 }
      })
      const call = yield* start(calls, { hardDeadline: 10, idleDeadline: 10 })
      handOff()
      calls.onMessage(success(1))
      assert.strictEqual(fateOf(yield* Fiber.join(call)), "Success")
    }))

  it.effect("by its caller's own mistake when its deadline is none, and leaves nothing behind", () =>
    Effect.gen(function*() {
      const { calls, handOff, posted } = noteTaker()
      // A text that is no duration, as a program without types might give it.
      const nonsense = "for ever and a day" as "1 day"
      const waiting = yield* start(calls, { hardDeadline: nonsense })
      const broken = yield* start(calls, { hardDeadline: fails("hardDeadline") })
      assert.isEmpty(posted)
      const idle = yield* start(calls, { idleDeadline: nonsense })
      const other = yield* start(calls)
      handOff()
      for (const fiber of [waiting, broken, idle]) assert.strictEqual(fateOf(yield* Fiber.join(fiber)), "Die")
      calls.onMessage(success(4))
      assert.strictEqual(fateOf(yield* Fiber.join(other)), "Success")
      assert.strictEqual(calls.inFlight, 0)
      assert.deepStrictEqual(posted.map(({ method }) => method), [
        "tools/call",
        "tools/call",
        "notifications/cancelled"
      ])
    }))

  it.effect("by its caller's own mistake when a header cannot be said, before a server sees it", () =>
    Effect.gen(function*() {
      const { calls, posted } = noteTaker()
      const exit = yield* Fiber.join(yield* start(calls, { headers: { "x-name": "a\r\nb" } }))
      assert.isTrue(exit._tag === "Failure" && Cause.hasDies(exit.cause))
      assert.isEmpty(posted)
      assert.strictEqual(calls.inFlight, 0)
    }))
})

describe("a listener that fails", () => {
  it.effect("harms neither its call nor the next message, and is told of once as more than a detail", () =>
    Effect.gen(function*() {
      const { layer, lines } = keeping()
      const heard: Array<unknown> = []
      const { calls, handOff } = noteTaker({
        fork: yield* forkWith(layer),
        onNotification: (method) => {
          heard.push(method)
          fails("onNotification")()
        }
      })
      const call = yield* start(calls, { onProgress: fails("onProgress") })
      handOff()
      const progress = {
        _tag: "Notification",
        method: "notifications/progress",
        params: { progressToken: 1, progress: 1 }
      } as const
      for (let i = 0; i < 3; i++) {
        calls.onMessage(progress)
        calls.onMessage({ _tag: "Notification", method: "notifications/message", params: {} })
      }
      calls.onMessage(success(1))
      assert.strictEqual(fateOf(yield* Fiber.join(call)), "Success")
      assert.strictEqual(heard.length, 3)
      assert.strictEqual(lines.filter((line) => line.includes("onProgress")).length, 1)
      assert.strictEqual(lines.filter((line) => line.includes("onNotification")).length, 1)
    }))

  it.live("by a promise does not end the program: its rejection is told of", () =>
    Effect.gen(function*() {
      const { layer, lines } = keeping()
      const unhandled: Array<unknown> = []
      const onUnhandled = (error: unknown) => void unhandled.push(error)
      yield* Effect.acquireRelease(
        Effect.sync(() => process.on("unhandledRejection", onUnhandled)),
        () => Effect.sync(() => process.off("unhandledRejection", onUnhandled))
      )
      const { calls, handOff } = noteTaker({
        fork: yield* forkWith(layer),
        // An async function is one of these to a compiler.
        onNotification: async () => fails("onNotification")()
      })
      const call = yield* start(calls, { onProgress: async () => fails("onProgress")() })
      handOff()
      calls.onMessage({ _tag: "Notification", method: "notifications/message", params: {} })
      calls.onMessage({
        _tag: "Notification",
        method: "notifications/progress",
        params: { progressToken: 1, progress: 1 }
      })
      calls.onMessage(success(1))
      assert.strictEqual(fateOf(yield* Fiber.join(call)), "Success")
      yield* Effect.sleep(0)
      yield* Effect.sleep(0)
      assert.isEmpty(unhandled)
      for (const who of ["onNotification", "onProgress"]) assert.include(lines.join(), `${who} has failed`)
    }))

  it.effect("is a logger: what it should have told of happens all the same", () =>
    Effect.gen(function*() {
      const { calls, handOff } = noteTaker({
        fork: yield* forkWith(Logger.layer([Logger.make(fails("the logger"))])),
        redact: fails("redact"),
        onNotification: fails("onNotification")
      })
      const call = yield* start(calls, { onProgress: fails("onProgress") })
      const lost = yield* start(calls)
      handOff()
      calls.onMessage({ _tag: "Notification", method: "notifications/message", params: {} })
      calls.onMessage({
        _tag: "Notification",
        method: "notifications/progress",
        params: { progressToken: 1, progress: 1 }
      })
      calls.onMalformed({ _tag: "Malformed", reason: "noise", excerpt: "noise" })
      calls.onMessage({ _tag: "Failure", id: null, error: { code: 1, message: "no" } })
      calls.onMessage(success(99))
      calls.onMessage(failure(1))
      calls.onClosed({ _tag: "PipeBroken", description: "broken" })
      assert.deepStrictEqual([fateOf(yield* Fiber.join(call)), fateOf(yield* Fiber.join(lost))], [
        "ServerError",
        "OutcomeUnknown"
      ])
    }))
})

describe("what a server says", () => {
  it.effect("of something it could not read is told once, in its own words", () =>
    Effect.gen(function*() {
      const { layer, lines } = keeping()
      const { calls } = noteTaker({ fork: yield* forkWith(layer) })
      for (let i = 0; i < 3; i++) {
        calls.onMessage({ _tag: "Failure", id: null, error: { code: -32700, message: "what was that?" } })
      }
      assert.strictEqual(lines.filter((line) => line.includes("what was that?")).length, 1)
      assert.deepInclude(calls.diagnostics, { unmatched: 3 })
    }))

  it.effect("is never so long that a message of ours is", () =>
    Effect.gen(function*() {
      const { layer, lines } = keeping()
      const { calls, handOff } = noteTaker({ fork: yield* forkWith(layer) })
      const long = "x".repeat(10_000_000)
      const fiber = yield* start(calls)
      handOff()
      calls.onMessage({ _tag: "Success", id: long, result: {} })
      calls.onMessage({ _tag: "Failure", id: null, error: { code: 1, message: long } })
      calls.onMessage({ _tag: "Failure", id: 1, error: { code: 1, message: long } })
      const exit = yield* Fiber.join(fiber)
      assert.isTrue(exit._tag === "Failure" && JSON.stringify(exit).length < 10_000)
      assert.isBelow(lines.join().length, 10_000)
    }))
})
