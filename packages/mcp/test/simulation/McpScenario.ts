/**
 * A world drawn from a seed: a config, its servers with their faults, and how the callers behave.
 */
import type { PoolPolicy } from "@holdfast/core"
import { SeededRandom } from "@holdfast/testkit"
import * as Duration from "effect/Duration"
import type { Faults, ServerPlan } from "./SimulatedServer.ts"

export interface Scenario {
  /** Servers do no wrong: then nothing but a caller's own deadline may end a call without an answer. */
  readonly isCalm: boolean
  readonly policy: PoolPolicy.PoolPolicyInput
  /** How long calls may take, in milliseconds. */
  readonly deadlines: { readonly idle: number; readonly hard: number; readonly read: number }
  readonly servers: ReadonlyArray<ServerPlan>
  /** Whether the config says which era the servers speak. */
  readonly isEraStated: boolean
  readonly callers: number
  readonly asksPerCaller: number
  readonly interrupts: number
  /** How often this program's own event loop stalls, per jump of the clock. */
  readonly stallChance: number
  /** Ends in the middle of it all. */
  readonly isCutShort: boolean
}

/** Small numbers on purpose: limits are hit and interleavings are dense. */
export const draw = (seed: number): Scenario => {
  const random = SeededRandom.make(seed ^ 0x3C9)
  const isCalm = random.chance(0.25)
  const policy: PoolPolicy.PoolPolicyInput = {
    reuse: random.chance(0.9),
    sharing: random.chance(0.75) ? "shared" : "exclusive",
    maxConnectionsPerKey: random.int(1, 3),
    maxInFlight: random.int(2, 8),
    maxWaiters: random.int(4, 30),
    connectTimeout: random.int(3000, 6000),
    acquireTimeout: random.int(4000, 12_000),
    idleTimeout: random.pick([500, 5000, Duration.infinity, Duration.infinity]),
    keepaliveInterval: random.chance(0.4) ? random.int(300, 2000) : Duration.infinity,
    keepaliveTimeout: 700,
    keepaliveFailures: random.int(1, 3),
    backoff: { initial: random.int(10, 300), max: 2000 },
    maxConnectRetries: random.int(0, 4),
    minUptime: random.int(1, 3000),
    restartIntensity: { limit: random.int(2, 8), window: random.int(2000, 20_000) },
    quarantine: { initial: random.int(500, 5000), max: 10_000 },
    waitForReady: random.chance(0.8),
    drainTimeout: random.int(0, 3000),
    closeTimeout: 3000
  }
  const servers = ["a", "b"].slice(0, random.int(1, 2)).map((name): ServerPlan => ({
    name,
    era: random.pick(["legacy", "modern", "both"]),
    transport: random.chance(0.7) ? "stdio" : "http",
    // As little as one frame, so that frames must wait behind a server that does not read.
    capacity: random.pick([1, 500, 65_536]),
    faults: isCalm ? calm(random) : faulty(random)
  }))
  return {
    isCalm,
    policy,
    deadlines: { idle: random.int(2000, 5000), hard: random.int(3000, 8000), read: random.int(2000, 5000) },
    servers,
    isEraStated: random.chance(0.3),
    callers: random.int(2, 10),
    asksPerCaller: random.int(1, 6),
    interrupts: random.pick([0, 0.15, 0.4]),
    stallChance: isCalm ? 0 : random.pick([0, 0, 0, 0.02, 0.05]),
    isCutShort: random.chance(0.3)
  }
}

const calm = (random: SeededRandom.SeededRandom): Faults => ({
  loseRequest: 0,
  loseAnswer: 0,
  dieBefore: 0,
  dieAfter: 0,
  dieWithin: 0,
  meanLifeMillis: Number.POSITIVE_INFINITY,
  stall: 0,
  deaf: 0,
  answerTwice: random.pick([0, 0.3]),
  foreignIds: random.pick([0, 0.3]),
  malformed: 0,
  error: 0,
  noise: random.pick([0, 0.3]),
  reject: 0,
  gateway: 0,
  loseSession: 0,
  failedDial: 0,
  hangingDial: 0,
  silentHandshake: 0,
  slowDialMillis: random.pick([0, 100]),
  workMillis: random.pick([0, 50, 400]),
  answerMillis: random.pick([0, 20, 300])
})

const faulty = (random: SeededRandom.SeededRandom): Faults => {
  const rare = () => random.pick([0, 0, 0.03, 0.15])
  return {
    loseRequest: rare(),
    loseAnswer: rare(),
    dieBefore: rare(),
    // Some servers die of every call.
    dieAfter: random.chance(0.05) ? 1 : rare(),
    dieWithin: rare(),
    meanLifeMillis: random.pick([Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 20_000, 2000, 300]),
    stall: rare(),
    deaf: random.pick([0, 0, 0, 0.01]),
    answerTwice: rare(),
    foreignIds: rare(),
    malformed: rare(),
    error: rare(),
    noise: rare(),
    reject: rare(),
    gateway: rare(),
    loseSession: rare(),
    failedDial: random.pick([0, 0, 0.2, 0.5]),
    hangingDial: random.pick([0, 0, 0.05]),
    silentHandshake: random.pick([0, 0, 0.1]),
    slowDialMillis: random.pick([0, 50, 1000]),
    workMillis: random.pick([0, 50, 1500]),
    answerMillis: random.pick([0, 20, 1000])
  }
}

/** The same world with a little less in it. */
export const smaller = (from: Scenario): ReadonlyArray<Scenario> =>
  [
    { ...from, callers: Math.ceil(from.callers / 2) },
    { ...from, callers: from.callers - 1 },
    { ...from, asksPerCaller: Math.ceil(from.asksPerCaller / 2) },
    { ...from, asksPerCaller: from.asksPerCaller - 1 },
    { ...from, interrupts: 0 },
    { ...from, stallChance: 0 },
    ...from.servers.map((_, without) => ({ ...from, servers: from.servers.filter((_, i) => i !== without) })),
    ...from.servers.flatMap((plan, at) =>
      faultNames.filter((name) => plan.faults[name] !== 0).map((name) => ({
        ...from,
        servers: from.servers.map((other, i) => i === at ? { ...plan, faults: { ...plan.faults, [name]: 0 } } : other)
      }))
    )
  ].filter((next) =>
    next.callers > 0 && next.asksPerCaller > 0 && next.servers.length > 0 &&
    JSON.stringify(next) !== JSON.stringify(from)
  )

const faultNames = [
  "loseRequest",
  "loseAnswer",
  "dieBefore",
  "dieAfter",
  "dieWithin",
  "stall",
  "deaf",
  "answerTwice",
  "foreignIds",
  "malformed",
  "error",
  "noise",
  "reject",
  "gateway",
  "loseSession",
  "failedDial",
  "hangingDial",
  "silentHandshake",
  "slowDialMillis",
  "workMillis",
  "answerMillis"
] as const
