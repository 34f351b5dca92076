/**
 * `holdfast replay`: a stdio server that answers as a recording did.
 */
import { McpRuntimeError } from "@holdfast/mcp/McpRuntimeError"
import * as Recording from "@holdfast/mcp/Recording"
import * as Replay from "@holdfast/mcp/Replay"
import type * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import * as Queue from "effect/Queue"
import { CliFailure } from "../CliFailure.ts"
import { ExitCode } from "../ExitCode.ts"
import * as HostLines from "../HostLines.ts"
import * as LostRequest from "../LostRequest.ts"
import { note } from "../Quiet.ts"
import { Shell } from "../Shell.ts"

export interface ReplayInput {
  readonly file: string
  readonly server: Option.Option<string>
  readonly timed: boolean
}

/** Runs the command and succeeds with its exit code. */
export const run = Effect.fnUntraced(function*({ file, server, timed }: ReplayInput) {
  const { directory } = yield* Shell
  const path = yield* Path.Path
  const context = yield* Effect.context<Shell>()
  const replay = yield* Effect.gen(function*() {
    const recording = yield* Recording.load(path.resolve(directory, file))
    if (recording.cutOff !== undefined) yield* note(`holdfast: ${file}: its last line is cut off, and left out\n`)
    return yield* Replay.make(recording, {
      server: Option.getOrUndefined(server),
      timing: timed ? "recorded" : "immediate",
      onMiss: (sentence) => void Effect.runForkWith(context)(note(`holdfast: ${sentence}\n`))
    })
  }).pipe(
    Effect.mapError(({ message }) =>
      new CliFailure({
        exitCode: ExitCode.usage,
        reason: "RecordingInvalid",
        message: message.replace(directory + path.sep, "")
      })
    )
  )
  yield* Effect.mapError(replay.dial, (reason) => new McpRuntimeError({ reason }))
  return yield* Effect.scoped(serve(replay))
})

const serve = Effect.fnUntraced(function*(replay: Replay.Replay) {
  const host = yield* HostLines.make
  const { stderr } = yield* Shell
  const lines = yield* Queue.unbounded<string, Cause.Done>()
  const ended = yield* Deferred.make<number>()
  const words: Array<string> = []
  const end = (exitCode: number): void => {
    Deferred.doneUnsafe(ended, Effect.succeed(exitCode))
  }
  const peer: Replay.ReplayPeer = {
    // The host has closed its end, and everything before it is answered.
    read: Effect.catch(Queue.take(lines), () => Effect.andThen(Effect.sync(() => end(ExitCode.ok)), Effect.never)),
    write: (text) => host.write(String(text)),
    misread: ({ answerTo, excerpt, reason }) => {
      if (answerTo === undefined) return host.write(reason.includes("middle of a line") ? excerpt : `${excerpt}\n`)
      host.write(LostRequest.unreadable(answerTo, reason))
    },
    warn: (text) => void words.push(text),
    exit: ({ code, signal } = {}) => end(code ?? (signal === undefined ? ExitCode.ok : ExitCode.toolError)),
    end: (closed) =>
      end(closed._tag === "ProcessEnded" ? closed.end.code ?? ExitCode.toolError : ExitCode.cannotConnect),
    fail: (id, failure) => {
      host.write(LostRequest.answerOf(id, failure))
      return true
    }
  }
  const reading = Effect.andThen(HostLines.read((line) => void Queue.offerUnsafe(lines, line)), Queue.end(lines))
  yield* Effect.forkScoped(reading)
  yield* Effect.forkScoped(replay.serve(peer))
  const exitCode = yield* Deferred.await(ended)
  yield* host.end
  if (words.length > 0) yield* stderr.write(words.join(""))
  return exitCode
})
