/**
 * How the pool opens MCP connections, and which failures time may heal.
 */
import type { Connector } from "@holdfast/core"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { connect, type ConnectOptions, type McpConnection } from "../McpConnection.ts"
import type { ConnectReason } from "../McpRuntimeError.ts"
import type { Target } from "./target.ts"

type Context = Omit<ConnectOptions, "server" | "endpoint" | "connectTimeout">

/**
 * The connection keeps `connectTimeout` itself, because only it knows what the server said meanwhile. The pool's own limit
 * is behind it, for a dial that does not come back.
 */
const backstopMillis = 5000

/** The policy the pool works with. */
export const poolPolicy = (target: Target): Target["policy"] => ({
  ...target.policy,
  connectTimeout: target.policy.connectTimeout + backstopMillis
})

export const make = (context: Context): Connector.Connector<Target, McpConnection, ConnectReason> => ({
  fingerprint: (target) => target.fingerprint,
  label: (target) => target.label,
  dial: (target) =>
    Effect.map(
      connect({
        ...context,
        server: target.label,
        endpoint: target.endpoint,
        connectTimeout: Duration.millis(target.policy.connectTimeout)
      }),
      (connection) => ({
        value: connection,
        closed: connection.closed,
        received: connection.received,
        inFlight: connection.inFlight
      })
    ),
  classify,
  // Two processes of one command may fight over a database file or a port; two HTTP sessions do not.
  exclusiveResource: (target) => target.endpoint._tag === "Stdio"
})

/**
 * A process that crashed, a port nobody listens on yet and an overloaded server may be well in a moment. A missing command,
 * a refused credential or a foreign protocol will not. A server that needed the whole `connectTimeout` is not given three
 * more of them: whoever waits learns about it now, and the next caller starts it anew.
 */
export const classify = (reason: ConnectReason): Connector.Classification => {
  switch (reason._tag) {
    case "CommandNotFound":
    case "HandshakeFailed":
    case "HandshakeTimeout":
      return "permanent"
    case "SpawnFailed":
      return reason.retryable ? "retryable" : "permanent"
    case "HttpRejected":
      return reason.status >= 500 || [408, 425, 429].includes(reason.status) ? "retryable" : "permanent"
    case "ServerExited":
    case "Unreachable":
    case "ConnectionLost":
      return "retryable"
  }
}
