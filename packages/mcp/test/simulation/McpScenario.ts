/**
 * A world drawn from a seed: a config, its servers with their faults, and how the callers behave.
 */
import type { PoolPolicy } from "@holdfast/core"
import { SeededRandom } from "@holdfast/testkit"
import * as Duration from "effect/Duration"
import type { Life } from "./Life.ts"
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
  readonly maxConnections: number
  readonly life: Life
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
    isCutShort: random.chance(0.3),
    maxConnections: random.int(1, 6),
    life: lifeOf(SeededRandom.make(seed ^ 0x11FE), isCalm, servers.map(({ name }) => name))
  }
}

const lifeOf = (random: SeededRandom.SeededRandom, isCalm: boolean, names: ReadonlyArray<string>): Life => {
  const asks = random.chance(0.4)
  const tells = random.chance(0.4)
  return {
    ask: asks ? random.pick([0.1, 0.5]) : 0,
    decline: asks ? random.pick([0.1, 0.3]) : 0,
    crash: asks ? random.pick([0, 0.3]) : 0,
    withdraw: asks ? random.pick([0, 0.3]) : 0,
    // No user of a calm world takes longer than a call may be silent.
    answerMillis: random.pick([0, 20, isCalm ? 200 : 4000]),
    watchers: tells ? random.int(1, 5) : 0,
    newsMillis: tells ? random.pick([1000, 5000]) : Number.POSITIVE_INFINITY,
    warm: names.filter(() => random.chance(0.3)),
    reloads: random.chance(0.4) ? random.int(1, 5) : 0,
    badListeners: random.pick([0, 0.3]),
    strangers: random.pick([0, 0, 0.3])
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
  oddNumbers: random.pick([0, 0.3]),
  texts: random.pick([0, 0.5]),
  chatter: 0,
  reject: 0,
  gateway: 0,
  loseSession: 0,
  mismatch: 0,
  failedDial: 0,
  hangingDial: 0,
  silentHandshake: 0,
  slowDialMillis: random.pick([0, 100]),
  workMillis: random.pick([0, 50, 400]),
  answerMillis: random.pick([0, 20, 300])
})

const faulty = (random: SeededRandom.SeededRandom): Faults => {
  const rare = () => random.pick([0, 0, 0.03, 0.15])
  const chatter = random.pick([0, 0, 1])
  return {
    loseRequest: rare(),
    loseAnswer: rare(),
    dieBefore: rare(),
    // Some servers die of every call.
    dieAfter: random.chance(0.08) ? 1 : rare(),
    dieWithin: rare(),
    meanLifeMillis: random.pick([Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 20_000, 2000, 300]),
    stall: chatter === 1 ? 0.2 : rare(),
    deaf: random.pick([0, 0, 0, 0.01]),
    answerTwice: rare(),
    foreignIds: rare(),
    malformed: rare(),
    error: rare(),
    noise: rare(),
    oddNumbers: rare(),
    texts: rare(),
    chatter,
    reject: rare(),
    gateway: rare(),
    loseSession: rare(),
    mismatch: rare(),
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
    ...Object.entries(nothing).map(([name, value]) => ({
      ...from,
      life: { ...from.life, [name]: value }
    })),
    { ...from, life: { ...from.life, reloads: from.life.reloads - 1 } },
    { ...from, life: { ...from.life, watchers: from.life.watchers - 1 } },
    ...from.servers.map((_, without) => ({ ...from, servers: from.servers.filter((_, i) => i !== without) })),
    ...from.servers.flatMap((plan, at) =>
      faultNames.filter((name) => plan.faults[name] !== 0).map((name) => ({
        ...from,
        servers: from.servers.map((other, i) => i === at ? { ...plan, faults: { ...plan.faults, [name]: 0 } } : other)
      }))
    )
  ].filter((next) =>
    next.callers > 0 && next.asksPerCaller > 0 && next.servers.length > 0 &&
    next.life.reloads >= 0 && next.life.watchers >= 0 &&
    JSON.stringify(next) !== JSON.stringify(from)
  )

const nothing: Life = {
  ask: 0,
  decline: 0,
  crash: 0,
  withdraw: 0,
  answerMillis: 0,
  watchers: 0,
  newsMillis: Number.POSITIVE_INFINITY,
  warm: [],
  reloads: 0,
  badListeners: 0,
  strangers: 0
}

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
  "oddNumbers",
  "texts",
  "chatter",
  "reject",
  "gateway",
  "loseSession",
  "mismatch",
  "failedDial",
  "hangingDial",
  "silentHandshake",
  "slowDialMillis",
  "workMillis",
  "answerMillis"
] as const
