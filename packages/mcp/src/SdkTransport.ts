/**
 * Hands a pooled connection out as a `Transport` of the official SDK, so that an unmodified SDK `Client` gains what the runtime
 * has: one server process for all clients, restarts that no client notices, deadlines, no orphans.
 *
 * What it promises:
 * - `initialize` is answered from the handshake the pooled connection has behind it; no server is started twice for it;
 * - several clients use one connection at once, each with its own ids, progress tokens, subscriptions and log level;
 * - the loss of the connection is not the end of the transport: what was not sent, and what only reads, is sent again; what
 *   may have run fails with code `errorCode.outcomeUnknown`, at once; the next call finds the server restarted;
 * - an aborted or timed out request is cancelled at the server and disturbs no other;
 * - a server's JSON-RPC errors arrive as they are; the runtime's own carry `data.reason`, the name of the error reason, and
 *   `data.delivery`, which says whether the call may have run (`NotSent`, `Refused`, `Unknown`);
 * - subscriptions and the log level outlive the connection, without a call: the next one is asked again, and a client that may have
 *   missed something gets a `notifications/resources/updated` of the runtime's own for each resource that it watches;
 * - all progress that came before an answer is delivered before it, also when both came at once;
 * - closing is local: the client's calls are cancelled, its subscriptions taken back, the connection lives on.
 *
 * While a client is connected the server is kept connected (`warm`). When the runtime closes, so does the transport.
 *
 * **Gotchas**: the handlers an SDK client has for roots, sampling and elicitation are never asked: on a shared connection a
 * server's request does not say for which client it is. Give them to the runtime (`LayerOptions.handlers`). A connection in use by several clients
 * has the state that the server keeps per connection in common. The SDK gives up on `connect` after 60 seconds unless told otherwise, which a
 * first `npx` may need: `client.connect(transport, { timeout: 120_000 })`.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#custom-transports
 */
import * as Effect from "effect/Effect"
import type { Endpoint } from "./Endpoint.ts"
import { errorCode } from "./internal/sdk/callErrors.ts"
import { PooledTransport, type Transport } from "./internal/sdk/PooledTransport.ts"
import type { McpConnections } from "./McpConnections.ts"

export { errorCode, type Transport }

/** How a transport deals with what clients of the SDK cannot take. */
export interface SdkTransportOptions {
  /**
   * True: whole numbers that JavaScript cannot hold stay `JSON.rawJSON` in results, which `JSON.stringify` writes as the server did. For
   * code that passes messages on; clients of the SDK refuse them. Default: false, the nearest number.
   */
  readonly exactNumbers?: boolean | undefined
}

/**
 * A transport to a server, meant by its configured name or by an endpoint, for one SDK `Client`. Nothing happens before the
 * client connects. Never fails: what is wrong with the server, `connect` says.
 *
 * @example
 * ```ts
 * import { McpConnections } from "@holdfast/mcp"
 * import * as SdkTransport from "@holdfast/mcp/SdkTransport"
 * import { Client } from "@modelcontextprotocol/sdk/client/index.js"
 * import * as Effect from "effect/Effect"
 *
 * export const program = Effect.gen(function*() {
 *   const transport = yield* SdkTransport.make(yield* McpConnections, "fs")
 *   const client = new Client({ name: "my-app", version: "1.0.0" })
 *   yield* Effect.promise(() => client.connect(transport))
 *   return yield* Effect.promise(() => client.listTools())
 * }).pipe(Effect.provide(McpConnections.layerFile("mcp.json")))
 * ```
 */
export const make = (
  connections: McpConnections["Service"],
  server: string | Endpoint,
  options: SdkTransportOptions = {}
): Effect.Effect<Transport> =>
  Effect.map(
    Effect.context(),
    (context) => new PooledTransport(connections, server, context, options.exactNumbers === true)
  )
