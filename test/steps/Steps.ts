/**
 * What one call takes, counted and not timed, beside what it took when `counts.json` was written.
 *
 * Times of machines that others use, too, differ by a third from run to run, so that an alarm by them is either silent or not believed
 * (tokuhirom/mutsu#8085, shakacode/react_on_rails#3169).
 *
 * It is counted in a process of its own, whose compiler does not optimise and which has one thread: what is allocated is then a matter of the
 * code alone, and not of when the optimiser has come by.
 */
import { spawn } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import * as Counts from "./Counts.ts"

export const names = [
  "use of a pooled connection",
  "lease of a pooled connection",
  "stdio call",
  "HTTP call",
  "request to a host",
  "start of a job",
  "poll of a job"
] as const
export type Name = typeof names[number]

export type Table = Readonly<Record<Name, Counts.Counts>>

/** Of the bytes: what a string or an array takes more in one run than in another. All else is exact. */
export const bandOfBytes = 0.01

/** One count that is not what is stored. */
export interface Change {
  readonly name: Name
  readonly what: keyof Counts.Counts
  readonly stored: number
  readonly counted: number
}

const isWithin = (what: keyof Counts.Counts, stored: number, counted: number): boolean =>
  what === "bytes" ? Math.abs(counted - stored) <= stored * bandOfBytes : counted === stored

/** Everything past its band, less as well as more: what is stored is to be true. */
export const changes = (stored: Table, counted: Table): ReadonlyArray<Change> =>
  names.flatMap((name) =>
    Counts.names
      .filter((what) => !isWithin(what, stored[name]?.[what] ?? Number.NaN, counted[name][what]))
      .map((what) => ({ name, what, stored: stored[name]?.[what] ?? Number.NaN, counted: counted[name][what] }))
  )

const isMore = ({ counted, stored }: Change): boolean => !(counted <= stored)

/** What a person reads: which counts are others, and what to do. Empty if none is. */
export const report = (found: ReadonlyArray<Change>): string => {
  if (found.length === 0) return ""
  const line = (change: Change): string =>
    `  ${change.name}: ${Counts.what[change.what]} ${
      isMore(change) ? "grew" : "fell"
    } from ${change.stored} to ${change.counted}`
  return [
    found.some(isMore)
      ? "A call takes more than it did:"
      : "A call takes less than it did, which is to be kept:",
    ...found.map(line),
    `Counts are exact, bytes within ${
      bandOfBytes * 100
    } %. If that is meant, accept it: node test/steps/main.ts --write`
  ].join("\n")
}

const file = path.join(import.meta.dirname, "counts.json")

/** As it is stored. */
export const stored = (): Table => JSON.parse(fs.readFileSync(file, "utf8"))

export const store = (table: Table): void => fs.writeFileSync(file, `${JSON.stringify(table, null, 2)}\n`)

const flags = [
  "--no-opt",
  "--no-maglev",
  "--no-sparkplug",
  "--single-threaded",
  // What is allocated in a window has room there: nothing is collected in most of them.
  "--min-semi-space-size=64",
  "--max-semi-space-size=64",
  "--no-warnings"
]

/** Counts all of them. `plant`: with one fiber more for each call, to show that it is noticed. */
export const count = (plant?: "fiber"): Promise<Table> =>
  new Promise((resolve, reject) => {
    const file = (of: string): string => path.join(import.meta.dirname, of)
    const child = spawn(process.execPath, [...flags, "--import", file("Counters.ts"), file("workload.ts")], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, NODE_OPTIONS: "", ...(plant !== undefined && { HOLDFAST_STEPS_PLANT: plant }) }
    })
    const said = { stdout: "", stderr: "" }
    child.stdout.setEncoding("utf8").on("data", (text: string) => void (said.stdout += text))
    child.stderr.setEncoding("utf8").on("data", (text: string) => void (said.stderr += text))
    child.once("error", reject)
    child.once("close", (code) => {
      if (code === 0) resolve(JSON.parse(said.stdout.trim().split("\n").at(-1) ?? ""))
      else reject(new Error(`counting ended with ${code}: ${said.stderr}${said.stdout}`))
    })
  })
