/**
 * The dated revisions of MCP, and which of them this runtime speaks.
 *
 * Revisions up to 2025-11-25 are one era, `legacy`: a connection begins with `initialize` and may have a session. From
 * 2026-07-28 on the protocol is stateless, the `modern` era.
 *
 * @example
 * ```ts
 * import * as Revision from "@holdfast/protocol/Revision"
 *
 * // Newest first.
 * export const spoken = [...Revision.modern, ...Revision.legacy]
 * ```
 *
 * @see https://modelcontextprotocol.io/specification/versioning
 */

/** Offered in `initialize`: the newest revision that still has one. */
export const latestLegacy = "2025-11-25"

/** Accepted in the answer to `initialize`, newest first. */
export const legacy: ReadonlyArray<string> = [latestLegacy, "2025-06-18", "2025-03-26", "2024-11-05"]

/** The first revision without a handshake, and the newest there is. */
export const latestModern = "2026-07-28"

/** Spoken without a handshake, newest first. */
export const modern: ReadonlyArray<string> = [latestModern]

/** What a server speaks that names no revision: HTTP servers assume it of requests without `MCP-Protocol-Version`. */
export const assumedOverHttp = "2025-03-26"

/** True for a revision that a legacy connection can go on with. */
export const isLegacy = (revision: string): boolean => legacy.includes(revision)

/** True for a revision that needs no handshake. */
export const isModern = (revision: string | undefined): boolean => revision !== undefined && modern.includes(revision)
