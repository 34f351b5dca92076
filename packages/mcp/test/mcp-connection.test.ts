/** What callers are promised, over every transport. */
import { assert, describe, it } from "@effect/vitest"
import * as Deadlines from "@holdfast/core/Deadlines"
import { Endpoint } from "@holdfast/mcp/Endpoint"
import { type CallFailure, type ConnectOptions, McpConnection, type RequestOptions } from "@holdfast/mcp/McpConnection"
import type * as McpRuntimeError from "@holdfast/mcp/McpRuntimeError"
import type * as Messages from "@holdfast/protocol/Messages"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import type * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import { eventually } from "./support/eventually.ts"
import * as SpyHttp from "./support/SpyHttp.ts"

const clientInfo = { name: "test", version: "0.0.0" }
const spyStdio = new URL("./support/spyStdio.ts", import.meta.url).pathname

type Open = (
  options?: Partial<ConnectOptions>
) => Effect.Effect<McpConnection, McpRuntimeError.ConnectReason, Scope.Scope>

const overStdio: Open = (options) => {
  const endpoint = Endpoint.stdio({ command: process.execPath, args: [spyStdio] })
  return McpConnection.connect({ server: "spy", endpoint, clientInfo, ...options })
}

const overHttp = (answers: "json" | "sse"): Open => (options) =>
  Effect.flatMap(
    SpyHttp.make({ answers }),
    ({ url }) => McpConnection.connect({ server: "spy", endpoint: Endpoint.http({ url }), clientInfo, ...options })
  )

/** For tests that provoke warnings. */
const silence = Logger.layer([])

const transports: ReadonlyArray<readonly [name: string, open: Open]> = [
  ["stdio", overStdio],
  ["HTTP with JSON answers", overHttp("json")],
  ["HTTP with event streams", overHttp("sse")]
]

interface Received {
  readonly received: ReadonlyArray<
    { readonly method?: string; readonly id?: unknown; readonly params?: Record<string, unknown> }
  >
}

/** What the server got so far, from its own mouth. */
const receivedBy = (
  connection: McpConnection
): Effect.Effect<Received["received"], CallFailure> =>
  // The spy's answer has this form.
  Effect.map(connection.request("received"), (result) => (result as Received).received)

const heldBy = (connection: McpConnection, count: number): Effect.Effect<void> => {
  const look: Effect.Effect<void> = Effect.flatMap(
    Effect.orDie(receivedBy(connection)),
    (received) => received.filter(({ method }) => method === "hold").length >= count ? Effect.void : look
  )
  return look
}

const cancellations = (received: Received["received"]): ReadonlyArray<unknown> =>
  received.filter(({ method }) => method === "notifications/cancelled").map(({ params }) => params?.["requestId"])

for (const [name, open] of transports) {
  describe(`a connection over ${name}`, () => {
    it.live("introduces itself, learns who the server is, and says that it is ready", () =>
      Effect.gen(function*() {
        const connection = yield* open({ era: "legacy" })
        assert.deepInclude(connection, {
          server: "spy",
          era: "legacy",
          serverInfo: { name: "spy", version: "1.0.0" },
          capabilities: { tools: {} },
          protocolVersion: "2025-11-25",
          instructions: "obey"
        })
        const [initialize, initialized] = yield* receivedBy(connection)
        assert.deepInclude(initialize, {
          method: "initialize",
          params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo }
        })
        assert.strictEqual(initialized?.method, "notifications/initialized")
        assert.isUndefined(initialized?.id)
      }))

    it.live("gives every caller the answer to its own request", () =>
      Effect.gen(function*() {
        const connection = yield* open()
        const numbers = Array.from({ length: 300 }, (_, index) => index)
        const answers = yield* Effect.forEach(numbers, (n) => connection.request("echo", { n }), { concurrency: 100 })
        assert.deepStrictEqual(answers, numbers.map((n) => ({ echo: { n } })))
        assert.strictEqual(connection.inFlight(), 0)
        assert.isAbove(connection.received(), 0)
      }))

    it.live("tells the server of an interrupted request, and no neighbour notices", () =>
      Effect.gen(function*() {
        const connection = yield* open()
        const doomed = yield* Effect.forkChild(connection.request("hold", { doomed: true }), { startImmediately: true })
        yield* heldBy(connection, 1)
        const neighbour = yield* Effect.forkChild(connection.request("hold"), { startImmediately: true })
        yield* heldBy(connection, 2)
        assert.strictEqual(connection.inFlight(), 2)
        yield* Fiber.interrupt(doomed)
        assert.strictEqual(connection.inFlight(), 1)
        let received = yield* receivedBy(connection)
        for (let look = 0; look < 1000 && cancellations(received).length === 0; look++) {
          received = yield* receivedBy(connection)
        }
        const doomedId = received.find(({ params }) => params?.["doomed"] === true)?.id
        assert.deepStrictEqual(cancellations(received), [doomedId])
        yield* connection.request("release")
        assert.deepStrictEqual(yield* Fiber.join(neighbour), { released: true })
        assert.deepStrictEqual(yield* connection.request("echo", { still: "here" }), { echo: { still: "here" } })
        assert.strictEqual(connection.inFlight(), 0)
      }))

    it.live("delivers progress in order and before the result, also when all arrive at once", () =>
      Effect.gen(function*() {
        const connection = yield* open()
        const seen: Array<Messages.Progress | "result"> = []
        yield* connection.request("progress", {}, { onProgress: (progress) => seen.push(progress) })
        seen.push("result")
        assert.deepStrictEqual(seen, [
          ...[1, 2, 3].map((progress) => ({ progress, total: 3, message: `step ${progress}` })),
          "result"
        ])
      }))

    it.live("ignores progress after the result, and survives a listener that throws", () =>
      Effect.gen(function*() {
        const connection = yield* open()
        let calls = 0
        const onProgress = () => {
          calls++
          throw new Error("listener")
        }
        yield* connection.request("lateProgress", {}, { onProgress })
        assert.deepStrictEqual(yield* connection.request("echo", { n: 1 }), { echo: { n: 1 } })
        assert.strictEqual(calls, 0)
        assert.deepStrictEqual(yield* connection.request("progress", {}, { onProgress }), { done: true })
        assert.strictEqual(calls, 3)
      }).pipe(Effect.provide(silence)))

    it.live("lets a listener interrupt its own call from within", () =>
      Effect.gen(function*() {
        const connection = yield* open()
        const held = yield* Effect.forkChild(connection.request("hold"), { startImmediately: true })
        yield* heldBy(connection, 1)
        const seen: Array<number> = []
        const fiber = yield* Effect.forkChild(
          connection.request("progressInWrites", {}, {
            onProgress: ({ progress }) => {
              seen.push(progress)
              fiber.interruptUnsafe()
            }
          }),
          { startImmediately: true }
        )
        assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
        assert.deepStrictEqual(seen, [1])
        yield* connection.request("release")
        assert.deepStrictEqual(yield* Fiber.join(held), { released: true })
        assert.strictEqual(connection.inFlight(), 0)
      }))

    it.live("asks for progress only where somebody looks at it, and keeps the caller's own _meta", () =>
      Effect.gen(function*() {
        const connection = yield* open()
        const own = { trace: "t", progressToken: "mine" }
        const plain = yield* connection.request("echo", { _meta: own })
        assert.deepStrictEqual(plain, { echo: { _meta: own } })
        const watched = yield* connection.request("echo", { a: 1, _meta: own }, {
          idleDeadline: "1 minute",
          meta: { extra: true }
        })
        assert.match(JSON.stringify(watched), /"_meta":\{"trace":"t","progressToken":\d+,"extra":true\}/)
      }))

    it.live("hands an error of the server to the caller as it is", () =>
      Effect.gen(function*() {
        const connection = yield* open()
        const failure = yield* Effect.flip(connection.request("error"))
        assert.deepInclude(failure, {
          _tag: "ServerError",
          server: "spy",
          method: "error",
          code: -32602,
          description: "no such thing",
          data: { hint: 1 }
        })
      }))

    it.live("fails the call whose answer makes no sense, and only that one", () =>
      Effect.gen(function*() {
        const connection = yield* open()
        const held = yield* Effect.forkChild(connection.request("hold"), { startImmediately: true })
        yield* heldBy(connection, 1)
        for (const method of ["number", "malformed"]) {
          assert.strictEqual((yield* Effect.flip(connection.request(method)))._tag, "InvalidAnswer", method)
        }
        yield* connection.request("release")
        assert.deepStrictEqual(yield* Fiber.join(held), { released: true })
      }))

    it.live("tells whoever called what the server says is wrong, in whatever form it says it, without secrets and at no length", () =>
      Effect.gen(function*() {
        const connection = yield* open()
        const told = (more: object) => Effect.flip(connection.request("oddError", more))
        for (
          const error of [
            "the disk is full",
            { message: "the disk is full" },
            { code: null, message: "the disk is full" },
            { code: "ENOSPC", message: "the disk is full" },
            { code: 1.5, message: "the disk is full" },
            { code: 1e20, message: "the disk is full" },
            { code: Number.MIN_SAFE_INTEGER * 2, message: "the disk is full" },
            { code: 1, message: "the disk is full", data: { free: 0 } },
            { code: 1, message: ["the disk is full"] },
            ["the disk is full"]
          ]
        ) {
          const failure = yield* told({ error })
          assert.include(["ServerError", "InvalidAnswer"], failure._tag)
          assert.include(failure.message, "the disk is full", JSON.stringify(error))
        }
        const beside = yield* told({ result: { content: [] }, error: { code: 5, message: "the disk is full" } })
        assert.include(beside, { _tag: "ServerError", code: 5, description: "the disk is full" })
        const neither = yield* told({ message: "the disk is full" })
        assert.strictEqual(neither._tag, "InvalidAnswer")
        assert.include(neither.message, "the disk is full")
        const long = yield* told({ error: { code: 5, message: "no ".repeat(1_000_000) } })
        assert.isBelow(long.message.length, 5000)
        assert.isTrue(long._tag === "ServerError" && long.description.length < 5000)
        assert.deepStrictEqual(yield* connection.request("echo", { still: "there" }), { echo: { still: "there" } })
      }))

    it.live("recognises ids and progress tokens of ours that come back as texts", () =>
      Effect.gen(function*() {
        const connection = yield* open()
        assert.deepStrictEqual(yield* connection.request("textId"), { textId: true })
        const heard: Array<number> = []
        yield* connection.request("textToken", {}, { onProgress: ({ progress }) => void heard.push(progress) })
        assert.deepStrictEqual(heard, [1, 2, 3])
        assert.deepInclude(connection.diagnostics(), { unmatched: 0, noise: 0, invalid: 0 })
      }))

    it.live("is not confused by answers with unknown, repeated and ill-typed ids, and counts them", () =>
      Effect.gen(function*() {
        const connection = yield* open()
        const held = yield* Effect.forkChild(connection.request("hold"), { startImmediately: true })
        yield* heldBy(connection, 1)
        assert.deepStrictEqual(yield* connection.request("oddIds"), { right: true })
        yield* connection.request("release")
        assert.deepStrictEqual(yield* Fiber.join(held), { released: true })
        assert.deepInclude(connection.diagnostics(), { unmatched: 6, noise: 2, invalid: 0 })
      }).pipe(Effect.provide(silence)))

    it.live("settles what is in flight as unknown when its Scope closes", () =>
      Effect.gen(function*() {
        const { closed, fiber } = yield* Effect.scoped(Effect.gen(function*() {
          const connection = yield* open()
          const fiber = yield* Effect.forkDetach(Effect.flip(connection.request("hold")), { startImmediately: true })
          yield* heldBy(connection, 1)
          return { closed: connection.closed, fiber }
        }))
        assert.deepInclude(yield* Fiber.join(fiber), { _tag: "OutcomeUnknown", method: "hold", attempts: 1 })
        assert.strictEqual((yield* closed)._tag, "ConnectionLost")
      }))

    it.live("refuses requests on a closed connection as not sent", () =>
      Effect.gen(function*() {
        const connection = yield* Effect.scoped(open())
        const failures = [
          yield* Effect.flip(connection.request("echo")),
          yield* Effect.flip(connection.notify("notifications/x"))
        ]
        for (const failure of failures) assert.deepInclude(failure, { _tag: "ConnectionLost", delivery: "NotSent" })
      }))

    it.live("refuses more calls than it may have in flight, at once", () =>
      Effect.gen(function*() {
        const connection = yield* open({ maxInFlight: 2 })
        const held = yield* Effect.forkChild(connection.request("hold"), { startImmediately: true })
        yield* heldBy(connection, 1)
        const second = yield* Effect.forkChild(connection.request("hold"), { startImmediately: true })
        assert.strictEqual((yield* Effect.flip(connection.request("echo")))._tag, "TooBusy")
        yield* Fiber.interrupt(second)
        assert.deepStrictEqual(yield* connection.request("release"), {})
        yield* Fiber.join(held)
      }))

    it.live("lets a caller's mistake in the parameters be the caller's", () =>
      Effect.gen(function*() {
        const connection = yield* open()
        const exit = yield* Effect.exit(connection.request("echo", { big: 1n }))
        assert.isTrue(Exit.hasDies(exit))
        assert.strictEqual(connection.inFlight(), 0)
        assert.deepStrictEqual(yield* connection.request("ping"), {})
      }))

    it.live("cancels a request that is past its hard deadline, whatever progress says", () =>
      Effect.gen(function*() {
        const time = manualDeadlines()
        const connection = yield* open({ deadlines: time.deadlines })
        const fiber = yield* Effect.forkChild(Effect.flip(connection.request("hold", {}, { hardDeadline: 500 })), {
          startImmediately: true
        })
        yield* heldBy(connection, 1)
        time.pass(499)
        assert.strictEqual(connection.inFlight(), 1)
        time.pass(1)
        assert.deepInclude(yield* Fiber.join(fiber), {
          _tag: "DeadlineExceeded",
          kind: "hard",
          afterMillis: 500,
          delivery: "Unknown"
        })
        assert.strictEqual(connection.inFlight(), 0)
        assert.strictEqual(time.armed(), 0)
        yield* untilCancelled(connection)
      }))

    it.live("counts the idle deadline from the last progress", () =>
      Effect.gen(function*() {
        const time = manualDeadlines()
        const connection = yield* open({ deadlines: time.deadlines })
        let progressed = 0
        const options = { idleDeadline: 500, onProgress: () => void progressed++ }
        const fiber = yield* Effect.forkChild(Effect.flip(connection.request("hold", {}, options)), {
          startImmediately: true
        })
        yield* heldBy(connection, 1)
        if (name !== "HTTP with JSON answers") {
          for (let count = 1; count <= 3; count++) {
            time.pass(400)
            yield* connection.request("nudge")
            yield* eventually("progress", () => progressed === count)
          }
        }
        time.pass(499)
        assert.strictEqual(connection.inFlight(), 1)
        time.pass(1)
        assert.deepInclude(yield* Fiber.join(fiber), { _tag: "DeadlineExceeded", kind: "idle", delivery: "Unknown" })
        assert.strictEqual(time.armed(), 0)
        yield* untilCancelled(connection)
      }))

    it.live("leaves no deadline behind when the answer comes", () =>
      Effect.gen(function*() {
        const time = manualDeadlines()
        const connection = yield* open({ deadlines: time.deadlines })
        const limits: RequestOptions = { idleDeadline: "5 minutes", hardDeadline: () => "30 minutes" }
        yield* Effect.forEach([1, 2, 3], (n) => connection.request("echo", { n }, limits), { concurrency: 3 })
        yield* Effect.flip(connection.request("error", {}, limits))
        yield* eventually("the responses ended", () => time.armed() === 0)
        // Of the two deadlines of a call the one that passes first.
        assert.isAtLeast(time.everArmed(), 4)
      }))

    // A JSON answer has no room for questions.
    if (name !== "HTTP with JSON answers") {
      it.live("answers a ping of the server and refuses what was not offered", () =>
        Effect.gen(function*() {
          const connection = yield* open()
          const notOffered = (method: string) => ({
            code: -32601,
            message: `Method not found: this client does not offer ${method}`
          })
          assert.deepStrictEqual(yield* connection.request("ask"), {
            answers: [
              { jsonrpc: "2.0", id: "q1", result: {} },
              { jsonrpc: "2.0", id: "q2", error: notOffered("sampling/createMessage") },
              { jsonrpc: "2.0", id: 3, error: notOffered("roots/list") }
            ]
          })
        }))
    }
  })
}

const untilCancelled = (connection: McpConnection): Effect.Effect<void, CallFailure> =>
  Effect.flatMap(
    receivedBy(connection),
    (received) => cancellations(received).length === 1 ? Effect.void : untilCancelled(connection)
  )

/** Deadlines on a clock that a test moves: no sleep, no race. */
const manualDeadlines = () => {
  let now = 0
  let ever = 0
  const armed = new Set<{ at: number; readonly onExpire: () => void }>()
  const deadlines: Deadlines.Deadlines = {
    now: () => now,
    size: () => armed.size,
    queues: () => armed.size,
    arm: (millis, onExpire) => {
      ever++
      const entry = { at: now + millis, onExpire }
      armed.add(entry)
      return {
        cancel: () => void armed.delete(entry),
        renew: () => {
          if (armed.has(entry)) entry.at = now + millis
        }
      }
    }
  }
  const pass = (millis: number): void => {
    now += millis
    for (const entry of armed) {
      if (entry.at > now) continue
      armed.delete(entry)
      entry.onExpire()
    }
  }
  return { deadlines, pass, armed: () => armed.size, everArmed: () => ever }
}

describe("a connection's own deadlines", () => {
  it.effect("are kept by the Clock that the connection was opened under", () =>
    Effect.gen(function*() {
      const deadlines = yield* Deadlines.make
      const connection = yield* overStdio({ deadlines })
      const fiber = yield* Effect.forkChild(
        Effect.flip(connection.request("hold", {}, { hardDeadline: "30 minutes" })),
        { startImmediately: true }
      )
      yield* TestClock.adjust("30 minutes")
      assert.deepInclude(yield* Fiber.join(fiber), { _tag: "DeadlineExceeded", kind: "hard", afterMillis: 1_800_000 })
    }))
})
