/**
 * `pnpm bench:growth`: what one of a thing takes, when there are 10, 100, 1 000 and 10 000 of it, and the seeds' own numbers. Writes the run, the tables and
 * the pictures: `docs/performance.json`, `docs/performance.md` and `docs/images`. Words behind it choose subjects, the others keep their figures.
 *
 * Every point has a process of its own. Points take turns, `--rounds` times (3), and the best of each counts: what else runs on the machine only
 * takes. `--draw` measures nothing: it draws the stored run again.
 */
import { spawnSync } from "node:child_process"
import * as path from "node:path"
import { parseArgs } from "node:util"
import * as Machine from "../Machine.ts"
import * as Document from "./Document.ts"
import { measureSeeds } from "./seeds.ts"
import { counts, type Name, type Point, type Run, subjects } from "./Subjects.ts"

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: "string", default: "3" }, draw: { type: "boolean", default: false } }
})
const names: ReadonlyArray<string> = [...subjects.map(({ name }) => name), "seeds"]
const unknown = positionals.find((name) => !names.includes(name))
if (unknown !== undefined) {
  console.error(`there is no "${unknown}", there are: ${names.join(", ")}`)
  process.exit(2)
}
const isChosen = (name: string): boolean => !values.draw && (positionals.length === 0 || positionals.includes(name))

/** Undefined if it could not be measured, which is told. */
const measure = (name: Name, count: number): Point | undefined => {
  const { status, stderr, stdout } = spawnSync(
    process.execPath,
    ["--expose-gc", path.join(import.meta.dirname, "measure.ts"), name, String(count)],
    { encoding: "utf8", timeout: 600_000 }
  )
  if (status === 0) return { count, ...JSON.parse(stdout.trim().split("\n").at(-1) ?? "") }
  console.error(
    `${name} ${count}: ${status === null ? "it did not end in 10 minutes" : `ended with ${status}: ${stderr}`}`
  )
  process.exitCode = 1
  return undefined
}

/** Each figure at its least. */
const best = (points: ReadonlyArray<Point>, count: number): ReadonlyArray<Point> => {
  const of = points.filter((point) => point.count === count)
  if (of.length === 0) return []
  return [{
    count,
    micros: Math.min(...of.map(({ micros }) => micros)),
    // Few weigh less than what comes and goes beside them: never less than nothing.
    bytes: Math.max(0, Math.min(...of.map(({ bytes }) => bytes)))
  }]
}

const before = Document.stored()
let run: Run = {
  machine: before?.machine ?? Machine.here(),
  // Every subject has its points, if only none.
  points: Object.fromEntries(subjects.map(({ name }) => [name, before?.points[name] ?? []])) as Run["points"],
  seeds: before?.seeds ?? []
}
/** A run may take an hour on a busy machine: what it has is kept. */
const keep = (more: Partial<Run>): void => {
  run = { ...run, machine: Machine.here(), ...more }
  Document.store(run)
}
for (const { name } of subjects.filter(({ name }) => isChosen(name))) {
  const measured: Array<Point> = []
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const count of counts) {
      const point = measure(name, count)
      if (point === undefined) continue
      console.log(`${name} ${count}: ${point.micros.toFixed(2)} us, ${point.bytes.toFixed(0)} B`)
      measured.push(point)
    }
  }
  keep({ points: { ...run.points, [name]: counts.flatMap((count) => best(measured, count)) } })
}
if (isChosen("seeds")) keep({ seeds: await measureSeeds() })
Document.write(run)
