/**
 * `holdfast questions [id]`: what servers have asked in the course of calls that the daemon keeps (`call --park`).
 */
import type { Question } from "@holdfast/daemon/ControlContract"
import * as DaemonControl from "@holdfast/daemon/DaemonControl"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { askingDaemon } from "../AskingDaemon.ts"
import { CliFailure } from "../CliFailure.ts"
import { ExitCode } from "../ExitCode.ts"
import * as Parking from "../Parking.ts"
import * as QuestionForm from "../QuestionForm.ts"
import { note } from "../Quiet.ts"
import { Shell } from "../Shell.ts"
import { printable, styleOf } from "../Style.ts"
import { table } from "../Table.ts"
import { writeResult } from "../WriteResult.ts"

export interface QuestionsInput {
  readonly json: boolean
  readonly id: Option.Option<string>
}

/** Those that wait. Without a daemon there are none. */
export const waiting: Effect.Effect<ReadonlyArray<Question>, CliFailure> = Effect.catchIf(
  askingDaemon(() => DaemonControl.questions()),
  ({ reason }) => reason === "NotRunning",
  () => Effect.succeed([])
)

/** Runs the command and succeeds with its exit code. */
export const run = Effect.fnUntraced(function*({ id, json }: QuestionsInput) {
  const { stdout } = yield* Shell
  const all = yield* waiting
  const questions = Option.isNone(id) ? all : all.filter((each) => each.id === id.value || each.call === id.value)
  if (Option.isSome(id) && questions.length === 0) {
    return yield* new CliFailure({
      exitCode: ExitCode.usage,
      reason: "UnknownQuestion",
      message: `no question ${id.value} waits for an answer`
    })
  }
  if (json) {
    yield* writeResult(`${JSON.stringify({ questions })}\n`)
    return ExitCode.ok
  }
  const { bold, dim } = styleOf(stdout)
  if (Option.isSome(id)) {
    yield* writeResult(
      questions.flatMap((each) => [
        `${bold(each.id)}  ${printable(`${each.server}.${each.tool}`)} asks: ${printable(each.message)}`,
        ...(each.url === undefined ? [] : [`  ${printable(each.url)}`]),
        ...QuestionForm.describe(Parking.formOf(each))
      ]).map((line) => `${line}\n`).join("")
    )
    return ExitCode.ok
  }
  if (questions.length === 0) {
    yield* note("no questions\n")
    return ExitCode.ok
  }
  const rows = questions.map((each) => [each.id, `${each.server}.${each.tool}`, ageOf(each.ageMillis), each.message])
  const paint = (cell: string, _: number, column: number) => column === 0 ? bold(cell) : column === 3 ? cell : dim(cell)
  yield* writeResult(`${table(rows, { width: stdout.columns, paint })}\n`)
  return ExitCode.ok
})

const ageOf = (millis: number): string => {
  const minutes = Math.floor(millis / 60_000)
  return minutes === 0 ? `${Math.floor(millis / 1000)} s` : `${minutes} min`
}
