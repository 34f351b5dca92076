/**
 * `holdfast tools [server]`: what can be called; `holdfast tools server.tool`: one tool, its arguments, and how it is called.
 */
import type * as Messages from "@holdfast/mcp/Messages"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { FoundConfig } from "../ConfigSearch.ts"
import { findTool } from "../FindTool.ts"
import * as Report from "../Report.ts"
import * as ServerLists from "../ServerLists.ts"
import { Shell } from "../Shell.ts"
import * as Source from "../Source.ts"
import { layout } from "../Table.ts"
import * as ToolsText from "../ToolsText.ts"
import { writeResult } from "../WriteResult.ts"

export interface ToolsInput extends Source.SourceInput, ServerLists.ListInput {
  /** Or a server and a tool; only a tool where there is one server. */
  readonly server: Option.Option<string>
}

type Tools = ReadonlyArray<Messages.Tool>

export { patience } from "../ServerLists.ts"

/** Runs the command and succeeds with its exit code. */
export const run = Effect.fnUntraced(function*(input: ToolsInput) {
  const source = yield* Source.open(input, Option.getOrUndefined(input.server))
  const meant = yield* Source.listed(source, input.server)
  return yield* answer(input, source, meant).pipe(
    // Said while the servers still live: ending them may take seconds, and the user should not wait for them.
    Effect.catch((error) => Report.ending(error, input.json)),
    Effect.provide(Source.layer(input, source))
  )
})

const ask: ServerLists.Ask<Tools> = (mcp, server, deadline) => mcp.listTools(server, { deadline })

const answer = Effect.fnUntraced(function*(input: ToolsInput, source: Source.Source, meant: Source.Listed) {
  const { item, server } = meant
  const listed = server === undefined
    ? yield* ServerLists.all(input, source, ask)
    : yield* ServerLists.one(input, source, server, ask)
  if (server === undefined || item === undefined) return yield* show(input, source.config, listed, server === undefined)
  const [tools = []] = yield* Effect.forEach(listed, ({ answer }) => Effect.fromResult(answer))
  return yield* showOne(input, source, server, yield* findTool(server, item, tools))
})

const show = Effect.fnUntraced(function*(
  input: ToolsInput,
  config: FoundConfig,
  listed: ReadonlyArray<ServerLists.Listed<Tools>>,
  isAll: boolean
) {
  const { stdout } = yield* Shell
  if (input.json) {
    yield* writeResult(`${JSON.stringify(ServerLists.toJson(listed, (tools) => ({ tools })))}\n`)
  } else {
    const tools = ServerLists.answered(listed).flatMap(({ answer, server }) => answer.map((tool) => ({ server, tool })))
    if (tools.length > 0) yield* writeResult(ToolsText.ofAll(tools, stdout, layout))
    else yield* ServerLists.nothing(config, listed, "tools")
  }
  return yield* ServerLists.report(input, config, listed, isAll)
})

const showOne = Effect.fnUntraced(function*(
  input: ToolsInput,
  source: Source.Source,
  server: string,
  tool: Messages.Tool
) {
  const { stdout } = yield* Shell
  if (input.json) {
    yield* writeResult(`${JSON.stringify([{ server, tools: [tool] }])}\n`)
    return 0
  }
  const how = source.only === undefined
    ? [`${server}.${tool.name}`]
    : [
      ...Option.match(input.stdio, { onNone: () => [], onSome: (command) => ["--stdio", command] }),
      ...Option.match(input.url, { onNone: () => [], onSome: (url) => ["--url", url] }),
      tool.name
    ]
  yield* writeResult(ToolsText.ofOne(server, tool, how, stdout, layout))
  return 0
})
