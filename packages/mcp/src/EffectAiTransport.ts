/**
 * Hands a pooled connection out as the `Transport` of `effect/ai/McpClient`, so that an unmodified client of Effect gains what the runtime
 * has: one server process for all clients, restarts that no client notices, deadlines, no orphans.
 *
 * Promises
 * - `initialize` is answered from the handshake that the pooled connection has behind it; no server is started twice for it.
 * - The loss of the connection is not the end of the transport. Requests that did not run, and those that only read, are sent again.
 *   A request that may have run fails at once; the next one finds the server restarted.
 * - An interrupted request is cancelled at the server and disturbs no other client's.
 * - A JSON-RPC error of the server arrives as the client's `ProtocolError`. A failure of the runtime arrives as its `TransportError`
 *   with the message for people and with the `McpRuntimeError` as `cause`, whose `reason` says whether the request may have run.
 *
 * The server is kept connected while the Scope is open. The connection is the pool's and outlives the transport.
 *
 * **Gotchas**: the client is told revision 2025-11-25, whichever the server speaks: the runtime translates. Whole numbers beyond 2^53 in
 * results are rounded to the nearest number that JavaScript has.
 */
import * as NearestNumbers from "@holdfast/protocol/NearestNumbers"
import * as McpClient from "effect/ai/McpClient"
import { McpClientError, TransportError } from "effect/ai/McpClientError"
import * as McpProtocol from "effect/ai/McpProtocol"
import type * as McpSchema from "effect/ai/McpSchema"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import type { Endpoint } from "./Endpoint.ts"
import { McpConnections } from "./McpConnections.ts"
import { McpRuntimeError } from "./McpRuntimeError.ts"

const protocol = McpProtocol.v2025_11_25

/**
 * A transport to a server, meant by its configured name or by an endpoint. Nothing happens before a client is made over it, and it
 * serves any number of clients. Never fails: `McpClient.make` fails with what is wrong with the server.
 *
 * @example
 * ```ts
 * import { McpConnections } from "@holdfast/mcp"
 * import * as EffectAiTransport from "@holdfast/mcp/EffectAiTransport"
 * import * as McpClient from "effect/ai/McpClient"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 *
 * const transport = EffectAiTransport.layer("fs").pipe(Layer.provide(McpConnections.layerFile("mcp.json")))
 *
 * export const program = Effect.gen(function*() {
 *   const client = yield* McpClient.make({ name: "my-app", version: "1.0.0" })
 *   const toolkit = yield* McpClient.toolkit(client, "fs__")
 *   return Object.keys(toolkit.tools)
 * }).pipe(Effect.scoped, Effect.provide(transport))
 * ```
 */
export const make = Effect.fnUntraced(function*(
  server: string | Endpoint
): Effect.fn.Return<McpClient.Transport, never, McpConnections | Scope.Scope> {
  const connections = yield* McpConnections
  const scope = yield* Effect.scope

  /** From here on the client may hold the server to what it has been told. */
  const keepOpen = Scope.provide(connections.warm(server), scope)
  const initialize = Effect.tap(
    connections.use(server, ({ capabilities, instructions, serverInfo }) =>
      Effect.succeed({
        protocolVersion: protocol.protocolVersion,
        capabilities,
        serverInfo,
        ...(instructions !== undefined && { instructions })
      })),
    () => keepOpen
  )
  const ask = ({ method, params }: McpSchema.JsonRpcRequest): Effect.Effect<unknown, McpRuntimeError> =>
    method === "initialize" ? initialize : Effect.map(
      connections.request(server, { method, params }),
      withNearestNumbers
    )

  return {
    "~effect/ai/McpClient/Transport": "~effect/ai/McpClient/Transport",
    protocol,
    isCallable: () => true,
    request: (message) =>
      Effect.matchEffect(ask(message), {
        onSuccess: (result) => Effect.succeed<McpSchema.JsonRpcResponse>({ jsonrpc: "2.0", id: message.id, result }),
        onFailure: (failure) => {
          if (failure.reason._tag !== "ServerError") return Effect.fail(toClientError(failure))
          const { code, data, description } = failure.reason
          const error = { code, message: description, ...(data !== undefined && { data }) }
          return Effect.succeed<McpSchema.JsonRpcResponse>({ jsonrpc: "2.0", id: message.id, error })
        }
      }),
    notify: ({ method, params }) =>
      // The pooled connection has had its own handshake.
      method === "notifications/initialized" ? Effect.void : Effect.mapError(
        connections.use(server, (connection) =>
          Effect.mapError(connection.notify(method, params), (reason) => new McpRuntimeError({ reason }))),
        toClientError
      )
  }
})

/** The transport as the service that `McpClient.make` asks for. */
export const layer = (server: string | Endpoint): Layer.Layer<McpClient.Transport, never, McpConnections> =>
  Layer.effect(McpClient.Transport, make(server))

const toClientError = (cause: McpRuntimeError): McpClientError =>
  new McpClientError({ reason: new TransportError({ description: cause.message, cause }) })

/** Clients of Effect and the schemas of their tools know numbers, not digits. */
const withNearestNumbers = (result: unknown): unknown => {
  if (typeof result !== "object" || result === null || !("structuredContent" in result)) return result
  return { ...result, structuredContent: NearestNumbers.nearest(result.structuredContent) }
}
