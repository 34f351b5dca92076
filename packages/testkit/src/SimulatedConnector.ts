/**
 * A connector whose peers live in the simulation: what goes wrong, and when, is drawn from the seed.
 *
 * It keeps the books the invariants are checked against: which connections exist, who holds them, what was finalized.
 */
import type { Connector } from "@holdfast/core"
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as SeededRandom from "./SeededRandom.ts"

export class SimulatedFailure extends Data.TaggedError("SimulatedFailure")<{
  readonly message: string
  readonly classification: Connector.Classification
}> {}

/** One connection as the books see it, from the first thing a dial acquires to the end of its finalizer. */
export interface SimulatedConnection {
  readonly id: number
  readonly key: string
  holders: number
  isOpen: boolean
  /** Its holders have requests in flight, as opposed to merely holding it. */
  isBusy: boolean
  isLost: boolean
  /** Its dial or its loss is no crash: the peer was not there. */
  isAway: boolean
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
  readonly defect: number
  /** Mean time until an open connection is lost, in milliseconds. `Infinity` for never. */
  readonly meanLifeMillis: number
  readonly slowDialMillis: number
  readonly slowCloseMillis: number
  readonly hangingClose: number
  /** Per connection: it falls silent at some time, and nobody is told. */
  readonly silentDeath: number
  /** How long an answer to a probe takes at most. */
  readonly slowProbeMillis: number
}

export interface SimulatedConnector extends Connector.Connector<string, SimulatedConnection, SimulatedFailure> {
  readonly connections: ReadonlyArray<SimulatedConnection>
  /** Dials running right now, per key. */
  readonly dialling: ReadonlyMap<string, number>
  readonly hasHangingClose: () => boolean
}

export const make = (options: {
  readonly random: SeededRandom.SeededRandom
  readonly faults: Faults
  readonly exclusiveResource: boolean
  /** Called after each change to the books. */
  readonly onChange: (what: string, connection: SimulatedConnection) => void
}): SimulatedConnector => {
  const { exclusiveResource, faults, onChange, random } = options
  const connections: Array<SimulatedConnection> = []
  const dialling = new Map<string, number>()
  let hasHangingClose = false
  const open = Effect.fnUntraced(function*(key: string, booked: () => void) {
    const clock = yield* Clock.Clock
    const connection: SimulatedConnection = {
      id: connections.length + 1,
      key,
      holders: 0,
      isOpen: false,
      isBusy: random.chance(0.3),
      isLost: false,
      isAway: false,
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
            hasHangingClose = true
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
    if (random.chance(faults.hangingDial)) return yield* Effect.never
    const millis = random.int(0, faults.slowDialMillis)
    if (millis > 0) yield* clock.sleep(Duration.millis(millis))
    if (random.chance(faults.defect)) return yield* Effect.die(new Error("a bug in the connector"))
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
      return yield* new SimulatedFailure({ message: "crashed", classification: "retryable" })
    }
    const lost = yield* Deferred.make<SimulatedFailure>()
    const lifeMillis = faults.meanLifeMillis === Number.POSITIVE_INFINITY
      ? faults.meanLifeMillis
      : Math.round(-Math.log(1 - random.next()) * faults.meanLifeMillis)
    if (lifeMillis < Number.POSITIVE_INFINITY) {
      yield* Effect.forkScoped(Effect.andThen(
        clock.sleep(Duration.millis(lifeMillis)),
        Effect.suspend(() => {
          connection.isLost = true
          connection.isAway = random.chance(faults.unavailable)
          onChange("lost", connection)
          const classification = connection.isAway ? "unavailable" : "retryable"
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
          if (connection.isLost) return Effect.flatMap(Deferred.await(lost), Effect.fail)
          if (nowOf(clock) < silentAt) return Effect.void
          connection.silentSince = silentAt
          return Effect.never
        })
      )
    })
    return {
      value: connection,
      closed: Deferred.await(lost),
      probe,
      // Holders here are callers at work: requests are in flight as long as one of them is busy.
      inFlight: () => connection.isBusy ? connection.holders : 0
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
  return {
    connections,
    dialling,
    hasHangingClose: () => hasHangingClose,
    fingerprint: (key) => key,
    classify: (failure) => failure.classification,
    exclusiveResource: () => exclusiveResource,
    dial
  }
}

/** The monotonic clock: peers do not live by the wall clock of this program. */
const nowOf = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
