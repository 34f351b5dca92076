/**
 * A process of the daemon's pool, as sessions have it.
 */
import type { Connector } from "@holdfast/core"
import type { ProcessEnd } from "@holdfast/mcp/McpRuntimeError"
import type * as Effect from "effect/Effect"
import type { SessionStatus } from "./DaemonStatus.ts"
import type { Loss } from "./HostSession.ts"
import type { OpenTasks } from "./internal/OpenTasks.ts"
import type * as RawMessage from "./RawMessage.ts"
import type { ServerMux } from "./ServerMux.ts"
import type { ServerTarget } from "./ServerTarget.ts"

/** Why a process cannot be had, or was lost. */
export interface ServerFailure extends Loss {
  /** How its process ended, if that is why. */
  readonly end?: ProcessEnd | undefined
  readonly treatment: Connector.Classification
}

/** A process that has been greeted. */
export interface PooledServer {
  readonly target: ServerTarget
  readonly pid: number
  /** Its answer to `initialize`; undefined in the modern era. */
  readonly greeting: RawMessage.RawMessage | undefined
  readonly mux: ServerMux
  /** Those that it is kept for. */
  readonly tasks: OpenTasks
  /** Undefined while it lives. */
  readonly lost: () => ServerFailure | undefined
  /** Told at once when it is lost. */
  readonly losses: Set<(loss: Loss) => void>
  readonly closed: Effect.Effect<ServerFailure>
  /** The sessions that have it. */
  readonly holders: ReadonlySet<SessionStatus>
  /** No session has had it yet. */
  readonly isUnused: () => boolean
  /** Counts the session among the holders. It is then not idle. */
  readonly hold: (session: SessionStatus) => void
  /** Takes the session out of the holders. The last one to leave sets `idleSince`. */
  readonly leave: (session: SessionStatus) => void
  /** Since when it has no session, or is there. Milliseconds since 1970. */
  readonly idleSince: () => number
  /** Milliseconds since 1970. */
  readonly startedAt: number
  /** No other session is to be given it. */
  readonly retire: () => void
  /** True once it is given to no other session: see `retire`. */
  readonly isRetired: () => boolean
  /** Told at once when it is retired. */
  readonly retirements: Set<() => void>
  /** Ends it, lent or not, and returns when it has ended. */
  readonly end: Effect.Effect<void>
}
