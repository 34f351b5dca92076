/**
 * Every option of a pool, with its default. Durations are `Duration.Input`; counts are positive integers.
 *
 * Names and meanings follow HikariCP and gRPC where those have one.
 *
 * @example
 * ```ts
 * import { PoolPolicy } from "@holdfast/core"
 *
 * // Ten connections at most to each host, closed after a minute without use.
 * export const policy = PoolPolicy.make({
 *   sharing: "exclusive",
 *   maxConnectionsPerKey: 10,
 *   idleTimeout: "1 minute",
 *   backoff: { max: "5 seconds" }
 * })
 * ```
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Backoff from "./Backoff.ts"
import { PoolPolicyError } from "./PoolError.ts"

/** How the delay between failed dials grows. */
export interface BackoffOptions {
  /** Delay before the second dial. Default: 250 ms. */
  readonly initial: Duration.Input
  /** Growth per failed dial. Default: 1.6, gRPC's. */
  readonly factor: number
  /** Upper bound, before jitter. Default: 30 s. */
  readonly max: Duration.Input
  /** Fraction by which a delay varies to both sides. Default: 0.2. */
  readonly jitter: number
}

/** The options of a pool as a user writes them: all optional. */
export interface PoolPolicyInput {
  /** False opens a connection per lease and closes it with the lease. Default: true. */
  readonly reuse?: boolean | undefined
  /** `shared` multiplexes callers on a connection, `exclusive` gives it to one lease at a time. Default: `shared`. */
  readonly sharing?: "shared" | "exclusive" | undefined
  /** Default: 1 when shared, 10 when exclusive. */
  readonly maxConnectionsPerKey?: number | undefined
  /** Over all keys. At the limit the least recently used idle connection is retired. Default: 256. */
  readonly maxConnections?: number | undefined
  /** Leases on one shared connection. Default: 256. */
  readonly maxInFlight?: number | undefined
  /** Callers that may wait for one key; the next one fails at once with `TooManyWaiters`. Default: 1024. */
  readonly maxWaiters?: number | undefined
  /** One dial, handshake included. Default: 20 s. */
  readonly connectTimeout?: Duration.Input | undefined
  /** One deadline over queue, dial and validation. Default: 30 s. */
  readonly acquireTimeout?: Duration.Input | undefined
  /** A connection without a lease for this long is retired. `Duration.infinity` keeps it. Default: 5 min. */
  readonly idleTimeout?: Duration.Input | undefined
  /** A connection older than this is retired when free, varied by up to -2.5 %. Default: none. */
  readonly maxLifetime?: Duration.Input | undefined
  /**
   * Silence after which a connection with a lease or a warm key is probed. Only where the connector can probe.
   * Default: none, no probes.
   */
  readonly keepaliveInterval?: Duration.Input | undefined
  /** How long a probe may take. Any byte received in between is an answer. Default: 10 s. */
  readonly keepaliveTimeout?: Duration.Input | undefined
  /** Failed probes in a row after which an idle connection is lost, and a busy one is `suspect`. Default: 2. */
  readonly keepaliveFailures?: number | undefined
  /**
   * The pauses between dials, as a Schedule. It begins anew once a connection was ready for `minUptime`. When it ends, the failure is
   * final: waiting callers get it at once, and the key is left alone until the next caller asks. No pause is shorter than 1 ms.
   * Default: `Backoff.schedule(backoff)`, which never ends.
   */
  readonly reconnect?: Schedule.Schedule<unknown, Backoff.DialFailure> | undefined
  /** The numbers of the default `reconnect`. Unused with a schedule of your own. */
  readonly backoff?: Partial<BackoffOptions> | undefined
  /** Dials of a key that was never ready before its callers get the cause. Default: 3 retries. */
  readonly maxConnectRetries?: number | undefined
  /** Back-off starts over only after a connection was ready for this long. Default: 10 s. */
  readonly minUptime?: Duration.Input | undefined
  /**
   * More crashes than `limit` within `window` put a key into quarantine. What the connector calls `unavailable` is no crash. Default:
   * 5 per 60 s (OTP's supervisor rule).
   */
  readonly restartIntensity?: { readonly limit: number; readonly window: Duration.Input } | undefined
  /** First quarantine, doubling up to `max`. Default: 30 s, 5 min. */
  readonly quarantine?: { readonly initial: Duration.Input; readonly max: Duration.Input } | undefined
  /** False makes callers fail fast instead of waiting out a back-off. Default: true. */
  readonly waitForReady?: boolean | undefined
  /**
   * Leases held for longer are reported, with the place that took them: a warning and an event, nothing is taken away. Costs a stack
   * trace per lease. For the pool as a whole. Default: none.
   */
  readonly leakWarningThreshold?: Duration.Input | undefined
  /** How long a drain waits for leases before links are closed. Default: 10 s. */
  readonly drainTimeout?: Duration.Input | undefined
  /**
   * Whether the end of the pool's Scope is a drain. False closes the connections at once, whatever is in flight on them: for those whose
   * clock may stand still, such as a test's. Default: true.
   */
  readonly drainOnClose?: boolean | undefined
  /** How long the pool waits for a connection's finalizers before it reports them and goes on. Default: 10 s. */
  readonly closeTimeout?: Duration.Input | undefined
}

/** A validated policy: every option present, durations in milliseconds (`Infinity` for none). */
export interface PoolPolicy {
  readonly reuse: boolean
  readonly sharing: "shared" | "exclusive"
  readonly maxConnectionsPerKey: number
  readonly maxConnections: number
  readonly maxInFlight: number
  readonly maxWaiters: number
  readonly connectTimeout: number
  readonly acquireTimeout: number
  readonly idleTimeout: number
  readonly maxLifetime: number
  readonly keepaliveInterval: number
  readonly keepaliveTimeout: number
  readonly keepaliveFailures: number
  /** `undefined`: the default, made of `backoff`. */
  readonly reconnect: Schedule.Schedule<unknown, Backoff.DialFailure> | undefined
  readonly backoff: Backoff.Growth
  readonly maxConnectRetries: number
  readonly minUptime: number
  readonly restartIntensity: { readonly limit: number; readonly window: number }
  readonly quarantine: { readonly initial: number; readonly max: number }
  readonly waitForReady: boolean
  readonly leakWarningThreshold: number
  readonly drainTimeout: number
  readonly drainOnClose: boolean
  readonly closeTimeout: number
}

/** The policy of an empty input. */
export const defaults: PoolPolicy = {
  reuse: true,
  sharing: "shared",
  maxConnectionsPerKey: 1,
  maxConnections: 256,
  maxInFlight: 256,
  maxWaiters: 1024,
  connectTimeout: 20_000,
  acquireTimeout: 30_000,
  idleTimeout: 300_000,
  maxLifetime: Number.POSITIVE_INFINITY,
  keepaliveInterval: Number.POSITIVE_INFINITY,
  keepaliveTimeout: 10_000,
  keepaliveFailures: 2,
  reconnect: undefined,
  backoff: Backoff.defaults,
  maxConnectRetries: 3,
  minUptime: 10_000,
  restartIntensity: { limit: 5, window: 60_000 },
  quarantine: { initial: 30_000, max: 300_000 },
  waitForReady: true,
  leakWarningThreshold: Number.POSITIVE_INFINITY,
  drainTimeout: 10_000,
  drainOnClose: true,
  closeTimeout: 10_000
}

/** Exclusive connections and connections per lease are many by nature: their default limit per key. */
const exclusiveConnectionsPerKey = 10

/**
 * Fills in the defaults and refuses what contradicts itself. Fails with `PoolPolicyError`, which names the option.
 */
export const make = (input: PoolPolicyInput = {}): Effect.Effect<PoolPolicy, PoolPolicyError> =>
  Effect.gen(function*() {
    const reuse = input.reuse ?? defaults.reuse
    const sharing = input.sharing ?? defaults.sharing
    const perKey = sharing === "exclusive" || !reuse ? exclusiveConnectionsPerKey : defaults.maxConnectionsPerKey
    const maxConnections = yield* count("maxConnections", input.maxConnections, defaults.maxConnections)
    const maxConnectionsPerKey = yield* count(
      "maxConnectionsPerKey",
      input.maxConnectionsPerKey,
      Math.min(perKey, maxConnections)
    )
    if (maxConnectionsPerKey > maxConnections) {
      return yield* refuse("maxConnectionsPerKey", `at most maxConnections (${maxConnections})`, maxConnectionsPerKey)
    }
    if (input.reconnect !== undefined && !Schedule.isSchedule(input.reconnect)) {
      return yield* refuse("reconnect", "a Schedule", input.reconnect)
    }
    const backoff = {
      initial: yield* positive("backoff.initial", input.backoff?.initial, defaults.backoff.initial),
      factor: input.backoff?.factor ?? defaults.backoff.factor,
      max: yield* positive("backoff.max", input.backoff?.max, defaults.backoff.max),
      jitter: input.backoff?.jitter ?? defaults.backoff.jitter
    }
    if (!(backoff.factor >= 1)) return yield* refuse("backoff.factor", "at least 1", backoff.factor)
    if (!(backoff.jitter >= 0 && backoff.jitter < 1)) {
      return yield* refuse("backoff.jitter", "at least 0 and below 1", backoff.jitter)
    }
    if (backoff.max < backoff.initial) {
      return yield* refuse("backoff.max", `at least backoff.initial (${backoff.initial} ms)`, `${backoff.max} ms`)
    }
    const quarantine = {
      initial: yield* positive("quarantine.initial", input.quarantine?.initial, defaults.quarantine.initial),
      max: yield* positive("quarantine.max", input.quarantine?.max, defaults.quarantine.max)
    }
    if (quarantine.max < quarantine.initial) {
      return yield* refuse(
        "quarantine.max",
        `at least quarantine.initial (${quarantine.initial} ms)`,
        `${quarantine.max} ms`
      )
    }
    return {
      reuse,
      sharing,
      maxConnectionsPerKey,
      maxConnections,
      maxInFlight: yield* count("maxInFlight", input.maxInFlight, defaults.maxInFlight),
      maxWaiters: yield* count("maxWaiters", input.maxWaiters, defaults.maxWaiters),
      connectTimeout: yield* positive("connectTimeout", input.connectTimeout, defaults.connectTimeout),
      acquireTimeout: yield* positive("acquireTimeout", input.acquireTimeout, defaults.acquireTimeout),
      idleTimeout: yield* positive("idleTimeout", input.idleTimeout, defaults.idleTimeout),
      maxLifetime: yield* positive("maxLifetime", input.maxLifetime, defaults.maxLifetime),
      keepaliveInterval: yield* positive("keepaliveInterval", input.keepaliveInterval, defaults.keepaliveInterval),
      keepaliveTimeout: yield* positive("keepaliveTimeout", input.keepaliveTimeout, defaults.keepaliveTimeout),
      keepaliveFailures: yield* count("keepaliveFailures", input.keepaliveFailures, defaults.keepaliveFailures),
      reconnect: input.reconnect,
      backoff,
      maxConnectRetries: yield* count("maxConnectRetries", input.maxConnectRetries, defaults.maxConnectRetries, 0),
      minUptime: yield* notNegative("minUptime", input.minUptime, defaults.minUptime),
      restartIntensity: {
        limit: yield* count("restartIntensity.limit", input.restartIntensity?.limit, defaults.restartIntensity.limit),
        window: yield* positive(
          "restartIntensity.window",
          input.restartIntensity?.window,
          defaults.restartIntensity.window
        )
      },
      quarantine,
      waitForReady: input.waitForReady ?? defaults.waitForReady,
      leakWarningThreshold: yield* positive(
        "leakWarningThreshold",
        input.leakWarningThreshold,
        defaults.leakWarningThreshold
      ),
      drainTimeout: yield* notNegative("drainTimeout", input.drainTimeout, defaults.drainTimeout),
      drainOnClose: input.drainOnClose ?? defaults.drainOnClose,
      closeTimeout: yield* positive("closeTimeout", input.closeTimeout, defaults.closeTimeout)
    }
  })

/**
 * What is wrong with a policy that `make` did not make, or that was changed since: the first number the pool cannot work with.
 * Durations may be zero here where the pool makes sense of it.
 */
export const problemOf = (policy: PoolPolicy): PoolPolicyError | undefined => {
  const { backoff, quarantine, restartIntensity } = policy
  const isCount = (least: number) => (n: number) => Number.isInteger(n) && n >= least
  const isPause = (n: number) => n > 0
  const isDuration = (n: number) => n >= 0
  const numbers: ReadonlyArray<
    readonly [option: string, n: number, isRight: (n: number) => boolean, expected: string]
  > = [
    ["maxConnectionsPerKey", policy.maxConnectionsPerKey, isCount(1), "an integer of at least 1"],
    ["maxInFlight", policy.maxInFlight, isCount(1), "an integer of at least 1"],
    ["maxWaiters", policy.maxWaiters, isCount(1), "an integer of at least 1"],
    ["connectTimeout", policy.connectTimeout, isDuration, "zero or longer"],
    ["acquireTimeout", policy.acquireTimeout, isDuration, "zero or longer"],
    ["idleTimeout", policy.idleTimeout, isDuration, "zero or longer"],
    ["maxLifetime", policy.maxLifetime, isPause, "longer than zero"],
    ["keepaliveInterval", policy.keepaliveInterval, isPause, "longer than zero"],
    ["keepaliveTimeout", policy.keepaliveTimeout, isPause, "longer than zero"],
    ["keepaliveFailures", policy.keepaliveFailures, isCount(1), "an integer of at least 1"],
    ["backoff.initial", backoff.initial, isPause, "longer than zero"],
    ["backoff.factor", backoff.factor, (n) => n >= 1, "at least 1"],
    ["backoff.max", backoff.max, isPause, "longer than zero"],
    ["backoff.jitter", backoff.jitter, (n) => n >= 0 && n < 1, "at least 0 and below 1"],
    ["maxConnectRetries", policy.maxConnectRetries, isCount(0), "an integer of at least 0"],
    ["minUptime", policy.minUptime, isDuration, "zero or longer"],
    ["restartIntensity.limit", restartIntensity.limit, isCount(1), "an integer of at least 1"],
    ["restartIntensity.window", restartIntensity.window, isDuration, "zero or longer"],
    ["quarantine.initial", quarantine.initial, isPause, "longer than zero"],
    ["quarantine.max", quarantine.max, isPause, "longer than zero"],
    ["drainTimeout", policy.drainTimeout, isDuration, "zero or longer"],
    ["closeTimeout", policy.closeTimeout, isDuration, "zero or longer"]
  ]
  const wrong = numbers.find(([, n, isRight]) => !isRight(n))
  if (wrong === undefined) return undefined
  const [option, actual, , expected] = wrong
  return new PoolPolicyError({ option, expected, actual: String(actual) })
}

const refuse = (option: string, expected: string, actual: unknown) =>
  Effect.fail(new PoolPolicyError({ option, expected, actual: String(actual) }))

const count = (option: string, value: number | undefined, fallback: number, least = 1) => {
  const n = value ?? fallback
  return Number.isInteger(n) && n >= least
    ? Effect.succeed(n)
    : refuse(option, `an integer of at least ${least}`, n)
}

const millis = (
  option: string,
  value: Duration.Input | undefined,
  fallback: number,
  least: number,
  expected: string
) => {
  if (value === undefined) return Effect.succeed(fallback)
  const duration = Duration.fromInput(value)
  // `Duration` takes NaN for zero.
  if (duration._tag === "None" || Number.isNaN(value)) return refuse(option, "a duration", value)
  const n = Duration.toMillis(duration.value)
  return n >= least ? Effect.succeed(n) : refuse(option, expected, `${n} ms`)
}

const positive = (option: string, value: Duration.Input | undefined, fallback: number) =>
  millis(option, value, fallback, Number.MIN_VALUE, "longer than zero")

const notNegative = (option: string, value: Duration.Input | undefined, fallback: number) =>
  millis(option, value, fallback, 0, "zero or longer")
