/**
 * The help of a command, for 80 columns or what the terminal has.
 *
 * The rules that hold everywhere (the config, the exit codes) are in the help of `holdfast` itself; a command's own help has what
 * is particular to it, and names the other.
 */
import type * as HelpDoc from "effect/cli/HelpDoc"
import * as Context from "effect/Context"
import * as Option from "effect/Option"
import type { Output } from "./Shell.ts"
import { styleOf } from "./Style.ts"
import { table, wrap } from "./Table.ts"

/** How a command is written, where words of ours say more than what could be made from its flags. */
export const Usage = Context.Reference<string>("holdfast/Help/Usage", { defaultValue: () => "" })

/** A section of a command's help: lines as they are, or rows of a table. */
export interface Note {
  readonly title: string
  readonly lines?: ReadonlyArray<string>
  readonly rows?: ReadonlyArray<ReadonlyArray<string>>
}

/** More sections of a command's help. */
export const Notes = Context.Reference<ReadonlyArray<Note>>("holdfast/Help/Notes", { defaultValue: () => [] })

const indent = "  "
const widest = 100

/** How the command is written. */
export const usage = (doc: HelpDoc.HelpDoc): string => Context.get(doc.annotations, Usage) || doc.usage

/** The help as text. */
export const format = (
  doc: HelpDoc.HelpDoc,
  { columns = 80, hasColor }: Pick<Output<unknown>, "columns" | "hasColor">
): string => {
  const { bold, dim } = styleOf({ hasColor })
  const width = Math.min(columns, widest)
  const rows = (cells: ReadonlyArray<ReadonlyArray<string>>) =>
    table(cells, { indent, width, overflow: "wrap", paint: (cell, _, column) => column === 0 ? bold(cell) : cell })
  const section = (title: string, lines: string): ReadonlyArray<string> => lines === "" ? [] : ["", bold(title), lines]
  const path = doc.commandPath ?? []
  const isRoot = path.length < 2
  const flags = [...doc.flags, ...(doc.inheritedFlags ?? []), ...(isRoot ? doc.globalFlags ?? [] : [])]
  return [
    ...wrap(doc.description, width),
    ...section("USAGE", indent + usage(doc)),
    ...section("COMMANDS", rows((doc.subcommands ?? []).flatMap(({ commands }) => commands.map(commandRow)))),
    ...section("ARGUMENTS", rows((doc.args ?? []).map(argumentRow))),
    ...section("FLAGS", rows(flags.map(flagRow))),
    ...Context.get(doc.annotations, Notes).flatMap(({ lines = [], rows: cells = [], title }) =>
      section(title, [...lines.map((line) => indent + line), ...(cells.length > 0 ? [rows(cells)] : [])].join("\n"))
    ),
    ...section(
      "EXAMPLES",
      (doc.examples ?? []).flatMap(({ command, description }) => [
        ...(description === undefined ? [] : [indent + dim(`# ${description}`)]),
        indent + command
      ]).join("\n")
    ),
    "",
    isRoot
      ? `More: ${path[0] ?? "holdfast"} --help, ${path[0] ?? "holdfast"} <command> --help`
      : `More flags, the config and exit codes: ${path[0]} --help`
  ].join("\n")
}

/** What a command that was given no word of its own has to offer: its commands, and where the rest of the help is. */
export const inShort = (doc: HelpDoc.HelpDoc, output: Pick<Output<unknown>, "columns" | "hasColor">): string => {
  const { commandPath = [], description, subcommands } = doc
  return format({
    annotations: Context.empty(),
    commandPath,
    description,
    usage: usage(doc),
    flags: [],
    ...(subcommands !== undefined && { subcommands })
  }, output)
}

const commandRow = ({ description, name, shortDescription }: HelpDoc.SubcommandDoc) => [
  name,
  shortDescription ?? description
]

const argumentRow = ({ description, name, required, variadic }: HelpDoc.ArgDoc) => [
  variadic ? `${name}…` : name,
  `${Option.getOrElse(description, () => "")}${required ? "" : " (optional)"}`
]

const flagRow = ({ aliases, description, name, type }: HelpDoc.FlagDoc) => {
  // A flag of few choices lists them in its description already.
  const value = type === "boolean" ? "" : type.startsWith("<") ? " choice" : ` ${type}`
  return [[`--${name}`, ...aliases].join(", ") + value, Option.getOrElse(description, () => "")]
}
