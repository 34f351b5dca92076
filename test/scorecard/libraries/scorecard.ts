/** The libraries that a program calls servers with, beside each other: a row each. */
import type { Chooser, Scorecard } from "../Scorecard.ts"
import { better, stamp, table } from "../Table.ts"
import { cell, isBeaten, type Outcome, outcome } from "../Verdict.ts"
import { libraries } from "./clients.ts"
import { httpCases } from "./httpCases.ts"
import { type Speeds, speeds } from "./speed.ts"
import { type Case, stdioCases } from "./stdioCases.ts"

const kinds: ReadonlyArray<readonly [title: string, cases: ReadonlyArray<Case>]> = [
  ["Over stdio", stdioCases],
  ["Over Streamable HTTP, with sessions", httpCases]
]

export const librariesScorecard = async (isChosen: Chooser): Promise<Scorecard> => {
  const parts: Array<string> = []
  const beaten: Array<string> = []
  let isOursRight = true
  for (const [title, all] of kinds) {
    const cases = all.filter(({ name }) => isChosen(name))
    if (cases.length === 0) continue
    const columns: Array<ReadonlyArray<Outcome>> = []
    for (const { judge, name } of cases) {
      const outcomes: Array<Outcome> = []
      for (const library of libraries) {
        console.error(`${name}: ${library.name}`)
        outcomes.push(await outcome(() => judge(library)))
      }
      if (outcomes[0]?.isRight !== true) isOursRight = false
      if (isBeaten(outcomes)) beaten.push(name)
      columns.push(outcomes)
    }
    const rows = libraries.map(({ name }, row) => [
      name,
      ...columns.map((outcomes) => cell(outcomes[row] ?? { words: "", isTried: false, isRight: false }))
    ])
    parts.push(
      `### ${title}`,
      table(["library", ...cases.map(({ name }) => name)], rows),
      cases.map(({ name, right }) => `- **${name}**: ${right}.`).join("\n")
    )
  }
  if (isChosen("speed")) {
    const measured = await speeds(libraries)
    const sdk = measured.get(libraries[1]?.name ?? "")
    parts.push(
      "### Speed",
      table(
        ["library", ...Object.values(figures)],
        libraries.map(({ name }) => [name, ...row(measured.get(name), sdk)])
      ),
      how
    )
    beaten.push(...fasterThanOurs(measured))
  }
  return { text: [...parts, better(beaten, "@holdfast/mcp"), stamp()].join("\n\n"), isOursRight }
}

const figures: Readonly<Record<keyof Speeds, string>> = {
  sequential: "one call after the other",
  concurrent: "64 in flight"
}

const how =
  "Calls of `echo` over stdio in a second of processor time, of the program and its server together, and, before it, that figure ÷ the one of the SDK's version 1: " +
  "the best of three rounds in turn, each in a new process."

const keys: ReadonlyArray<keyof Speeds> = ["sequential", "concurrent"]

const row = (one: Speeds | string | undefined, sdk: Speeds | string | undefined): ReadonlyArray<string> =>
  keys.map((key) =>
    typeof one !== "object"
      ? `– ${one}`
      : `${typeof sdk === "object" ? `${(one[key] / sdk[key]).toFixed(2)} × ` : ""}(${one[key].toFixed(0)})`
  )

const fasterThanOurs = (measured: ReadonlyMap<string, Speeds | string>): ReadonlyArray<string> => {
  const [ours, ...others] = [...measured.values()]
  return keys.flatMap((key) =>
    typeof ours === "object" && others.some((one) => typeof one === "object" && one[key] > ours[key])
      ? [figures[key]]
      : []
  )
}
