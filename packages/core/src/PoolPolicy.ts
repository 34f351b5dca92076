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
// Each limit says itself which numbers it takes, and `Infinity` is a duration without an end.
// @effect-diagnostics schemaNumber:off
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as SchemaIssue from "effect/SchemaIssue"
import * as Backoff from "./Backoff.ts"
import { PoolPolicyError } from "./PoolError.ts"

/** An integer of at least so many. */
const count = (least: number) =>
  Schema.Number.check(
    Schema.makeFilter((n: number) => Number.isInteger(n) && n >= least, { expected: `an integer of at least ${least}` })
  )

/** Effect takes NaN for zero. */
const isDuration = (input: unknown): input is Duration.Input =>
  // The only way to ask whether a value is a duration is to let Effect try: the cast claims nothing that is relied on.
  !Number.isNaN(input) && Duration.fromInput(input as Duration.Input)._tag === "Some"

const DurationInput = Schema.declare(
  isDuration,
  { expected: "a duration such as \"20 seconds\", a number of milliseconds, or \"Infinity\"" }
)

const longerThanZero = Schema.makeFilter((millis: number) => millis > 0, { expected: "longer than zero" })
const zeroOrLonger = Schema.makeFilter((millis: number) => millis >= 0, { expected: "zero or longer" })

/** A duration, in milliseconds from then on. */
const millis = DurationInput.pipe(Schema.decodeTo(Schema.Number, {
  decode: SchemaGetter.transform((input: Duration.Input) => Duration.toMillis(Duration.fromInputUnsafe(input))),
  encode: SchemaGetter.transform((millis: number): Duration.Input => millis)
}))

/** A duration that may be zero. */
const wait = millis.pipe(Schema.decodeTo(Schema.Number.check(zeroOrLonger)))
/** A duration that the pool could not work with if it were zero. */
const pause = millis.pipe(Schema.decodeTo(Schema.Number.check(longerThanZero)))
/** A duration for which zero makes sense to the pool, and is a mistake where a user says it: HikariCP's zero means none. */
const timeout = millis.pipe(
  Schema.decodeTo(Schema.Number.check(longerThanZero)),
  Schema.decodeTo(Schema.Number.check(zeroOrLonger))
)

const reconnectSchedule = Schema.declare<Schedule.Schedule<unknown, Backoff.DialFailure>>(
  // What it takes and returns cannot be seen.
  (input): input is Schedule.Schedule<unknown, Backoff.DialFailure> => Schedule.isSchedule(input),
  { expected: "a Schedule" }
)

/** An option with its default, as validated. */
const option = <S extends Schema.Constraint>(schema: S, fallback: S["Type"]) =>
  Schema.withDecodingDefaultType<S>(Effect.succeed(fallback))(schema)

/** Every option of a pool: what it takes, its limits, its default. All else about options follows from here. */
export const options = {
  /** False opens a connection per lease and closes it with the lease. Default: true. */
  reuse: option(Schema.Boolean, true),
  /** `shared` multiplexes callers on a connection, `exclusive` gives it to one lease at a time. Default: `shared`. */
  sharing: option(Schema.Literals(["shared", "exclusive"]), "shared"),
  /** Over all keys. At the limit the least recently used idle connection is retired. Default: 256. */
  maxConnections: option(count(1), 256),
  /** Connections of one key. Default: 1 when shared, 10 when exclusive or without `reuse`. */
  maxConnectionsPerKey: option(count(1), 1),
  /** Leases on one shared connection. Default: 256. */
  maxInFlight: option(count(1), 256),
  /** Callers that may wait for one key; the next one fails at once with `TooManyWaiters`. Default: 1024. */
  maxWaiters: option(count(1), 1024),
  /** One dial, handshake included. Default: 20 s. */
  connectTimeout: option(timeout, 20_000),
  /** One deadline over queue, dial and validation. Default: 30 s. */
  acquireTimeout: option(timeout, 30_000),
  /** A connection without a lease for this long is retired. `Duration.infinity` keeps it. Default: 5 min. */
  idleTimeout: option(timeout, 300_000),
  /** A connection older than this is retired when free, varied by up to -2.5 %. Default: none. */
  maxLifetime: option(pause, Number.POSITIVE_INFINITY),
  /**
   * Silence after which a connection with a lease or a warm key is probed. Only where the connector can probe.
   * Default: none, no probes.
   */
  keepaliveInterval: option(pause, Number.POSITIVE_INFINITY),
  /** How long a probe may take. Any byte received in between is an answer. Default: 10 s. */
  keepaliveTimeout: option(pause, 10_000),
  /** Failed probes in a row after which an idle connection is lost, and a busy one is `suspect`. Default: 2. */
  keepaliveFailures: option(count(1), 2),
  /**
   * The pauses between dials, as a Schedule. It begins anew once a connection was ready for `minUptime`. When it ends, the failure is
   * final: waiting callers get it at once, and the key is left alone until the next caller asks. No pause is shorter than 1 ms.
   * Default: `Backoff.schedule(backoff)`, which never ends.
   */
  reconnect: option(Schema.UndefinedOr(reconnectSchedule), undefined),
  /** The numbers of the default `reconnect`. Unused with a schedule of your own. */
  backoff: Schema.Struct({
    /** The delay before the second dial. Default: 250 ms. */
    initial: option(pause, Backoff.defaults.initial),
    /** Growth per failed dial. Default: 1.6, gRPC's. */
    factor: option(
      Schema.Number.check(Schema.makeFilter((n: number) => n >= 1, { expected: "at least 1" })),
      Backoff.defaults.factor
    ),
    /** The longest delay, before jitter. Default: 30 s. */
    max: option(pause, Backoff.defaults.max),
    /** Fraction by which a delay varies to both sides. Default: 0.2. */
    jitter: option(
      Schema.Number.check(
        Schema.makeFilter((n: number) => n >= 0 && n < 1, { expected: "at least 0 and below 1" })
      ),
      Backoff.defaults.jitter
    )
  }).pipe(Schema.withDecodingDefault(Effect.succeed({}))),
  /** Dials of a key that was never ready before its callers get the cause. Default: 3 retries. */
  maxConnectRetries: option(count(0), 3),
  /** Back-off starts over only after a connection was ready for this long. Default: 10 s. */
  minUptime: option(wait, 10_000),
  /**
   * More crashes than `limit` within `window` put a key into quarantine (OTP's supervisor rule). What the connector calls `unavailable` is
   * no crash.
   */
  restartIntensity: Schema.Struct({
    /** Crashes within `window` that are borne. One more is a crash loop. Default: 5. */
    limit: option(count(1), 5),
    /** The time within which crashes are counted together. Default: 1 min. */
    window: option(timeout, 60_000)
  }).pipe(Schema.withDecodingDefault(Effect.succeed({}))),
  /** How long a key in a crash loop is left alone: doubling from `initial` to `max`. */
  quarantine: Schema.Struct({
    /** The first quarantine. Default: 30 s. */
    initial: option(pause, 30_000),
    /** The longest one. Default: 5 min. */
    max: option(pause, 300_000)
  }).pipe(Schema.withDecodingDefault(Effect.succeed({}))),
  /** False makes callers fail fast instead of waiting out a back-off. Default: true. */
  waitForReady: option(Schema.Boolean, true),
  /**
   * Leases held for longer are reported, with the place that took them: a warning and an event, nothing is taken away. Costs a stack
   * trace per lease. For the pool as a whole. Default: none.
   */
  leakWarningThreshold: option(pause, Number.POSITIVE_INFINITY),
  /** How long a drain waits for leases before links are closed. Default: 10 s. */
  drainTimeout: option(wait, 10_000),
  /**
   * Whether the end of the pool's Scope is a drain. False closes the connections at once, whatever is in flight on them: for those whose
   * clock may stand still, such as a test's. Default: true.
   */
  drainOnClose: option(Schema.Boolean, true),
  /** How long the pool waits for a connection's finalizers before it reports them and goes on. Default: 10 s. */
  closeTimeout: option(timeout, 10_000)
}

type Options = typeof options

/** The options of a pool as a user writes them: all optional. */
export interface PoolPolicyInput extends Inputs {}
type Inputs = { readonly [Option in keyof Options]?: Options[Option]["Encoded"] }

/** A validated policy: every option present, durations in milliseconds (`Infinity` for none). */
export interface PoolPolicy extends Policies {}
type Policies = { readonly [Option in keyof Options]: Options[Option]["Type"] }

const Policy = Schema.Struct(options)
const decode = Schema.decodeResult(Policy)
const check = Schema.decodeUnknownResult(Schema.toType(Policy))
const format = SchemaIssue.makeFormatterStandardSchemaV1()

/** The policy of an empty input. */
export const defaults: PoolPolicy = Result.getOrThrow(decode({}))

/** Exclusive connections and connections per lease are many by nature: their default limit per key. */
const exclusiveConnectionsPerKey = 10

/**
 * Fills in the defaults and refuses what contradicts itself. Fails with `PoolPolicyError`, which names the option.
 */
export const make = (input: PoolPolicyInput = {}): Effect.Effect<PoolPolicy, PoolPolicyError> =>
  Effect.suspend(() => {
    const decoded = decode(input)
    if (Result.isFailure(decoded)) return Effect.fail(refusal(decoded.failure.issue, input))
    const policy = input.maxConnectionsPerKey === undefined ? withConnectionsPerKey(decoded.success) : decoded.success
    const contradiction = contradictionOf(policy)
    return contradiction === undefined ? Effect.succeed(policy) : Effect.fail(contradiction)
  })

const withConnectionsPerKey = (policy: PoolPolicy): PoolPolicy => {
  const { maxConnections, maxConnectionsPerKey, reuse, sharing } = policy
  const most = sharing === "exclusive" || !reuse ? exclusiveConnectionsPerKey : maxConnectionsPerKey
  return { ...policy, maxConnectionsPerKey: Math.min(most, maxConnections) }
}

/** Options that each may have their value, and not together. */
const contradictionOf = (policy: PoolPolicy): PoolPolicyError | undefined => {
  const { backoff, maxConnections, maxConnectionsPerKey, quarantine } = policy
  if (maxConnectionsPerKey > maxConnections) {
    const expected = `at most maxConnections (${maxConnections})`
    return new PoolPolicyError({ option: "maxConnectionsPerKey", expected, actual: String(maxConnectionsPerKey) })
  }
  for (const [name, { initial, max }] of Object.entries({ backoff, quarantine })) {
    if (max >= initial) continue
    const expected = `at least ${name}.initial (${initial} ms)`
    return new PoolPolicyError({ option: `${name}.max`, expected, actual: `${max} ms` })
  }
  return undefined
}

/**
 * What is wrong with a policy that `make` did not make, or that was changed since: the first number the pool cannot work with.
 * Durations may be zero here where the pool makes sense of it.
 */
export const problemOf = (policy: PoolPolicy): PoolPolicyError | undefined => {
  const checked = check(policy)
  return Result.isFailure(checked) ? refusal(checked.failure.issue, policy) : undefined
}

const isInput = Schema.is(Schema.toEncoded(Policy))

/** Whether the option is a duration: no other takes such a text. */
const isTime = (names: ReadonlyArray<string>): boolean =>
  isInput(names.reduceRight<unknown>((inner, name) => ({ [name]: inner }), "1 second"))

/** The first fault, by the name of its option. */
const refusal = (issue: SchemaIssue.Issue, input: PoolPolicyInput): PoolPolicyError => {
  const [first] = format(issue).issues
  const names = (first?.path ?? []).map(String)
  const actual = names.reduce<unknown>((inner, name) => Reflect.get(Object(inner), name), input)
  return new PoolPolicyError({
    option: names.join("."),
    expected: (first?.message ?? "something else").replace(/^Expected | \| undefined$/g, ""),
    actual: isTime(names) && isDuration(actual) ? `${Duration.toMillis(actual)} ms` : String(actual)
  })
}
