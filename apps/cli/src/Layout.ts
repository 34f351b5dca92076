/**
 * Text for a terminal of a width: rows as columns of equal width, two spaces apart; lines that are cut, or go on. How many cells a text takes is
 * said by a function: the one that knows every script is slow to load, and most texts have a cell for each of their characters.
 *
 * Where there is no terminal (`width` undefined) every cell is whole. Where there is one, the last column gives way first, then
 * those before it; if that is not enough the rest of a row goes to lines of its own below its first cell. The first cell is
 * never cut: it is the name that people copy.
 */
import { printable } from "./Printable.ts"

export interface TableOptions {
  /** Before every line. */
  readonly indent?: string
  /** Columns of the terminal; `undefined` when there is none. */
  readonly width?: number | undefined
  /** What becomes of cells that are too long: they are shortened, or the last goes on on more lines. Default: `cut`. */
  readonly overflow?: "cut" | "wrap"
  /** Styles a cell after it was measured. */
  readonly paint?: (cell: string, row: number, column: number) => string
}

/** How many cells a text takes. */
export type Measure = (text: string) => number

export interface Layout {
  /** The table as text, without spaces at the ends of its lines. */
  readonly table: (rows: ReadonlyArray<ReadonlyArray<string>>, options?: TableOptions) => string
  /** Text on several lines of at most this width, broken between words; a longer word has a line of its own. */
  readonly wrap: (text: string, width: number) => ReadonlyArray<string>
  /** The first line of a text, shortened to a width. */
  readonly firstLine: (text: string, width?: number) => string
}

const gap = 2
/** Columns narrower than these say nothing any more: then a row is better on several lines. */
const least = { last: { cut: 30, wrap: 20 }, middle: 12 }
const hanging = "    "

export const make = (measure: Measure): Layout => {
  const firstLine = (text: string, width: number = Number.POSITIVE_INFINITY): string => {
    const line = printable(text).trim().split("\n", 1)[0]?.replaceAll("\t", " ") ?? ""
    if (!Number.isFinite(width) || measure(line) <= width) return line
    let short = ""
    for (const char of line) {
      if (measure(short + char) > width - 1) break
      short += char
    }
    return `${short.trimEnd()}…`
  }

  const table = (given: ReadonlyArray<ReadonlyArray<string>>, options: TableOptions = {}): string => {
    // What servers say goes through here: one line, and nothing that a terminal would obey.
    const rows = given.map((row) =>
      row.map((cell, column) => column < row.length - 1 ? firstLine(cell) : printable(cell))
    )
    const { indent = "", overflow = "cut", paint = (cell: string) => cell, width = Number.POSITIVE_INFINITY } = options
    const columns = Math.max(0, ...rows.map((row) => row.length))
    const last = columns - 1
    const natural = Array.from(
      { length: columns },
      // Where there is room for everything the last is not measured.
      (_, column) =>
        column === last && !Number.isFinite(width) ? 0 : Math.max(...rows.map((row) => measure(row[column] ?? "")))
    )
    const widths = fit(natural, width - indent.length, overflow)
    const below = indent + hanging
    /** The last cell as lines of at most this width. */
    const lines = (cell: string, room: number) => overflow === "wrap" ? wrap(cell, room) : [firstLine(cell, room)]

    const aligned = (
      row: ReadonlyArray<string>,
      index: number,
      widths: ReadonlyArray<number>
    ): ReadonlyArray<string> => {
      const before = widths.slice(0, -1).reduce((sum, each) => sum + each + gap, indent.length)
      const head = widths.slice(0, -1).map((each, column) => {
        const cell = firstLine(row[column] ?? "", column === 0 ? undefined : each)
        return painted(cell, index, column) + " ".repeat(Math.max(0, each - measure(cell)) + gap)
      })
      return lines(row[last] ?? "", width - before).map((line, number) =>
        (number === 0 ? indent + head.join("") : " ".repeat(before)) + painted(line, index, last)
      )
    }

    const stacked = (row: ReadonlyArray<string>, index: number): ReadonlyArray<string> => {
      const [first = "", ...rest] = row
      const done: Array<string> = []
      let line = indent + painted(first, index, 0)
      for (const [number, cell] of rest.entries()) {
        if (cell.trim() === "") continue
        const isLast = number + 1 === last
        if (!isLast && measure(line) + gap + measure(cell) <= width) {
          line += " ".repeat(gap) + painted(cell, index, number + 1)
          continue
        }
        const room = width - below.length
        for (const text of lines(cell, room)) {
          done.push(line)
          line = below + painted(text, index, number + 1)
        }
      }
      return [...done, line]
    }

    const painted = (cell: string, row: number, column: number) => cell === "" ? "" : paint(cell, row, column)

    return rows.flatMap((row, index) => widths === undefined ? stacked(row, index) : aligned(row, index, widths))
      .map((line) => line.trimEnd())
      .join("\n")
  }

  const wrap = (text: string, width: number): ReadonlyArray<string> => {
    const lines: Array<string> = []
    let line = ""
    for (const word of printable(text).split(/\s+/).filter((each) => each !== "")) {
      if (line !== "" && measure(line) + 1 + measure(word) > width) {
        lines.push(line)
        line = word
      } else line = line === "" ? word : `${line} ${word}`
    }
    return [...lines, line]
  }

  return { firstLine, table, wrap }
}

/** The widths with which the columns stand beside each other; `undefined` if they cannot. */
const fit = (
  natural: ReadonlyArray<number>,
  room: number,
  overflow: "cut" | "wrap"
): ReadonlyArray<number> | undefined => {
  const widths = [...natural]
  const lack = () => Math.max(0, widths.reduce((sum, each) => sum + each + gap, -gap) - room)
  const shrink = (column: number, least: number) => {
    const now = widths[column] ?? 0
    widths[column] = Math.max(Math.min(now, least), now - lack())
  }
  shrink(widths.length - 1, least.last[overflow])
  if (overflow === "cut") {
    const middle = widths.map((each, column) => ({ column, each })).slice(1, -1)
    for (const { column } of middle.toSorted((a, b) => b.each - a.each)) shrink(column, least.middle)
  }
  return lack() === 0 ? widths : undefined
}
