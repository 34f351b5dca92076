/**
 * The daemon as an MCP server: what it holds are resources and the answer of a tool, what can be done with it are tools.
 */
import * as SdkTool from "@holdfast/server/SdkTool"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { DaemonRefusal } from "../../DaemonRefusal.ts"
import type { DaemonStatus, Explanation } from "../../DaemonStatus.ts"
import type { Operation } from "../../ServerPool.ts"
import type { TakenPlace } from "../Instances.ts"

export interface ControlOptions {
  readonly version: string
  readonly status: Effect.Effect<DaemonStatus>
  /** The last lines of its log. */
  readonly log: () => ReadonlyArray<string>
  /** Begins the end. */
  readonly stop: Effect.Effect<void>
  /** Makes way for a daemon of that version, which must be newer. */
  readonly makeWay: (version: string) => Effect.Effect<ReadonlyArray<TakenPlace>, DaemonRefusal>
  /** Waits until fewer instances than so many are taken. */
  readonly fewer: (than: number) => Effect.Effect<ReadonlyArray<TakenPlace>>
  readonly explain: (server: string) => Explanation
  readonly operate: (operation: Operation, server: string) => Effect.Effect<number>
}

export const statusUri = "holdfast://daemon/status"
export const logUri = "holdfast://daemon/log"

export const make = ({ explain, fewer, log, makeWay, operate, status, stop, version }: ControlOptions): McpServer => {
  const server = new McpServer({ name: "holdfast-daemon", version })
  const json = Effect.map(status, (state) => JSON.stringify(state))
  const resource = (name: string, uri: string, description: string, mimeType: string, read: Effect.Effect<string>) =>
    server.registerResource(
      name,
      uri,
      { description, mimeType },
      ({ href }) => Effect.runPromise(Effect.map(read, (text) => ({ contents: [{ uri: href, mimeType, text }] })))
    )
  resource("status", statusUri, described, "application/json", json)
  resource("log", logUri, "The last lines of its log", "text/plain", Effect.sync(() => log().join("\n")))
  const text = (text: string) => ({ content: [{ type: "text" as const, text }] })
  const tool = <Input>(
    name: string,
    description: string,
    input: Schema.Codec<Input>,
    handler: (input: Input) => Effect.Effect<string, DaemonRefusal>,
    isReading = false
  ) =>
    SdkTool.register(server, {
      name,
      description,
      annotations: isReading ? { readOnlyHint: true } : { destructiveHint: true },
      input,
      handler: (input: Input) => Effect.map(handler(input), text)
    }, (call) => call)
  const nothing = Schema.Struct({})
  tool("status", described, nothing, () => json, true)
  tool("stop", "Ends the daemon and every server it holds", nothing, () => Effect.as(stop, "stopping"))
  tool(
    "make_way",
    "For a newer daemon: this one stops listening, and ends with its last session",
    Schema.Struct({ version: Schema.String }),
    (input) => Effect.map(makeWay(input.version), (taken) => JSON.stringify({ taken }))
  )
  tool(
    "await_fewer",
    "For a newer daemon: waits until fewer instances than so many are taken here",
    Schema.Struct({ than: Schema.Int }),
    ({ than }) => Effect.map(fewer(than), (taken) => JSON.stringify({ taken })),
    true
  )
  tool(
    "why",
    "What keeps the processes of a server apart, and its last failures",
    Schema.Struct({ server: Schema.String }),
    (input) => Effect.sync(() => JSON.stringify(explain(input.server))),
    true
  )
  for (const [operation, description, done] of operations) {
    tool(
      operation,
      description,
      Schema.Struct({ server: Schema.String }),
      (input) =>
        Effect.flatMap(operate(operation, input.server), (count) =>
          count > 0
            ? Effect.succeed(`${input.server}: ${count} ${done}`)
            : Effect.flatMap(status, (state) => Effect.fail(unknown(input.server, state))))
    )
  }
  return server
}

const described = "What the daemon holds: sessions, servers, processes, the last failures"

/** What each does, and what is said when it is done. */
const operations: ReadonlyArray<readonly [operation: Operation, description: string, done: string]> = [
  ["reset", "Forgets the failures of a server and what it has refused: the next try is made at once", "forgotten"],
  ["drain", "Gives a server's processes to no other session: each ends when the last one leaves", "leaving"],
  ["close", "Ends a server's processes now. Their sessions go on with others", "ended"]
]

const unknown = (word: string, { servers }: DaemonStatus): DaemonRefusal => {
  const names = [...new Set(servers.map(({ name }) => name))]
  const held = names.length === 0 ? "it holds none" : `it holds ${names.join(", ")}`
  return new DaemonRefusal("BadWish", `the daemon has no server ${JSON.stringify(word)}; ${held}`)
}
