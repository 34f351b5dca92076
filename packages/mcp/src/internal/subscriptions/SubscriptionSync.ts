/**
 * Keeps one connection's server in line with what is subscribed to. The two eras have two ways to say it:
 * `LegacySync`, `ModernSync`.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type { CallFailure } from "../connection/contract.ts"

/** From the most verbose (RFC 5424, as MCP names them). */
export const logLevels = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"] as const

export type LogLevel = typeof logLevels[number]

/** What is desired of a server, at any time. */
export interface Desired {
  /** Whether a caller wants to hear of this resource, a caller included that waits for the server's yes. */
  readonly isWanted: (uri: string) => boolean
  /** The resources that callers have been promised to hear of. */
  readonly promised: () => ReadonlyArray<string>
  /** The most verbose level that a caller wants, and whether a caller was promised one. */
  readonly level: () => LogLevel | undefined
  readonly isLevelPromised: () => boolean
  /** The server tells of this resource from now on. */
  readonly onHeard: (uri: string) => void
}

export interface SubscriptionSync {
  /** Whether the server tells of this resource. */
  readonly hears: (uri: string) => boolean
  /** Makes sure that it does. Fails with its refusal, or with what is known when it cannot be asked. */
  readonly watch: (uri: string) => Effect.Effect<void, CallFailure>
  /** Makes sure that it logs from the level in force on. */
  readonly log: Effect.Effect<void, CallFailure>
  /** Subscriptions have changed: catches up, by itself. */
  readonly wake: () => void
  /** Waits until nothing is on its way about this resource, or the level. */
  readonly settled: (uri: string | undefined) => Effect.Effect<void>
  /** Tells what has been promised already, and catches up from then on until the Scope closes. */
  readonly begin: Effect.Effect<void, never, Scope.Scope>
}

/** Between two tries to tell a server that could not be told. */
export const again = Schedule.exponential("250 millis", 1.6).pipe(
  Schedule.modifyDelay(({ duration }) => Effect.succeed(Duration.min(duration, Duration.seconds(30)))),
  Schedule.jittered
)
