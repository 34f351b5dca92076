/**
 * `holdfast why <server>`: what keeps the processes of a server apart.
 */
import * as DaemonControl from "@holdfast/daemon/DaemonControl"
import type { ExplainedKey, Explanation } from "@holdfast/daemon/DaemonStatus"
import * as Effect from "effect/Effect"
import { askingDaemon } from "../AskingDaemon.ts"
import { CliFailure } from "../CliFailure.ts"
import { ExitCode } from "../ExitCode.ts"
import { Shell } from "../Shell.ts"
import { printable, styleOf } from "../Style.ts"
import { table } from "../Table.ts"
import { writeResult } from "../WriteResult.ts"

/** Runs the command and succeeds with its exit code. */
export const run = Effect.fnUntraced(function*(server: string, json: boolean) {
  const explanation = yield* askingDaemon(() => DaemonControl.why(server))
  if (explanation.keys.length === 0 && explanation.failures.length === 0) {
    return yield* new CliFailure({
      exitCode: ExitCode.usage,
      reason: "UnknownServer",
      message: `the daemon has no process of ${server}; holdfast daemon status shows what it has`
    })
  }
  const { stdout } = yield* Shell
  yield* writeResult(json ? `${JSON.stringify(explanation)}\n` : described(server, explanation, stdout))
  return ExitCode.ok
})

const described = (
  server: string,
  { failures, keys }: Explanation,
  output: { readonly columns: number | undefined; readonly hasColor: boolean }
): string => {
  const { bold } = styleOf(output)
  const total = keys.reduce((sum, { pids }) => sum + pids.length, 0)
  const rows = keys.flatMap((key, index) => [
    [
      `${index + 1}`,
      key.pids.join(", "),
      key.leases.map(({ program }) => program).join(", ") || "nobody",
      reasonOf(key, index)
    ]
  ])
  return [
    `${bold(printable(server))}: ${counted(total, "process", "processes")} of ${counted(keys.length, "kind", "kinds")}`,
    ...(rows.length === 0
      ? []
      : [
        "",
        table([["KIND", "PROCESSES", "USED BY", "APART BECAUSE OF"], ...rows], {
          width: output.columns,
          overflow: "wrap"
        })
      ]),
    ...(failures.length === 0
      ? []
      : ["", "last failures:", ...failures.slice(-5).map(({ message }) => `  ${printable(message)}`)]),
    ""
  ].join("\n")
}

const reasonOf = ({ differs, era, pids, sharing }: ExplainedKey, index: number): string => {
  const own = index === 0 ? "" : differs.join("; ")
  const hosts = sharing === "exclusive" && pids.length > 1
    ? `a ${era} server is its host's alone while it is held; holdfast share ${pids[0]} lets hosts share it`
    : ""
  return [own, hosts].filter((text) => text !== "").join("; ") || "-"
}

const counted = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`
