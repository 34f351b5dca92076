/**
 * `pnpm check`: everything that judges the code in under a minute, at once, with one table at the end.
 *
 * Steps do not depend on each other. As many run at a time as the machine has cores, the longest first. What a step prints is
 * shown only if it failed. The last line is `N passed, N failed`; with failures the exit code is 1.
 *
 * `pnpm check types lint` runs only the steps named. Without names, fast tests that have passed over these very files, in `pnpm test` for
 * one, are not run again.
 */
import { spawn } from "node:child_process"
import * as Os from "node:os"
import * as Path from "node:path"
import { havePassed } from "./vitest/FastTests.ts"

interface Step {
  readonly name: string
  readonly what: string
  readonly command: readonly [string, ...Array<string>]
  /** Whether it has passed before, over the files that are there. */
  readonly hasPassed?: () => boolean
}

interface Outcome {
  readonly step: Step
  readonly passed: boolean
  /** Undefined: it had passed before, over the same files. */
  readonly millis: number | undefined
  readonly output: string
}

const root = Path.resolve(import.meta.dirname, "..")
const node = (script: string): Step["command"] => [process.execPath, script]

const steps: ReadonlyArray<Step> = [
  {
    name: "tests",
    what: "fast tests",
    command: ["vitest", "run", "--project", "unit", "--reporter=dot", "--reporter=./scripts/vitest/FastTests.ts"],
    hasPassed: () => havePassed(root)
  },
  {
    name: "docs",
    what: "API reference without a warning",
    command: [process.execPath, "scripts/api/make.ts", ".tmp/api"]
  },
  { name: "types", what: "tsc -b, sources and tests, with Effect's diagnostics", command: ["tsc", "-b"] },
  { name: "steps", what: "counts of what one call takes", command: node("test/steps/main.ts") },
  { name: "lint", what: "oxlint and the house's own rules", command: ["oxlint", "--deny-warnings"] },
  { name: "format", what: "dprint", command: ["dprint", "check"] },
  { name: "imports", what: "import directions and cycles", command: node("scripts/check-imports.ts") },
  { name: "errors", what: "a page for every error reason", command: node("scripts/check-errors.ts") },
  { name: "repository", what: "links in documents, no registry hosts", command: node("scripts/check-repository.ts") }
]

/** Runs one step to its end. Never rejects: a command that can not start is a failed step. */
const run = (step: Step): Promise<Outcome> =>
  new Promise((resolve) => {
    const started = performance.now()
    const [command, ...args] = step.command
    const chunks: Array<string> = []
    const finish = (passed: boolean) =>
      resolve({ step, passed, millis: performance.now() - started, output: chunks.join("").trim() })
    const child = spawn(command, args, {
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...process.env,
        PATH: `${Path.join(root, "node_modules/.bin")}${Path.delimiter}${process.env["PATH"] ?? ""}`
      }
    })
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (chunk: string) => chunks.push(chunk))
    }
    child.once("error", (error) => {
      chunks.push(error.message)
      finish(false)
    })
    child.once("close", (code) => finish(code === 0))
  })

const seconds = (millis: number): string => `${(millis / 1000).toFixed(1)} s`

const row = ({ millis, passed, step }: Outcome): string =>
  `${passed ? "ok  " : "FAIL"}  ${step.name.padEnd(10)}  ${step.what.padEnd(54)}  ` +
  (millis === undefined ? "passed before, over the same files" : seconds(millis).padStart(7))

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !steps.some((step) => step.name === name))
if (unknown.length > 0) {
  console.error(`unknown step ${unknown.join(", ")}; there are ${steps.map((step) => step.name).join(", ")}`)
  process.exit(2)
}

const started = performance.now()
const queue = steps.filter((step) => wanted.length === 0 || wanted.includes(step.name))
const outcomes: Array<Outcome> = []
const order = [...queue]
const worker = async () => {
  for (let step = queue.shift(); step !== undefined; step = queue.shift()) {
    const hasPassed = wanted.length === 0 && step.hasPassed?.() === true
    outcomes.push(hasPassed ? { step, passed: true, millis: undefined, output: "" } : await run(step))
  }
}
await Promise.all(Array.from({ length: Math.max(2, Os.availableParallelism()) }, worker))

const sorted = outcomes.toSorted((left, right) => order.indexOf(left.step) - order.indexOf(right.step))
const failed = sorted.filter((outcome) => !outcome.passed)
for (const { output, step } of failed) console.log(`\n── ${step.name}: ${step.command.join(" ")}\n${output}\n`)
for (const outcome of sorted) console.log(row(outcome))
console.log(`${"".padEnd(74)}${seconds(performance.now() - started).padStart(7)}\n`)
console.log(`${sorted.length - failed.length} passed, ${failed.length} failed`)
process.exitCode = failed.length === 0 ? 0 : 1
