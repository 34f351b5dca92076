/**
 * The official conformance suite over our client: every scenario for clients that has to do with connections and messages, in
 * both eras. What is expected to fail is listed with its reason, and fails this test as soon as it passes.
 *
 * The suite's servers listen on this machine; no other network is used. Results are printed as a table.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import * as fs from "node:fs"
import { createRequire } from "node:module"
import * as os from "node:os"
import * as path from "node:path"
import { conditions, notRun } from "./scenarios.ts"

const suite = path.join(
  path.dirname(createRequire(import.meta.url).resolve("@modelcontextprotocol/conformance/package.json")),
  "dist/index.js"
)
const client = `"${process.execPath}" "${path.join(import.meta.dirname, "client.ts")}"`

interface Check {
  readonly id: string
  readonly status: string
  readonly errorMessage?: string
}

interface Outcome {
  readonly scenario: string
  readonly revision: string
  readonly expected: string | undefined
  readonly passed: boolean
  /** The suite's own last words when there are no checks to show. */
  readonly said: string
  readonly checks: ReadonlyArray<Check>
}

/** What a child prints, and its exit code. It is killed with the Scope it is run in. */
const run = (args: ReadonlyArray<string>) =>
  Effect.callback<{ readonly code: number | null; readonly text: string }>((resume) => {
    const child = spawn(process.execPath, [...args], { stdio: ["ignore", "pipe", "pipe"] })
    let text = ""
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (chunk: string) => void (text += chunk))
    }
    child.once("close", (code) => resume(Effect.succeed({ code, text })))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

const checksIn = (folder: string): ReadonlyArray<Check> =>
  fs.globSync("**/checks.json", { cwd: folder }).flatMap((file) =>
    JSON.parse(fs.readFileSync(path.join(folder, file), "utf8"))
  )

const temporaryFolder = Effect.acquireRelease(
  Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "hf-test-conformance-"))),
  (folder) => Effect.sync(() => fs.rmSync(folder, { recursive: true }))
)

const judge = (scenario: string, revision: string, expected: string | undefined) =>
  Effect.gen(function*() {
    const folder = yield* temporaryFolder
    const { code, text } = yield* run([
      suite,
      "client",
      "--command",
      client,
      "--scenario",
      scenario,
      ...(revision === "extension" ? [] : ["--spec-version", revision]),
      "--timeout",
      "20000",
      "--output-dir",
      folder
    ])
    const said = text.trim().split("\n").slice(-12).join("\n")
    const outcome: Outcome = { scenario, revision, expected, passed: code === 0, said, checks: checksIn(folder) }
    return outcome
  })

const countOf = ({ checks }: Outcome, status: string): number =>
  checks.filter((check) => check.status === status).length

const verdictOf = ({ expected, passed }: Outcome): string =>
  passed
    ? expected === undefined ? "passed" : "PASSED, listed as failing"
    : expected === undefined
    ? "FAILED"
    : "expected"

const table = (outcomes: ReadonlyArray<Outcome>): string =>
  [
    ["scenario", "revision", "checks", "result"],
    ...outcomes.map((outcome) => {
      const successes = countOf(outcome, "SUCCESS")
      const judged = successes + countOf(outcome, "FAILURE") + countOf(outcome, "WARNING")
      const reason = outcome.expected === undefined ? "" : `: ${outcome.expected}`
      return [outcome.scenario, outcome.revision, `${successes}/${judged}`, `${verdictOf(outcome)}${reason}`]
    }),
    ...notRun.map(({ reason, scenarios }) => [scenarios, "", "", `not run: ${reason}`])
  ].map(([scenario = "", revision = "", checks = "", result = ""]) =>
    `${scenario.padEnd(44)} ${revision.padEnd(11)} ${checks.padEnd(7)} ${result}`
  ).join("\n")

describe("the official conformance suite", () => {
  it.live("judges the client as expected in every scenario, in both eras", () =>
    Effect.gen(function*() {
      const outcomes = yield* Effect.forEach(
        conditions,
        ({ expected, revision, scenario }) => judge(scenario, revision, expected),
        { concurrency: 2 }
      )
      yield* Effect.sync(() => process.stdout.write(`${table(outcomes)}\n`))
      const surprises = outcomes.filter(({ expected, passed }) => passed === (expected !== undefined))
      assert.deepStrictEqual(
        surprises.map(({ checks, passed, revision, said, scenario }) => {
          const failed = checks.filter(({ status }) => status === "FAILURE").map(({ errorMessage, id }) =>
            `${id}: ${errorMessage ?? ""}`
          )
          return passed
            ? `${scenario} ${revision} passes: take it off the list of expected failures`
            : `${scenario} ${revision} fails: ${failed.length === 0 ? said : failed.join("; ")}`
        }),
        []
      )
      // A suite that checked nothing would pass too.
      for (const outcome of outcomes) {
        assert.isAbove(countOf(outcome, "SUCCESS") + countOf(outcome, "FAILURE"), 0, outcome.scenario)
      }
    }))

  it.live("has no scenario for clients that is neither run nor listed with a reason", () =>
    Effect.gen(function*() {
      const { text } = yield* run([suite, "list", "--client"])
      const known = new Set(conditions.map(({ scenario }) => scenario))
      const unknown = [...text.matchAll(/^ {2}- (\S+)/gm)].flatMap(([, name = ""]) =>
        known.has(name) || notRun.some(({ matches }) => matches.test(name)) ? [] : [name]
      )
      assert.isAbove(text.length, 1000)
      assert.deepStrictEqual(unknown, [])
    }))
})
