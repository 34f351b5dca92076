/**
 * How the pool opens MCP connections, and which failures time may heal.
 */
import type { Connector, Deadlines } from "@holdfast/core"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { advised } from "../../Advice.ts"
import type { Try } from "../../Explanation.ts"
import { type ConnectOptions, McpConnection } from "../../McpConnection.ts"
import { ConnectionLost, type ConnectReason } from "../../McpRuntimeError.ts"
import type { ClientMetrics } from "../calls/ClientMetrics.ts"
import { defective, kindOf, stackOf } from "../connection/defective.ts"
import { withoutName } from "../connection/naming.ts"
import { wordsOf } from "../history/DialLog.ts"
import type { PooledServer } from "./PooledServer.ts"
import * as Retirement from "./retirement.ts"
import type { ServerMemory } from "./ServerMemory.ts"

export interface Context extends
  Omit<
    ConnectOptions,
    "server" | "endpoint" | "connectTimeout" | "onNotification" | "onTry" | "logLevel" | "deadlines"
  >
{
  readonly deadlines: Deadlines.Deadlines
  /** What each server was found to speak: it is asked once, and again when that no longer works. */
  readonly memory: ServerMemory
  readonly metrics: ClientMetrics
  readonly logLevel: (target: PooledServer) => string | undefined
  readonly onNotification: (target: PooledServer, method: string, params: unknown) => void
  /** Milliseconds since 1970. */
  readonly wall: () => number
  readonly onTry?: ((target: PooledServer, attempt: Try) => void) | undefined
  /** The names under which a server was asked for. */
  readonly names: (target: PooledServer) => ReadonlyArray<string>
  /** Done with every new connection, in its Scope, before any caller is given it. */
  readonly prepare: (target: PooledServer, connection: McpConnection) => Effect.Effect<void, never, Scope.Scope>
}

/**
 * The connection keeps `connectTimeout` itself, because only it knows what the server said meanwhile. The pool's own limit
 * is behind it, for a dial that does not come back.
 */
const backstopMillis = 5000

/**
 * The policy the pool works with. Connections of a target that is gone are not kept. A link of the
 * caller's own may be a test's: its clock may stand still, and then a drain would never end.
 */
export const poolPolicy = (target: PooledServer, isGone: boolean): PooledServer["policy"] => ({
  ...target.policy,
  ...(isGone && { idleTimeout: 0 }),
  ...(target.endpoint.open !== undefined && { drainOnClose: false }),
  connectTimeout: target.policy.connectTimeout + backstopMillis
})

export interface McpConnector extends Connector.Connector<PooledServer, McpConnection, ConnectReason> {
  /** How far the dial is that is under way, with the server's words; undefined when there is none. */
  readonly progress: (target: PooledServer) => string | undefined
}

export const make = (context: Context): McpConnector => {
  const { deadlines, memory, metrics } = context
  const dialing = new Map<string, () => string>()
  const dial = Effect.fnUntraced(function*(target: PooledServer) {
    yield* memory.hold(target.fingerprint)
    const notes = memory.of(target.fingerprint)
    let own: (() => string) | undefined
    const names = context.names(target)
    if (names.length > 1) yield* Effect.annotateCurrentSpan("key", names.join(", "))
    const since = deadlines.now()
    const connection = yield* McpConnection.connect({
      ...context,
      // Another config may have taken this name from it.
      server: names.includes(target.label) ? target.label : names[0] ?? target.label,
      endpoint: target.endpoint,
      era: target.era,
      protocolVersion: target.protocolVersion,
      spoken: notes.spoken,
      onSpoken: (spoken) => {
        notes.spoken = spoken
      },
      logLevel: () => context.logLevel(target),
      connectTimeout: Duration.millis(target.policy.connectTimeout),
      onDialing: (progress) => {
        own = progress
        dialing.set(target.fingerprint, progress)
      },
      onTry: (attempt) => {
        notes.history.tried(attempt)
        context.onTry?.(target, attempt)
      },
      onNotification: (method, params) => context.onNotification(target, method, params)
    }).pipe(
      // Where connections are many another dial may be under way.
      Effect.ensuring(Effect.sync(() => {
        if (dialing.get(target.fingerprint) === own) dialing.delete(target.fingerprint)
      })),
      Effect.tapError((reason) =>
        Effect.sync(() => {
          if (reason._tag === "HandshakeFailed" || reason._tag === "HttpRejected") notes.spoken = undefined
        })
      ),
      Effect.onExit((exit) => Effect.sync(() => metrics.dialled(target.label, exit, deadlines.now() - since)))
    )
    notes.history.opened(connection)
    yield* context.prepare(target, connection)
    return {
      value: connection,
      closed: connection.closed,
      received: connection.received,
      inFlight: connection.inFlight,
      probe: probe(connection),
      retired: Retirement.make(connection, {
        notes,
        deadlines: context.deadlines,
        minUptime: target.policy.minUptime,
        patience: target.policy.keepaliveTimeout
      })
    }
  })
  return {
    fingerprint: (target) => target.fingerprint,
    label: (target) => target.label,
    dial: (target) =>
      Effect.catchDefect(dial(target), (defect) => {
        const stack = stackOf(defect)
        // A server that is kept connected is dialled again and again, and breaks in the same way.
        const notes = memory.of(target.fingerprint)
        const reason = defective(target.label, defect)
        notes.history.tried(advised({ at: context.wall(), outcome: "failed", steps: [], ...wordsOf(reason) }))
        const isTold = notes.toldStack === stack
        notes.toldStack = stack
        const words = `${target.label}: connecting broke: ${kindOf(defect)}\n${stack}`
        return Effect.andThen(
          isTold ? Effect.void : Effect.logError(words),
          Effect.fail(reason)
        )
      }),
    classify,
    progress: ({ fingerprint }) => dialing.get(fingerprint)?.(),
    // Two processes of one command may fight over a database file or a port; two HTTP sessions do not.
    exclusiveResource: (target) => target.endpoint._tag === "Stdio"
  }
}

/** Any answer to a question is a sign of life, "method not found" included. The modern era has no `ping`. */
const probe = (connection: McpConnection): Effect.Effect<void, ConnectReason> =>
  Retirement.question(connection).pipe(
    Effect.asVoid,
    Effect.catch((failure): Effect.Effect<void, ConnectReason> => {
      switch (failure._tag) {
        case "ServerError":
        case "InvalidAnswer":
        case "TooBusy":
          return Effect.void
        case "ConnectionLost":
          return Effect.fail(failure)
        case "HttpRejected": {
          // The server is there, and refuses: what it refuses is this connection, which a new one may heal.
          if (classify(failure) === "unavailable") return Effect.fail(failure)
          const { description, server, status } = failure
          const said = `it refuses even a ping (HTTP ${status}: ${description})`
          return Effect.fail(new ConnectionLost({ server, delivery: "Refused", description: said }))
        }
        case "OutcomeUnknown":
        case "DeadlineExceeded":
          return Effect.fail(
            new ConnectionLost({
              server: connection.server,
              method: "ping",
              delivery: "NotSent",
              description: withoutName(failure.message, connection.server)
            })
          )
      }
    })
  )

/**
 * A process that crashed may be well in a moment, but not one that crashes again and again. A port without a listener and an
 * overloaded server are not there just now, for as long as a deploy or an outage takes, and asking costs next to nothing. A
 * missing command, a refused credential or a foreign protocol will not heal. A server that needed the whole `connectTimeout` is not
 * given three more of them: its callers learn about it now, and the next one starts it anew. A server that has forgotten a
 * session is there, and is asked for another one at once.
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
      return reason.status >= 500 || [408, 425, 429].includes(reason.status) ? "unavailable" : "permanent"
    case "Unreachable":
      return "unavailable"
    case "ServerExited":
      return "retryable"
    // The server is well, and knows nothing of us.
    case "ConnectionLost":
      return reason.delivery === "Refused" ? "expired" : "retryable"
  }
}
