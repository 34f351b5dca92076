/**
 * The life of a slot, one place in the pool for a connection of a key.
 *
 * `legalEdges` is the whole truth: the pool refuses everything else with a defect, so an illegal transition cannot go
 * unnoticed. The shape follows gRPC's connectivity states, with quarantine for crash loops.
 *
 * @example
 * ```ts
 * import { SlotState } from "@holdfast/core"
 *
 * export const isDialledAfterLoss: boolean = SlotState.isLegal("Backoff", "Connecting")
 * ```
 */
import type { Deadline } from "./Deadlines.ts"

/** A slot's state. Times are monotonic milliseconds of the pool's clock. A penalty carries its timer, which ends with the state. */
export type SlotState<E> =
  | { readonly _tag: "Idle" }
  | { readonly _tag: "Connecting"; readonly attempt: number }
  | { readonly _tag: "Ready"; readonly since: number }
  | Backoff<E>
  | Quarantined<E>
  | { readonly _tag: "Closed" }

/** The slot waits before the next dial. */
export interface Backoff<E> {
  readonly _tag: "Backoff"
  readonly until: number
  /** Failures in a row. */
  readonly attempt: number
  readonly cause: E
  readonly timer: Deadline
}

/** The key crashes in a loop: the slot waits for longer. */
export interface Quarantined<E> {
  readonly _tag: "Quarantined"
  readonly until: number
  readonly cause: E
  readonly timer: Deadline
}

/** The name of a slot's state. */
export type SlotTag = SlotState<unknown>["_tag"]

/** From each state to all states that may follow it. `Closed` absorbs. */
export const legalEdges: { readonly [From in SlotTag]: ReadonlyArray<SlotTag> } = {
  Idle: ["Connecting", "Closed"],
  Connecting: ["Ready", "Backoff", "Idle", "Closed"],
  Ready: ["Idle", "Backoff", "Quarantined", "Closed"],
  Backoff: ["Connecting", "Quarantined", "Idle", "Closed"],
  Quarantined: ["Connecting", "Idle", "Closed"],
  Closed: []
}

/** Whether `legalEdges` allows the move. */
export const isLegal = (from: SlotTag, to: SlotTag): boolean => legalEdges[from].includes(to)

/** The state in which a slot begins: nothing is open, and a dial starts on demand. */
export const idle: SlotState<never> = { _tag: "Idle" }

/** The last state: the slot is no longer part of the pool. */
export const closed: SlotState<never> = { _tag: "Closed" }

/** The timed penalty that the state is, if it is one. */
export const penaltyOf = <E>(state: SlotState<E>): Backoff<E> | Quarantined<E> | undefined =>
  state._tag === "Backoff" || state._tag === "Quarantined" ? state : undefined
