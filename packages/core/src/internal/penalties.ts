/**
 * The record of a key's failures, and the penalty each new one asks for. It starts no timer and moves no slot.
 *
 * - **Every pause comes from a Schedule**: `reconnect` after a failure, a doubling one for quarantines.
 * - Both begin anew once a connection has been ready for `minUptime`.
 * - A `reconnect` schedule that ends makes the failure final. It is stepped during a crash loop too, so that it does end.
 */
import * as Backoff from "../Backoff.ts"
import type { PoolPolicy } from "../PoolPolicy.ts"
import * as RestartIntensity from "../RestartIntensity.ts"
import { causeOf, type Failure, isExpiry, kindOf } from "./failure.ts"
import { Pauses, type PauseWorld } from "./pauses.ts"

/** The circumstances of a failure. */
export interface Circumstances {
  readonly now: number
  /** How long the connection was ready; zero for a dial that failed. */
  readonly uptime: number
  /** The connection was open when it failed. */
  readonly wasOpen: boolean
  /** Another slot of the key serves a penalty. */
  readonly isServing: boolean
}

export interface Penalty {
  readonly kind: "backoff" | "quarantine" | "none"
  /** Milliseconds until the next dial. */
  readonly millis: number
  /** The schedule has ended: no dial follows until a caller asks. */
  readonly isFinal: boolean
}

export class Penalties<E> {
  /** Failures since a connection last stayed ready for `minUptime`. */
  failures = 0
  wasReady = false
  /**
   * Waiting for the next dial is pointless: the last one broke, or failed for good. Callers are told at once, while the key waits out
   * its penalty.
   */
  isHopeless = false
  /** The `reconnect` schedule has ended. */
  isSpent = false
  /** When a connection expired and was re-opened without a pause, for the last time; `Infinity` when that was not, or is made good. */
  reopenedAt = Number.POSITIVE_INFINITY
  lastFailure: Failure<E> | undefined = undefined
  lastFailureAt = Number.NEGATIVE_INFINITY
  private readonly label: string
  private readonly policy: PoolPolicy
  private readonly worldOf: (label: string) => PauseWorld
  /** All four are made with the first failure: most keys never have one. */
  private intensity: RestartIntensity.RestartIntensity | undefined = undefined
  /** Of connections that expired. */
  private expiries: RestartIntensity.RestartIntensity | undefined = undefined
  private reconnect: Pauses | undefined = undefined
  private quarantine: Pauses | undefined = undefined

  constructor(label: string, policy: PoolPolicy, worldOf: (label: string) => PauseWorld) {
    this.label = label
    this.policy = policy
    this.worldOf = worldOf
  }

  private reconnectPauses(): Pauses {
    const { label, policy: { backoff, reconnect }, worldOf } = this
    return this.reconnect ??= new Pauses({
      make: () => reconnect ?? Backoff.schedule(backoff),
      fallback: ({ attempt }) => Backoff.delay(backoff, attempt, 0.5),
      world: () => worldOf(label)
    })
  }

  private quarantinePauses(): Pauses {
    const { label, policy: { quarantine }, worldOf } = this
    return this.quarantine ??= new Pauses({
      make: () => Backoff.schedule({ ...quarantine, factor: 2, jitter: 0 }),
      fallback: () => quarantine.max,
      world: () => worldOf(label)
    })
  }

  /** Back to a clean record, whatever happened. */
  reset(): void {
    this.clear()
    this.isHopeless = false
    this.reopenedAt = Number.POSITIVE_INFINITY
    this.lastFailureAt = Number.NEGATIVE_INFINITY
    this.intensity = undefined
    this.expiries = undefined
  }

  /** A caller asks for a key that was given up: its schedule begins anew. Crashes are remembered. */
  beginAnew(): void {
    this.isSpent = false
    this.failures = 0
    this.reconnect?.reset()
  }

  private clear(): void {
    this.beginAnew()
    this.quarantine?.reset()
  }

  note(failure: Failure<E>, now: number): void {
    this.lastFailure = failure
    this.lastFailureAt = now
  }

  /**
   * Whether a connection that expired is opened again without a pause: once, and once more when that has proven itself, by its uptime
   * or because it has served. A peer that serves and forgets over and over is dialled so no more often than `restartIntensity` allows
   * crashes. Others that were opened before belong to the same event. If so, it is noted.
   */
  mayReopen(
    failure: Failure<E>,
    { hasServed, openedAt }: { readonly openedAt: number; readonly hasServed: boolean },
    circumstances: Circumstances
  ): boolean {
    if (!isExpiry(failure)) return false
    const { now } = circumstances
    this.prove(circumstances)
    const isFirst = this.reopenedAt === Number.POSITIVE_INFINITY
    if (isFirst || openedAt >= this.reopenedAt) {
      this.expiries ??= RestartIntensity.make(this.policy.restartIntensity)
      const isOften = this.expiries.record(now)
      if (!isFirst && (!hasServed || isOften)) return false
      this.reopenedAt = now
    }
    this.note(failure, now)
    return true
  }

  /**
   * A connection that stayed up for `minUptime` has earned its key a clean record. A dial of the same key that failed while this one
   * was up is news about the server, and newer than its uptime; a penalty that still runs is not over because of it.
   */
  private prove({ isServing, now, uptime }: Circumstances): boolean {
    const { backoff, minUptime } = this.policy
    if (uptime >= Math.max(minUptime, backoff.initial)) this.reopenedAt = Number.POSITIVE_INFINITY
    const isProven = uptime >= minUptime && uptime > 0 && now - this.lastFailureAt >= minUptime && !isServing
    if (isProven) this.clear()
    return isProven
  }

  /** Adds a failure to the record, and says what follows. */
  judge(failure: Failure<E>, circumstances: Circumstances): Penalty {
    const { now, uptime, wasOpen } = circumstances
    const isProven = this.prove(circumstances)
    this.failures++
    this.note(failure, now)
    const kind = kindOf(failure)
    const isCrash = kind !== "unavailable" && kind !== "expired"
    // The peer of a connection that expired was there, and well.
    const isWell = kind === "expired" && wasOpen
    const quarantine = this.quarantinePauses()
    this.intensity ??= RestartIntensity.make(this.policy.restartIntensity)
    const isCrashLoop = (isCrash && this.intensity.record(now)) || (quarantine.hasBegun && !isWell)
    const input: Backoff.DialFailure = {
      key: this.label,
      kind,
      of: wasOpen ? "loss" : "dial",
      cause: causeOf(failure),
      attempt: this.failures
    }
    const pause = this.reconnectPauses().next(input)
    const isFinal = pause === undefined
    if (isFinal) this.isSpent = true
    if (isCrashLoop) {
      // A crash loop that is not even there now is no better for it, and no worse.
      const millis = isCrash || !quarantine.hasBegun ? quarantine.next(input) : quarantine.last
      return { kind: "quarantine", millis: millis ?? this.policy.quarantine.max, isFinal }
    }
    if (isFinal) return { kind: "none", millis: 0, isFinal }
    // A connection that was open for as long as the pause is dialled again without one.
    const isFree = isProven && uptime >= Math.max(pause, this.policy.backoff.initial)
    return { kind: "backoff", millis: isFree ? 0 : pause, isFinal }
  }
}
