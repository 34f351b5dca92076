/**
 * Tools as text for people: all of them in a table, or one with its arguments and how it is called. Pure, and loads nothing of Effect: the hot path
 * and the whole program say the same.
 */
import { InputSchema } from "@holdfast/daemon/InputSchema"
import * as ModelSchema from "@holdfast/mcp/ModelSchema"
import { argumentTable } from "./ArgumentTable.ts"
import { exampleOf } from "./ExampleCall.ts"
import type { Layout } from "./Layout.ts"
import { printable } from "./Printable.ts"
import type { Output } from "./Shell.ts"
import { styleOf } from "./Style.ts"

/** What is shown of a tool. */
export interface ShownTool {
  readonly name: string
  readonly title?: string | undefined
  readonly description?: string | undefined
  readonly inputSchema: ModelSchema.Schema
  readonly annotations?: {
    readonly title?: string | undefined
    readonly readOnlyHint?: boolean | undefined
    readonly destructiveHint?: boolean | undefined
    readonly idempotentHint?: boolean | undefined
  } | undefined
}

/** Where it is shown. */
export type Screen = Pick<Output, "isTerminal" | "hasColor" | "columns">

/** A line for each tool, with its server. */
export const ofAll = (
  tools: ReadonlyArray<{ readonly server: string; readonly tool: ShownTool }>,
  screen: Screen,
  { firstLine, table }: Layout
): string => {
  const { bold, dim } = styleOf(screen)
  const hasHints = tools.some(({ tool }) => hintsOf(tool) !== "")
  const rows = tools.map(({ server, tool }) => [
    printable(`${server}.${tool.name}`),
    firstLine(signature(new InputSchema(ModelSchema.of(tool))), screen.isTerminal ? 44 : undefined),
    ...(hasHints ? [hintsOf(tool)] : []),
    firstLine(inShort(tool))
  ])
  const paint = (cell: string, _row: number, column: number) =>
    column === 0 ? bold(cell) : column === 1 || (hasHints && column === 2) ? dim(cell) : cell
  return `${table(rows, { width: screen.columns, paint })}\n`
}

/** All of one tool. `how`: the words of a call that say which tool. */
export const ofOne = (
  server: string,
  tool: ShownTool,
  how: ReadonlyArray<string>,
  screen: Screen,
  layout: Layout
): string => {
  const { bold, dim } = styleOf(screen)
  const description = printable(tool.description ?? "").trim()
  const schema = new InputSchema(ModelSchema.of(tool))
  const notes = [titleOf(tool), hintsOf(tool)].filter((note) => note !== undefined && note !== "")
  return [
    [bold(printable(`${server}.${tool.name}`)), ...notes.map((note) => dim(printable(note ?? "")))].join("  "),
    ...(description === ""
      ? []
      : ["", ...(screen.isTerminal ? folded(description, screen.columns ?? 80, layout) : [description])]),
    "",
    argumentTable(layout, schema, screen.columns),
    "",
    dim("# An example:"),
    printable(exampleOf(how, schema)),
    ""
  ].join("\n")
}

/** Paragraphs stay; what is longer than the terminal goes on in the next line. */
const folded = (text: string, width: number, { wrap }: Layout): ReadonlyArray<string> =>
  text.split("\n").flatMap((line) => line.length < width ? [line] : wrap(line, width))

/** The title, where it says more than the name. */
const titleOf = ({ annotations, name, title = annotations?.title }: ShownTool): string | undefined =>
  title === undefined || plain(title) === plain(name) ? undefined : title

const plain = (text: string): string => text.toLowerCase().replaceAll(/[^\p{L}\p{N}]+/gu, "")

const inShort = (tool: ShownTool): string => {
  const title = titleOf(tool)
  const description = tool.description?.trim() ?? ""
  return title === undefined || description.startsWith(title)
    ? description
    : description === ""
    ? title
    : `${title}: ${description}`
}

/** What the server says of the tool's behaviour. */
const hintsOf = ({ annotations = {} }: ShownTool): string =>
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
