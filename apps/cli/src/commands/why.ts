/**
 * `holdfast why <server>`: how the last tries and calls went, as the daemon saw them, and what keeps the processes of a server apart.
 * `holdfast why --call <id>`: the same of one call.
 */
import type { CallRecord, Step, Try } from "@holdfast/daemon/ControlContract"
import * as DaemonControl from "@holdfast/daemon/DaemonControl"
import type { ExplainedKey } from "@holdfast/daemon/DaemonStatus"
import { factsOf, isFailure, outcomeOf, wordsOf } from "@holdfast/mcp/Explanation"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { askingDaemon } from "../AskingDaemon.ts"
import { CliFailure } from "../CliFailure.ts"
import * as DaemonFeed from "../DaemonFeed.ts"
import { ExitCode } from "../ExitCode.ts"
import type * as WhyOutput from "../outputs/why.ts"
import { Shell } from "../Shell.ts"
import { clockOf, spanOf } from "../Sizes.ts"
import { printable, styleOf } from "../Style.ts"
import { table, wrap } from "../Table.ts"
import { writeResult } from "../WriteResult.ts"

type Answer = typeof WhyOutput.Output.Type

/** Runs the command and succeeds with its exit code. */
export const run = Effect.fnUntraced(function*(
  { call, server }: { readonly server: Option.Option<string>; readonly call: Option.Option<string> },
  json: boolean
) {
  if (Option.isSome(call)) return yield* ofCall(call.value, json)
  if (Option.isSome(server)) return yield* ofServer(server.value, json)
  return yield* new CliFailure({
    exitCode: ExitCode.usage,
    reason: "Usage",
    message: "<server> is missing, or --call and the id of a call",
    details: "  holdfast why <server> | --call <id>"
  })
})

const ofCall = Effect.fnUntraced(function*(id: string, json: boolean) {
  const record = yield* askingDaemon(() => DaemonControl.callRecord(id))
  const { stdout } = yield* Shell
  yield* writeResult(json ? `${JSON.stringify(record)}\n` : `${callLines(record, stdout).join("\n")}\n`)
  return ExitCode.ok
})

/** What the daemon knows of a server. */
export const asked = Effect.fnUntraced(function*(server: string) {
  const { failures, keys } = yield* askingDaemon(() => DaemonControl.why(server))
  const { calls = [], tries } = yield* DaemonFeed.history(server).pipe(
    Effect.catchIf(({ reason }) => reason === "NotKnown", () => Effect.succeed({ tries: [], calls: [] }))
  )
  const answer: Answer = { server, keys, failures, calls, tries }
  return answer
})

const ofServer = Effect.fnUntraced(function*(server: string, json: boolean) {
  const answer = yield* asked(server)
  const { calls, failures, keys, tries } = answer
  if (keys.length === 0 && failures.length === 0 && tries.length === 0 && calls.length === 0) {
    return yield* new CliFailure({
      exitCode: ExitCode.usage,
      reason: "UnknownServer",
      message: `the daemon has no process of ${server}; holdfast status shows what it has`,
      details:
        "  Of a server that was not used since the daemon runs it knows nothing: holdfast doctor tries those of the config."
    })
  }
  const { stdout } = yield* Shell
  yield* writeResult(json ? `${JSON.stringify(answer)}\n` : described(answer, stdout))
  return ExitCode.ok
})

interface Screen {
  readonly columns: number | undefined
  readonly hasColor: boolean
}

/** All of it as text. Ends with a line feed. */
export const described = ({ calls, keys, server, tries }: Answer, output: Screen): string => {
  const { bold, dim } = styleOf(output)
  const total = keys.reduce((sum, { pids }) => sum + pids.length, 0)
  const rows = keys.map((key, index) => [
    `${index + 1}`,
    key.pids.join(", "),
    key.leases.map(({ program }) => program).join(", ") || "-",
    reasonOf(key, index)
  ])
  const head = ["KIND", "PROCESSES", "USED BY", "APART BECAUSE OF"]
  const shown = tries.slice(-mostTries)
  const hidden = tries.length - shown.length
  // Of tries that failed, the last one says it all.
  const inFull = shown.findLast(isFailure)
  const count = total === 0
    ? "no process"
    : `${counted(total, "process", "processes")} of ${counted(keys.length, "kind", "kinds")}`
  return [
    `${bold(printable(server))}: ${count}`,
    ...(rows.length === 0 ? [] : ["", table([head, ...rows], { width: output.columns, overflow: "wrap" })]),
    ...(shown.length === 0
      ? []
      : ["", hidden > 0 ? `The last ${shown.length} tries; --json has ${hidden} before them:` : "The last tries:"]),
    ...shown.flatMap((each) => ["", ...tryLines(each, output, each === inFull)].map((line) => dimmed(line, dim))),
    ...(calls.length === 0 ? [] : ["", "The last calls:"]),
    ...calls.slice(-mostCalls).flatMap((each) => callLines(each, output).map((line) => `  ${line}`)),
    ""
  ].join("\n")
}

/** More are in `--json`. */
const mostTries = 5
const mostCalls = 5

/** What became of a call, and beneath it how it came to its process. */
const callLines = (call: CallRecord, { columns, hasColor }: Screen): ReadonlyArray<string> => {
  const { bold, dim, red } = styleOf({ hasColor })
  const { at, by, delivery, id, message, name, outcome, reason, repeats, server } = call
  const isBad = outcome === "failed" || outcome === "error"
  const paint = isBad ? red : bold
  const width = columns === undefined ? Number.POSITIVE_INFINITY : columns - stepIndent.length
  const indented = (text: string): ReadonlyArray<string> =>
    wrap(printable(text), width).map((line) => dim(`${stepIndent}${line}`))
  const known = delivery === undefined ? "" : delivery === "Unknown" ? ", it may have run" : ", it has not run"
  return [
    `${clockOf(at)}  ${paint(outcome)}${known}  ${printable(`${server}.${name ?? call.method}`)}  ` +
    `${spanOf(call.millis)}${by === undefined ? "" : `, by ${printable(by)}`}  (${id})`,
    ...indented(wordsOf(call)),
    ...repeats.flatMap((each) => indented(`after ${spanOf(each.afterMillis)}: ${each.message}`)),
    ...(isBad && message !== undefined ? indented(reason === undefined ? message : `${reason}: ${message}`) : [])
  ]
}

const dimmed = (line: string, dim: (text: string) => string): string =>
  line.startsWith(stepIndent) && !line.startsWith(`${stepIndent}→`) ? dim(line) : line

const stepIndent = "    "

const tryLines = (one: Try, { columns, hasColor }: Screen, isInFull: boolean): ReadonlyArray<string> => {
  const { bold, red } = styleOf({ hasColor })
  const { advice, at, http, message, page, stderr, steps } = one
  const paint = isFailure(one) ? red : bold
  const facts = factsOf(one)
  const width = columns === undefined ? Number.POSITIVE_INFINITY : columns - stepIndent.length
  const indented = (text: string): ReadonlyArray<string> => wrap(text, width).map((line) => stepIndent + line)
  const block = (title: string, text: string | undefined): ReadonlyArray<string> =>
    text === undefined || text.trim() === ""
      ? []
      : [`${stepIndent}${title}:`, ...printable(text.trimEnd()).split("\n").map((line) => `${stepIndent}  ${line}`)]
  const head = [
    `  ${clockOf(at)}  ${paint(outcomeOf(one))}${facts.length === 0 ? "" : `  ${facts.join(", ")}`}`,
    ...(steps.length === 0 ? [] : indented(steps.map(stepOf).join(", ")))
  ]
  if (!isInFull) return head
  return [
    ...head,
    ...(message === undefined ? [] : indented(message)),
    ...block("stderr", stderr),
    ...block("the answer", http?.body),
    ...(advice === undefined ? [] : indented(`→ ${advice}`)),
    ...(page === undefined ? [] : indented(`→ ${page} says more`))
  ]
}

const stepOf = ({ millis, step, what }: Step): string =>
  `${step}${what === undefined ? "" : ` ${what}`} ${spanOf(millis)}`

const reasonOf = ({ differs, era, pids, sharing }: ExplainedKey, index: number): string => {
  const own = index === 0 ? "" : differs.join("; ")
  const hosts = sharing === "exclusive" && pids.length > 1
    ? `a ${era} server is its host's alone while it is held; holdfast share ${pids[0]} lets hosts share it`
    : ""
  return [own, hosts].filter((text) => text !== "").join("; ") || "-"
}

const counted = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`
