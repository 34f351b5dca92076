/**
 * `holdfast tools [server]`: what can be called; `holdfast tools server.tool`: one tool, its arguments, and how it is called.
 */
import { InputSchema } from "@holdfast/daemon/InputSchema"
import type * as Messages from "@holdfast/mcp/Messages"
import * as ModelView from "@holdfast/mcp/ModelView"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { FoundConfig } from "../ConfigSearch.ts"
import { exampleOf } from "../ExampleCall.ts"
import { findTool } from "../FindTool.ts"
import * as Report from "../Report.ts"
import * as ServerLists from "../ServerLists.ts"
import { Shell } from "../Shell.ts"
import * as Source from "../Source.ts"
import { firstLine, printable, styleOf } from "../Style.ts"
import { table, wrap } from "../Table.ts"
import * as ToolArguments from "../ToolArguments.ts"
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
  const { bold, dim } = styleOf(stdout)
  if (input.json) {
    yield* writeResult(`${JSON.stringify(ServerLists.toJson(listed, (tools) => ({ tools })))}\n`)
  } else {
    const tools = ServerLists.answered(listed).flatMap(({ answer, server }) => answer.map((tool) => ({ server, tool })))
    const hasHints = tools.some(({ tool }) => hintsOf(tool) !== "")
    const rows = tools.map(({ server, tool }) => [
      printable(`${server}.${tool.name}`),
      firstLine(signature(new InputSchema(ModelView.schemaOf(tool))), stdout.isTerminal ? 44 : undefined),
      ...(hasHints ? [hintsOf(tool)] : []),
      firstLine(inShort(tool))
    ])
    const paint = (cell: string, _row: number, column: number) =>
      column === 0 ? bold(cell) : column === 1 || (hasHints && column === 2) ? dim(cell) : cell
    if (rows.length > 0) yield* writeResult(`${table(rows, { width: stdout.columns, paint })}\n`)
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
  const { bold, dim } = styleOf(stdout)
  const description = printable(tool.description ?? "").trim()
  const schema = new InputSchema(ModelView.schemaOf(tool))
  const notes = [titleOf(tool), hintsOf(tool)].filter((note) => note !== undefined && note !== "")
  const how = source.only === undefined
    ? [`${server}.${tool.name}`]
    : [
      ...Option.match(input.stdio, { onNone: () => [], onSome: (command) => ["--stdio", command] }),
      ...Option.match(input.url, { onNone: () => [], onSome: (url) => ["--url", url] }),
      tool.name
    ]
  yield* writeResult([
    [bold(printable(`${server}.${tool.name}`)), ...notes.map((note) => dim(printable(note ?? "")))].join("  "),
    ...(description === ""
      ? []
      : ["", ...(stdout.isTerminal ? folded(description, stdout.columns ?? 80) : [description])]),
    "",
    ToolArguments.argumentTable(schema, stdout.columns),
    "",
    dim("# An example:"),
    printable(exampleOf(how, schema)),
    ""
  ].join("\n"))
  return 0
})

/** Paragraphs stay; what is longer than the terminal goes on in the next line. */
const folded = (text: string, width: number): ReadonlyArray<string> =>
  text.split("\n").flatMap((line) => line.length < width ? [line] : wrap(line, width))

/** The title, where it says more than the name. */
const titleOf = ({ annotations, name, title = annotations?.title }: Messages.Tool): string | undefined =>
  title === undefined || plain(title) === plain(name) ? undefined : title

const plain = (text: string): string => text.toLowerCase().replaceAll(/[^\p{L}\p{N}]+/gu, "")

const inShort = (tool: Messages.Tool): string => {
  const title = titleOf(tool)
  const description = tool.description?.trim() ?? ""
  return title === undefined || description.startsWith(title)
    ? description
    : description === ""
    ? title
    : `${title}: ${description}`
}

/** What the server says of the tool's behaviour. */
const hintsOf = ({ annotations = {} }: Messages.Tool): string =>
  annotations.readOnlyHint === true
    ? "read-only"
    : [
      ...(annotations.destructiveHint === true ? ["destructive"] : []),
      ...(annotations.idempotentHint === true ? ["idempotent"] : [])
    ].join(", ")

/** The arguments in short: `path [head] [tail]`. */
const signature = (schema: InputSchema): string => {
  const names = schema.arguments.map(({ isRequired, name }) => isRequired ? name : `[${name}]`)
  return printable(names.join(" "))
}
