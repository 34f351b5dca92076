/**
 * Everything that can go wrong between asking for a connection and having it.
 *
 * One outer error, `PoolError`, with a tagged `reason`: match on it with `Effect.catchReason("PoolError", "AcquireTimeout", …)`.
 * Failures of what the caller does *with* a connection are the caller's own and never appear here.
 *
 * @example
 * ```ts
 * import type { ConnectionPool } from "@holdfast/core"
 * import * as Effect from "effect/Effect"
 *
 * export const statusOf = <C>(pool: ConnectionPool.ConnectionPool<string, C, Error>, host: string) =>
 *   pool.use(host, () => Effect.succeed("up")).pipe(
 *     Effect.catchReason("PoolError", "Quarantined", ({ retryInMillis }) => Effect.succeed(`down for ${retryInMillis} ms`))
 *   )
 * ```
 */
import * as Data from "effect/Data"
import { wordsOf } from "./internal/words.ts"

/** Numbers of one key at the moment of failure, as HikariCP's timeout message has them. */
export interface KeyCounts {
  /** Open connections. */
  readonly total: number
  /** Open connections without a lease. */
  readonly idle: number
  /** Leases given and not yet returned. */
  readonly active: number
  /** Callers still waiting, this one excluded. */
  readonly waiting: number
}

/** The key's last failure, as errors carry it. */
export interface LastFailure<out E> {
  /** The connector's error, where there was one. */
  readonly lastFailure: E | undefined
  /** The failure in words, also where time ran out or the connector broke. */
  readonly lastCause?: string | undefined
}

/** No connection within `acquireTimeout` (or the caller's deadline). Says what it waited for and the last dial failure. */
export class AcquireTimeout<out E> extends Data.TaggedError("AcquireTimeout")<
  & {
    readonly key: string
    readonly waitedMillis: number
    readonly phase: "queue" | "dial" | "backoff" | "quarantine"
    readonly counts: KeyCounts
  }
  & LastFailure<E>
> {
  override get message(): string {
    const waited = {
      queue: "a free connection",
      dial: "the dial",
      backoff: "the next dial",
      quarantine: "the quarantine"
    }
    const { active, idle, total, waiting } = this.counts
    return `${this.key}: no connection after ${formatMillis(this.waitedMillis)}, waiting for ${waited[this.phase]}` +
      ` (total=${total}, idle=${idle}, active=${active}, waiting=${waiting})${becauseOfLast(this)}`
  }
}

/** The key's queue already holds `maxWaiters` callers. Nothing was waited for. */
export class TooManyWaiters extends Data.TaggedError("TooManyWaiters")<{
  readonly key: string
  readonly limit: number
}> {
  override get message(): string {
    return `${this.key}: ${this.limit} callers are already waiting; the limit is maxWaiters`
  }
}

/**
 * The dial failed for good, too often for a key that was never ready, or more often than the `reconnect` schedule allows. `cause` is
 * the connector's own error.
 */
export class DialFailed<out E> extends Data.TaggedError("DialFailed")<{
  readonly key: string
  /** Failures in a row. */
  readonly attempts: number
  /** The connector says that time will not heal it. */
  readonly permanent: boolean
  /** The `reconnect` schedule has ended: no dial follows until a caller asks. Default: false. */
  readonly exhausted?: boolean | undefined
  readonly cause: E
}> {
  override get message(): string {
    const times = this.attempts === 1 ? "" : ` ${this.attempts} times`
    return `${this.key}: could not connect${times}${because(this.cause)}${ended(this.exhausted)}`
  }
}

/**
 * The dial did not fail but died: `cause` is what the connector threw. A bug, so callers are told at once; the key is dialled again,
 * after a pause, when a caller asks then.
 */
export class DialDefect extends Data.TaggedError("DialDefect")<{
  readonly key: string
  readonly attempts: number
  /** As in `DialFailed`. */
  readonly exhausted?: boolean | undefined
  readonly cause: unknown
}> {
  override get message(): string {
    const times = this.attempts === 1 ? "" : ` ${this.attempts} times`
    return `${this.key}: the connector broke${times} while dialling${because(this.cause)}` +
      ` (a defect; its stack is in the log)${ended(this.exhausted)}`
  }
}

/** One dial took longer than `connectTimeout`. */
export class DialTimeout extends Data.TaggedError("DialTimeout")<{
  readonly key: string
  readonly timeoutMillis: number
  readonly attempts: number
  /** As in `DialFailed`. */
  readonly exhausted?: boolean | undefined
}> {
  override get message(): string {
    return `${this.key}: no connection within ${formatMillis(this.timeoutMillis)} of dialling (connectTimeout)` +
      ended(this.exhausted)
  }
}

/** The key crashes in a loop and is left alone for a while. `retryInMillis` says how long. */
export class Quarantined<out E> extends Data.TaggedError("Quarantined")<
  & { readonly key: string; readonly retryInMillis: number }
  & LastFailure<E>
> {
  override get message(): string {
    return `${this.key}: quarantined after repeated failures, next try in ${formatMillis(this.retryInMillis)}` +
      becauseOfLast(this)
  }
}

/** The caller asked not to wait (`waitForReady: false`) and the key is not ready. */
export class NotReady<out E> extends Data.TaggedError("NotReady")<
  & { readonly key: string; readonly retryInMillis: number }
  & LastFailure<E>
> {
  override get message(): string {
    return `${this.key}: not ready, next dial in ${formatMillis(this.retryInMillis)}${becauseOfLast(this)}`
  }
}

/** The pool is draining or closed: no new leases. */
export class PoolClosed extends Data.TaggedError("PoolClosed")<{
  readonly key: string
}> {
  override get message(): string {
    return `${this.key}: the connection pool is shutting down`
  }
}

/** Why there is no lease. Match on it with `Effect.catchReason`. */
export type PoolErrorReason<E> =
  | AcquireTimeout<E>
  | TooManyWaiters
  | DialFailed<E>
  | DialDefect
  | DialTimeout
  | Quarantined<E>
  | NotReady<E>
  | PoolClosed

/**
 * The pool could not give a lease. `reason` says why; `message` is the reason's.
 */
export class PoolError<out E> extends Data.TaggedError("PoolError")<{ readonly reason: PoolErrorReason<E> }> {
  override get message(): string {
    return this.reason.message
  }
}

/** A policy that contradicts itself. Raised when the pool is made; one of `policyFor` when its key is first asked for. */
export class PoolPolicyError extends Data.TaggedError("PoolPolicyError")<{
  readonly option: string
  readonly expected: string
  readonly actual: string
}> {
  override get message(): string {
    return `pool policy: ${this.option} must be ${this.expected}, got ${this.actual}`
  }
}

const formatMillis = (millis: number): string =>
  millis < 1000 ? `${Math.round(millis)} ms` : `${Number((millis / 1000).toFixed(1))} s`

const ended = (exhausted: boolean | undefined): string =>
  exhausted === true ? "; the reconnect schedule allows no further try" : ""

const because = (cause: unknown): string => cause === undefined ? "" : `: ${wordsOf(cause)}`

const becauseOfLast = ({ lastCause, lastFailure }: LastFailure<unknown>): string => because(lastCause ?? lastFailure)
