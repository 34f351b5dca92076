/**
 * `pnpm steps`: what one call takes, in counts that are the same on every machine and under any load, beside `counts.json`. Ends with 1 if one is another.
 * `--write` stores what was counted, `--json` prints it.
 */
import * as Counts from "./Counts.ts"
import * as Steps from "./Steps.ts"

const counted = await Steps.count()
const words = process.argv.slice(2)
if (words.includes("--json")) console.log(JSON.stringify(counted, null, 2))
else {
  const header = ["", ...Counts.names]
  const rows = Steps.names.map((name) => [name, ...Counts.names.map((what) => String(counted[name][what]))])
  const widths = header.map((_, column) => Math.max(...[header, ...rows].map((row) => (row[column] ?? "").length)))
  for (const row of [header, ...rows]) {
    const [name = "", ...figures] = row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)
    )
    console.log([name, ...figures].join("  "))
  }
}
if (words.includes("--write")) {
  Steps.store(counted)
  console.error("written to test/steps/counts.json")
} else {
  const said = Steps.report(Steps.changes(Steps.stored(), counted))
  if (said !== "") {
    console.error(said)
    process.exitCode = 1
  }
}
