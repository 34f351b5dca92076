/**
 * What a simulation of the pool is made of, drawn from a seed: a policy, faulty peers, a crowd of callers, and strangers around
 * the pool whose code throws.
 */
import type { PoolPolicy } from "@holdfast/core"
import * as Duration from "effect/Duration"
import * as SeededRandom from "./SeededRandom.ts"
import type * as SimulatedConnector from "./SimulatedConnector.ts"

/** One simulated world, before it runs. */
export interface Scenario {
  readonly policy: PoolPolicy.PoolPolicyInput
  readonly faults: SimulatedConnector.Faults
  readonly exclusiveResource: boolean
  readonly keys: ReadonlyArray<string>
  readonly callers: number
  readonly asksPerCaller: number
  /** How often this program's own event loop stalls, per jump of the clock. */
  readonly stallChance: number
  /** How often those around the pool throw: readers of events, answered callers, loggers, random numbers, other deadlines. */
  readonly strangers: number
  /** A key that `policyFor` gives a policy with this number, which makes no sense. */
  readonly wildPolicy: WildPolicy | undefined
  /** Keys that are kept warm for the whole run. */
  readonly warm: ReadonlyArray<string>
}

/** A policy with one number that makes no sense. */
export interface WildPolicy {
  readonly key: string
  readonly option: WildOption
  readonly value: number
}

/** The options that may hold such a number. */
export type WildOption = typeof wildOptions[number]

const wildOptions = [
  "acquireTimeout",
  "connectTimeout",
  "closeTimeout",
  "idleTimeout",
  "keepaliveFailures",
  "keepaliveInterval",
  "maxConnectRetries",
  "maxConnectionsPerKey",
  "maxInFlight",
  "maxLifetime",
  "maxWaiters",
  "minUptime"
] as const

/** Draws a scenario. Small numbers on purpose: limits are hit and interleavings are dense. */
export const scenario = (seed: number): Scenario => {
  const random = SeededRandom.make(seed ^ 0x5EED)
  const isCalm = random.chance(0.25)
  // Nothing is wrong but this program's own event loop, while connections are probed often.
  const isSleepy = isCalm && random.chance(0.4)
  const isStrange = !isCalm && random.chance(0.4)
  const keys = ["a", "b", "c", "d", "e", "f"].slice(0, random.int(1, 6))
  const maxConnections = random.int(1, 5)
  const idle = random.pick([500, 3000, 20_000])
  return {
    policy: {
      reuse: random.chance(0.85),
      sharing: random.chance(0.5) ? "shared" : "exclusive",
      maxConnections,
      maxConnectionsPerKey: random.int(1, maxConnections),
      maxInFlight: random.int(1, 4),
      maxWaiters: random.int(2, 20),
      connectTimeout: random.int(500, 3000),
      leakWarningThreshold: random.chance(0.2) ? random.int(500, 2000) : Duration.infinity,
      acquireTimeout: random.int(500, 8000),
      idleTimeout: idle,
      keepaliveInterval: isSleepy || random.chance(0.6) ? random.int(100, isSleepy ? 300 : 1500) : Duration.infinity,
      keepaliveTimeout: 500,
      keepaliveFailures: isSleepy ? 1 : random.int(1, 3),
      maxLifetime: random.chance(0.3)
        ? random.int(1000, 10_000)
        : random.pick([Duration.infinity, Duration.millis(1e20)]),
      backoff: { initial: random.int(10, 300), max: 2000 },
      maxConnectRetries: random.int(0, 4),
      minUptime: random.int(1, 4000),
      restartIntensity: { limit: random.int(2, 6), window: random.int(2000, 20_000) },
      quarantine: { initial: random.int(500, 5000), max: 10_000 },
      waitForReady: random.chance(0.8),
      drainTimeout: random.int(0, 3000),
      closeTimeout: 2000
    },
    faults: {
      failedDial: isCalm ? 0 : random.pick([0, 0.2, 0.6]),
      unavailable: isCalm ? 0 : random.pick([0, 0, 0, 0.3, 0.9]),
      permanentFailure: isCalm ? 0 : random.pick([0, 0, 0.1]),
      hangingDial: isCalm ? 0 : random.pick([0, 0, 0.1]),
      stubborn: random.pick([0, 0.5]),
      defect: isCalm ? 0 : random.pick([0, 0, 0, 0, 0.02, 1]),
      expired: random.pick([0, 0.3, 1]),
      broken: isStrange ? random.pick([0, 0.1, 0.5]) : 0,
      brokenKey: isStrange ? random.pick([0, 0.01]) : 0,
      wildNumbers: isStrange ? random.pick([0, 0.5]) : 0,
      meanLifeMillis: isCalm ? Number.POSITIVE_INFINITY : random.pick([300, 3000, 30_000, Number.POSITIVE_INFINITY]),
      slowDialMillis: random.pick([0, 50, 1000]),
      slowCloseMillis: random.pick([0, 0, 500]),
      hangingClose: isCalm ? 0 : random.pick([0, 0, 0, 0.05]),
      silentDeath: isCalm ? 0 : random.pick([0, 0, 0.5, 1]),
      slowProbeMillis: random.pick([1, 100, 450])
    },
    exclusiveResource: random.chance(0.3),
    keys,
    callers: random.int(2, 12),
    asksPerCaller: random.int(2, 8),
    stallChance: isSleepy ? 0.2 : isCalm ? 0 : random.pick([0, 0, 0.01, 0.05]),
    strangers: isStrange ? random.pick([0, 0.1, 0.5]) : 0,
    wildPolicy: isStrange && random.chance(0.3)
      ? { key: "a", option: random.pick(wildOptions), value: random.pick([Number.NaN, -1, Number.NEGATIVE_INFINITY]) }
      : undefined,
    warm: keys.filter(() => random.chance(0.1))
  }
}

/** Scenarios that are a little smaller, to find what a broken one needs to break. */
export const smaller = (from: Scenario): ReadonlyArray<Scenario> => {
  const without = (fault: keyof SimulatedConnector.Faults): Scenario => ({
    ...from,
    faults: { ...from.faults, [fault]: 0 }
  })
  return [
    { ...from, callers: Math.ceil(from.callers / 2) },
    { ...from, callers: from.callers - 1 },
    { ...from, asksPerCaller: Math.ceil(from.asksPerCaller / 2) },
    { ...from, asksPerCaller: from.asksPerCaller - 1 },
    { ...from, keys: from.keys.slice(0, -1) },
    { ...from, warm: [] },
    { ...from, wildPolicy: undefined },
    { ...from, strangers: 0 },
    { ...from, stallChance: 0 },
    without("hangingDial"),
    without("defect"),
    without("failedDial"),
    without("unavailable"),
    without("slowCloseMillis"),
    without("silentDeath"),
    without("expired"),
    without("broken"),
    without("brokenKey"),
    without("wildNumbers")
  ].filter((next) =>
    next.callers > 0 && next.asksPerCaller > 0 && next.keys.length > 0 && JSON.stringify(next) !== JSON.stringify(from)
  )
}
