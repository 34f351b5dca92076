/**
 * `holdfast status [--watch]`, and `holdfast daemon status`: what the daemon holds, and those that have made way for it.
 *
 * A watched status is looked at again when the daemon tells that something has happened, and else so seldom that it costs nothing. A
 * daemon that ends meanwhile is waited for.
 */
import * as DaemonControl from "@holdfast/daemon/DaemonControl"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { askingDaemon } from "../AskingDaemon.ts"
import type { CliFailure } from "../CliFailure.ts"
import * as DaemonFeed from "../DaemonFeed.ts"
import { ExitCode } from "../ExitCode.ts"
import type * as StatusOutput from "../outputs/status.ts"
import { note } from "../Quiet.ts"
import { Shell } from "../Shell.ts"
import * as StatusText from "../StatusText.ts"
import { clearScreen } from "../Style.ts"
import { writeResult } from "../WriteResult.ts"

export interface StatusInput {
  readonly json: boolean
  readonly watch: boolean
}

/** What is not an event: sizes, times, the next try. */
const atLeastEvery = "5 seconds"

/** However much happens. */
const atMostEvery = "200 millis"

/** Prints the status, once or whenever it has changed. */
export const run = Effect.fnUntraced(function*({ json, watch }: StatusInput) {
  const { stdout } = yield* Shell
  const first = yield* look
  yield* show(first, json, watch)
  if (!watch) return ExitCode.ok
  yield* Effect.raceFirst(again(json), stdout.gone)
  return ExitCode.ok
})

const look = Effect.gen(function*() {
  const state = yield* askingDaemon(() => DaemonControl.status())
  const former = yield* askingDaemon(() => DaemonControl.formerStatus())
  const status: typeof StatusOutput.Output.Type = { ...state, former }
  return status
})

/** There is none now, or one that ends has not answered any more. */
const isLeaving = ({ reason }: CliFailure): boolean => ["NotRunning", "NotAdmitted", "NotStarted"].includes(reason)

/** For ever: a daemon that has ended is waited for. */
const again = (json: boolean): Effect.Effect<never, CliFailure, Shell> => {
  const changes = Stream.merge(
    Stream.map(DaemonFeed.events(), () => undefined),
    Stream.map(Stream.tick(atLeastEvery), () => undefined),
    { haltStrategy: "left" }
  )
  const followed = changes.pipe(
    // Where much happens, what has come meanwhile is one look.
    Stream.buffer({ capacity: 1, strategy: "sliding" }),
    Stream.runForEach(() =>
      Effect.flatMap(look, (status) => show(status, json, true)).pipe(Effect.andThen(Effect.sleep(atMostEvery)))
    )
  )
  const untilItIsThere = Effect.retry(look, {
    schedule: Schedule.spaced("1 second"),
    while: isLeaving
  })
  return followed.pipe(
    Effect.catchIf(isLeaving, () => Effect.void),
    Effect.andThen(note("holdfast: the daemon has ended; waiting for the next one\n")),
    Effect.andThen(untilItIsThere),
    Effect.flatMap((status) => show(status, json, true)),
    Effect.forever
  )
}

const show = Effect.fnUntraced(function*(status: typeof StatusOutput.Output.Type, json: boolean, isWatched: boolean) {
  if (json) return yield* writeResult(`${JSON.stringify(status)}\n`)
  const { stdout } = yield* Shell
  const text = [status, ...status.former].map((each) => StatusText.described(each, stdout)).join("\n")
  yield* writeResult(isWatched && stdout.isTerminal ? clearScreen + text : isWatched ? `${text}\n` : text)
})
