/** The real client of `effect/ai` over a pooled connection to a real process, which is killed. */
import { assert, describe, it } from "@effect/vitest"
import * as EffectAiTransport from "@holdfast/mcp/EffectAiTransport"
import { Endpoint } from "@holdfast/mcp/Endpoint"
import { McpConfig } from "@holdfast/mcp/McpConfig"
import { McpConnections } from "@holdfast/mcp/McpConnections"
import { McpRuntimeError } from "@holdfast/mcp/McpRuntimeError"
import * as McpClient from "effect/ai/McpClient"
import type * as McpSchema from "effect/ai/McpSchema"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"

const program = new URL("./support/sdk-transport-server.ts", import.meta.url).pathname

const config = McpConfig.make({ spoken: Endpoint.stdio({ command: process.execPath, args: [program] }) })
const connections = Layer.unwrap(Effect.map(config, (config) => McpConnections.layer(config)))
const services = Layer.provideMerge(EffectAiTransport.layer("spoken"), connections)

const client = McpClient.make({ name: "an-agent", version: "1.0.0" })

const toolOf = (name: string): McpSchema.Tool => ({ name, inputSchema: { type: "object" } })

const call = (client: McpClient.McpClient, name: string) =>
  Effect.map(
    client.callTool({ tool: toolOf(name) }),
    ({ content: [block] }) => block?.type === "text" ? block.text : undefined
  )

/** Kills the server's process without a word, and waits until the runtime has seen it. */
const kill = Effect.flatMap(McpConnections, (mcp) =>
  mcp.use("spoken", (connection) => {
    const pid = connection.process?.pid
    assert.isDefined(pid)
    return Effect.andThen(Effect.sync(() => process.kill(pid, "SIGKILL")), connection.closed)
  }))

describe("a client of effect/ai over a pooled connection", () => {
  it.live("learns what the server said at the pool's handshake, and lists its tools", () =>
    Effect.gen(function*() {
      const { listTools, serverInfo } = yield* client
      assert.deepInclude(serverInfo, { name: "spoken", version: "3.2.1" })
      assert.include((yield* listTools()).map(({ name }) => name), "pid")
    }).pipe(Effect.scoped, Effect.provide(services)))

  it.live("goes on after kill -9 of the server, and two clients share the new process, too", () =>
    Effect.gen(function*() {
      const [one, other] = [yield* client, yield* client]
      const before = yield* call(one, "pid")
      assert.strictEqual(yield* call(other, "pid"), before)
      yield* kill
      const after = yield* call(one, "pid")
      assert.notStrictEqual(after, before)
      assert.strictEqual(yield* call(other, "pid"), after)
      // Its list of tools is asked of the new one as well.
      assert.include((yield* one.listTools()).map(({ name }) => name), "pid")
    }).pipe(Effect.scoped, Effect.provide(services)))

  it.live("is told at once of a call that may have run when the server was killed in it, with the reason behind it", () =>
    Effect.gen(function*() {
      const mcp = yield* McpConnections
      const one = yield* client
      const reached = yield* Deferred.make<void>()
      const held = yield* Effect.forkChild(
        Effect.flip(one.callTool({ tool: toolOf("hold") })),
        { startImmediately: true }
      )
      yield* Effect.forkChild(
        Stream.runForEach(
          Stream.take(mcp.callToolStream("spoken", { name: "hold" }), 1),
          () => Deferred.succeed(reached, undefined)
        ),
        { startImmediately: true }
      )
      // The server reads in order: it has the call of the client, too.
      yield* Deferred.await(reached)
      yield* kill
      const { reason } = yield* Fiber.join(held)
      assert.strictEqual(reason._tag, "TransportError")
      const cause = reason._tag === "TransportError" ? reason.cause : undefined
      assert.isTrue(cause instanceof McpRuntimeError && cause.reason._tag === "OutcomeUnknown")
      assert.isString(yield* call(one, "pid"))
    }).pipe(Effect.scoped, Effect.provide(services)))

  it.live("gets the server's own errors as errors of the protocol", () =>
    Effect.gen(function*() {
      const one = yield* client
      const { reason } = yield* Effect.flip(one.callTool({ tool: toolOf("refuse") }))
      assert.deepInclude(reason, { _tag: "ProtocolError", code: -32042, data: { field: "name" } })
    }).pipe(Effect.scoped, Effect.provide(services)))
})
