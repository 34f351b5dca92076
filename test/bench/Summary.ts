/**
 * What a run of benchmarks comes to: one aligned table of every row that has a gate or a goal, then what failed, what has no figure, and what was
 * not run. The same as data is what `--json` writes.
 */
import * as Report from "./Report.ts"

/** `goal met` implies `met`. Without a gate, a goal that is not reached is `not yet`. */
export type State = "goal met" | "met" | "not yet" | "missed"

/** One row that is judged. */
export interface Judged {
  readonly benchmark: string
  readonly row: string
  readonly figure: string
  /** `at most 1.3 ×`; undefined where there is only a goal, or no figure to judge. */
  readonly gate?: string | undefined
  readonly goal?: string | undefined
  readonly state: State
}

/** What a run comes to. */
export interface Summary {
  readonly judged: ReadonlyArray<Judged>
  /** Contenders and benchmarks that failed or hung, with the reason. */
  readonly failed: ReadonlyArray<string>
  /** Comparisons without a figure, with the reason. */
  readonly leftOut: ReadonlyArray<string>
  /** Benchmarks that were not asked for. */
  readonly notRun: ReadonlyArray<string>
  readonly missed: number
}

const stateOf = (line: Report.Line): State | undefined => {
  if (Report.isMissed(line)) return "missed"
  if (line.gate === undefined) return undefined
  if (Report.isGoalMet(line.gate)) return "goal met"
  if (Report.boundOf(line.gate) !== undefined) return "met"
  return line.gate.goal === undefined ? undefined : "not yet"
}

// `  ÷ floor` says nothing alone: the line that it belongs to goes before it.
const named = (lines: ReadonlyArray<Report.Printed>): ReadonlyArray<readonly [Report.Printed, string]> => {
  let last = ""
  return lines.map((line) => {
    if (!line.name.startsWith(" ")) last = line.name
    return [line, line.name.startsWith(" ") ? `${last} ${line.name.trim()}` : line.name]
  })
}

/** `notRun`: benchmarks that were not asked for. */
export const summarise = (lines: ReadonlyArray<Report.Printed>, notRun: ReadonlyArray<string> = []): Summary => {
  const rows = named(lines)
  const judged = rows.flatMap(([line, row]): ReadonlyArray<Judged> => {
    const state = stateOf(line)
    if (state === undefined) return []
    const { benchmark, figure, gate } = line
    // A figure that does not say what is judged: the value goes before it.
    const value = gate === undefined ? figure : `${Report.round(gate.value)} ${gate.unit}`
    return [{
      benchmark,
      row,
      figure: value,
      gate: gate && Report.boundOf(gate),
      goal: gate && Report.goalOf(gate),
      state
    }]
  })
  const told = (isTold: (line: Report.Line) => boolean): ReadonlyArray<string> => [
    ...new Set(
      rows.flatMap(([line, row]) => isTold(line) ? [`${line.benchmark}: ${row} ${line.figure}`] : [])
    )
  ]
  return {
    judged,
    failed: told(({ isFailed = false }) => isFailed),
    leftOut: told(({ isLeftOut = false }) => isLeftOut),
    notRun,
    missed: judged.filter(({ state }) => state === "missed").length
  }
}

const colours: Readonly<Record<State, number>> = { "goal met": 32, "met": 32, "not yet": 33, "missed": 31 }

/** As a person reads it. */
export const linesOf = ({ failed, judged, leftOut, missed, notRun }: Summary): ReadonlyArray<string> => {
  const header = ["benchmark", "row", "figure", "gate", "goal", ""]
  const cells = judged.map(({ benchmark, figure, gate, goal, row, state }) => [
    benchmark,
    row,
    figure,
    gate ?? "–",
    goal ?? "–",
    state
  ])
  const widths = header.map((name, column) => Math.max(name.length, ...cells.map((row) => (row[column] ?? "").length)))
  const line = (row: ReadonlyArray<string>): string =>
    row.map((cell, column) => column === 2 ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0))
      .join("  ")
  const count = (state: State): number => judged.filter((one) => one.state === state).length
  return [
    Report.colour(1, "What is met"),
    ...(judged.length === 0
      ? ["  no row of this run has a gate"]
      : [
        line(header).trimEnd(),
        ...cells.map((row, index) => {
          const state = judged[index]?.state ?? "missed"
          return line([...row.slice(0, -1), Report.colour(colours[state], state)]).trimEnd()
        })
      ]),
    ...section("Failed or hung", failed),
    ...section("Without a figure", leftOut),
    ...(notRun.length === 0 ? [] : ["", `Not run: ${notRun.join(", ")}`]),
    "",
    `${count("goal met")} at the goal, ${count("met")} within the gate, ${
      count("not yet")
    } without a gate, ${missed} missed`
  ]
}

const section = (title: string, items: ReadonlyArray<string>): ReadonlyArray<string> =>
  items.length === 0 ? [] : ["", Report.colour(1, title), ...items.map((item) => `  ${item}`)]
