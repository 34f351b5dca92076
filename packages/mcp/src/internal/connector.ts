/**
 * How the pool opens MCP connections, and which failures time may heal.
 */
import type { Connector } from "@holdfast/core"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { connect, type ConnectOptions, type McpConnection } from "../McpConnection.ts"
import { ConnectionLost, type ConnectReason } from "../McpRuntimeError.ts"
import type { Target } from "./target.ts"

export interface Context extends Omit<ConnectOptions, "server" | "endpoint" | "connectTimeout" | "onNotification"> {
  readonly onNotification: (target: Target, method: string, params: unknown) => void
  /** Done with every new connection before anybody is given it. */
  readonly prepare: (target: Target, connection: McpConnection) => Effect.Effect<void>
}

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
  dial: Effect.fnUntraced(function*(target) {
    const connection = yield* connect({
      ...context,
      server: target.label,
      endpoint: target.endpoint,
      connectTimeout: Duration.millis(target.policy.connectTimeout),
      onNotification: (method, params) => context.onNotification(target, method, params)
    })
    yield* context.prepare(target, connection)
    return {
      value: connection,
      closed: connection.closed,
      received: connection.received,
      inFlight: connection.inFlight,
      probe: probe(connection)
    }
  }),
  classify,
  // Two processes of one command may fight over a database file or a port; two HTTP sessions do not.
  exclusiveResource: (target) => target.endpoint._tag === "Stdio"
})

/** Any answer to a ping is a sign of life, "method not found" included. */
const probe = (connection: McpConnection): Effect.Effect<void, ConnectReason> =>
  connection.request("ping").pipe(
    Effect.asVoid,
    Effect.catch((failure) => {
      switch (failure._tag) {
        case "ServerError":
        case "InvalidAnswer":
        case "TooBusy":
          return Effect.void
        case "ConnectionLost":
        case "HttpRejected":
          return Effect.fail(failure)
        case "OutcomeUnknown":
        case "DeadlineExceeded":
          return Effect.fail(
            new ConnectionLost({
              server: connection.server,
              method: "ping",
              delivery: "NotSent",
              description: failure.message
            })
          )
      }
    })
  )

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
