/**
 * The life of a connection, what a slot holds: from the dial to the last finalizer.
 *
 * `legalEdges` is the whole truth: the pool refuses everything else with a defect.
 */

/** A connection's state. Times are monotonic milliseconds of the pool's clock. */
export type ConnectionState =
  | { readonly _tag: "Opening" }
  | { readonly _tag: "Open"; readonly health: "healthy" | "suspect" }
  | { readonly _tag: "Draining"; readonly deadline: number }
  | { readonly _tag: "Closing" }
  | { readonly _tag: "Closed" }

export type ConnectionTag = ConnectionState["_tag"]

/** From each state to all states that may follow it. `Closed` absorbs. */
export const legalEdges: { readonly [From in ConnectionTag]: ReadonlyArray<ConnectionTag> } = {
  Opening: ["Open", "Closing"],
  Open: ["Draining", "Closing"],
  Draining: ["Closing"],
  Closing: ["Closed"],
  Closed: []
}

export const isLegal = (from: ConnectionTag, to: ConnectionTag): boolean => legalEdges[from].includes(to)

export const opening: ConnectionState = { _tag: "Opening" }

export const healthy: ConnectionState = { _tag: "Open", health: "healthy" }

export const suspect: ConnectionState = { _tag: "Open", health: "suspect" }

export const closing: ConnectionState = { _tag: "Closing" }

export const closed: ConnectionState = { _tag: "Closed" }
