/**
 * The official conformance suite over our host, with the suite's own fixtures as an SDK server: every scenario for servers that has to do
 * with sessions, streams and who gets in. What is not run is listed with its reason.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import * as path from "node:path"
import { complaintOf, countOf, judge, run } from "./suite.ts"

const scenarios = [
  "server-initialize",
  "server-session-lifecycle",
  "server-sse-polling",
  "server-sse-multiple-streams",
  "dns-rebinding-protection",
  "ping",
  "logging-set-level",
  "tools-list",
  "tools-call-simple-text",
  "tools-call-with-logging",
  "tools-call-with-progress",
  "tools-call-error",
  "tools-call-sampling",
  "tools-call-elicitation"
] as const

const notRun = [
  [
    /^(server-stateless|caching|http-(header|custom-header)|input-required-result-|sep-2164)/,
    "revision 2026-07-28 is answered with the revisions that are served; SDK servers of version 1 do not know it"
  ],
  [/^tasks-/, "the tasks extension of 2026-07-28"],
  [/^sep-2640-/, "an extension (skills)"],
  [
    /^(completion|tools-call-(image|audio|embedded|mixed)|json-schema|elicitation-sep|resources-|prompts-)/,
    "contents, which are the SDK server's and pass through the host unseen"
  ]
] as const

const host = Effect.acquireRelease(
  Effect.callback<{ readonly port: string; readonly stop: () => void }>((resume) => {
    const child = spawn(process.execPath, [path.join(import.meta.dirname, "server.ts")], {
      stdio: ["ignore", "pipe", "inherit"]
    })
    child.stdout.setEncoding("utf8").once(
      "data",
      (port: string) => resume(Effect.succeed({ port: port.trim(), stop: () => child.kill("SIGTERM") }))
    )
  }),
  ({ stop }) => Effect.sync(stop)
)

describe("the official conformance suite over a server", () => {
  it.live("finds nothing wrong with sessions, streams and who gets in", () =>
    Effect.gen(function*() {
      const { port } = yield* host
      const outcomes = yield* Effect.forEach(scenarios, (scenario) =>
        Effect.map(
          judge([
            "server",
            "--url",
            `http://localhost:${port}/mcp`,
            "--scenario",
            scenario,
            "--spec-version",
            "2025-11-25"
          ]),
          (verdict) => ({ scenario, verdict })
        ), { concurrency: 2 })
      const table = [
        ...outcomes.map(({ scenario, verdict }) =>
          `${scenario.padEnd(32)} ${countOf(verdict, "SUCCESS")} checks  ${verdict.passed ? "passed" : "FAILED"}`
        ),
        ...notRun.map(([, reason]) => `not run: ${reason}`)
      ]
      yield* Effect.sync(() => process.stdout.write(`${table.join("\n")}\n`))
      for (const { scenario, verdict } of outcomes) {
        assert.isTrue(verdict.passed, `${scenario}: ${complaintOf(verdict)}`)
        // A scenario that checked nothing would pass too.
        assert.isAbove(countOf(verdict, "SUCCESS"), 0, scenario)
      }
    }))

  it.live("has no scenario for servers that is neither run nor listed with a reason", () =>
    Effect.gen(function*() {
      const { text } = yield* run(["list", "--server"])
      const known = new Set<string>(scenarios)
      const unknown = [...text.matchAll(/^ {2}- (\S+)/gm)].flatMap(([, name = ""]) =>
        known.has(name) || notRun.some(([matches]) => matches.test(name)) ? [] : [name]
      )
      assert.isAbove(text.length, 1000)
      assert.deepStrictEqual(unknown, [])
    }))
})
