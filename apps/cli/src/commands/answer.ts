/**
 * `holdfast answer <id> key=value…`: answers the question of a server, and prints the result of the call that has waited for it. On a terminal, and
 * without words, the question is asked there. Of a call whose questions are answered already its result is fetched.
 */
import type { CallResult, Question } from "@holdfast/daemon/ControlContract"
import * as DaemonControl from "@holdfast/daemon/DaemonControl"
import { McpRuntimeError, ServerError } from "@holdfast/mcp/McpRuntimeError"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { askingDaemon } from "../AskingDaemon.ts"
import { CliFailure } from "../CliFailure.ts"
import { ExitCode } from "../ExitCode.ts"
import * as Parking from "../Parking.ts"
import * as QuestionForm from "../QuestionForm.ts"
import * as Report from "../Report.ts"
import * as SaveOutput from "../SaveOutput.ts"
import { Shell } from "../Shell.ts"
import * as ShowCall from "../ShowCall.ts"
import * as ToolArguments from "../ToolArguments.ts"
import * as ToolWords from "../ToolWords.ts"
import * as Waiting from "../Waiting.ts"
import { waiting as open } from "./questions.ts"

export interface AnswerInput {
  readonly json: boolean
  readonly id: string
  readonly words: ReadonlyArray<string>
  readonly args: Option.Option<string>
  readonly decline: boolean
  readonly cancel: boolean
  readonly output: Option.Option<string>
  /** For the result. */
  readonly deadline: Option.Option<Duration.Duration>
}

/** Runs the command and succeeds with its exit code. */
export const run = Effect.fnUntraced(function*(input: AnswerInput) {
  const { cancel, decline, id } = input
  if (cancel && decline) return yield* wrong("--decline and --cancel are two answers; give one")
  const target = yield* SaveOutput.prepare(input.output)
  const asked = (yield* open).find((each) => each.id === id || each.call === id)
  const answered = asked === undefined
    ? yield* fetch(input)
    : yield* Effect.flatMap(
      answerTo(input, asked),
      (answer) => askingDaemon(() => DaemonControl.answer({ id: asked.id, ...answer }))
    )
  return yield* Effect.scoped(until(input, answered)).pipe(
    Effect.flatMap((result) => show(input, target, result)),
    Effect.catch((error) => Report.ending(error, input.json))
  )
})

/** No question of this id waits: it may be that of a call, or of an answer that was given. */
const fetch = (input: AnswerInput): Effect.Effect<CallResult, CliFailure> =>
  input.words.length > 0 || input.decline || input.cancel || Option.isSome(input.args)
    ? wrong(`no question ${input.id} waits for an answer; holdfast questions lists those that do`)
    : Effect.catchIf(
      askingDaemon(() => DaemonControl.result({ id: input.id })),
      ({ reason }) => reason === "NotRunning",
      () => wrong(`no question ${input.id} waits for an answer, and no daemon is running`)
    )

const answerTo = Effect.fnUntraced(function*(input: AnswerInput, question: Question) {
  const { args, cancel, decline, words } = input
  const { ask } = yield* Shell
  const what = `${question.server}.${question.tool}`
  if (decline || cancel) {
    if (words.length > 0) return yield* wrong("an answer that says no has no values")
    const answer: QuestionForm.Answer = { action: decline ? "decline" : "cancel" }
    return answer
  }
  const form = Parking.formOf(question)
  if (words.length === 0 && Option.isNone(args) && ask !== undefined) return yield* QuestionForm.ask(form, what)
  if (form.mode === "url") {
    if (words.length > 0) return yield* wrong("a page is to be visited; there are no values to give")
    const answer: QuestionForm.Answer = { action: "accept" }
    return answer
  }
  const given = yield* ToolWords.read({ words, json: Option.getOrUndefined(args) })
  const content = yield* ToolArguments.fit(question.id, form.schema, given)
  const answer: QuestionForm.Answer = { action: "accept", content }
  return answer
})

/** Waits for the result. */
const until = Effect.fnUntraced(function*({ deadline, id }: AnswerInput, answered: CallResult) {
  const waiting = yield* Waiting.make
  const { call, server, tool } = answered
  waiting.say(`waiting for ${server}.${tool}`)
  const look = (state: CallResult): Effect.Effect<CallResult, CliFailure> =>
    state.state === "running"
      ? Effect.flatMap(askingDaemon(() => DaemonControl.result({ id: call, waitMillis })), look)
      : Effect.succeed(state)
  const done = yield* deadline._tag === "None" ? look(answered) : Effect.timeoutOrElse(look(answered), {
    duration: deadline.value,
    orElse: () =>
      Effect.fail(
        new CliFailure({
          exitCode: ExitCode.deadline,
          reason: "DeadlineExceeded",
          message: `${server}.${tool} has not answered yet; the call goes on: holdfast answer ${id} fetches its result`
        })
      )
  })
  return done.state === "asking" ? yield* Parking.waits(`${server}.${tool}`, done) : done
})

/** The daemon answers by then, and is asked again. */
const waitMillis = 30_000

const show = Effect.fnUntraced(function*(
  { json }: AnswerInput,
  target: SaveOutput.Target | undefined,
  { error, result, server, tool }: CallResult
) {
  if (result === undefined) {
    const { code, message } = errorIn(error)
    return yield* new McpRuntimeError({
      reason: new ServerError({ server, method: "tools/call", code, description: message })
    })
  }
  return yield* ShowCall.show({ json, target }, `${server}.${tool}`, yield* Parking.read(server, result))
})

const errorIn = (error: unknown): { readonly code: number; readonly message: string } => {
  const { code, message }: { readonly code?: unknown; readonly message?: unknown } =
    typeof error === "object" && error !== null
      ? error
      : {}
  return {
    code: typeof code === "number" ? code : -32603,
    message: typeof message === "string" ? message : "it does not say why"
  }
}

const wrong = (message: string) =>
  Effect.fail(new CliFailure({ exitCode: ExitCode.usage, reason: "BadArguments", message }))
