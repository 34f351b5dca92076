/**
 * The life of a connection, what a slot holds: from the dial to the last finalizer.
 *
 * `legalEdges` is the whole truth: the pool refuses everything else with a defect.
 *
 * @example
 * ```ts
 * import { ConnectionState } from "@holdfast/core"
 *
 * export const mayBeLost: boolean = ConnectionState.isLegal("Open", "Closing")
 * ```
 */

/** A connection's state. Times are monotonic milliseconds of the pool's clock. */
export type ConnectionState =
  | { readonly _tag: "Opening" }
  | { readonly _tag: "Open"; readonly health: "healthy" | "suspect" }
  | { readonly _tag: "Draining"; readonly deadline: number }
  | { readonly _tag: "Closing" }
  | { readonly _tag: "Closed" }

/** The name of a connection's state. */
export type ConnectionTag = ConnectionState["_tag"]

/** From each state to all states that may follow it. `Closed` absorbs. */
export const legalEdges: { readonly [From in ConnectionTag]: ReadonlyArray<ConnectionTag> } = {
  Opening: ["Open", "Closing"],
  Open: ["Draining", "Closing"],
  Draining: ["Closing"],
  Closing: ["Closed"],
  Closed: []
}

/** Whether `legalEdges` allows the move. */
export const isLegal = (from: ConnectionTag, to: ConnectionTag): boolean => legalEdges[from].includes(to)

/** The dial runs. */
export const opening: ConnectionState = { _tag: "Opening" }

/** Usable. */
export const healthy: ConnectionState = { _tag: "Open", health: "healthy" }

/** Usable, but probes failed while requests were in flight: the peer may be busy, or dead. */
export const suspect: ConnectionState = { _tag: "Open", health: "suspect" }

/** Its finalizers run. */
export const closing: ConnectionState = { _tag: "Closing" }

/** Its last finalizer has run. */
export const closed: ConnectionState = { _tag: "Closed" }
