/**
 * A connector whose peers live in the simulation: what goes wrong, and when, is drawn from the seed.
 *
 * It keeps the books the invariants are checked against: which connections exist, which caller holds them, what was finalized.
 *
 * @example
 * ```ts
 * import { SeededRandom, SimulatedConnector } from "@holdfast/testkit"
 *
 * export const connector = SimulatedConnector.make({
 *   random: SeededRandom.make(7),
 *   faults: { ...SimulatedConnector.faultless, failedDial: 0.2 },
 *   exclusiveResource: false,
 *   onChange: () => {}
 * })
 * ```
 */
import type { Connector } from "@holdfast/core"
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as SeededRandom from "./SeededRandom.ts"

/** A failure of a simulated dial or connection. */
export class SimulatedFailure extends Data.TaggedError("SimulatedFailure")<{
  readonly message: string
  readonly classification: Connector.Classification
  /** `classify` throws at it. */
  readonly isRiddle?: boolean
}> {}

/** What simulated strangers throw or die of: whatever else is thrown is a bug of the pool's own. */
export class SimulatedDefect extends Error {
  /** Whose code broke. */
  readonly of: string

  constructor(of: string) {
    super(`a bug in ${of}`)
    this.of = of
  }
}

/** One connection as the books see it, from the first thing a dial acquires to the end of its finalizer. */
export interface SimulatedConnection {
  readonly id: number
  readonly key: string
  holders: number
  /** Leases so far. */
  uses: number
  isOpen: boolean
  /** Its holders have requests in flight, as opposed to merely holding it. */
  isBusy: boolean
  isLost: boolean
  /** Its dial or its loss is no crash: the peer was not there, or only forgot it. */
  isAway: boolean
  /** Its loss is told as `expired`. */
  isExpired: boolean
  /** Since when a function of the connector's that watches it is known to be broken. */
  brokenAt: number | undefined
  /** Some of its probes die. */
  readonly hasBrokenProbe: boolean
  readonly dialledAt: number
  /** Since when it answers nothing, without saying so. */
  silentSince: number | undefined
  finalizersStarted: number
  finalizersEnded: number
}

/** How often what goes wrong; probabilities per dial. */
export interface Faults {
  readonly failedDial: number
  /** The peer is not there, or says "not now". Of losses the same share is of this kind. */
  readonly unavailable: number
  readonly permanentFailure: number
  readonly hangingDial: number
  /** Of the hanging dials, how many can not be interrupted for a while. */
  readonly stubborn: number
  /** The dial dies. */
  readonly defect: number
  /** Of the losses, how many are told as `expired`. */
  readonly expired: number
  /** A function of the connection's throws or dies: `closed`, `probe`, `received`, `inFlight`, or `classify` of its failure. */
  readonly broken: number
  /** Per call: `fingerprint`, `label` or `exclusiveResource` throws. */
  readonly brokenKey: number
  /** What the connection says of itself in numbers makes no sense. */
  readonly wildNumbers: number
  /** Mean time until an open connection is lost, in milliseconds. `Infinity` for never. */
  readonly meanLifeMillis: number
  readonly slowDialMillis: number
  readonly slowCloseMillis: number
  readonly hangingClose: number
  /** Per connection: it falls silent at some time, and no caller is told. */
  readonly silentDeath: number
  /** How long an answer to a probe takes at most. */
  readonly slowProbeMillis: number
}

/** Nothing goes wrong, and nothing takes time. */
export const faultless: Faults = {
  failedDial: 0,
  unavailable: 0,
  permanentFailure: 0,
  hangingDial: 0,
  stubborn: 0,
  defect: 0,
  meanLifeMillis: Number.POSITIVE_INFINITY,
  expired: 0,
  broken: 0,
  brokenKey: 0,
  wildNumbers: 0,
  slowDialMillis: 0,
  slowCloseMillis: 0,
  hangingClose: 0,
  silentDeath: 0,
  slowProbeMillis: 1
}

/** The connector, with its books. */
export interface SimulatedConnector extends Connector.Connector<string, SimulatedConnection, SimulatedFailure> {
  /** All connections so far, in the order of their dials. */
  readonly connections: ReadonlyArray<SimulatedConnection>
  /** Dials running right now, per key. */
  readonly dialling: ReadonlyMap<string, number>
  /** Some finalizer hangs, or some dial can not be interrupted for long. */
  readonly isHanging: () => boolean
}

/** Makes a connector whose peers are as faulty as `faults` says, decided by `random`. */
export const make = (options: {
  readonly random: SeededRandom.SeededRandom
  readonly faults: Faults
  readonly exclusiveResource: boolean
  /** Called after each change to the books. */
  readonly onChange: (what: string, connection: SimulatedConnection) => void
  /** From then on dials hang: what was to be shown is shown. */
  readonly isHalted?: () => boolean
}): SimulatedConnector => {
  const { exclusiveResource, faults, isHalted = () => false, onChange, random } = options
  const connections: Array<SimulatedConnection> = []
  const dialling = new Map<string, number>()
  let isAnyHanging = false
  const open = Effect.fnUntraced(function*(key: string, booked: () => void) {
    const clock = yield* Clock.Clock
    const connection: SimulatedConnection = {
      id: connections.length + 1,
      key,
      holders: 0,
      uses: 0,
      isOpen: false,
      isBusy: random.chance(0.5),
      isLost: false,
      isAway: false,
      isExpired: false,
      brokenAt: undefined,
      hasBrokenProbe: random.chance(faults.broken),
      dialledAt: nowOf(clock),
      silentSince: undefined,
      finalizersStarted: 0,
      finalizersEnded: 0
    }
    const isCloseHanging = random.chance(faults.hangingClose)
    const closeMillis = random.int(0, faults.slowCloseMillis)
    yield* Effect.acquireRelease(
      Effect.sync(() => {
        connections.push(connection)
        booked()
        onChange("dial", connection)
      }),
      () =>
        Effect.suspend(() => {
          connection.finalizersStarted++
          onChange("finalize", connection)
          if (isCloseHanging) {
            isAnyHanging = true
            return Effect.never
          }
          return Effect.andThen(
            closeMillis === 0 ? Effect.void : clock.sleep(Duration.millis(closeMillis)),
            Effect.sync(() => {
              connection.finalizersEnded++
              onChange("finalized", connection)
            })
          )
        })
    )
    if (isHalted()) return yield* Effect.never
    if (random.chance(faults.hangingDial)) {
      if (random.chance(faults.stubborn)) {
        isAnyHanging = true
        yield* Effect.uninterruptible(clock.sleep(Duration.millis(random.int(1, 8000))))
      }
      return yield* Effect.never
    }
    const millis = random.int(0, faults.slowDialMillis)
    if (millis > 0) yield* clock.sleep(Duration.millis(millis))
    if (random.chance(faults.defect)) {
      onChange("refused", connection)
      return yield* random.chance(0.2) ? Effect.interrupt : Effect.die(new SimulatedDefect("dial"))
    }
    if (random.chance(faults.permanentFailure)) {
      return yield* new SimulatedFailure({ message: "not found", classification: "permanent" })
    }
    if (random.chance(faults.unavailable)) {
      connection.isAway = true
      onChange("refused", connection)
      return yield* new SimulatedFailure({ message: "away", classification: "unavailable" })
    }
    if (random.chance(faults.failedDial)) {
      onChange("refused", connection)
      const isRiddle = random.chance(faults.broken)
      return yield* new SimulatedFailure({ message: "crashed", classification: "retryable", isRiddle })
    }
    const lost = yield* Deferred.make<SimulatedFailure>()
    const breaks = () => {
      connection.brokenAt ??= nowOf(clock)
    }
    const lifeMillis = faults.meanLifeMillis === Number.POSITIVE_INFINITY
      ? faults.meanLifeMillis
      : Math.round(-Math.log(1 - random.next()) * faults.meanLifeMillis)
    if (lifeMillis < Number.POSITIVE_INFINITY) {
      yield* Effect.forkScoped(Effect.andThen(
        clock.sleep(Duration.millis(lifeMillis)),
        Effect.suspend(() => {
          connection.isLost = true
          if (random.chance(faults.broken)) {
            breaks()
            onChange("lost", connection)
            const closed = random.chance(0.2) ? Effect.interrupt : Effect.die(new SimulatedDefect("closed"))
            return Deferred.complete(lost, closed)
          }
          connection.isExpired = random.chance(faults.expired)
          connection.isAway = connection.isExpired || random.chance(faults.unavailable)
          onChange("lost", connection)
          const classification = connection.isExpired ? "expired" : connection.isAway ? "unavailable" : "retryable"
          return Deferred.succeed(lost, new SimulatedFailure({ message: "lost", classification }))
        })
      ))
    }
    connection.isOpen = true
    onChange("open", connection)
    const silentAt = random.chance(faults.silentDeath)
      ? nowOf(clock) + random.int(0, 5000)
      : Number.POSITIVE_INFINITY
    const probe = Effect.suspend(() => {
      const answer = clock.sleep(Duration.millis(random.int(1, Math.max(1, faults.slowProbeMillis))))
      return Effect.andThen(
        answer,
        Effect.suspend(() => {
          if (connection.hasBrokenProbe && random.chance(0.5)) return Effect.die(new SimulatedDefect("probe"))
          if (connection.isLost) return Effect.flatMap(Deferred.await(lost), Effect.fail)
          if (nowOf(clock) < silentAt) return Effect.void
          connection.silentSince = silentAt
          return Effect.never
        })
      )
    })
    /** Says `honest`, unless it says nonsense, or throws one day. */
    const teller = (name: string, honest: () => number): () => number => {
      const wild = random.chance(faults.wildNumbers)
        ? random.pick([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1])
        : undefined
      const brokenFrom = random.chance(faults.broken) ? nowOf(clock) + random.int(0, 3000) : Number.POSITIVE_INFINITY
      return () => {
        if (nowOf(clock) < brokenFrom) return wild ?? honest()
        breaks()
        throw new SimulatedDefect(name)
      }
    }
    return {
      value: connection,
      closed: Deferred.await(lost),
      probe,
      // It counts nothing, so that probes decide.
      ...(faults.wildNumbers + faults.broken > 0 && { received: teller("received", () => 1e20) }),
      // Holders here are callers at work: requests are in flight as long as one of them is busy.
      inFlight: teller("inFlight", () => connection.isBusy ? connection.holders : 0)
    }
  })
  const dial = (key: string) =>
    Effect.suspend(() => {
      let running = 0
      const count = (change: number) => {
        running += change
        dialling.set(key, (dialling.get(key) ?? 0) + change)
      }
      return Effect.ensuring(open(key, () => count(1)), Effect.sync(() => count(-running)))
    })
  const unlessBroken = <A>(name: string, answer: A): A => {
    if (random.chance(faults.brokenKey)) throw new SimulatedDefect(name)
    return answer
  }
  return {
    connections,
    dialling,
    isHanging: () => isAnyHanging,
    fingerprint: (key) => unlessBroken("fingerprint", key),
    label: (key) => unlessBroken("label", key),
    classify: (failure) => {
      if (failure.isRiddle === true) throw new SimulatedDefect("classify")
      return failure.classification
    },
    exclusiveResource: () => unlessBroken("exclusiveResource", exclusiveResource),
    dial
  }
}

/** The monotonic clock: peers do not live by the wall clock of this program. */
const nowOf = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
