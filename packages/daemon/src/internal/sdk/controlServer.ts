/**
 * The daemon as an MCP server: what it holds is a resource and the answer of a tool, what can be done with it are tools.
 */
import * as SdkTool from "@holdfast/server/SdkTool"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { DaemonRefusal } from "../../DaemonRefusal.ts"

export interface ControlOptions {
  readonly version: string
  /** What `status` tells, as JSON. */
  readonly status: Effect.Effect<object>
  /** Begins the end. */
  readonly stop: Effect.Effect<void>
  /** Makes way for a daemon of that version, which must be newer. */
  readonly makeWay: (version: string) => Effect.Effect<void, DaemonRefusal>
}

export const statusUri = "holdfast://daemon/status"

export const make = ({ makeWay, status, stop, version }: ControlOptions): McpServer => {
  const server = new McpServer({ name: "holdfast-daemon", version })
  const json = Effect.map(status, (state) => JSON.stringify(state))
  server.registerResource(
    "status",
    statusUri,
    { description: "What the daemon holds: sessions, servers, processes", mimeType: "application/json" },
    (uri) =>
      Effect.runPromise(
        Effect.map(json, (text) => ({ contents: [{ uri: uri.href, mimeType: "application/json", text }] }))
      )
  )
  const text = (text: string) => ({ content: [{ type: "text" as const, text }] })
  SdkTool.register(server, {
    name: "status",
    description: "What the daemon holds: sessions, servers, processes",
    annotations: { readOnlyHint: true },
    input: Schema.Struct({}),
    handler: () => Effect.map(json, text)
  }, (call) => call)
  SdkTool.register(server, {
    name: "stop",
    description: "Ends the daemon and every server it holds",
    annotations: { destructiveHint: true },
    input: Schema.Struct({}),
    handler: () => Effect.as(stop, text("stopping"))
  }, (call) => call)
  SdkTool.register(server, {
    name: "make_way",
    description: "For a newer daemon: this one stops listening, and ends with its last session",
    annotations: { destructiveHint: true },
    input: Schema.Struct({ version: Schema.String }),
    handler: ({ version }) => Effect.as(makeWay(version), text("leaving"))
  }, (call) => call)
  return server
}
