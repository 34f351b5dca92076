/** Public faults of calls and of what supervises servers, each named by its symptom, with the report. */
import { assert, describe, it } from "@effect/vitest"
import * as Mcp from "@holdfast/mcp"
import { ToolCatalog } from "@holdfast/mcp/ToolCatalog"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import * as BadHttp from "./support/badHttp.ts"
import * as Faults from "./support/faults.ts"

describe("typescript-sdk#2250, #2695: progress keeps a call alive for ever, or not at all", () => {
  it.effect("a deadline holds whatever progress says", () =>
    Effect.gen(function*() {
      const server = yield* Faults.badStdio("progress without end")
      const scope = yield* Scope.make()
      const mcp = yield* Scope.provide(Faults.ours(Faults.stdio(server)), scope)
      let reports = 0
      const call = mcp.callTool("bad", Faults.work, { deadline: "1 minute", onProgress: () => void reports++ })
      const failing = yield* Effect.forkChild(Faults.reasonOf(call), { startImmediately: true })
      yield* Faults.eventually("progress is told", () => reports > 3)
      yield* TestClock.adjust("59 seconds")
      assert.isUndefined(failing.pollUnsafe())
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(failing))._tag, "DeadlineExceeded")
      // This server stays until it is told to end.
      yield* Faults.passing(yield* Effect.forkChild(Scope.close(scope, Exit.void)))
    }))

  it.live("the SDK's hard limit does not", () =>
    Effect.gen(function*() {
      const server = yield* Faults.badStdio("never")
      const client = yield* Faults.sdkOverStdio(server)
      const begun = performance.now()
      const message = yield* Faults.ended(() =>
        client.callTool({ name: "work" }, undefined, {
          timeout: 1500,
          maxTotalTimeout: 100,
          resetTimeoutOnProgress: true,
          onprogress: () => {}
        })
      )
      assert.match(message, /timed out|timeout/i)
      assert.isAtLeast(performance.now() - begun, 1400)
    }))
})

describe("mcphub#1062, typescript-sdk#1672: one signal for many calls tells the server of all that ever were", () => {
  it.live("calls that are over are not cancelled with the others", () =>
    Effect.gen(function*() {
      const server = yield* BadHttp.make()
      const scope = yield* Scope.make()
      const mcp = yield* Scope.provide(Faults.ours(Faults.http(server.url)), scope)
      yield* Effect.all(Array.from({ length: 20 }, () => mcp.callTool("bad", Faults.work)), {
        concurrency: "unbounded"
      })
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(server.count("POST notifications/cancelled"), 0)
    }))

  it.live("the SDK's client cancels all twenty", () =>
    Effect.gen(function*() {
      const server = yield* BadHttp.make()
      const client = yield* Faults.sdkOverHttp(server.url)
      const controller = yield* Effect.sync(newController)
      for (let i = 0; i < 20; i++) {
        yield* Faults.ended(() => client.callTool({ name: "work" }, undefined, { signal: controller.signal }))
      }
      controller.abort()
      yield* Faults.eventually("twenty cancellations", () => server.count("POST notifications/cancelled") === 20)
    }))
})

describe("typescript-sdk#2580: an answer that comes too late is an error of the connection", () => {
  it.live("it is counted, and the connection serves on", () =>
    Effect.gen(function*() {
      const server = yield* Faults.badStdio("late")
      const mcp = yield* Faults.ours(Faults.stdio(server))
      yield* mcp.callTool("bad", { name: "fine" })
      yield* Faults.reasonOf(mcp.callTool("bad", Faults.work, { deadline: "50 millis" }))
      yield* mcp.callTool("bad", Faults.work)
      assert.strictEqual(server.count("started"), 1)
    }))
})

describe("oh-my-pi#1596: a server that crashes at once is started 66 487 times", () => {
  it.live("callers get the cause after a few tries, and the next ones at once", () =>
    Effect.gen(function*() {
      const server = yield* Faults.badStdio("crashes at start")
      // Nobody can wait for the end of its quarantine, however long the machine takes for the first tries.
      const policy = { quarantine: { initial: "1 hour", max: "1 hour" } } as const
      const mcp = yield* Faults.ours({ ...Faults.stdio(server), policy })
      const reasons = yield* Effect.forEach(
        Array.from({ length: 20 }),
        () => Faults.reasonOf(mcp.callTool("bad", Faults.work, { deadline: "2 minutes" })),
        { concurrency: 5 }
      )
      assert.isAtMost(server.count("started"), 8)
      assert.isTrue(
        reasons.every(({ _tag }) => _tag === "ServerExited" || _tag === "Quarantined"),
        JSON.stringify(reasons)
      )
    }))
})

describe("mcphub#1154, fastmcp#2597: one dead server keeps the tools of all others away", () => {
  it.live("the others' tools are there, and the dead one is named with its cause", () =>
    Effect.gen(function*() {
      const good = yield* BadHttp.make()
      const dead = yield* Faults.badStdio("never answers the handshake")
      const config = yield* Mcp.McpConfig.make({ good: Faults.http(good.url), dead: Faults.stdio(dead) })
      const context = yield* Layer.build(ToolCatalog.layer().pipe(Layer.provideMerge(Mcp.McpConnections.layer(config))))
      const { tools, unavailable } = yield* Effect.provide(
        ToolCatalog.use((catalog) => catalog.ready({ within: "1 second" })).pipe(
          Effect.repeat({ until: ({ tools }) => tools.length > 0 })
        ),
        context
      )
      assert.deepStrictEqual(tools.map(({ name }) => name), ["good__work"])
      assert.deepStrictEqual(unavailable.map(({ server }) => server), ["dead"])
    }))
})

describe("claude-code#82952, openclaw#95506: a process for every session and server", () => {
  it.live("fifty callers at once start one", () =>
    Effect.gen(function*() {
      const server = yield* Faults.badStdio("fine")
      const mcp = yield* Faults.ours(Faults.stdio(server))
      yield* Effect.all(Array.from({ length: 50 }, () => mcp.callTool("bad", Faults.work)), {
        concurrency: "unbounded"
      })
      assert.strictEqual(server.count("started"), 1)
    }))
})

describe("qwen-code#8387, smg#2441: a call that was lost is run twice", () => {
  it.live("a write is not sent again by anybody but its caller", () =>
    Effect.gen(function*() {
      const server = yield* Faults.badStdio("dies in a call")
      const mcp = yield* Faults.ours(Faults.stdio(server))
      assert.strictEqual(
        (yield* Faults.reasonOf(mcp.callTool("bad", Faults.work, { idempotent: false })))._tag,
        "OutcomeUnknown"
      )
      assert.strictEqual(server.count("tools/call"), 1)
    }))
})

describe("qwen-code#5381: an ordinary error of a tool costs the connection", () => {
  it.live("an error is an answer: nothing is started again, nothing is sent again", () =>
    Effect.gen(function*() {
      const server = yield* BadHttp.make({
        onPost: (message, response) => {
          if (message.method !== "tools/call") return false
          const error = { jsonrpc: "2.0", id: message.id, error: { code: -32603, message: "boom" } }
          response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(error))
          return true
        }
      })
      const mcp = yield* Faults.ours(Faults.http(server.url))
      for (let i = 0; i < 3; i++) {
        assert.strictEqual(
          (yield* Faults.reasonOf(mcp.callTool("bad", Faults.work, { idempotent: true })))._tag,
          "ServerError"
        )
      }
      assert.deepStrictEqual([server.count("POST tools/call"), server.count("POST initialize")], [3, 1])
    }))
})

describe("claude-code#95018: recovery works for tools and for nothing else", () => {
  it.live("a list is healed as a call is", () =>
    Effect.gen(function*() {
      let isLost = false
      const server = yield* BadHttp.make({
        onPost: ({ method }, response) => {
          if (method !== "tools/list" || isLost) return false
          isLost = true
          response.writeHead(404).end("Session not found")
          return true
        }
      })
      const mcp = yield* Faults.ours(Faults.http(server.url))
      assert.lengthOf(yield* mcp.listTools("bad"), 1)
      assert.strictEqual(server.count("POST initialize"), 2)
    }))
})

describe("python-sdk#577, deer-flow#3379: connections can only be closed in the order they were opened", () => {
  it.live("any order will do, from anywhere", () =>
    Effect.gen(function*() {
      const server = yield* Faults.badStdio("fine")
      const scopes = yield* Effect.forEach([1, 2, 3], () =>
        Effect.gen(function*() {
          const scope = yield* Scope.make()
          const mcp = yield* Scope.provide(Faults.ours(Faults.stdio(server)), scope)
          yield* mcp.callTool("bad", Faults.work)
          return scope
        }))
      for (const scope of [scopes[1], scopes[0], scopes[2]]) {
        if (scope !== undefined) yield* Scope.close(scope, Exit.void)
      }
      assert.deepStrictEqual(server.pids().map(Faults.isRunning), [false, false, false])
    }))
})

const newController = (): AbortController => new AbortController()
