/**
 * `holdfast read <server> <uri>`: a resource, as `cat` would print a file. One that is no text goes to a pipe as its bytes.
 */
import { McpConnections } from "@holdfast/mcp/McpConnections"
import type * as Messages from "@holdfast/mcp/Messages"
import * as ModelView from "@holdfast/mcp/ModelView"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { CliFailure } from "../CliFailure.ts"
import { ExitCode } from "../ExitCode.ts"
import { lostResult } from "../LostResult.ts"
import * as Questions from "../Questions.ts"
import * as Report from "../Report.ts"
import * as SaveOutput from "../SaveOutput.ts"
import { Shell } from "../Shell.ts"
import * as ShowResult from "../ShowResult.ts"
import * as Source from "../Source.ts"
import * as Waiting from "../Waiting.ts"
import { waitingFor } from "../WaitingFor.ts"

export interface ReadInput extends Source.SourceInput, Questions.QuestionsInput {
  readonly deadline: Option.Option<Duration.Duration>
  readonly output: Option.Option<string>
  readonly words: ReadonlyArray<string>
}

/** Runs the command and succeeds with its exit code. */
export const run = Effect.fnUntraced(function*(input: ReadInput) {
  const source = yield* Source.open(input, input.words[0])
  const usage = "holdfast read <server> <uri>"
  const { item: uri, rest, server } = yield* Source.meant(source, input.words, {
    what: "resource",
    isDotted: false,
    usage
  })
  if (rest.length > 0) return yield* wrong(`there are words after the uri: ${rest.join(" ")}`, `  ${usage}`)
  if (/\{[^}]*\}/.test(uri)) return yield* wrong(`${uri} is a template: write a value in place of each {…}`)
  const target = yield* SaveOutput.prepare(input.output)
  const config = Source.only(source.config, [server])
  return yield* Effect.scoped(Effect.gen(function*() {
    const waiting = yield* Waiting.make
    const questions = yield* Questions.make(input, waiting, uri)
    const asked = Effect.gen(function*() {
      const mcp = yield* McpConnections
      waiting.say(waitingFor([server], config))
      return yield* questions.during(mcp.readResource(server, uri, { deadline: Option.getOrUndefined(input.deadline) }))
    })
    return yield* waiting.until(asked).pipe(
      Effect.flatMap(({ contents, ...rest }) => print(input, target, contents, rest)),
      Effect.as(ExitCode.ok),
      // Said while the server still lives: ending it may take seconds, and the user should not wait for them.
      Effect.catch((error) => Report.ending(error, input.json)),
      Effect.provide(Source.layer(input, { ...source, config }, questions.offered))
    )
  }))
})

type Contents = ReadonlyArray<Messages.EmbeddedResource["resource"]>

const print = Effect.fnUntraced(function*(
  { json }: ReadInput,
  given: SaveOutput.Target | undefined,
  contents: Contents,
  rest: object
) {
  const { stdout } = yield* Shell
  const blocks = contents.map((resource): Messages.EmbeddedResource => ({ type: "resource", resource }))
  const [only, ...more] = blocks
  const isBytes = only !== undefined && more.length === 0 && SaveOutput.dataOf(only) !== undefined
  // What a file is read for is mostly a program after the pipe.
  const target = given ?? (isBytes && !json && !stdout.isTerminal ? { file: "-", path: undefined } : undefined)
  yield* ShowResult.show({
    blocks,
    textOf: (isLeft) => ModelView.textOf({ content: blocks.filter(isLeft) }),
    toJson: (all) => ({ ...rest, contents: all.map((each) => "resource" in each ? each.resource : each) })
  }, { json, target, lost: lostResult })
})

const wrong = (message: string, details?: string) =>
  new CliFailure({ exitCode: ExitCode.usage, reason: "BadArguments", message, details })
