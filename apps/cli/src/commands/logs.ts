/**
 * `holdfast logs [server] [-f]`: what servers have written to stderr, as far as the daemon still knows, or the daemon's own log.
 */
import type { LogLine } from "@holdfast/daemon/ControlContract"
import * as DaemonControl from "@holdfast/daemon/DaemonControl"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { askingDaemon } from "../AskingDaemon.ts"
import { CliFailure } from "../CliFailure.ts"
import * as DaemonFeed from "../DaemonFeed.ts"
import { ExitCode } from "../ExitCode.ts"
import type * as LogsOutput from "../outputs/logs.ts"
import { note } from "../Quiet.ts"
import { Shell } from "../Shell.ts"
import { clockOf } from "../Sizes.ts"
import { printable, styleOf } from "../Style.ts"
import { writeResult } from "../WriteResult.ts"

export interface LogsInput {
  /** None: the daemon's own. */
  readonly server: Option.Option<string>
  readonly follow: boolean
  readonly json: boolean
  /** Only so many of the last lines. */
  readonly lines: Option.Option<number>
}

/** Runs the command and succeeds with its exit code. */
export const run = Effect.fnUntraced(function*({ follow, json, lines, server }: LogsInput) {
  const { stdout } = yield* Shell
  const last = Option.getOrUndefined(lines)
  if (Option.isNone(server)) {
    const print = (line: string) => json ? show({ line }) : writeResult(`${shown(line, stdout.isTerminal)}\n`)
    const past = yield* DaemonFeed.daemonLog
    if (!follow) yield* Effect.forEach(lastOf(past, last), print, { discard: true })
    else yield* until(DaemonFeed.daemonLines(0).pipe(Stream.drop(skipped(past, last)), Stream.runForEach(print)))
    return ExitCode.ok
  }
  const name = server.value
  const print = (line: LogLine) => json ? show({ server: name, ...line }) : writeResult(`${lineOf(line, stdout)}\n`)
  const past = yield* DaemonFeed.serverLog(name)
  if (past.lines.length === 0) yield* known(name, follow)
  if (!follow) {
    yield* Effect.forEach(lastOf(past.lines, last), print, { discard: true })
  } else {
    yield* until(DaemonFeed.serverLines(name, 0).pipe(Stream.drop(skipped(past.lines, last)), Stream.runForEach(print)))
  }
  return ExitCode.ok
})

/** A name that the daemon does not know may be a slip; a log that is followed may be of a server that is to come. */
const known = Effect.fnUntraced(function*(name: string, follow: boolean) {
  const { overview = [], servers } = yield* askingDaemon(() => DaemonControl.status())
  const names = [...new Set([...overview, ...servers].map((each) => each.name))]
  if (names.includes(name) || servers.some(({ pid }) => String(pid) === name)) {
    return yield* note(`${printable(name)} has written nothing to stderr\n`)
  }
  const held = names.length === 0 ? "it knows none" : `it knows ${names.join(", ")}`
  const message = printable(`the daemon knows no server ${name}; ${held}`)
  if (follow) return yield* note(`holdfast: ${message}; waiting for it\n`)
  return yield* new CliFailure({ exitCode: ExitCode.usage, reason: "UnknownServer", message })
})

/** Until the reader has gone. A daemon that ends before is told of. */
const until = <R>(following: Effect.Effect<void, CliFailure, R>) =>
  Effect.flatMap(Shell, ({ stdout }) =>
    Effect.raceFirst(
      Effect.andThen(following, Effect.fail(ended)),
      stdout.gone
    ))

/** What goes on with the daemon has ended with it. */
export const ended = new CliFailure({
  exitCode: ExitCode.cannotConnect,
  reason: "NotRunning",
  message: "the daemon has ended; the next command starts one"
})

const show = (line: typeof LogsOutput.Output.Type) => writeResult(`${JSON.stringify(line)}\n`)

const lastOf = <A>(all: ReadonlyArray<A>, last: number | undefined): ReadonlyArray<A> =>
  last === undefined ? all : last === 0 ? [] : all.slice(-last)

const skipped = (all: ReadonlyArray<unknown>, last: number | undefined): number =>
  last === undefined ? 0 : Math.max(0, all.length - last)

/** A pipe gets what was written, byte for byte. */
const shown = (line: string, isTerminal: boolean): string => isTerminal ? printable(line) : line

const lineOf = (
  { at, line, pid }: LogLine,
  output: { readonly isTerminal: boolean; readonly hasColor: boolean }
): string => `${styleOf(output).dim(`${clockOf(at)} ${pid}`)}  ${shown(line, output.isTerminal)}`
