/**
 * What a server asks in the course of a call (elicitation): on a terminal the person there is asked; elsewhere the question is refused at once, and
 * the call with it, since a script that waits for ever is worse than one that fails.
 *
 * Roots are told only where the user has given them. Nothing else is offered: a server that asks for a language model is refused by the client.
 */
import type { Asker, ClientHandlers, RequestHandler } from "@holdfast/mcp/ClientHandlers"
import { McpRuntimeError } from "@holdfast/mcp/McpRuntimeError"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Path from "effect/Path"
import * as Semaphore from "effect/Semaphore"
import { pathToFileURL } from "node:url"
import { CliFailure } from "./CliFailure.ts"
import { ExitCode } from "./ExitCode.ts"
import * as QuestionForm from "./QuestionForm.ts"
import { Shell } from "./Shell.ts"
import { printable } from "./Style.ts"
import type { Waiting } from "./Waiting.ts"

export interface QuestionsInput {
  /** Folders that the server may be told of. */
  readonly root: ReadonlyArray<string>
}

export interface Questions {
  /** For `Source.layer`. */
  readonly offered: {
    readonly handlers: ClientHandlers
    /** True: the server is to have this client alone, because it is told what only this one says. */
    readonly isHost: boolean
    readonly isAsked: boolean
  }
  /** The call, which fails when a question of the server is refused. */
  readonly during: <A, E, R>(call: Effect.Effect<A, E, R>) => Effect.Effect<A, E | CliFailure, R | Shell>
}

export const make = Effect.fnUntraced(function*(
  { root }: QuestionsInput,
  waiting: Waiting,
  /** What of the server is asked, for messages: it may ask before it is called, where a call was begun already. */
  what: string,
  /** How the question is answered after all, for people. */
  advice: () => string = () => "Answer it on a terminal, or keep the call with --park and answer it by holdfast answer."
): Effect.fn.Return<Questions, never, Shell | Path.Path> {
  const shell = yield* Shell
  const path = yield* Path.Path
  const refused = yield* Deferred.make<never, CliFailure>()
  // A terminal has room for one question.
  const turns = yield* Semaphore.make(1)
  const ask = (params: unknown, { server }: Asker) => {
    const question = QuestionForm.read(params)
    return turns.withPermits(1)(waiting.aside(QuestionForm.ask(question, `${server}.${what}`))).pipe(
      Effect.provideService(Shell, shell)
    )
  }
  const refuse: RequestHandler = (params, { server }) =>
    Effect.as(
      Deferred.fail(refused, refusal(`${server}.${what}`, QuestionForm.read(params), advice())),
      { action: "cancel" }
    )
  const folders = root.map((each) => path.resolve(shell.directory, each))
  return {
    offered: {
      isHost: folders.length > 0,
      isAsked: shell.ask !== undefined,
      handlers: {
        elicitation: shell.ask === undefined ? refuse : ask,
        elicitationModes: ["form", "url"],
        ...(folders.length > 0 && {
          roots: () =>
            Effect.succeed(folders.map((folder) => ({ uri: pathToFileURL(folder).href, name: path.basename(folder) })))
        })
      }
    },
    during: <A, E, R>(call: Effect.Effect<A, E, R>): Effect.Effect<A, E | CliFailure, R | Shell> => {
      const answered = Effect.catch(call, (error): Effect.Effect<A, E | CliFailure, R | Shell> => {
        const pages = pagesIn(error)
        if (pages === undefined) return Effect.fail(error)
        const { questions, server } = pages
        const [first] = questions
        if (shell.ask === undefined && first !== undefined) {
          return Effect.fail(refusal(`${server}.${what}`, first, advice()))
        }
        return Effect.flatMap(
          Effect.forEach(questions, (question) => waiting.aside(QuestionForm.ask(question, `${server}.${what}`))),
          // Refused before it has run: it is called again once.
          (answers): Effect.Effect<A, E, R> =>
            answers.every(({ action }) => action === "accept") ? call : Effect.fail(error)
        )
      })
      return Effect.raceFirst(answered, Deferred.await(refused))
    }
  }
})

/** "URL elicitation required": the call is refused until the user has been to these pages. */
const urlElicitationRequired = -32042

const pagesIn = (error: unknown) => {
  if (!(error instanceof McpRuntimeError) || error.reason._tag !== "ServerError") return undefined
  const { code, data, server } = error.reason
  if (code !== urlElicitationRequired || typeof data !== "object" || data === null || !("elicitations" in data)) {
    return undefined
  }
  const { elicitations } = data
  const questions = (Array.isArray(elicitations) ? elicitations : []).map(QuestionForm.read)
  return questions.length === 0 ? undefined : { server, questions }
}

const refusal = (what: string, question: QuestionForm.Question, advice: string): CliFailure =>
  new CliFailure({
    exitCode: ExitCode.refused,
    reason: "QuestionRefused",
    message: printable(
      `${what} asks ${JSON.stringify(question.message)}${question.mode === "url" ? `, at ${question.url}` : ""}; ` +
        "there is no terminal to ask on"
    ),
    details: [
      ...QuestionForm.describe(question),
      `  ${advice}`
    ].join("\n"),
    more: { question: QuestionForm.toJson(question) }
  })
