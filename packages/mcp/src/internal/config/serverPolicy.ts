/**
 * The defaults that depend on what a server is and where it was named.
 *
 * A first `npx` or `uvx` downloads the server, so stdio is given minutes where HTTP is given seconds. What an application's
 * config names stays open for the application's life; what a caller brings along is closed after five idle minutes. A process that
 * keeps crashing is started ever more rarely; a url that is away is asked every few seconds, because asking costs next to nothing,
 * and its return after a deploy or an outage is to be noticed.
 */
import type { PoolPolicy } from "@holdfast/core"
import * as Duration from "effect/Duration"
import * as Result from "effect/Result"
import type { Endpoint } from "../../Endpoint.ts"
import { millisIn, shown } from "../durations.ts"

/** How long calls may take, from hand-off. */
export interface CallDeadlinesInput {
  /** Without an answer or progress. Default: 5 minutes. */
  readonly idle?: Duration.Input | undefined
  /** In all, whatever progress says. Default: 30 minutes. */
  readonly hard?: Duration.Input | undefined
  /** For lists and reads. Default: 30 seconds. */
  readonly read?: Duration.Input | undefined
}

/** The same with the defaults, in milliseconds. */
export interface CallDeadlines {
  /** Without an answer or progress. Default: 5 min. */
  readonly idle: number
  /** In all, whatever progress says. Default: 30 min. */
  readonly hard: number
  /** For lists and reads. Default: 30 s. */
  readonly read: number
}

export const callDeadlines: CallDeadlines = { idle: 300_000, hard: 1_800_000, read: 30_000 }

/** Fills in the defaults. Fails with the name of a deadline that is none. */
export const makeDeadlines = (
  said: CallDeadlinesInput = {}
): Result.Result<CallDeadlines, { readonly option: keyof CallDeadlines; readonly actual: string }> => {
  const made = { ...callDeadlines }
  for (const option of ["idle", "hard", "read"] as const) {
    const input = said[option]
    if (input === undefined) continue
    const millis = millisIn(input)
    if (millis === undefined || millis === 0) return Result.fail({ option, actual: shown(input) })
    made[option] = millis
  }
  return Result.succeed(made)
}

/** A policy for the endpoint: what the user said over the defaults for its transport and origin. */
export const policyInput = (
  endpoint: Endpoint,
  origin: "configured" | "ad hoc",
  said: PoolPolicy.PoolPolicyInput = {}
): PoolPolicy.PoolPolicyInput => {
  const connectTimeout = said.connectTimeout ?? (endpoint._tag === "Stdio" ? 120_000 : 20_000)
  return {
    idleTimeout: origin === "configured" ? Duration.infinity : 300_000,
    // A dead process is told by the system; what is beyond a network may vanish without a word.
    ...(endpoint._tag !== "Stdio" && { keepaliveInterval: "30 seconds" }),
    ...said,
    ...(endpoint._tag !== "Stdio" && { backoff: { max: longestPause(said.backoff?.initial), ...said.backoff } }),
    connectTimeout,
    acquireTimeout: said.acquireTimeout ?? acquireTimeout(endpoint, connectTimeout)
  }
}

/** A raised first pause alone must be enough, too. */
const longestPause = (initial: Duration.Input = 0): Duration.Input => {
  const first = Duration.fromInput(initial)
  return first._tag === "None" ? "5 seconds" : Duration.max(Duration.seconds(5), first.value)
}

/** A raised connectTimeout alone must be enough: callers then wait longer by themselves. */
const acquireTimeout = (endpoint: Endpoint, connectTimeout: Duration.Input): Duration.Input => {
  const fallback = endpoint._tag === "Stdio" ? 150_000 : 30_000
  const connect = Duration.fromInput(connectTimeout)
  return connect._tag === "None" ? fallback : Math.max(fallback, Duration.toMillis(connect.value) * 1.25)
}
