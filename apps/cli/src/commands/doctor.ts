/**
 * `holdfast doctor`: everything that may keep servers from working, looked at in one go, with what to do.
 *
 * What is left of killed programs is looked for first: the start of a server would end it. Exit code 1 says that there is something to do.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Configs from "../doctor/configs.ts"
import * as Daemon from "../doctor/daemon.ts"
import { type Finding, subjects } from "../doctor/Finding.ts"
import * as Handshakes from "../doctor/handshakes.ts"
import * as Leftovers from "../doctor/leftovers.ts"
import * as Sharing from "../doctor/sharing.ts"
import * as Toolchain from "../doctor/toolchain.ts"
import { ExitCode } from "../ExitCode.ts"
import { lookAtConfigs } from "../lookAtConfigs.ts"
import type * as DoctorOutput from "../outputs/doctor.ts"
import * as Servers from "../Servers.ts"
import { type Output, Shell } from "../Shell.ts"
import { styleOf } from "../Style.ts"
import { table } from "../Table.ts"
import * as Waiting from "../Waiting.ts"
import { waitingFor } from "../WaitingFor.ts"
import { writeResult } from "../WriteResult.ts"

export interface DoctorInput {
  readonly config: Option.Option<string>
  /** Without the daemon. */
  readonly direct: boolean
  readonly json: boolean
  /** For each server. */
  readonly deadline: Option.Option<Duration.Duration>
}

/** How long each server has, unless it is said. */
const patience = Duration.seconds(20)

/** Runs the checks and succeeds with the exit code. */
export const run = Effect.fnUntraced(function*(input: DoctorInput) {
  const { stdout, usesDaemon } = yield* Shell
  const findings = yield* Effect.scoped(Effect.gen(function*() {
    const waiting = yield* Waiting.make
    waiting.say("looking at processes")
    const leftovers = yield* Leftovers.check
    const search = yield* lookAtConfigs(input.config)
    // They are findings here, and would be told again.
    const config = { ...search.config, warnings: [] }
    const [toolchain, handshakes] = yield* Effect.all([
      Toolchain.check(config.servers.values()),
      Effect.provide(
        Handshakes.check(
          config,
          Option.getOrElse(input.deadline, () => patience),
          (open) => waiting.say(waitingFor(open, config)),
          input.direct || !usesDaemon
        ),
        Servers.layer(config, input.direct)
      )
    ], { concurrency: 2 })
    const { findings: daemon, status } = yield* Daemon.check
    return [...toolchain, ...Configs.check(search), ...handshakes, ...daemon, ...leftovers, ...Sharing.check(status)]
  }))
  const faults = findings.filter(({ level }) => level === "fault").length
  const answer: typeof DoctorOutput.Output.Type = { isWell: faults === 0, findings }
  yield* writeResult(
    input.json ? `${JSON.stringify(answer)}\n` : `${described(findings, stdout)}\n${summary(faults)}\n`
  )
  return faults === 0 ? ExitCode.ok : ExitCode.toolError
})

const summary = (faults: number): string =>
  faults === 0
    ? "All is well."
    : faults === 1
    ? "1 fault: see above what to do."
    : `${faults} faults: see above what to do.`

const described = (
  findings: ReadonlyArray<Finding>,
  output: Pick<Output<unknown>, "columns" | "hasColor">
): string => {
  const { bold, dim, red } = styleOf(output)
  const paint = (cell: string, _row: number, column: number): string =>
    column > 0 ? cell : cell === "fault" ? red(cell) : dim(cell)
  return subjects.flatMap((about) => {
    const found = findings.filter((each) => each.about === about)
    if (found.length === 0) return []
    const rows = found.flatMap(({ level, message, subject, todo }) => [
      [level, subject, message],
      ...(todo === undefined ? [] : [["", "", `→ ${todo}`]])
    ])
    return [bold(titles[about]), table(rows, { indent: "  ", overflow: "wrap", paint, width: output.columns }), ""]
  }).join("\n")
}

const titles: Readonly<Record<Finding["about"], string>> = {
  toolchain: "TOOLCHAIN",
  config: "CONFIG FILES",
  server: "SERVERS",
  daemon: "DAEMON",
  process: "PROCESSES",
  sharing: "SHARING"
}
