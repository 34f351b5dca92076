/**
 * The members of `_meta` that revision 2026-07-28 gives a meaning, and one of 2025-11-25. Plain data: a program that loads no Effect can have them, too.
 *
 * @example
 * ```ts
 * import { metaKey } from "@holdfast/protocol/MetaKey"
 *
 * export const params = { _meta: { [metaKey.protocolVersion]: "2026-07-28", [metaKey.clientCapabilities]: {} } }
 * ```
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic
 */

/** The keys, by what they say. */
export const metaKey = {
  protocolVersion: "io.modelcontextprotocol/protocolVersion",
  clientInfo: "io.modelcontextprotocol/clientInfo",
  clientCapabilities: "io.modelcontextprotocol/clientCapabilities",
  serverInfo: "io.modelcontextprotocol/serverInfo",
  logLevel: "io.modelcontextprotocol/logLevel",
  subscriptionId: "io.modelcontextprotocol/subscriptionId",
  /** Of revision 2025-11-25: `{ taskId }` of the task that a message is about. */
  relatedTask: "io.modelcontextprotocol/related-task"
} as const
