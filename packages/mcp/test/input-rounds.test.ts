/** Calls of the modern era that a server answers with questions. */
import { assert, describe, it } from "@effect/vitest"
import { type ClientHandlers, Endpoint, McpConfig } from "@holdfast/mcp"
import { type CallOptions, McpConnections } from "@holdfast/mcp/McpConnections"
import { MemoryServer } from "@holdfast/mcp/testing"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import { TestClock } from "effect/testing"
import { settled } from "./support/memoryTime.ts"
import * as SpyHttp from "./support/SpyHttp.ts"

/** Asks first, `questions` of its user at once, and answers who comes back with an answer. */
const curious = (questions: ReadonlyArray<string>) =>
  MemoryServer.make({
    era: "modern",
    tools: {},
    handlers: {
      "tools/call": (params) =>
        Effect.succeed(
          "inputResponses" in params
            ? { content: [{ type: "text", text: JSON.stringify(params["inputResponses"]) }] }
            : {
              resultType: "input_required",
              inputRequests: Object.fromEntries(questions.map((name) => [name, { method: "elicitation/create" }])),
              requestState: "s"
            }
        )
    }
  })

const connected = (elicitation: NonNullable<ClientHandlers["elicitation"]>, questions: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const server = yield* curious(questions)
    const mcp = yield* McpConnections.make(yield* McpConfig.make({ s: server.endpoint }), { handlers: { elicitation } })
    const call = (options: CallOptions = {}) => mcp.callTool("s", { name: "ask" }, options)
    return { server, call }
  })

describe("a call that needs input", () => {
  it.effect("ends at its deadline while its user is asked, who is asked no longer", () =>
    Effect.gen(function*() {
      let asked = 0
      const user = Effect.onInterrupt(
        Effect.suspend(() => {
          asked++
          return Effect.never
        }),
        () => Effect.sync(() => void asked--)
      )
      const { call, server } = yield* connected(() => user, ["one", "two"])
      const calling = yield* Effect.forkChild(Effect.flip(call({ deadline: "1 second" })), { startImmediately: true })
      yield* Effect.repeat(Effect.yieldNow, { until: () => asked === 2, times: 1000 })
      assert.strictEqual(asked, 2)
      yield* TestClock.adjust("999 millis")
      assert.isUndefined(calling.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      const failure = yield* Fiber.join(calling)
      assert.deepInclude(failure.reason, { _tag: "DeadlineExceeded", kind: "caller", afterMillis: 1000 })
      assert.deepInclude(failure.reason, { delivery: "Unknown" })
      assert.strictEqual(asked, 0)
      assert.strictEqual(server.calls("ask").length, 1)
    }))

  it.effect("is in doubt, and its user is not asked again, when the server dies while it waits for the answer", () =>
    Effect.gen(function*() {
      let asked = 0
      const server = yield* curious(["one"])
      const elicitation = () =>
        Effect.suspend(() => {
          asked++
          return Effect.as(server.kill, { action: "accept" })
        })
      const mcp = yield* McpConnections.make(yield* McpConfig.make({ s: server.endpoint }), {
        handlers: { elicitation }
      })
      const calling = yield* Effect.forkChild(Effect.flip(mcp.callTool("s", { name: "ask" })), {
        startImmediately: true
      })
      yield* settled
      yield* TestClock.adjust("10 minutes")
      const { reason } = yield* Fiber.join(calling)
      assert.deepInclude(reason, { _tag: "OutcomeUnknown", server: "s", method: "tools/call" })
      assert.strictEqual(asked, 1)
    }))

  it.live("says the same round again when it is refused for now, and asks its user once", () =>
    Effect.gen(function*() {
      const server = yield* SpyHttp.make({ answers: "json", hasSessions: false })
      let asked = 0
      const elicitation = () => Effect.sync(() => ({ action: `accept ${++asked}` }))
      const rounds: Array<string> = []
      server.override.set("server/discover", (response, { id }) => {
        const result = { resultType: "complete", supportedVersions: ["2026-07-28"], capabilities: { tools: {} } }
        response.writeHead(200, { "content-type": "application/json" })
        response.end(JSON.stringify({ jsonrpc: "2.0", id, result }))
      })
      server.override.set("tools/call", (response, { id, params }) => {
        const isAnswered = JSON.stringify(params).includes("inputResponses")
        rounds.push(isAnswered ? "answers" : "question")
        if (rounds.length === 2) return void response.writeHead(429, { "retry-after": "0" }).end()
        const result = isAnswered
          ? { resultType: "complete", content: [{ type: "text", text: "done" }] }
          : { resultType: "input_required", inputRequests: { who: { method: "elicitation/create" } } }
        response.writeHead(200, { "content-type": "application/json" })
        response.end(JSON.stringify({ jsonrpc: "2.0", id, result }))
      })
      const endpoint = Endpoint.http({ url: server.url })
      const mcp = yield* McpConnections.make(yield* McpConfig.make({ s: { endpoint, era: "modern" } }), {
        handlers: { elicitation }
      })
      const { content } = yield* mcp.callTool("s", { name: "ask" }, { idempotent: false })
      assert.deepStrictEqual(content, [{ type: "text", text: "done" }])
      assert.deepStrictEqual(rounds, ["question", "answers", "answers"])
      assert.strictEqual(asked, 1)
    }))

  it.effect("ends at the server's hard deadline where its caller names none", () =>
    Effect.gen(function*() {
      const { call } = yield* connected(() => Effect.never, ["one"])
      const calling = yield* Effect.forkChild(Effect.flip(call()), { startImmediately: true })
      yield* settled
      yield* TestClock.adjust("30 minutes")
      assert.deepInclude((yield* Fiber.join(calling)).reason, { _tag: "DeadlineExceeded", kind: "hard" })
    }))

  it.effect("fails, and nothing else does, when what should give the input has a defect", () =>
    Effect.gen(function*() {
      const told: Array<string> = []
      const logger = Logger.layer([Logger.make(({ message }) => void told.push(String(message)))])
      const { call } = yield* connected(() => Effect.die(new Error("a bug")), ["one"])
      const failure = yield* Effect.flip(Effect.provide(call(), logger))
      assert.deepInclude(failure.reason, { _tag: "ServerError", code: -32603 })
      assert.match(failure.message, /the handler of elicitation\/create failed/)
      assert.match(told.join("\n"), /s: the handler of elicitation\/create failed/)
    }))

  it.effect("fails, and its caller is not interrupted, when what should give the input is interrupted from within", () =>
    Effect.gen(function*() {
      const { call } = yield* connected(() => Effect.interrupt, ["one"])
      const failure = yield* Effect.flip(Effect.provide(call(), Logger.layer([])))
      assert.deepInclude(failure.reason, { _tag: "ServerError", code: -32603 })
      assert.match(failure.message, /the handler of elicitation\/create was interrupted/)
    }))

  it.effect("is interrupted with its caller while its user is asked", () =>
    Effect.gen(function*() {
      const { call } = yield* connected(() => Effect.never, ["one"])
      const calling = yield* Effect.forkChild(call(), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(calling)
      assert.strictEqual(calling.pollUnsafe()?._tag, "Failure")
    }))

  it.effect("has one hard deadline over all rounds, whoever states it", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.make({
        era: "modern",
        handlers: {
          ask: () =>
            Effect.as(Effect.sleep("400 millis"), {
              resultType: "input_required",
              inputRequests: { one: { method: "elicitation/create" } },
              requestState: "s"
            })
        }
      })
      const mcp = yield* McpConnections.make(yield* McpConfig.make({ s: server.endpoint }), {
        handlers: { elicitation: () => Effect.succeed({ action: "accept" }) }
      })
      const calling = yield* Effect.forkChild(
        mcp.use("s", (connection) => Effect.flip(connection.request("ask", {}, { hardDeadline: "1 second" }))),
        { startImmediately: true }
      )
      const pass = (millis: number) => Effect.repeat(TestClock.adjust("1 millis"), { times: millis - 1 })
      yield* pass(990)
      assert.isUndefined(calling.pollUnsafe())
      yield* pass(20)
      assert.strictEqual(calling.pollUnsafe()?._tag, "Success")
      assert.include(yield* Fiber.join(calling), { _tag: "DeadlineExceeded", kind: "hard", afterMillis: 1000 })
    }))
})
