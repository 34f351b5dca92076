/**
 * The official conformance suite over our client: every scenario for clients that has to do with connections and messages, in
 * both eras. What is expected to fail is listed with its reason, and fails this test as soon as it passes.
 *
 * The suite's servers listen on this machine; no other network is used. Results are printed as a table.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as path from "node:path"
import { conditions, notRun } from "./scenarios.ts"
import { complaintOf, countOf, judge, run, type Verdict } from "./suite.ts"

const client = `"${process.execPath}" "${path.join(import.meta.dirname, "client.ts")}"`

interface Outcome extends Verdict {
  readonly scenario: string
  readonly revision: string
  readonly expected: string | undefined
}

const judgeClient = (scenario: string, revision: string, expected: string | undefined) =>
  Effect.map(
    judge([
      "client",
      "--command",
      client,
      "--scenario",
      scenario,
      ...(revision === "extension" ? [] : ["--spec-version", revision]),
      "--timeout",
      "20000"
    ]),
    (verdict): Outcome => ({ scenario, revision, expected, ...verdict })
  )

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
        ({ expected, revision, scenario }) => judgeClient(scenario, revision, expected),
        { concurrency: 2 }
      )
      yield* Effect.sync(() => process.stdout.write(`${table(outcomes)}\n`))
      const surprises = outcomes.filter(({ expected, passed }) => passed === (expected !== undefined))
      assert.deepStrictEqual(
        surprises.map((outcome) => {
          const { passed, revision, scenario } = outcome
          return passed
            ? `${scenario} ${revision} passes: take it off the list of expected failures`
            : `${scenario} ${revision} fails: ${complaintOf(outcome)}`
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
      const { text } = yield* run(["list", "--client"])
      const known = new Set(conditions.map(({ scenario }) => scenario))
      const unknown = [...text.matchAll(/^ {2}- (\S+)/gm)].flatMap(([, name = ""]) =>
        known.has(name) || notRun.some(({ matches }) => matches.test(name)) ? [] : [name]
      )
      assert.isAbove(text.length, 1000)
      assert.deepStrictEqual(unknown, [])
    }))
})
