/**
 * Text for people: emphasis where it is seen, aligned tables, and nothing that could take over their terminal.
 */
import * as CliOutput from "effect/cli/CliOutput"
import type { Output } from "./Shell.ts"

/** Empties the line the cursor is in. For terminals only. */
export const eraseLine = "\r\u001b[2K"

/** Emphasis for one output: plain text unless it has colours. */
export interface Style {
  readonly bold: (text: string) => string
  readonly dim: (text: string) => string
  readonly red: (text: string) => string
}

export const styleOf = ({ hasColor }: Pick<Output, "hasColor">): Style => {
  const wrap = (on: number, off: number) => (text: string) => hasColor ? `\u001b[${on}m${text}\u001b[${off}m` : text
  return { bold: wrap(1, 22), dim: wrap(2, 22), red: wrap(31, 39) }
}

/**
 * Text of a server without control characters, line feeds and tabs excepted: written to a terminal, those could move the
 * cursor, change its title or answer on the user's behalf.
 */
export const printable = (text: string): string =>
  text.replaceAll("\r\n", "\n").replaceAll(/\p{Cc}/gu, (control) => control === "\n" || control === "\t" ? control : "")

/** The first line of a text, shortened to a width. */
export const firstLine = (text: string, width: number = Number.POSITIVE_INFINITY): string => {
  const line = printable(text).trim().split("\n", 1)[0]?.replaceAll("\t", " ") ?? ""
  if (CliOutput.displayWidth(line) <= width) return line
  let short = ""
  for (const char of line) {
    if (CliOutput.displayWidth(short + char) > width - 1) break
    short += char
  }
  return `${short.trimEnd()}…`
}

/**
 * Rows as columns of equal width, two spaces apart. The last column is cut to fit `width`, but never below 20.
 * `paint` styles a cell after it was measured.
 */
export const table = (
  rows: ReadonlyArray<ReadonlyArray<string>>,
  options: {
    readonly indent?: string
    readonly width?: number | undefined
    readonly paint?: (cell: string, row: number, column: number) => string
  } = {}
): string => {
  const { indent = "", paint = (cell: string) => cell, width = Number.POSITIVE_INFINITY } = options
  const columns = Math.max(0, ...rows.map((row) => row.length))
  const widths = Array.from(
    { length: columns },
    (_, column) => Math.max(...rows.map((row) => CliOutput.displayWidth(row[column] ?? "")))
  )
  const before = widths.slice(0, -1).reduce((sum, each) => sum + each + 2, indent.length)
  const last = Math.max(20, width - before)
  return rows.map((row, index) => {
    const cells = widths.map((each, column) => {
      const isLast = column === columns - 1
      const cell = isLast ? firstLine(row[column] ?? "", last) : row[column] ?? ""
      return paint(cell, index, column) + (isLast ? "" : " ".repeat(each - CliOutput.displayWidth(cell) + 2))
    })
    return (indent + cells.join("")).trimEnd()
  }).join("\n")
}
