/** How far a server has come: what the report of the daemon says of it. */

/**
 * - `configured`: its command is known, and nothing else.
 * - `known`: a catalogue says what it has answered before; no process runs.
 * - `started`: a process runs, and no client uses it.
 * - `used`: a client uses it.
 */
export type ServerState = "configured" | "known" | "started" | "used"

/** `sessions`: how many use its processes. Undefined: it has none. `isKnown`: `CatalogueFiles.isKnown`. */
export const of = (sessions: number | undefined, isKnown: boolean): ServerState => {
  if (sessions === undefined) return isKnown ? "known" : "configured"
  return sessions === 0 ? "started" : "used"
}
