/**
 * The official conformance suite over our host, with the suite's own fixtures as an SDK server of version 1, and some of them as one of version 2: scenarios for servers that have
 * to do with sessions, streams, who gets in, and with what takes their place in revision 2026-07-28. What is not run is listed with its reason.
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import * as path from "node:path"
import { complaintOf, countOf, judge } from "./suite.ts"

/** Over sessions, and what any server has to get right without them too. */
const legacy = [
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

const modern = [
  "server-stateless",
  "http-header-validation",
  "http-custom-header-server-validation",
  "caching",
  "sep-2164-resource-not-found",
  "dns-rebinding-protection",
  "tools-list",
  "tools-call-simple-text",
  "tools-call-with-progress",
  "tools-call-error",
  "input-required-result-basic-elicitation",
  "input-required-result-basic-sampling",
  "input-required-result-basic-list-roots",
  "input-required-result-request-state",
  "input-required-result-multiple-input-requests",
  "input-required-result-multi-round",
  "input-required-result-missing-input-response",
  "input-required-result-non-tool-request",
  "input-required-result-result-type",
  "input-required-result-unsupported-methods",
  "input-required-result-tampered-state",
  "input-required-result-capability-check",
  "input-required-result-ignore-extra-params",
  "input-required-result-validate-input",
  "tasks-lifecycle",
  "tasks-capability-negotiation",
  "tasks-wire-fields",
  "tasks-request-state-removal",
  "tasks-request-headers",
  "tasks-dispatch-and-envelope",
  "tasks-required-task-error",
  "tasks-mrtr-composition"
] as const

export interface Run {
  readonly scenario: string
  readonly version: string
}

export const runs: ReadonlyArray<Run> = [
  ...legacy.map((scenario) => ({ scenario, version: "2025-11-25" })),
  ...modern.map((scenario) => ({ scenario, version: "2026-07-28" }))
]

/** What a host has to do with, for a server of version 2 of the SDK. */
export const runsOfVersion2: ReadonlyArray<Run> = [
  ...[
    "server-initialize",
    "server-session-lifecycle",
    "ping",
    "logging-set-level",
    "tools-list",
    "tools-call-simple-text",
    "tools-call-with-logging",
    "tools-call-with-progress",
    "tools-call-error"
  ].map((scenario) => ({ scenario, version: "2025-11-25" })),
  ...["tools-list", "tools-call-simple-text", "tools-call-with-progress", "tools-call-error"].map((scenario) => ({
    scenario,
    version: "2026-07-28"
  }))
]

export const notRun = [
  [/^tasks-mrtr-input$/, "a task that asks while it runs: tasks of an SDK server of version 1 ask over sessions only"],
  [/^tasks-status-notifications$/, "the suite skips it itself: not written yet"],
  [/^sep-2640-/, "an extension (skills)"],
  [
    /^(completion|tools-call-(image|audio|embedded|mixed)|json-schema|elicitation-sep|resources-|prompts-)/,
    "contents, which are the SDK server's and pass through the host unseen"
  ]
] as const

const host = (program: string) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly port: string; readonly stop: () => void }>((resume) => {
      const child = spawn(process.execPath, [path.join(import.meta.dirname, program)], {
        stdio: ["ignore", "pipe", "inherit"]
      })
      child.stdout.setEncoding("utf8").once(
        "data",
        (port: string) => resume(Effect.succeed({ port: port.trim(), stop: () => child.kill("SIGTERM") }))
      )
    }),
    ({ stop }) => Effect.sync(stop)
  )

/** Fails unless the suite finds nothing wrong in all of these. */
export const nothingWrong = Effect.fnUntraced(function*(runs: ReadonlyArray<Run>, program = "server.ts") {
  const { port } = yield* host(program)
  const outcomes = yield* Effect.forEach(runs, ({ scenario, version }) =>
    Effect.map(
      judge([
        "server",
        "--url",
        `http://localhost:${port}/mcp`,
        "--scenario",
        scenario,
        "--spec-version",
        version,
        // Extensions have no place on the suite's timeline.
        "--force"
      ]),
      (verdict) => ({ scenario, version, verdict })
    ), { concurrency: 2 })
  const table = [
    ...outcomes.map(({ scenario, verdict, version }) =>
      `${version} ${scenario.padEnd(45)} ${countOf(verdict, "SUCCESS")} checks  ${verdict.passed ? "passed" : "FAILED"}`
    ),
    ...notRun.map(([, reason]) => `not run: ${reason}`)
  ]
  yield* Effect.sync(() => process.stdout.write(`${table.join("\n")}\n`))
  for (const { scenario, verdict } of outcomes) {
    assert.isTrue(verdict.passed, `${scenario}: ${complaintOf(verdict)}`)
    // A scenario that checked nothing would pass too.
    assert.isAbove(countOf(verdict, "SUCCESS"), 0, scenario)
  }
})
