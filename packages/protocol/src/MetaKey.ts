/**
 * The members of `_meta` that revision 2026-07-28 gives a meaning. Plain data: a program that loads no Effect can have them, too.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic
 */

export const metaKey = {
  protocolVersion: "io.modelcontextprotocol/protocolVersion",
  clientInfo: "io.modelcontextprotocol/clientInfo",
  clientCapabilities: "io.modelcontextprotocol/clientCapabilities",
  serverInfo: "io.modelcontextprotocol/serverInfo",
  logLevel: "io.modelcontextprotocol/logLevel",
  subscriptionId: "io.modelcontextprotocol/subscriptionId"
} as const
