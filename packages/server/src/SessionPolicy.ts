/**
 * How long sessions live and how many there may be: plain data, checked once.
 *
 * @example
 * ```ts
 * import * as SessionRegistry from "@holdfast/server/SessionRegistry"
 *
 * export const layer = SessionRegistry.layer({ idleTimeout: "10 minutes", maxSessions: 500 })
 * ```
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { McpServerError, ServerOptionInvalid } from "./McpServerError.ts"

/** What may be said. Everything has a default. */
export interface SessionPolicyInput {
  /**
   * What the registry is called in metrics: their attribute `registry`. Default: `mcp`. Two in one program need two names, or only the
   * newer is shown.
   */
  readonly name?: string | undefined
  /** How long a session without request and open stream is kept. Default: 5 minutes. `Infinity`: for ever. */
  readonly idleTimeout?: Duration.Input | undefined
  /** How often stale sessions are looked for: one sweep for all. Default: 30 seconds. */
  readonly sweepInterval?: Duration.Input | undefined
  /**
   * How long a handshake may take, from the client's first request to `notifications/initialized` or the first other request: the making
   * of the server and its answer to `initialize` included. Default: 30 seconds.
   */
  readonly halfOpenTimeout?: Duration.Input | undefined
  /**
   * Sessions, those that are still being closed included; past it 503 with `Retry-After`. A principal that has few gets one then all the same: the
   * session that was unused for longest of the principal with most is closed (`limit`), unless it has a request in flight. Default: 10 000.
   */
  readonly maxSessions?: number | undefined
  /** The same for each principal. Default: three quarters of `maxSessions`; all of them without authentication. */
  readonly maxSessionsPerPrincipal?: number | undefined
  /** Requests of one session at the same time; past it 429. Default: 256. */
  readonly maxInFlight?: number | undefined
  /**
   * How often open streams carry a comment, so that nothing in between takes them for dead. The streams of a server have their
   * turns spread over the interval. Default: 15 seconds.
   */
  readonly heartbeatInterval?: Duration.Input | undefined
  /** How often a client with an open stream is pinged; two pings without an answer cut the stream. Default: 30 seconds. */
  readonly pingInterval?: Duration.Input | undefined
  /**
   * Bytes that may wait for a client that does not read; past it its stream is cut. And bytes of answers, per session, that wait for a
   * client that has lost its connection: past it the oldest go, and a client that comes back for one is refused; of one that is larger the client
   * gets an error. Default: 1 MiB.
   */
  readonly maxBufferedBytes?: number | undefined
  /**
   * Bytes of past events kept per session, for clients that come back. Answers that no response has carried to its end are kept besides:
   * see `maxBufferedBytes`. Default: 256 KiB. 0: none, and no client can come back.
   */
  readonly maxReplayBytes?: number | undefined
  /** What a client is told to wait before it comes back to a stream that ended (`retry`). Default: 1 second. */
  readonly retryInterval?: Duration.Input | undefined
  /** How long a drain lets requests finish. Default: 25 seconds. */
  readonly drainTimeout?: Duration.Input | undefined
}

/** The same, complete. Durations in milliseconds. */
export interface SessionPolicy {
  readonly name: string
  readonly idleTimeout: number
  readonly sweepInterval: number
  readonly halfOpenTimeout: number
  readonly maxSessions: number
  /** Undefined: nothing was said of it. */
  readonly maxSessionsPerPrincipal: number | undefined
  /** What a principal may have where nothing was said of it, and there are others. */
  readonly sharePerPrincipal: number
  readonly maxInFlight: number
  readonly heartbeatInterval: number
  readonly pingInterval: number
  readonly maxBufferedBytes: number
  readonly maxReplayBytes: number
  readonly retryInterval: number
  readonly drainTimeout: number
}

/** Completes and checks a policy. Fails with `ServerOptionInvalid`. */
export const make = Effect.fnUntraced(function*(
  input: SessionPolicyInput = {}
): Effect.fn.Return<SessionPolicy, McpServerError> {
  const duration = (name: keyof SessionPolicyInput, value: Duration.Input, least: number) => {
    const millis = Duration.toMillis(Duration.fromInputUnsafe(value))
    return millis >= least ? Effect.succeed(millis) : invalid(name, `at least ${least} ms`, `${millis} ms`)
  }
  const count = (name: keyof SessionPolicyInput, value: number, least: number) =>
    value >= least && (Number.isInteger(value) || value === Number.POSITIVE_INFINITY)
      ? Effect.succeed(value)
      : invalid(name, `a whole number, at least ${least}`, String(value))
  const { name = "mcp" } = input
  if (name.trim() === "") return yield* invalid("name", "a name that can be read", JSON.stringify(name))
  const maxSessions = yield* count("maxSessions", input.maxSessions ?? 10_000, 1)
  return {
    name,
    idleTimeout: yield* duration("idleTimeout", input.idleTimeout ?? "5 minutes", 1),
    sweepInterval: yield* duration("sweepInterval", input.sweepInterval ?? "30 seconds", 1),
    halfOpenTimeout: yield* duration("halfOpenTimeout", input.halfOpenTimeout ?? "30 seconds", 1),
    maxSessions,
    maxSessionsPerPrincipal: input.maxSessionsPerPrincipal === undefined
      ? undefined
      : yield* count("maxSessionsPerPrincipal", input.maxSessionsPerPrincipal, 1),
    sharePerPrincipal: Math.max(1, Math.floor(maxSessions * 0.75)),
    maxInFlight: yield* count("maxInFlight", input.maxInFlight ?? 256, 1),
    heartbeatInterval: yield* duration("heartbeatInterval", input.heartbeatInterval ?? "15 seconds", 1),
    pingInterval: yield* duration("pingInterval", input.pingInterval ?? "30 seconds", 1),
    maxBufferedBytes: yield* count("maxBufferedBytes", input.maxBufferedBytes ?? 1024 * 1024, 1024),
    maxReplayBytes: yield* count("maxReplayBytes", input.maxReplayBytes ?? 256 * 1024, 0),
    retryInterval: yield* duration("retryInterval", input.retryInterval ?? "1 second", 0),
    drainTimeout: yield* duration("drainTimeout", input.drainTimeout ?? "25 seconds", 0)
  }
})

const invalid = (option: string, expected: string, actual: string): Effect.Effect<never, McpServerError> =>
  Effect.fail(new McpServerError({ reason: new ServerOptionInvalid({ option, expected, actual }) }))
