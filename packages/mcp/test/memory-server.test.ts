/** Servers inside the test, as application authors use them: through the real runtime, on the test's clock. */
import { assert, describe, it } from "@effect/vitest"
import type { Endpoint } from "@holdfast/mcp/Endpoint"
import { McpConfig } from "@holdfast/mcp/McpConfig"
import { McpConnection } from "@holdfast/mcp/McpConnection"
import { type CallOptions, McpConnections } from "@holdfast/mcp/McpConnections"
import { HandshakeFailed } from "@holdfast/mcp/McpRuntimeError"
import * as Messages from "@holdfast/mcp/Messages"
import { MemoryServer, type MemoryServerOptions } from "@holdfast/mcp/testing"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { inTime, passing } from "./support/memoryTime.ts"

const clientInfo = { name: "test", version: "0.0.0" }

const now = { startImmediately: true } as const

const start = (options: MemoryServerOptions) =>
  Effect.gen(function*() {
    const server = yield* MemoryServer.make(options)
    const config = yield* McpConfig.make({ it: server.endpoint })
    const mcp = yield* McpConnections.make(config, { clientInfo })
    const call = (name: string, args: object = {}, options: CallOptions = {}) =>
      mcp.callTool("it", { name, arguments: { ...args } }, options)
    return { server, mcp, call }
  })

describe("a server in memory", () => {
  for (const era of ["legacy", "modern", "both"] as const) {
    for (const transport of ["stdio", "http"] as const) {
      it.effect(`answers calls as any other, ${era} over ${transport}`, () =>
        Effect.gen(function*() {
          const { call, mcp, server } = yield* start({
            era,
            transport,
            tools: {
              add: { description: "adds", run: ({ a, b }) => Effect.succeed(String(Number(a) + Number(b))) },
              fail: { run: () => Effect.fail({ code: 7, message: "no" }) },
              throw: { run: () => Effect.die(new Error("a defect")) }
            },
            handlers: {
              "resources/read": ({ uri }) => Effect.succeed({ contents: [{ uri, text: "words" }] })
            }
          })
          assert.strictEqual(Messages.textOf(yield* call("add", { a: 2, b: 3 })), "5")
          assert.deepStrictEqual((yield* mcp.listTools("it")).map(({ name }) => name), ["add", "fail", "throw"])
          assert.strictEqual((yield* mcp.readResource("it", "x:1")).contents.length, 1)
          const refused = (yield* Effect.flip(call("fail"))).reason
          assert.deepInclude(refused, { _tag: "ServerError", code: 7, description: "no" })
          const thrown = (yield* Effect.flip(call("throw"))).reason
          assert.deepInclude(thrown, { _tag: "ServerError", code: -32603, description: "a defect" })
          const unknown = (yield* Effect.flip(call("nobody"))).reason
          assert.deepInclude(unknown, { _tag: "ServerError", code: -32602 })
          assert.strictEqual(server.opened(), 1)
          assert.strictEqual(server.calls("add").length, 1)
          const spoken = yield* mcp.use("it", (connection) => Effect.succeed(connection.era))
          assert.strictEqual(spoken, era === "legacy" ? "legacy" : "modern")
        }))
    }
  }

  it.effect("tells progress in order, before the result", () =>
    Effect.gen(function*() {
      const { call } = yield* start({
        tools: {
          walk: {
            run: (_, { progress }) =>
              Effect.andThen(
                Effect.forEach([1, 2, 3], (step) => progress({ progress: step, total: 3 })),
                Effect.succeed("there")
              )
          }
        }
      })
      const seen: Array<number> = []
      yield* call("walk", {}, { onProgress: ({ progress }) => void seen.push(progress) })
      assert.deepStrictEqual(seen, [1, 2, 3])
    }))

  it.effect("takes its time on the test's clock, and is interrupted when the caller gives up", () =>
    Effect.gen(function*() {
      for (const transport of ["stdio", "http"] as const) {
        let interrupted = 0
        const { call, server } = yield* start({
          transport,
          tools: {
            slow: {
              run: () =>
                Effect.onInterrupt(Effect.as(Effect.sleep("1 hour"), "late"), () => Effect.sync(() => interrupted++))
            }
          }
        })
        const calling = yield* Effect.forkChild(Effect.flip(call("slow", {}, { deadline: "1 minute" })), now)
        yield* passing("the call", () => server.calls("slow").length === 1)
        yield* TestClock.adjust("59 seconds")
        assert.isUndefined(calling.pollUnsafe())
        yield* TestClock.adjust("1 seconds")
        assert.strictEqual((yield* Fiber.join(calling)).reason._tag, "DeadlineExceeded")
        yield* passing(`the cancellation over ${transport}`, () => interrupted === 1)
      }
    }))

  it.effect("is started again after it died, and what was in doubt is told", () =>
    Effect.gen(function*() {
      const { call, server } = yield* start({
        tools: {
          die: { run: (_, { connection }) => Effect.sync(() => (connection.exit({ code: 3 }), "unheard")) },
          live: { run: () => Effect.succeed("alive") }
        }
      })
      const died = (yield* inTime(Effect.flip(call("die")))).reason
      assert.deepInclude(died, { _tag: "OutcomeUnknown", attempts: 1 })
      assert.isTrue(died._tag === "OutcomeUnknown" && died.end?.code === 3)
      assert.strictEqual(Messages.textOf(yield* inTime(call("live"))), "alive")
      assert.strictEqual(server.opened(), 2)
      yield* server.kill
      assert.isEmpty(server.connections())
      assert.strictEqual(Messages.textOf(yield* inTime(call("live"))), "alive")
      assert.strictEqual(server.opened(), 3)
    }))

  it.effect("tells what it has to say of its own accord", () =>
    Effect.gen(function*() {
      const { call, mcp, server } = yield* start({ tools: { x: { run: () => Effect.succeed("") } } })
      yield* call("x")
      const seen: Array<string> = []
      yield* Effect.forkScoped(
        Effect.flatMap(
          Effect.sync(() => mcp.notifications),
          (notifications) =>
            Stream.runForEach(
              notifications,
              ({ method, server }) => Effect.sync(() => seen.push(`${server} ${method}`))
            )
        ),
        now
      )
      yield* server.notify("notifications/tools/list_changed")
      yield* passing("the news", () => seen.length > 0)
      assert.deepStrictEqual(seen, ["it notifications/tools/list_changed"])
    }))

  it.effect("can refuse to be dialled, for a reason of the caller's choice", () =>
    Effect.gen(function*() {
      const { call, server } = yield* start({
        onDial: (server) => Effect.fail(new HandshakeFailed({ server, description: "not today" }))
      })
      const error = yield* Effect.flip(call("x"))
      assert.match(error.message, /not today/)
      assert.strictEqual(server.opened(), 0)
    }))

  it.effect("a script that dies of a defect is a process that exits with code 1 and its last words", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.script(() => Effect.die(new Error("out of cheese")))
      const error = yield* Effect.flip(
        McpConnection.connect({ server: "it", endpoint: server.endpoint, clientInfo, era: "legacy" })
      )
      assert.strictEqual(error._tag, "ServerExited")
      assert.match(error.message, /out of cheese/)
    }))

  it.effect("logs what a tool of its dies of, with the stack", () => {
    const logged: Array<string> = []
    const logger = Logger.make(({ cause, message }) => void logged.push(`${String(message)} ${Cause.pretty(cause)}`))
    const failsHere = () => assert.fail("an assertion in a tool")
    return Effect.gen(function*() {
      const { call } = yield* start({ tools: { check: { run: () => Effect.sync(failsHere) } } })
      assert.include((yield* Effect.flip(call("check"))).message, "an assertion in a tool")
      const line = logged.find((line) => line.includes("tools/call died"))
      assert.include(line, "an assertion in a tool")
      assert.include(line, "failsHere")
      assert.include(line, "memory-server.test.ts")
    }).pipe(Effect.provide(Logger.layer([logger])))
  })

  it.effect("ends with the connection: nothing of its handlers is left", () =>
    Effect.gen(function*() {
      let running = 0
      const { call, mcp, server } = yield* start({
        tools: {
          work: {
            run: () =>
              Effect.ensuring(
                Effect.sync(() => running++).pipe(Effect.andThen(Effect.never)),
                Effect.sync(() => running--)
              )
          }
        }
      })
      const calling = yield* Effect.forkChild(Effect.flip(call("work")), now)
      yield* passing("the work", () => running === 1)
      assert.strictEqual(server.connections().length, 1)
      yield* inTime(mcp.drain(0))
      assert.strictEqual((yield* Fiber.join(calling)).reason._tag, "OutcomeUnknown")
      assert.deepStrictEqual([running, server.connections().length], [0, 0])
    }))

  it.effect("its endpoint stands for itself: two servers are never one", () =>
    Effect.gen(function*() {
      const one = yield* MemoryServer.make({ tools: { who: { run: () => Effect.succeed("one") } } })
      const other = yield* MemoryServer.make({ tools: { who: { run: () => Effect.succeed("other") } } })
      const mcp = yield* McpConnections.make(yield* McpConfig.make({}), { clientInfo })
      const ask = ({ endpoint }: { readonly endpoint: Endpoint }) =>
        Effect.map(mcp.callTool(endpoint, { name: "who" }), Messages.textOf)
      assert.deepStrictEqual([yield* ask(one), yield* ask(other)], ["one", "other"])
    }))
})
