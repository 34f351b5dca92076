/**
 * `pnpm mutate core`, for the night and by hand: changes the sources of a package in many small ways, one at a time and in memory only, and
 * runs the package's tests that reach the change. A change that no test notices is printed: a promise without a test, code that does
 * nothing, or an equivalent (`scripts/mutate/equivalents.ts`). Ends with 1 when less than 85 % of the sample are noticed.
 *
 * `pnpm mutate server --sample 300 --seed 1` takes as many, chosen by the seed; the same change of the code is chosen again although other
 * code has changed. `--survivors` tries only what survived the last time, also after a run that was ended early; `--file StdioHost` only mutants
 * of files named so; `--quick` leaves out tests that take longer than half a second; `--tests replay,policy` runs only
 * test files named so, which tells what those alone notice.
 *
 * Unit tests first, in processes that try one mutant after the other. What is reached outside of a test's body (while a module is loaded, in
 * a process that all tests share) has test runs of its own. Integration tests are run for what no unit test reaches. One test process at a
 * time.
 *
 * With `--system` the tests that need Debian's packages (Postgres) are run for what neither reaches; they are to be installed: `pnpm test:system`
 * sees to it. Without it such code counts as not reached, which is a failure like any other: `pnpm mutate jobs` without it tells little of Postgres.
 *
 * Not seen: what runs in a process whose environment the tests choose themselves, as it has no mutants.
 */
import { spawn } from "node:child_process"
import { createHash } from "node:crypto"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { setTimeout } from "node:timers/promises"
import { parseArgs } from "node:util"
import { type Equivalent, equivalents } from "./mutate/equivalents.ts"
import { type Mutation, mutationsOf } from "./mutate/Mutation.ts"
import { type Plan, planVariable, readSaid, type Said } from "./mutate/Plan.ts"

interface Mutant extends Mutation {
  readonly file: string
  readonly index: number
}

type Fate = "killed" | "out of time" | "survived" | "not reached" | "equivalent"

const goal = 85
const root = Path.resolve(import.meta.dirname, "..")
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    sample: { type: "string", default: "300" },
    seed: { type: "string", default: "1" },
    survivors: { type: "boolean", default: false },
    quick: { type: "boolean", default: false },
    system: { type: "boolean", default: false },
    file: { type: "string" },
    tests: { type: "string" }
  }
})
const home = ["packages/", "apps/", ""].map((folder) => `${folder}${positionals[0]}`)
  .find((folder) => Fs.existsSync(Path.join(root, folder, "src")))
if (home === undefined) {
  console.error(
    "usage: pnpm mutate <package> [--sample 300] [--seed 1] [--survivors] [--quick] [--system] [--file name]"
  )
  process.exit(2)
}
const work = Path.join(root, ".tmp/mutate", Path.basename(home))
Fs.mkdirSync(work, { recursive: true })

// -------------------------------------------------------------------------------------------------
// The sample
// -------------------------------------------------------------------------------------------------

const read = (file: string): string => Fs.readFileSync(Path.join(root, file), "utf8")
const hashOf = (...texts: ReadonlyArray<string>): string => createHash("sha256").update(texts.join("\n")).digest("hex")

const nameOf = ({ file, from, operator, to }: Mutant): string => [file, operator, from, to].join("\n")

const all = Fs.globSync(`${home}/src/**/*.ts`, { cwd: root }).toSorted().flatMap((file): ReadonlyArray<Mutant> =>
  mutationsOf(file, read(file)).mutations
    .map((mutation, index) => ({ ...mutation, file, index }))
)
/** The line of code it changes. */
const codeOf = ({ file, line }: Mutant): string => (read(file).split("\n")[line - 1] ?? "").trim()
const excuseOf = ({ code, file, from, operator, to }: Equivalent): string => [file, code, operator, from, to].join("\n")
const isExcused = (mutant: Mutant): boolean => excused.has(excuseOf({ ...mutant, code: codeOf(mutant), reason: "" }))
const excused = new Set(equivalents.map(excuseOf))
const seen = new Map<string, number>()
const ranked = all.map((mutant) => {
  const name = nameOf(mutant)
  const occurrence = (seen.get(name) ?? 0) + 1
  seen.set(name, occurrence)
  return { mutant, rank: hashOf(values.seed, name, String(occurrence)) }
}).toSorted((left, right) => (left.rank < right.rank ? -1 : 1))
const mutants = ranked.slice(0, Number(values.sample)).map(({ mutant }) => mutant)
  .filter(({ file }) => values.file === undefined || file.includes(values.file))
const known = new Set(all.filter(isExcused).map((mutant) => excuseOf({ ...mutant, code: codeOf(mutant), reason: "" })))
for (const entry of equivalents) {
  if (entry.file.startsWith(`${home}/`) && !known.has(excuseOf(entry))) {
    console.log(`no mutant is this equivalent any more: ${entry.file} ${entry.operator}: ${entry.from} -> ${entry.to}`)
  }
}

/** What became of each, by its name and place: kept for `--survivors`. */
const report = Path.join(work, "report.json")
const keyOf = (mutant: Mutant): string => {
  const column = mutant.start - read(mutant.file).lastIndexOf("\n", mutant.start - 1)
  return `${nameOf(mutant)}\n${mutant.line}:${column}`
}
// Written by the last run.
const before: Readonly<Record<string, Fate>> = values.survivors ? JSON.parse(Fs.readFileSync(report, "utf8")) : {}
const fates = new Map<number, Fate>()
for (const [id, mutant] of mutants.entries()) {
  const fate = isExcused(mutant) ? "equivalent" : before[keyOf(mutant)]
  if (fate === "killed" || fate === "out of time" || fate === "equivalent") fates.set(id, fate)
}
const isAlive = (id: number): boolean => !fates.has(id)

// -------------------------------------------------------------------------------------------------
// Test processes
// -------------------------------------------------------------------------------------------------

const said = Path.join(work, "said.jsonl")
const output = Path.join(work, "output.txt")

/** Runs Vitest once. `patience` is asked again and again for the time at which the run is to be ended, in milliseconds since 1970. */
const vitest = async (
  plan: Pick<Plan, "mode" | "files"> & Partial<Plan>,
  patience: (lines: ReadonlyArray<Said>, began: number) => number
): Promise<{ readonly lines: ReadonlyArray<Said>; readonly code: number | undefined }> => {
  const path = Path.join(work, "plan.json")
  const whole: Plan = { root, mutants, active: [], tests: {}, said, ...plan }
  Fs.writeFileSync(path, JSON.stringify(whole))
  Fs.writeFileSync(said, "")
  const log = Fs.openSync(output, "w")
  const began = Date.now()
  const preload = `--import ${Path.join(import.meta.dirname, "mutate/preload.ts")}`
  const child = spawn(
    process.execPath,
    [Path.join(root, "node_modules/vitest/vitest.mjs"), "run", "--config", "scripts/mutate/vitest.config.ts"],
    {
      cwd: root,
      // A group of its own, so that all of it can be ended.
      detached: true,
      stdio: ["ignore", log, log],
      env: { ...process.env, [planVariable]: path, NODE_OPTIONS: `${process.env["NODE_OPTIONS"] ?? ""} ${preload}` }
    }
  )
  Fs.closeSync(log)
  const over = new Promise<{ readonly code: number | undefined }>((resolve) => {
    child.once("close", (code) => resolve({ code: code ?? undefined }))
  })
  for (let isEnded = false;;) {
    const end = await Promise.race([over, setTimeout(1_000)])
    if (end !== undefined) return { lines: readSaid(said), code: end.code }
    if (isEnded || child.pid === undefined || Date.now() <= patience(readSaid(said), began)) continue
    isEnded = true
    process.kill(-child.pid, "SIGKILL")
  }
}

const minutes = 60_000

// -------------------------------------------------------------------------------------------------
// What reaches what
// -------------------------------------------------------------------------------------------------

interface Reach {
  /** Test files, those that take the shortest first. */
  readonly files: ReadonlyArray<string>
  readonly millis: ReadonlyMap<string, number>
  readonly tests: ReadonlyMap<string, ReadonlyArray<Extract<Said, { kind: "reached" }>>>
  /** By test file: mutants that are reached outside of the body of a test. */
  readonly elsewhere: ReadonlyMap<string, ReadonlySet<number>>
}

/** What the survey of a test file depends on: the package's sources, the tests' support, the sample, and the file itself. */
const support = Fs.globSync([`${home}/src/**/*.ts`, `${home}/test/**/*.ts`], { cwd: root })
  .filter((file) => !file.endsWith(".test.ts")).toSorted()
const surroundings = hashOf(...support.map(read), JSON.stringify(mutants))
const surveys = Path.join(work, "surveys.json")
const keyOfTests = (file: string): string => hashOf(surroundings, file, read(file))

/** Runs the tests once without a mutant. What was surveyed before and has not changed is not surveyed again. */
const survey = async (files: ReadonlyArray<string>): Promise<Reach> => {
  // Written by the last run.
  const known: Record<string, ReadonlyArray<Said>> = Fs.existsSync(surveys)
    ? JSON.parse(Fs.readFileSync(surveys, "utf8"))
    : {}
  const keyed = new Map(files.map((file) => [file, keyOfTests(file)]))
  const fresh = files.filter((file) => known[keyed.get(file) ?? ""] === undefined)
  // Some at a time, so that a run that is ended early has not been for nothing.
  for (let next = 0; next < fresh.length; next += 6) {
    const some = fresh.slice(next, next + 6)
    const { lines } = await vitest({ mode: "survey", files: some }, (_, began) => began + 30 * minutes)
    const broken = lines.find((line) => line.kind === "broken")
    if (broken !== undefined) throw new Error(`a test fails without any mutant: ${broken.test}\n${broken.why}`)
    for (const file of some) {
      const own = lines.filter((line) => "file" in line && line.file === file)
      if (!own.some((line) => line.kind === "reached")) {
        throw new Error(`no test of ${file} ran:\n${Fs.readFileSync(output, "utf8")}`)
      }
      known[keyed.get(file) ?? ""] = own
    }
    Fs.writeFileSync(surveys, JSON.stringify(known))
  }
  const lines = [...keyed.values()].flatMap((key) => known[key] ?? [])
  const elsewhere = new Map<string, Set<number>>()
  const outside = new Set<string>()
  for (const line of lines) {
    if (line.kind !== "elsewhere") continue
    elsewhere.set(line.file, (elsewhere.get(line.file) ?? new Set()).add(line.mutant))
    if (line.test === undefined) outside.add(`${line.file} ${line.mutant}`)
  }
  const startedBy = new Map<string, Set<number>>()
  for (const line of lines) {
    // What the file reaches besides, as its modules are loaded, is not the mutant in all of a test's processes.
    if (line.kind !== "elsewhere" || line.test === undefined || outside.has(`${line.file} ${line.mutant}`)) continue
    startedBy.set(line.test, (startedBy.get(line.test) ?? new Set()).add(line.mutant))
  }
  const reached = lines.filter((line) => line.kind === "reached").map((line) => ({
    ...line,
    mutants: [...new Set([...line.mutants, ...startedBy.get(line.test) ?? []])]
  }))
  const tests = Map.groupBy(reached, (line) => line.file)
  const millis = new Map([...tests].map(([file, each]) => [file, each.reduce((sum, test) => sum + test.millis, 0)]))
  return {
    files: files.toSorted((left, right) => (millis.get(left) ?? 0) - (millis.get(right) ?? 0)),
    millis,
    tests,
    elsewhere
  }
}

/** What has survived which tests, as long as neither has changed: by a key of the tests, the mutants. */
const passes = Path.join(work, "passes.json")
// Written by the last run.
const passed: Record<string, ReadonlyArray<number>> = Fs.existsSync(passes)
  ? JSON.parse(Fs.readFileSync(passes, "utf8"))
  : {}
const notePassed = (key: string, ids: ReadonlyArray<number>): void => {
  passed[key] = [...passed[key] ?? [], ...ids]
  Fs.writeFileSync(passes, JSON.stringify(passed))
}

/** What is not settled has survived so far. */
const save = (): void => {
  const names: Record<string, Fate> = {}
  for (const [id, mutant] of mutants.entries()) names[keyOf(mutant)] = fates.get(id) ?? "survived"
  Fs.writeFileSync(report, JSON.stringify({ ...before, ...names }))
}

/** Tries the file's tests with each of the mutants that is alive and reached by them, in as few processes as can be. */
const tryEach = async (file: string, ids: ReadonlySet<number>, reach: Reach): Promise<void> => {
  const tried = new Set<string>()
  const key = `${keyOfTests(file)} each ${values.quick}`
  const before = new Set(passed[key])
  /** One that must be the first of its process. */
  let alone: { readonly mutant: number; readonly test: string } | undefined
  for (;;) {
    const tests: Record<string, ReadonlyArray<number>> = {}
    for (const { millis, mutants: reached, test } of reach.tests.get(file) ?? []) {
      if (values.quick && millis > 500) continue
      const left = reached.filter((id) => ids.has(id) && isAlive(id) && !before.has(id) && !tried.has(`${id} ${test}`))
      if (left.length > 0) tests[test] = left
    }
    if (Object.keys(tests).length === 0) {
      const reached = new Set((reach.tests.get(file) ?? []).flatMap((test) => test.mutants))
      return notePassed(key, [...reached].filter((id) => ids.has(id) && isAlive(id) && !before.has(id)))
    }
    const { lines } = await vitest(
      { mode: "each", files: [file], tests: alone === undefined ? tests : { [alone.test]: [alone.mutant] } },
      (soFar) => {
        const last = soFar.at(-1)
        // The process judges for itself, unless it is busy for ever.
        return last?.kind === "trying"
          ? Fs.statSync(said).mtimeMs + 2 * last.limit + 10_000
          : Fs.statSync(said).mtimeMs + 5 * minutes
      }
    )
    alone = undefined
    for (const line of lines) {
      if (line.kind === "survived" || line.kind === "killed") tried.add(`${line.mutant} ${line.test}`)
      if (line.kind === "killed") fates.set(line.mutant, line.how === "time" ? "out of time" : "killed")
      if (line.kind === "unsure") alone = line
      if (line.kind === "broken") throw new Error(`${file} fails without any mutant: ${line.why}`)
    }
    const last = lines.at(-1)
    if (last === undefined) throw new Error(`no test of ${file} ran:\n${Fs.readFileSync(output, "utf8")}`)
    // It was ended in the middle, by itself or for taking too long.
    if (last.kind === "trying") fates.set(last.mutant, "out of time")
    save()
  }
}

/** A mutant, and the test files that are run with it on from the start. */
interface Attempt {
  readonly id: number
  readonly files: ReadonlyArray<string>
}

/** By source and test file: how many of the source's mutants were tried on the file, and how many of them it noticed. */
const tries = new Map<string, { readonly tried: number; readonly noticed: number }>()
const triesOf = (source: string | undefined, file: string) => tries.get(`${source} ${file}`) ?? { tried: 0, noticed: 0 }
/** How likely a file is to notice the next one. */
const hopeOf = (source: string | undefined, file: string): number => {
  const { noticed, tried } = triesOf(source, file)
  return (noticed + 1) / (tried + 2)
}
const noteTry = ({ files, id }: Attempt, isNoticed: boolean): void => {
  const source = mutants[id]?.file
  for (const file of files.length === 1 ? files : []) {
    const { noticed, tried } = triesOf(source, file)
    tries.set(`${source} ${file}`, { tried: tried + 1, noticed: noticed + Number(isNoticed) })
  }
}

/**
 * Runs whole test files. What passes with several mutants at once counts as survived by each, though one may hide another: it never makes
 * more of them noticed. What fails is tried again with half of them, down to the one that is noticed.
 */
const tryWhole = async (attempts: ReadonlyArray<Attempt>, reach: Reach): Promise<void> => {
  const key = ({ files }: Attempt) => `${hashOf(...files.map(keyOfTests))} whole`
  const isPassed = (attempt: Attempt) => passed[key(attempt)]?.includes(attempt.id) === true
  for (const attempt of attempts.filter(isPassed)) noteTry(attempt, false)
  const left = attempts.filter((attempt) => isAlive(attempt.id) && !isPassed(attempt))
  if (left.length === 0) return
  const active = left.map(({ id }) => id)
  const files = [...new Set(left.flatMap((attempt) => attempt.files))]
    .toSorted((one, other) => (reach.millis.get(one) ?? 0) - (reach.millis.get(other) ?? 0))
  const millis = files.reduce((sum, file) => sum + (reach.millis.get(file) ?? 0), 0)
  const { code } = await vitest({ mode: "whole", active, files }, (_, began) => began + 2 * minutes + 5 * millis)
  if (code === 0) {
    for (const attempt of left) {
      notePassed(key(attempt), [attempt.id])
      noteTry(attempt, false)
    }
  } else if (left.length === 1) {
    for (const attempt of left) {
      fates.set(attempt.id, code === undefined ? "out of time" : "killed")
      noteTry(attempt, true)
    }
  } else {
    const half = Math.ceil(left.length / 2)
    await tryWhole(left.slice(0, half), reach)
    await tryWhole(left.slice(half), reach)
  }
  save()
}

/** Of what a test file reaches, how much is in this source: tests that are about it are likely to notice. One of its name comes first. */
const shareOf = (file: string, source: string | undefined, reach: Reach): number => {
  const reached = new Set([
    ...reach.elsewhere.get(file) ?? [],
    ...(reach.tests.get(file) ?? []).flatMap((test) => test.mutants)
  ])
  const isNamesake = source !== undefined && Path.basename(file).startsWith(`${Path.basename(source, ".ts")}.`)
  return (isNamesake ? 1 : 0) + [...reached].filter((id) => mutants[id]?.file === source).length / reached.size
}

/** Those that have noticed most of this source's mutants come first; before any was tried, those that are about it. */
const byHope = (source: string | undefined, reach: Reach) => (one: string, other: string): number =>
  hopeOf(source, other) - hopeOf(source, one) || shareOf(other, source, reach) - shareOf(one, source, reach)

/**
 * Tries what is reached outside of the bodies of tests: the file most likely to notice first, then the next, then the others. The less
 * likely it is that one is noticed, the more are tried at once.
 */
const wholeFiles = async (
  ids: ReadonlyArray<number>,
  reach: Reach,
  isReached: IsReached,
  steps: ReadonlyArray<Step> = allSteps
): Promise<void> => {
  const sorted = ids.toSorted((one, other) => `${mutants[one]?.file}` < `${mutants[other]?.file}` ? -1 : 1)
  const left = new Map(sorted.map((id) => [
    id,
    reach.files.filter((file) => isReached(id, file) && !(values.quick && (reach.millis.get(file) ?? 0) > 5_000))
  ]))
  for (const { files: most, together } of steps) {
    const some = sorted.filter((id) => isAlive(id) && (left.get(id) ?? []).length > 0)
    for (const id of some) undecided.add(id)
    let group: Array<Attempt> = []
    for (const id of some) {
      const source = mutants[id]?.file
      const files = (left.get(id) ?? []).toSorted(byHope(source, reach))
      left.set(id, files.slice(most))
      const attempt = { id, files: files.slice(0, most) }
      if (most === 1 && attempt.files.some((file) => hopeOf(source, file) > 0.3)) await tryWhole([attempt], reach)
      else group.push(attempt)
      if (group.length < together) continue
      await tryWhole(group, reach)
      group = []
    }
    await tryWhole(group, reach)
    if (some.length > 0) note(`${alive().length} are alive after ${some.length} had whole files run`)
  }
}

interface Step {
  /** How many test files are run. */
  readonly files: number
  /** With how many mutants at once. */
  readonly together: number
}

const allSteps: ReadonlyArray<Step> = [
  { files: 1, together: 1 },
  { files: 1, together: 4 },
  { files: Number.POSITIVE_INFINITY, together: 8 }
]

type IsReached = (id: number, file: string) => boolean

const elsewhereIn = (reach: Reach): IsReached => (id, file) => reach.elsewhere.get(file)?.has(id) === true

const anywhereIn = (reach: Reach): IsReached => (id, file) =>
  elsewhereIn(reach)(id, file) || reach.tests.get(file)?.some((test) => test.mutants.includes(id)) === true

// -------------------------------------------------------------------------------------------------
// The run
// -------------------------------------------------------------------------------------------------

const undecided = new Set<number>()
const began = Date.now()
const wantedTests = values.tests?.split(",")
const ofTests = (pattern: string): ReadonlyArray<string> =>
  Fs.globSync(`${home}/test/**/${pattern}`, { cwd: root })
    .filter((file) => wantedTests === undefined || wantedTests.some((name) => file.includes(name)))
const integration = ofTests("*.integration.test.ts")
// Those for the night wait for leases and outages: minutes for each mutant.
const system = values.system ? ofTests("*.system.test.ts").filter((file) => !file.includes(".nightly.")) : []
const others = new Set([...integration, ...ofTests("*.{long,system}.test.ts")])
const unit = ofTests("*.test.ts").filter((file) => !others.has(file))

console.log(`${home}: ${mutants.length} of ${all.length} mutants, seed ${values.seed}`)
const byUnit = await survey(unit)
const note = (what: string) => console.log(`${Math.round((Date.now() - began) / 1000)} s: ${what}`)
note(`${unit.length} files of unit tests surveyed`)
const alive = () => [...mutants.keys()].filter(isAlive)
const everyFile = async (
  ids: ReadonlyArray<number>,
  reach: Reach,
  isWanted: (file: string) => boolean = () => true
): Promise<void> => {
  for (const file of reach.files.filter(isWanted)) {
    await tryEach(file, new Set(ids), reach)
    save()
    note(`${alive().length} are alive after ${file}`)
  }
}
const isSlow = (file: string): boolean => (byUnit.millis.get(file) ?? 0) > 5_000
await everyFile(alive(), byUnit, (file) => !isSlow(file))
// What a quick file notices as a whole need not go through each test of a slow one.
await wholeFiles(alive(), byUnit, (id, file) => !isSlow(file) && elsewhereIn(byUnit)(id, file), allSteps.slice(0, 2))
await everyFile(alive(), byUnit, isSlow)
await wholeFiles(alive(), byUnit, elsewhereIn(byUnit))
const isReachedByUnit = (id: number): boolean => byUnit.files.some((file) => anywhereIn(byUnit)(id, file))
const unreached = alive().filter((id) => !isReachedByUnit(id))
if (integration.length > 0 && unreached.length > 0) {
  note(`${unreached.length} are reached by no unit test`)
  const byIntegration = await survey(integration)
  await everyFile(unreached, byIntegration)
  await wholeFiles(unreached.filter(isAlive), byIntegration, anywhereIn(byIntegration))
}
const far = new Set(unreached.filter((id) => isAlive(id) && !undecided.has(id)))
if (system.length > 0 && far.size > 0) {
  note(`${far.size} are reached by no integration test either`)
  const bySystem = await survey(system)
  await everyFile([...far], bySystem)
  await wholeFiles([...far].filter(isAlive), bySystem, elsewhereIn(bySystem))
  for (const id of far) if (bySystem.files.some((file) => anywhereIn(bySystem)(id, file))) undecided.add(id)
}
for (const id of alive()) fates.set(id, isReachedByUnit(id) || undecided.has(id) ? "survived" : "not reached")

const counts: Record<Fate, number> = { killed: 0, "out of time": 0, survived: 0, "not reached": 0, equivalent: 0 }
for (const id of mutants.keys()) counts[fates.get(id) ?? "survived"]++
save()
const printed = [...mutants.entries()].toSorted(([, left], [, right]) =>
  left.file === right.file ? left.line - right.line : left.file < right.file ? -1 : 1
)
for (const [id, mutant] of printed) {
  const fate = fates.get(id)
  if (fate !== "survived" && fate !== "not reached") continue
  console.log(`\n${mutant.file}:${mutant.line}  ${mutant.operator}${fate === "survived" ? "" : `, ${fate}`}`)
  console.log(`    ${codeOf(mutant)}\n  - ${mutant.from}\n  + ${mutant.to}`)
}
const killed = counts.killed + counts["out of time"]
const total = mutants.length - counts.equivalent
const share = (100 * killed) / total
note(
  `${killed} of ${total} killed (${share.toFixed(1)} %), ${counts["out of time"]} of them by time; ` +
    `${counts.survived} survived, ${counts["not reached"]} not reached by a test; ` +
    `${counts.equivalent} equivalent ones left out`
)
process.exitCode = share >= goal ? 0 : 1
