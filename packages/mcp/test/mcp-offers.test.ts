/** What servers offer beside tools, what they ask of us, and what they say of their own accord. */
import { assert, describe, it } from "@effect/vitest"
import {
  type ClientHandlers,
  Endpoint,
  type LayerOptions,
  McpConfig,
  McpConnections,
  RequestDeclined,
  type ServerOptions
} from "@holdfast/mcp"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"

const offering = path.join(import.meta.dirname, "support/offering-server.ts")

interface Heard {
  readonly pid: number
  readonly id?: unknown
  readonly method?: string
  readonly params?: Readonly<Record<string, unknown>>
}

const withServer = <A, E, R>(
  options: LayerOptions,
  f: (mcp: McpConnections["Service"], heard: () => ReadonlyArray<Heard>) => Effect.Effect<A, E, R>
) =>
  Effect.gen(function*() {
    const directory = yield* Effect.acquireRelease(
      Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "hf-test-"))),
      (directory) => Effect.sync(() => fs.rmSync(directory, { recursive: true }))
    )
    const log = path.join(directory, "log")
    const config = yield* McpConfig.make({
      memo: {
        endpoint: Endpoint.stdio({ command: process.execPath, args: [offering], env: { SPY_LOG: log } }),
        policy: { backoff: { initial: "10 millis", max: "100 millis" } }
      }
    })
    const heard = (): ReadonlyArray<Heard> =>
      fs.readFileSync(log, "utf8").split("\n").slice(0, -1).map((line) => JSON.parse(line))
    return yield* Effect.provide(
      Effect.flatMap(McpConnections, (mcp) => f(mcp, heard)),
      McpConnections.layer(config, options)
    )
  })

const textOf = (
  result: { readonly content: ReadonlyArray<{ readonly type: string; readonly text?: unknown }> }
): string => String(result.content[0]?.text)

/** What the server was answered to its question, as it was received. */
const answerTo = (mcp: McpConnections["Service"], method: string, params: object = {}) =>
  Effect.map(mcp.callTool("memo", { name: "ask", arguments: { method, params } }), (result): unknown => {
    const { error, result: answer } = JSON.parse(textOf(result))
    return error ?? answer
  })

describe("what a server offers", () => {
  it.live("resources, templates, prompts and completions are read, lists with all their pages", () =>
    withServer({}, (mcp) =>
      Effect.gen(function*() {
        assert.deepStrictEqual((yield* mcp.listResources("memo")).map(({ uri }) => uri), ["memo://1", "memo://2"])
        assert.strictEqual((yield* mcp.listResourceTemplates("memo"))[0]?.uriTemplate, "memo://{n}")
        assert.strictEqual((yield* mcp.readResource("memo", "memo://1")).contents[0]?.text, "read memo://1")
        assert.strictEqual((yield* mcp.listPrompts("memo"))[0]?.name, "greet")
        const prompt = yield* mcp.getPrompt("memo", { name: "greet", arguments: { who: "you" } })
        assert.deepStrictEqual(prompt.messages[0]?.content, { type: "text", text: "greet {\"who\":\"you\"}" })
        const { completion } = yield* mcp.complete("memo", {
          ref: { type: "ref/prompt", name: "greet" },
          argument: { name: "who", value: "y" }
        })
        assert.deepStrictEqual(completion.values, ["{\"name\":\"who\",\"value\":\"y\"}"])
        assert.deepStrictEqual(yield* mcp.request("memo", { method: "ping" }), {})
        const unknown = yield* Effect.flip(mcp.request("memo", { method: "no/such" }))
        assert.strictEqual(unknown.reason._tag, "ServerError")
      })))
})

describe("what a server asks of us", () => {
  it.live("without handlers nothing is advertised, and every question but ping gets a proper error", () =>
    withServer({}, (mcp, heard) =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* answerTo(mcp, "ping"), {})
        for (const method of ["roots/list", "sampling/createMessage", "elicitation/create", "no/such"]) {
          assert.deepStrictEqual(yield* answerTo(mcp, method), {
            code: -32601,
            message: `Method not found: this client does not offer ${method}`
          })
        }
        assert.deepStrictEqual(heard().find(({ method }) => method === "initialize")?.params?.["capabilities"], {})
      })))

  it.live("handlers are advertised, told who asks, and their answers and refusals reach the server", () => {
    const handlers: ClientHandlers = {
      roots: ({ server }) => Effect.succeed([{ uri: `file:///of/${server}` }]),
      sampling: (params, { server }) => Effect.succeed({ role: "assistant", echo: params, server }),
      elicitation: () => Effect.fail(new RequestDeclined({ code: -1, message: "the user said no" }))
    }
    return withServer({ handlers }, (mcp, heard) =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* answerTo(mcp, "roots/list"), { roots: [{ uri: "file:///of/memo" }] })
        assert.deepStrictEqual(yield* answerTo(mcp, "sampling/createMessage", { maxTokens: 5 }), {
          role: "assistant",
          echo: { maxTokens: 5 },
          server: "memo"
        })
        assert.deepStrictEqual(yield* answerTo(mcp, "elicitation/create"), { code: -1, message: "the user said no" })
        const capabilities = heard().find(({ method }) => method === "initialize")?.params?.["capabilities"]
        assert.deepStrictEqual(capabilities, { roots: {}, sampling: {}, elicitation: {} })
      }))
  })

  it.live("a defect in a handler is the server's error and nobody else's trouble", () =>
    withServer({ handlers: { sampling: () => Effect.die(new Error("a bug")) } }, (mcp) =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* answerTo(mcp, "sampling/createMessage"), {
          code: -32603,
          message: "Internal error"
        })
        assert.deepStrictEqual(yield* answerTo(mcp, "ping"), {})
      }).pipe(Effect.provide(Logger.layer([])))))

  it.live("a question that the server takes back interrupts its handler, and is not answered", () =>
    Effect.gen(function*() {
      const interrupted = yield* Deferred.make<void>()
      const sampling = () => Effect.onInterrupt(Effect.never, () => Deferred.succeed(interrupted, undefined))
      yield* withServer({ handlers: { sampling } }, (mcp, heard) =>
        Effect.gen(function*() {
          const args = { method: "sampling/createMessage" }
          yield* mcp.callTool("memo", { name: "ask_and_take_back", arguments: args })
          yield* Deferred.await(interrupted)
          // The next question is answered, and it alone.
          assert.deepStrictEqual(yield* answerTo(mcp, "ping"), {})
          assert.deepStrictEqual(heard().filter(({ method }) => method === undefined).map(({ id }) => id), ["q2"])
        }))
    }))

  it.live("a handler ends with the connection it answers on", () =>
    Effect.gen(function*() {
      const interrupted = yield* Deferred.make<void>()
      const begun = yield* Deferred.make<void>()
      const sampling = () =>
        Effect.andThen(
          Deferred.succeed(begun, undefined),
          Effect.onInterrupt(Effect.never, () => Deferred.succeed(interrupted, undefined))
        )
      yield* withServer({ handlers: { sampling } }, (mcp) =>
        Effect.gen(function*() {
          const asking = yield* Effect.forkChild(Effect.flip(answerTo(mcp, "sampling/createMessage")))
          yield* Deferred.await(begun)
          yield* Effect.flip(mcp.callTool("memo", { name: "die" }))
          yield* Deferred.await(interrupted)
          const failure = yield* Fiber.join(asking)
          assert.strictEqual(failure.reason._tag, "OutcomeUnknown")
        }))
    }))
})

describe("what a server says of its own accord", () => {
  it.live("subscriptions and log levels outlive the connection: the next one is asked before anybody uses it", () =>
    withServer({}, (mcp, heard) =>
      Effect.scoped(Effect.gen(function*() {
        const notifications = yield* Effect.forkChild(
          Stream.runCollect(Stream.take(mcp.notifications, 4)),
          { startImmediately: true }
        )
        yield* mcp.subscribe("memo", "memo://1")
        yield* mcp.logLevel("memo", "warning")
        yield* Effect.flip(mcp.callTool("memo", { name: "die" }))
        yield* mcp.callTool("memo", { name: "pid" })
        const said = yield* Fiber.join(notifications)
        assert.deepStrictEqual(said.map(({ method, server }) => `${server} ${method}`).toSorted(), [
          "memo notifications/message",
          "memo notifications/message",
          "memo notifications/resources/updated",
          "memo notifications/resources/updated"
        ])
        const pids = [...new Set(heard().map(({ pid }) => pid))]
        assert.strictEqual(pids.length, 2)
        const methods = heard().filter(({ pid }) => pid === pids[1]).map(({ method }) => method)
        assert.isBelow(methods.indexOf("resources/subscribe"), methods.indexOf("tools/call"))
        assert.isBelow(methods.indexOf("logging/setLevel"), methods.indexOf("tools/call"))
        assert.notInclude(methods.slice(0, 2), "resources/subscribe")
      }))))

  it.live("a subscription ends with the last who wants it, a log level falls back to the next most verbose", () =>
    withServer({}, (mcp, heard) =>
      Effect.gen(function*() {
        const sent = (method: string) => heard().filter((message) => message.method === method)
        yield* Effect.scoped(Effect.gen(function*() {
          yield* mcp.subscribe("memo", "memo://1")
          yield* mcp.logLevel("memo", "warning")
          yield* Effect.scoped(Effect.gen(function*() {
            yield* mcp.subscribe("memo", "memo://1")
            yield* mcp.logLevel("memo", "debug")
          }))
          assert.isEmpty(sent("resources/unsubscribe"))
        }))
        assert.strictEqual(sent("resources/unsubscribe").length, 1)
        const levels = sent("logging/setLevel").map(({ params }) => params?.["level"])
        assert.deepStrictEqual(levels, ["warning", "debug", "warning"])
      })))

  it.live("progress and result of a call are one stream, and leaving it cancels the call", () =>
    Effect.gen(function*() {
      const begun = yield* Deferred.make<void>()
      const sampling = () => Effect.andThen(Deferred.succeed(begun, undefined), Effect.never)
      yield* withServer({ handlers: { sampling } }, (mcp, heard) =>
        Effect.gen(function*() {
          const events = yield* Stream.runCollect(mcp.callToolStream("memo", { name: "steps" }))
          const seen = events.map((event) => event._tag === "Progress" ? event.progress.progress : event._tag)
          assert.deepStrictEqual(seen, [1, 2, "Result"])
          const call = { name: "ask", arguments: { method: "sampling/createMessage" } }
          const asking = yield* Effect.forkChild(Stream.runDrain(mcp.callToolStream("memo", call)))
          yield* Deferred.await(begun)
          yield* Fiber.interrupt(asking)
          // Whatever the server answers now, it has read the cancellation before.
          yield* mcp.request("memo", { method: "ping" })
          assert.strictEqual(heard().filter(({ method }) => method === "notifications/cancelled").length, 1)
        }))
    }))
})

describe("another config", () => {
  it.live("keeps the connections of unchanged servers, lets changed ones finish, and forgets removed ones", () =>
    Effect.gen(function*() {
      const server = (policy: ServerOptions["policy"] = {}, args: ReadonlyArray<string> = []): ServerOptions => ({
        endpoint: Endpoint.stdio({ command: process.execPath, args: [offering, ...args] }),
        policy
      })
      const before = yield* McpConfig.make({
        same: server({}, ["same"]),
        changed: server({}, ["changed"]),
        moved: server({}, ["moved"]),
        gone: server({}, ["gone"])
      })
      const after = yield* McpConfig.make({
        same: server({}, ["same"]),
        changed: server({ maxWaiters: 5 }, ["changed"]),
        moved: server({}, ["moved", "elsewhere"])
      })
      yield* Effect.provide(
        Effect.gen(function*() {
          const mcp = yield* McpConnections
          for (const name of ["same", "changed", "gone"]) yield* mcp.warm(name)
          const pidOf = (name: string) => Effect.map(mcp.callTool(name, { name: "pid" }), textOf)
          const pids = yield* Effect.forEach(["same", "changed", "moved", "gone"], pidOf)
          const held = yield* Effect.forkChild(
            mcp.use("changed", (connection) => Effect.andThen(Effect.yieldNow, connection.request("ping"))),
            { startImmediately: true }
          )
          yield* mcp.reload(after)
          assert.deepStrictEqual(yield* Fiber.join(held), {})
          assert.deepStrictEqual(mcp.servers, ["same", "changed", "moved"])
          assert.strictEqual(yield* pidOf("same"), pids[0])
          assert.notStrictEqual(yield* pidOf("changed"), pids[1])
          assert.notStrictEqual(yield* pidOf("moved"), pids[2])
          const unknown = yield* Effect.flip(pidOf("gone"))
          assert.strictEqual(unknown.reason._tag, "UnknownServer")
          const open = Effect.map(mcp.snapshot, ({ connections }) => connections)
          yield* Effect.eventually(Effect.filterOrFail(open, (count) => count === 3))
          const { keys } = yield* mcp.snapshot
          assert.deepStrictEqual(keys.filter(({ isWarm }) => isWarm).map(({ key }) => key).toSorted(), [
            "changed",
            "same"
          ])
        }).pipe(Effect.scoped),
        McpConnections.layer(before)
      )
    }))
})
