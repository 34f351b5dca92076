import { assert, describe, it } from "@effect/vitest"
import { ConnectionPool, PoolPolicy } from "@holdfast/core"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as TestClock from "effect/testing/TestClock"
import * as FakeConnector from "./support/FakeConnector.ts"

const wild = [Number.NaN, Number.NEGATIVE_INFINITY, -1, -0.5, 0, 0.5, 1, 1e20, Number.POSITIVE_INFINITY]

/** Every option that is a number or a duration, by its path. */
const options: ReadonlyArray<readonly [path: string, input: (value: number) => PoolPolicy.PoolPolicyInput]> = [
  ...([
    "maxConnectionsPerKey",
    "maxConnections",
    "maxInFlight",
    "maxWaiters",
    "connectTimeout",
    "acquireTimeout",
    "idleTimeout",
    "maxLifetime",
    "keepaliveInterval",
    "keepaliveTimeout",
    "keepaliveFailures",
    "maxConnectRetries",
    "minUptime",
    "leakWarningThreshold",
    "drainTimeout",
    "closeTimeout"
  ] as const).map((option) => [option, (value: number) => ({ [option]: value })] as const),
  ...(["initial", "factor", "max", "jitter"] as const).map((option) =>
    [`backoff.${option}`, (value: number) => ({ backoff: { [option]: value } })] as const
  ),
  ["restartIntensity.limit", (value) => ({ restartIntensity: { limit: value, window: 1000 } })],
  ["restartIntensity.window", (value) => ({ restartIntensity: { limit: 1, window: value } })],
  ["quarantine.initial", (value) => ({ quarantine: { initial: value, max: 1e30 } })],
  ["quarantine.max", (value) => ({ quarantine: { initial: 0.1, max: value } })]
]

const aCount = (least: number) => `an integer of at least ${least}`
const aPause = "longer than zero"
const aWait = "zero or longer"

/** For each option: the least value that is accepted, one below it, and what the refusal asks for. */
const limits: ReadonlyArray<readonly [path: string, least: number, below: number, expected: string]> = [
  ["maxConnectionsPerKey", 1, 0, aCount(1)],
  ["maxConnections", 1, 0, aCount(1)],
  ["maxInFlight", 1, 0, aCount(1)],
  ["maxWaiters", 1, 0, aCount(1)],
  ["connectTimeout", 0.5, 0, aPause],
  ["acquireTimeout", 0.5, 0, aPause],
  ["idleTimeout", 0.5, 0, aPause],
  ["maxLifetime", 0.5, 0, aPause],
  ["keepaliveInterval", 0.5, 0, aPause],
  ["keepaliveTimeout", 0.5, 0, aPause],
  ["keepaliveFailures", 1, 0, aCount(1)],
  ["maxConnectRetries", 0, -1, aCount(0)],
  ["minUptime", 0, -1, aWait],
  ["leakWarningThreshold", 0.5, 0, aPause],
  ["drainTimeout", 0, -1, aWait],
  ["closeTimeout", 0.5, 0, aPause],
  ["backoff.initial", 0.5, 0, aPause],
  ["backoff.factor", 1, 0.5, "at least 1"],
  ["backoff.max", 250, 0, aPause],
  ["backoff.jitter", 0, -0.5, "at least 0 and below 1"],
  ["restartIntensity.limit", 1, 0, aCount(1)],
  ["restartIntensity.window", 0.5, 0, aPause],
  ["quarantine.initial", 0.5, 0, aPause],
  ["quarantine.max", 0.5, 0, aPause]
]

const limitOf = (path: string): string => limits.find(([option]) => option === path)?.[3] ?? ""

describe("a policy", () => {
  it.effect("has the defaults that the documents name", () =>
    Effect.gen(function*() {
      const expected: PoolPolicy.PoolPolicy = {
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
        backoff: { initial: 250, factor: 1.6, max: 30_000, jitter: 0.2 },
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
      assert.deepStrictEqual(yield* PoolPolicy.make(), expected)
      for (const many of [{ sharing: "exclusive" }, { reuse: false }] as const) {
        assert.deepStrictEqual(yield* PoolPolicy.make(many), { ...expected, ...many, maxConnectionsPerKey: 10 })
      }
      const few = yield* PoolPolicy.make({ sharing: "exclusive", maxConnections: 3 })
      assert.strictEqual(few.maxConnectionsPerKey, 3)
    }))

  it.effect("accepts the least of each range, and says of what lies below what it must be", () =>
    Effect.gen(function*() {
      assert.sameMembers(limits.map(([path]) => path), options.map(([path]) => path))
      for (const [path, least, below, expected] of limits) {
        const input = options.find(([option]) => option === path)?.[1] ?? (() => ({}))
        assert.isTrue(Result.isSuccess(yield* Effect.result(PoolPolicy.make(input(least)))), `${path} ${least}`)
        const refused = yield* Effect.flip(PoolPolicy.make(input(below)))
        assert.deepInclude(refused, { option: path, expected }, `${path} ${below}`)
        assert.include(refused.actual, String(below))
      }
    }))

  it.effect("whose ranges end before they begin is refused with both ends", () =>
    Effect.gen(function*() {
      const contradictions: ReadonlyArray<readonly [PoolPolicy.PoolPolicyInput, message: string]> = [
        [
          { maxConnections: 2, maxConnectionsPerKey: 3 },
          "maxConnectionsPerKey must be at most maxConnections (2), got 3"
        ],
        [{ backoff: { initial: 5, max: 4 } }, "backoff.max must be at least backoff.initial (5 ms), got 4 ms"],
        [{ quarantine: { initial: 5, max: 4 } }, "quarantine.max must be at least quarantine.initial (5 ms), got 4 ms"],
        [{ backoff: { jitter: 1 } }, "backoff.jitter must be at least 0 and below 1, got 1"],
        [
          { idleTimeout: Number.NaN },
          "idleTimeout must be a duration such as \"20 seconds\", a number of milliseconds, or \"Infinity\", got NaN"
        ],
        // The first pause alone was raised beyond the default of the longest.
        [
          { backoff: { initial: "1 minute" } },
          "backoff.max must be at least backoff.initial (60000 ms), got 30000 ms"
        ],
        [JSON.parse("{\"sharing\":\"sometimes\"}"), "sharing must be \"shared\" | \"exclusive\", got sometimes"],
        [JSON.parse("{\"reuse\":\"no\"}"), "reuse must be boolean, got no"],
        [JSON.parse("{\"reconnect\":\"never\"}"), "reconnect must be a Schedule, got never"]
      ]
      for (const [input, message] of contradictions) {
        assert.strictEqual((yield* Effect.flip(PoolPolicy.make(input))).message, `pool policy: ${message}`)
      }
      yield* PoolPolicy.make({
        maxConnections: 2,
        maxConnectionsPerKey: 2,
        backoff: { initial: 5, max: 5 },
        quarantine: { initial: 5, max: 5 }
      })
    }))

  it.effect("that was changed is refused at the same limits, where zero makes no sense; a duration may be zero", () =>
    Effect.gen(function*() {
      const policy = yield* PoolPolicy.make()
      const isTime = (path: string): boolean =>
        !["an integer", "at least"].some((word) => limitOf(path).startsWith(word))
      const shown = (path: string, value: number): string => isTime(path) ? `${value} ms` : String(value)
      const zeroIsFine = ["connectTimeout", "acquireTimeout", "idleTimeout", "restartIntensity.window", "closeTimeout"]
      for (const [path, least, below, expected] of limits) {
        // These two are read when the pool is made, and not again.
        if (path === "maxConnections" || path === "leakWarningThreshold") continue
        const [group, option] = path.split(".")
        const changed = (value: number): PoolPolicy.PoolPolicy => ({
          ...policy,
          [group ?? ""]: option === undefined ? value : { ...Reflect.get(policy, group ?? ""), [option]: value }
        })
        assert.isUndefined(PoolPolicy.problemOf(changed(least)), `${path} ${least}`)
        const problem = PoolPolicy.problemOf(changed(below))
        if (zeroIsFine.includes(path)) {
          assert.isUndefined(problem, `${path} ${below}`)
          assert.deepInclude(PoolPolicy.problemOf(changed(-1)), { option: path, expected: aWait, actual: "-1 ms" })
        } else assert.deepInclude(problem, { option: path, expected, actual: shown(path, below) })
      }
      assert.include(PoolPolicy.problemOf({ ...policy, backoff: { ...policy.backoff, jitter: 1 } }), { actual: "1" })
      assert.include(PoolPolicy.problemOf({ ...policy, maxInFlight: 1.5 }), { option: "maxInFlight", actual: "1.5" })
    }))

  it.effect("with a number out of range is refused by name, or is one the pool can work with", () =>
    Effect.gen(function*() {
      let refused = 0
      for (const [path, input] of options) {
        for (const value of wild) {
          const made = yield* Effect.result(PoolPolicy.make(input(value)))
          if (Result.isFailure(made)) {
            refused++
            assert.include(
              [path, "maxConnectionsPerKey", "backoff.max", "quarantine.max"],
              made.failure.option,
              `${path} ${value}`
            )
          } else assert.isUndefined(PoolPolicy.problemOf(made.success), `${path} ${value}`)
          // No reading of an option makes sense of these.
          const isNonsense = Number.isNaN(value) || value < 0
          if (isNonsense) assert.isTrue(Result.isFailure(made), `${path} ${value}`)
        }
      }
      assert.isAbove(refused, options.length * 4)
    }))

  it.effect("that was changed after it was made is looked at again: the first number that makes no sense is named", () =>
    Effect.gen(function*() {
      const policy = yield* PoolPolicy.make()
      assert.isUndefined(PoolPolicy.problemOf(policy))
      assert.isUndefined(PoolPolicy.problemOf({ ...policy, idleTimeout: 0 }), "closed as soon as it is free")
      const problem = PoolPolicy.problemOf({ ...policy, backoff: { ...policy.backoff, initial: Number.NaN } })
      assert.strictEqual(problem?.message, "pool policy: backoff.initial must be longer than zero, got NaN")
    }))

  it.effect("of huge numbers is a pool that works", () =>
    Effect.gen(function*() {
      const connector = FakeConnector.make()
      let fails = 2
      connector.plan = () =>
        fails-- > 0 ? Effect.fail(new FakeConnector.FakeError({ message: "refused" })) : Effect.void
      const huge = 1e20
      const pool = yield* ConnectionPool.make(connector, {
        policy: {
          maxConnections: huge,
          maxConnectionsPerKey: huge,
          maxInFlight: huge,
          maxWaiters: huge,
          connectTimeout: huge,
          acquireTimeout: huge,
          idleTimeout: huge,
          maxLifetime: huge,
          keepaliveInterval: huge,
          keepaliveTimeout: huge,
          keepaliveFailures: huge,
          maxConnectRetries: huge,
          minUptime: huge,
          leakWarningThreshold: huge,
          backoff: { max: huge },
          restartIntensity: { limit: huge, window: huge },
          quarantine: { initial: huge, max: huge },
          drainTimeout: 0
        }
      })
      const caller = yield* Effect.forkChild(pool.use("a", (c) => Effect.succeed(c.id)), { startImmediately: true })
      yield* TestClock.adjust("2 seconds")
      assert.deepInclude(caller.pollUnsafe(), { _tag: "Success", value: 3 })
    }))
})
