/** The life of a session as data: every state and where it may go. */

export type SessionState = "connecting" | "active" | "closing" | "closed"

const edges: Readonly<Record<SessionState, ReadonlyArray<SessionState>>> = {
  connecting: ["active", "closing"],
  active: ["closing"],
  closing: ["closed"],
  closed: []
}

/** Whether a session may go there. Anything else is a defect of this package. */
export const mayGo = (from: SessionState, to: SessionState): boolean => edges[from].includes(to)
