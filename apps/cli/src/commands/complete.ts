/**
 * `holdfast complete <server> (prompt|resource template) arg=prefix`: what a server would complete an argument to, one a line.
 */
import { McpConnections } from "@holdfast/mcp/McpConnections"
import type * as Prompts from "@holdfast/protocol/Prompts"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { CliFailure } from "../CliFailure.ts"
import { ExitCode } from "../ExitCode.ts"
import { note } from "../Quiet.ts"
import * as Report from "../Report.ts"
import { Shell } from "../Shell.ts"
import * as Source from "../Source.ts"
import { printable } from "../Style.ts"
import * as Waiting from "../Waiting.ts"
import { waitingFor } from "../WaitingFor.ts"
import { writeResult } from "../WriteResult.ts"

export interface CompleteInput extends Source.SourceInput {
  readonly deadline: Option.Option<Duration.Duration>
  readonly words: ReadonlyArray<string>
}

const written = "holdfast complete <server> <prompt or template> [known=value…] arg=prefix"

/** Runs the command and succeeds with its exit code. */
export const run = Effect.fnUntraced(function*(input: CompleteInput) {
  const source = yield* Source.open(input, input.words[0])
  const isTemplate = (word: string | undefined): boolean =>
    word?.includes("{") === true || word?.includes("://") === true
  const { item, rest, server } = yield* Source.meant(source, input.words, {
    what: "prompt",
    isDotted: !isTemplate(input.words[1]),
    usage: written
  })
  const pairs = yield* Effect.forEach(rest, (word) => {
    const equals = word.indexOf("=")
    return equals > 0
      ? Effect.succeed([word.slice(0, equals), word.slice(equals + 1)] as const)
      : wrong(`cannot read ${JSON.stringify(word)}: an argument is written name=beginning`)
  })
  const last = pairs.at(-1)
  if (last === undefined) return yield* wrong("say which argument is to be completed: name=beginning, or name=")
  const [name, value] = last
  const known = pairs.slice(0, -1)
  const config = Source.only(source.config, [server])
  const ask = Effect.scoped(Effect.gen(function*() {
    const mcp = yield* McpConnections
    const waiting = yield* Waiting.make
    waiting.say(waitingFor([server], config))
    return yield* mcp.complete(server, {
      ref: isTemplate(item) ? { type: "ref/resource", uri: item } : { type: "ref/prompt", name: item },
      argument: { name, value },
      ...(known.length > 0 && { context: { arguments: Object.fromEntries(known) } })
    }, { deadline: Option.getOrUndefined(input.deadline) })
  }))
  return yield* ask.pipe(
    Effect.flatMap((result) => print(input, result)),
    Effect.as(ExitCode.ok),
    // Said while the server still lives: ending it may take seconds, and the user should not wait for them.
    Effect.catch((error) => Report.ending(error, input.json)),
    Effect.provide(Source.layer(input, { ...source, config }))
  )
})

const print = Effect.fnUntraced(function*({ json }: CompleteInput, result: Prompts.CompleteResult) {
  const { stdout } = yield* Shell
  if (json) return yield* writeResult(`${JSON.stringify(result)}\n`)
  const { hasMore, total, values } = result.completion
  const text = values.map((each) => `${each}\n`).join("")
  yield* writeResult(stdout.isTerminal ? printable(text) : text)
  const isMore = hasMore === true || (total !== undefined && total > values.length)
  if (isMore) {
    yield* note(
      `holdfast: these are ${values.length}${total === undefined ? "; there are more" : ` of ${total}`}\n`
    )
  }
})

const wrong = (message: string) =>
  Effect.fail(
    new CliFailure({ exitCode: ExitCode.usage, reason: "BadArguments", message, details: `  ${written}` })
  )
