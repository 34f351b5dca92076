/**
 * The tools of a server, as the daemon knows them: the second request that it has besides MCP, on a session with a server. Pure, and loads nothing,
 * as `CallRequest`, whose words its refusal has, too.
 *
 * Promises
 * - Nothing is started for it. What is answered is the list of a process that is there, as `tools/list` would be answered now.
 * - What is not of the usual kind (no such process, several pages, a tool of which a client would have something to tell, a server behind a
 *   url or a host's alone) is `NotTaken`. MCP on the same session does it then.
 * - A daemon that does not know this says so by what is missing from its greeting (`tools`).
 *
 * @example
 * ```ts
 * import * as ToolsRequest from "@holdfast/daemon/ToolsRequest"
 *
 * console.log(ToolsRequest.encode("1", { name: "report", version: "1.0.0" }))
 * ```
 */
import type { CallRequest } from "./CallRequest.ts"

/** Its method. */
export const method = "holdfast/tools"

/** As a line. The client is for the server, and for a daemon that may be older. */
export const encode = (id: string, client: CallRequest["client"]): string =>
  `${JSON.stringify({ jsonrpc: "2.0", id, method, params: { client } })}\n`
