/** Unmodified clients of the official SDK over pooled connections to a real process. */
import { assert, describe, it } from "@effect/vitest"
import { Endpoint, McpConfig, McpConnections } from "@holdfast/mcp"
import * as ModelView from "@holdfast/mcp/ModelView"
import * as SdkTransport from "@holdfast/mcp/SdkTransport"
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import {
  LoggingMessageNotificationSchema,
  McpError,
  ResourceUpdatedNotificationSchema,
  ToolListChangedNotificationSchema
} from "@modelcontextprotocol/sdk/types.js"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as path from "node:path"
import { eventually } from "./support/eventually.ts"

const server = Endpoint.stdio({
  command: process.execPath,
  args: [path.join(import.meta.dirname, "support/sdk-transport-server.ts")]
})

const withServer = <A, E, R>(f: (mcp: McpConnections["Service"]) => Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const config = yield* McpConfig.make({
      spoken: { endpoint: server, policy: { backoff: { initial: "10 millis", max: "100 millis" } } }
    })
    return yield* Effect.provide(Effect.flatMap(McpConnections, f), McpConnections.layer(config))
  })

/** The SDK has one listener of each kind, and it is a member. */
const hear = (
  target: object,
  listeners: {
    readonly onerror?: (error: Error) => void
    readonly onclose?: () => void
    readonly onmessage?: (message: object) => void
  }
) => Object.assign(target, listeners)

/** What an application aborts its calls by. */
const aborting = () => new AbortController()

/** A client that is connected until the Scope closes. */
const connected = (mcp: McpConnections["Service"], target: string | Endpoint = "spoken") =>
  Effect.acquireRelease(
    Effect.gen(function*() {
      const client = new Client({ name: "test", version: "1.0.0" })
      const errors: Array<Error> = []
      hear(client, { onerror: (error) => errors.push(error) })
      const transport = yield* SdkTransport.make(mcp, target)
      yield* Effect.promise(() => client.connect(transport))
      return { client, errors, transport }
    }),
    ({ client }) => Effect.promise(() => client.close())
  )

type CallResult = Awaited<ReturnType<Client["callTool"]>>
const textOf = (result: CallResult): string => {
  const block = Array.isArray(result.content) ? result.content[0] : undefined
  return String(block?.text)
}

const call = (client: Client, name: string, args: Record<string, unknown> = {}) =>
  Effect.map(Effect.promise(() => client.callTool({ name, arguments: args })), textOf)

const rejection = (promise: () => Promise<unknown>) =>
  Effect.map(Effect.promise(() => promise().then(() => undefined, (error: unknown) => error)), (error) => {
    assert.instanceOf(error, McpError)
    return error
  })

interface Heard {
  readonly id?: number
  readonly method: string
  readonly params?: Readonly<Record<string, unknown>>
}

/** What the server's process has received so far. */
const received = (client: Client) =>
  Effect.map(call(client, "received"), (text): ReadonlyArray<Heard> => JSON.parse(text))

/** Kills the server's process, and waits until the runtime has seen it. */
const kill = (mcp: McpConnections["Service"]) =>
  mcp.use("spoken", (connection) => {
    const pid = connection.process?.pid
    assert.isDefined(pid)
    // A call that is written before the loss is known may have run: these tests are about what comes after.
    return Effect.sync(() => process.kill(pid, "SIGKILL")).pipe(Effect.andThen(connection.closed), Effect.as(pid))
  })

describe("an SDK client over a pooled connection", () => {
  it.live("are given the nearest numbers where the runtime keeps whole numbers exact", () =>
    withServer((mcp) =>
      Effect.gen(function*() {
        const { client } = yield* connected(mcp)
        const { structuredContent } = yield* Effect.promise(() => client.callTool({ name: "count" }))
        assert.deepStrictEqual(structuredContent, {
          id: 9007199254740992,
          all: [18446744073709552000, 7],
          deep: { er: -9007199254740992 }
        })
        const exact = yield* mcp.callTool("spoken", { name: "count" })
        for (const text of [JSON.stringify(exact), ModelView.textOf(exact)]) {
          assert.match(text, /9007199254740993[^]*18446744073709551615[^]*-9007199254740993/)
        }
      })
    ))

  it.live("learns at connect what the server said at the pool's handshake, and no second handshake takes place", () =>
    withServer((mcp) =>
      Effect.gen(function*() {
        yield* mcp.callTool("spoken", { name: "pid" })
        const { client } = yield* connected(mcp)
        assert.deepStrictEqual(client.getServerVersion(), { name: "spoken", version: "3.2.1", title: "Spoken to" })
        assert.strictEqual(client.getInstructions(), "call pid")
        assert.deepStrictEqual(client.getServerCapabilities()?.tools, { listChanged: true })
        const handshakes = (yield* received(client)).filter(({ method }) =>
          ["initialize", "notifications/initialized"].includes(method)
        )
        assert.strictEqual(handshakes.length, 2)
      })
    ))

  it.live("lists, calls and pings", () =>
    withServer((mcp) =>
      Effect.gen(function*() {
        const { client } = yield* connected(mcp)
        const { tools } = yield* Effect.promise(() => client.listTools())
        assert.include(tools.map(({ name }) => name), "hold")
        assert.match(yield* call(client, "pid"), /^\d+$/)
        assert.deepStrictEqual(yield* Effect.promise(() => client.ping()), {})
      })
    ))

  it.live("a server killed between two calls is not noticed by the client, whose transport stays open", () =>
    withServer((mcp) =>
      Effect.gen(function*() {
        const { client, errors } = yield* connected(mcp)
        let closed = 0
        hear(client, { onclose: () => closed++ })
        const before = yield* call(client, "pid")
        assert.strictEqual(String(yield* kill(mcp)), before)
        const after = yield* call(client, "pid")
        assert.match(after, /^\d+$/)
        assert.notStrictEqual(after, before)
        assert.deepStrictEqual({ closed, errors }, { closed: 0, errors: [] })
      })
    ))

  it.live("a call that may have run fails with a code of its own and says so in its data; the next call works", () =>
    withServer((mcp) =>
      Effect.gen(function*() {
        const { client } = yield* connected(mcp)
        const error = yield* rejection(() => client.callTool({ name: "die" }))
        assert.strictEqual(error.code, SdkTransport.errorCode.outcomeUnknown)
        assert.deepStrictEqual(error.data, { reason: "OutcomeUnknown", delivery: "Unknown", attempts: 1 })
        assert.match(error.message, /may have run.*Check its effect before calling again/)
        assert.match(yield* call(client, "pid"), /^\d+$/)
      })
    ))

  it.live("two clients with the same request ids share one process and get their own answers", () =>
    withServer((mcp) =>
      Effect.gen(function*() {
        const one = yield* connected(mcp)
        const two = yield* connected(mcp)
        const answers = yield* Effect.all(
          Array.from({ length: 50 }, (_, index) => {
            const name = index % 2 === 0 ? "pid" : "fail"
            return Effect.all([call(one.client, name), call(two.client, name === "pid" ? "fail" : "pid")])
          }),
          { concurrency: "unbounded" }
        )
        const pid = yield* call(one.client, "pid")
        for (const [index, pair] of answers.entries()) {
          const expected = [pid, "the disk is full"]
          assert.deepStrictEqual(pair, index % 2 === 0 ? expected : expected.toReversed())
        }
        assert.strictEqual((yield* mcp.snapshot).connections, 1)
        const ids = (yield* received(one.client)).flatMap(({ id }) => id ?? [])
        assert.strictEqual(new Set(ids).size, ids.length)
      })
    ))

  it.live("an abort cancels the call at the server, and another client's call goes on", () =>
    withServer((mcp) =>
      Effect.gen(function*() {
        const one = yield* connected(mcp)
        const two = yield* connected(mcp)
        const begun = yield* Deferred.make<void>()
        const other = yield* Effect.forkChild(
          Effect.promise(() =>
            two.client.callTool({ name: "hold" }, undefined, {
              onprogress: () => Deferred.doneUnsafe(begun, Effect.void)
            })
          )
        )
        yield* Deferred.await(begun)
        const abort = aborting()
        yield* rejection(() =>
          one.client.callTool({ name: "hold" }, undefined, {
            signal: abort.signal,
            onprogress: () => abort.abort("enough")
          })
        )
        const heard = yield* received(one.client)
        const holds = heard.filter(({ params }) => params?.["name"] === "hold").map(({ id }) => id)
        const cancelled = heard.filter(({ method }) => method === "notifications/cancelled")
        assert.deepStrictEqual(cancelled.map(({ params }) => params?.["requestId"]), [holds[1]])
        yield* call(two.client, "release")
        assert.strictEqual(textOf(yield* Fiber.join(other)), "released")
      })
    ))

  it.live("all progress is delivered before the answer, also when everything came in one chunk, each to its own client", () =>
    withServer((mcp) =>
      Effect.gen(function*() {
        const one = yield* connected(mcp)
        const two = yield* connected(mcp)
        const burst = ({ client }: typeof one) =>
          Effect.gen(function*() {
            const seen: Array<unknown> = []
            const result = yield* Effect.promise(() =>
              client.callTool({ name: "burst" }, undefined, { onprogress: (progress) => seen.push(progress) })
            )
            return { seen, text: textOf(result) }
          })
        const seen = [1, 2, 3].map((progress) => ({ progress, total: 3, message: `step ${progress}` }))
        const results = yield* Effect.all([burst(one), burst(two)], { concurrency: "unbounded" })
        assert.deepStrictEqual(results, [{ seen, text: "done" }, { seen, text: "done" }])
        assert.deepStrictEqual([one.errors, two.errors], [[], []])
      })
    ))

  it.live("a server's error arrives with its code, message and data; a tool's isError is a result", () =>
    withServer((mcp) =>
      Effect.gen(function*() {
        const { client } = yield* connected(mcp)
        const error = yield* rejection(() => client.callTool({ name: "refuse" }))
        assert.strictEqual(error.code, -32042)
        assert.include(error.message, "not like this")
        assert.deepStrictEqual(error.data, { field: "name" })
        const result = yield* Effect.promise(() => client.callTool({ name: "fail" }))
        assert.strictEqual(result.isError, true)
      })
    ))

  it.live("what a server says of its own accord reaches every client's handlers", () =>
    withServer((mcp) =>
      Effect.gen(function*() {
        const both = [yield* connected(mcp), yield* connected(mcp)]
        let heard = 0
        for (const { client } of both) {
          client.setNotificationHandler(ToolListChangedNotificationSchema, () => void heard++)
        }
        const caller = both[0]
        assert.isDefined(caller)
        yield* call(caller.client, "say", { method: "notifications/tools/list_changed" })
        yield* eventually("both clients were told", () => heard === 2)
      })
    ))

  it.live("a resource's changes reach the client that watches it, and again after a restart, and no other", () =>
    withServer((mcp) =>
      Effect.gen(function*() {
        const watcher = yield* connected(mcp)
        const other = yield* connected(mcp)
        const seen: Array<string> = []
        const strange: Array<string> = []
        watcher.client.setNotificationHandler(
          ResourceUpdatedNotificationSchema,
          ({ params }) => void seen.push(params.uri)
        )
        other.client.setNotificationHandler(
          ResourceUpdatedNotificationSchema,
          ({ params }) => void strange.push(params.uri)
        )
        const update = (uri: string) =>
          call(other.client, "say", { method: "notifications/resources/updated", params: { uri } })
        yield* Effect.promise(() => watcher.client.subscribeResource({ uri: "memo://1" }))
        // Not its own: the subscription of the other client stands.
        yield* Effect.promise(() => other.client.unsubscribeResource({ uri: "memo://1" }))
        assert.notInclude((yield* received(other.client)).map(({ method }) => method), "resources/unsubscribe")
        yield* update("memo://2")
        yield* update("memo://1")
        yield* eventually("the watcher was told", () => seen.length === 1)
        yield* kill(mcp)
        yield* update("memo://1/page")
        yield* eventually("the watcher was told to read again, and of the next change", () => seen.length === 3)
        const methods = (yield* received(watcher.client)).map(({ method }) => method)
        assert.include(methods, "resources/subscribe")
        yield* Effect.promise(() => watcher.client.unsubscribeResource({ uri: "memo://1" }))
        assert.include((yield* received(watcher.client)).map(({ method }) => method), "resources/unsubscribe")
        assert.deepStrictEqual({ seen, strange }, { seen: ["memo://1", "memo://1", "memo://1/page"], strange: [] })
      })
    ))

  it.live("each client hears from its own log level on, and the server is asked for the most verbose", () =>
    withServer((mcp) =>
      Effect.gen(function*() {
        const quiet = yield* connected(mcp)
        const verbose = yield* connected(mcp)
        const heard: Record<"quiet" | "verbose", Array<string>> = { quiet: [], verbose: [] }
        quiet.client.setNotificationHandler(
          LoggingMessageNotificationSchema,
          ({ params }) => void heard.quiet.push(params.level)
        )
        verbose.client.setNotificationHandler(
          LoggingMessageNotificationSchema,
          ({ params }) => void heard.verbose.push(params.level)
        )
        yield* Effect.promise(() => verbose.client.setLoggingLevel("debug"))
        yield* Effect.promise(() => quiet.client.setLoggingLevel("error"))
        for (const level of ["debug", "error", "warning", "emergency"]) {
          yield* call(quiet.client, "say", { method: "notifications/message", params: { level, data: "x" } })
        }
        yield* eventually("all was heard", () => heard.verbose.length === 4 && heard.quiet.length === 2)
        assert.deepStrictEqual(heard.quiet, ["error", "emergency"])
        const asked = Effect.map(
          received(quiet.client),
          (heard) => heard.findLast(({ method }) => method === "logging/setLevel")?.params?.["level"]
        )
        assert.strictEqual(yield* asked, "debug")
        yield* Effect.promise(() => verbose.client.setLoggingLevel("critical"))
        assert.strictEqual(yield* asked, "error")
      })
    ))

  it.live("closing a client cancels its calls, fires onclose once, and leaves the connection to the others", () =>
    withServer((mcp) =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const leaving = yield* Scope.provide(connected(mcp), scope)
        const staying = yield* connected(mcp)
        let closed = 0
        hear(leaving.client, { onclose: () => closed++ })
        const begun = yield* Deferred.make<void>()
        const lost = yield* Effect.forkChild(rejection(() =>
          leaving.client.callTool({ name: "hold" }, undefined, {
            onprogress: () => Deferred.doneUnsafe(begun, Effect.void)
          })
        ))
        yield* Deferred.await(begun)
        const before = yield* call(staying.client, "pid")
        yield* Scope.close(scope, Exit.void)
        assert.include((yield* Fiber.join(lost)).message, "Connection closed")
        assert.strictEqual(closed, 1)
        const methods = (yield* received(staying.client)).map(({ method }) => method)
        assert.include(methods, "notifications/cancelled")
        assert.strictEqual(yield* call(staying.client, "pid"), before)
        yield* Effect.promise(() => leaving.transport.close())
        assert.strictEqual(closed, 1)
      })
    ))

  it.live("the end of the runtime is the end of the transport", () =>
    Effect.gen(function*() {
      const client = new Client({ name: "test", version: "1.0.0" })
      const closed = yield* Deferred.make<void>()
      hear(client, { onclose: () => Deferred.doneUnsafe(closed, Effect.void) })
      yield* withServer((mcp) =>
        Effect.gen(function*() {
          const transport = yield* SdkTransport.make(mcp, "spoken")
          yield* Effect.promise(() => client.connect(transport))
        })
      )
      yield* Deferred.await(closed)
      const error = yield* Effect.flip(Effect.tryPromise({ try: () => client.ping(), catch: String }))
      assert.include(error, "Not connected")
    }))

  it.live("an unknown server and a missing command are told at connect, by reason, and the client can be used again", () =>
    withServer((mcp) =>
      Effect.gen(function*() {
        const client = new Client({ name: "test", version: "1.0.0" })
        const connect = (target: string | Endpoint) =>
          Effect.flatMap(SdkTransport.make(mcp, target), (transport) => rejection(() => client.connect(transport)))
        const unknown = yield* connect("spokn")
        assert.include(unknown.message, "did you mean spoken?")
        assert.deepStrictEqual(unknown.data, { reason: "UnknownServer", delivery: "NotSent" })
        const missing = yield* connect(Endpoint.stdio({ command: "hf-no-such-command" }))
        assert.strictEqual(missing.code, SdkTransport.errorCode.notExecuted)
        assert.deepStrictEqual(missing.data, { reason: "CommandNotFound", delivery: "NotSent" })
        const transport = yield* SdkTransport.make(mcp, "spoken")
        yield* Effect.promise(() => client.connect(transport))
        assert.match(yield* call(client, "pid"), /^\d+$/)
        yield* Effect.promise(() => client.close())
      })
    ))

  it.live("a server meant by an endpoint is heard as well", () =>
    withServer((mcp) =>
      Effect.gen(function*() {
        const adHoc = Endpoint.stdio({ command: server.command, args: [...server.args, "--another"] })
        const { client } = yield* connected(mcp, adHoc)
        const heard = yield* Deferred.make<void>()
        client.setNotificationHandler(
          ToolListChangedNotificationSchema,
          () => void Deferred.doneUnsafe(heard, Effect.void)
        )
        yield* call(client, "say", { method: "notifications/tools/list_changed" })
        yield* Deferred.await(heard)
      })
    ))
})

describe("the transport itself", () => {
  it.live("is for one connect: used before its start, started twice or after its end it says so", () =>
    withServer((mcp) =>
      Effect.gen(function*() {
        const transport = yield* SdkTransport.make(mcp, "spoken")
        const failure = (promise: () => Promise<void>) =>
          Effect.flip(Effect.tryPromise({ try: promise, catch: String }))
        const ping = { jsonrpc: "2.0", id: 1, method: "ping" } as const
        assert.include(yield* failure(() => transport.send(ping)), "connect the client first")
        yield* Effect.promise(() => transport.start())
        assert.include(yield* failure(() => transport.start()), "started already")
        yield* Effect.promise(() => transport.close())
        assert.include(yield* failure(() => transport.send(ping)), "the transport is closed")
        assert.include(yield* failure(() => transport.start()), "the transport is closed")
      })
    ))

  it.live("an older client is not refused: it gets the revision it asked for", () =>
    withServer((mcp) =>
      Effect.gen(function*() {
        const transport = yield* SdkTransport.make(mcp, "spoken")
        const answers: Array<unknown> = []
        hear(transport, { onmessage: (message) => answers.push(message) })
        yield* Effect.promise(() => transport.start())
        for (const [id, protocolVersion] of ["2025-03-26", "1999-12-31", "2030-01-01"].entries()) {
          const params = { protocolVersion, capabilities: {}, clientInfo: { name: "old", version: "1" } }
          yield* Effect.promise(() => transport.send({ jsonrpc: "2.0", id, method: "initialize", params }))
          yield* eventually("initialize is answered", () => answers.length === id + 1)
        }
        const versions = answers.map((answer) => JSON.stringify(answer).match(/"protocolVersion":"([^"]+)"/)?.[1])
        assert.deepStrictEqual(versions, ["2025-03-26", "2025-11-25", "2025-11-25"])
        yield* Effect.promise(() => transport.close())
      })
    ))
})
