/**
 * The life of a slot, one place in the pool for a connection of a key.
 *
 * `legalEdges` is the whole truth: `move` refuses everything else with a defect, so an illegal transition cannot go
 * unnoticed. The shape follows gRPC's connectivity states, with quarantine for crash loops.
 */

/** A slot's state. Times are monotonic milliseconds of the pool's clock. */
export type SlotState<E> =
  | { readonly _tag: "Idle" }
  | { readonly _tag: "Connecting"; readonly attempt: number }
  | { readonly _tag: "Ready"; readonly since: number }
  | { readonly _tag: "Backoff"; readonly until: number; readonly attempt: number; readonly cause: E }
  | { readonly _tag: "Quarantined"; readonly until: number; readonly cause: E }
  | { readonly _tag: "Closed" }

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

export const isLegal = (from: SlotTag, to: SlotTag): boolean => legalEdges[from].includes(to)

export const idle: SlotState<never> = { _tag: "Idle" }

export const closed: SlotState<never> = { _tag: "Closed" }
