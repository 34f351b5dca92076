/**
 * Calls of the modern era that need more input before they can be answered: a server cannot ask its client, so it answers with
 * its questions, and is sent the same request again, with the answers and the state it gave.
 *
 * Each round is a request of its own, but the call is one: a server that has asked has begun, so a later round that was never sent
 * leaves the call in doubt, and the pool does not begin it again. A later round that is refused for now is sent again after the pause
 * that the server names. The call's hard deadline holds over all rounds and between them.
 */
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as ModernEra from "@holdfast/protocol/ModernEra"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { ClientHandlers } from "../../ClientHandlers.ts"
import { DeadlineExceeded, InvalidAnswer, OutcomeUnknown, ServerError } from "../../McpRuntimeError.ts"
import type { CallFailure, McpConnection, RequestOptions } from "./contract.ts"
import { handlerOf } from "./Responder.ts"

/** A server that asks on and on is at fault. */
const maxRounds = 16

/** A server that gives a state but asks nothing wants to be asked again, later. */
const pauseMillis = 250

export interface FulfillingOptions {
  readonly server: string
  readonly handlers: ClientHandlers
  /** The time that hard deadlines are told. */
  readonly now: () => number
}

/** `request`, with its questions answered by the handlers. */
export const fulfilling = (
  settings: FulfillingOptions,
  request: McpConnection["request"]
): McpConnection["request"] => {
  const fulfil = fulfillingOnce(settings, request)
  return (method, params, options) =>
    options?.hardDeadline === undefined || typeof options.hardDeadline === "function"
      ? fulfil(method, params, options)
      : Effect.suspend(() => {
        const millis = left(options)
        const hardDeadline = begunOnce(millis, settings.now)
        return Effect.mapError(
          fulfil(method, params, { ...options, hardDeadline }),
          // What was left of it then is not what its caller has said.
          (failure) => failure._tag === "DeadlineExceeded" && failure.kind === "hard" ? after(millis, failure) : failure
        )
      })
}

/** All rounds of a call share its hard deadline, which begins with the first. */
const begunOnce = (millis: number, now: () => number): (at?: number) => number => {
  let began: number | undefined
  return (at = now()) => Math.max(0, millis - (at - (began ??= at)))
}

const after = (afterMillis: number, { delivery, kind, method, server }: DeadlineExceeded): DeadlineExceeded =>
  new DeadlineExceeded({ server, method, afterMillis, kind, delivery })

/** Whose question it is, and in the course of which request it is asked. */
interface Asking {
  readonly server: string
  readonly method: string
  readonly handlers: ClientHandlers
}

/** The answer of the handlers to a question of the modern era. */
export const answerTo = (
  question: typeof ModernEra.InputRequest.Type,
  { handlers, method, server }: Asking
): Effect.Effect<object, InvalidAnswer | ServerError> => {
  const handler = handlerOf(handlers, question.method)
  if (handler === undefined) {
    const description = `it needs ${question.method} to go on, which is not offered`
    return Effect.fail(new InvalidAnswer({ server, method, description }))
  }
  return Effect.catchCause(Effect.suspend(() => handler(question.params, { server })), (cause) => {
    const declined = cause.reasons.find(Cause.isFailReason)
    if (declined !== undefined) {
      const { code, message } = declined.error
      return Effect.fail(
        new ServerError({ server, method, code, description: `the call needs input that was declined: ${message}` })
      )
    }
    // A handler that is interrupted from within is no caller that has gone away.
    const isInterrupted = Cause.hasInterruptsOnly(cause)
    const what = `the handler of ${question.method} ${isInterrupted ? "was interrupted" : "failed"}`
    const told = isInterrupted
      ? Effect.logWarning(`${server}: ${what}`)
      : Effect.logError(`${server}: ${what}`, Cause.squash(cause))
    return Effect.andThen(
      told,
      Effect.fail(
        new ServerError({
          server,
          method,
          code: JsonRpc.errorCode.internalError,
          description: `the call needs input, and ${what}`
        })
      )
    )
  })
}

const fulfillingOnce =
  ({ handlers, server: own }: FulfillingOptions, request: McpConnection["request"]): McpConnection["request"] =>
  (method, params, options) => {
    const server = options?.server ?? own
    const invalid = (description: string) => new InvalidAnswer({ server, method, description })

    /** What is done between two requests has the time that the call has left. */
    const inTime = <A>(effect: Effect.Effect<A, CallFailure>): Effect.Effect<A, CallFailure> => {
      const afterMillis = left(options)
      if (afterMillis === Number.POSITIVE_INFINITY) return effect
      // The server has begun, whatever it is waiting for.
      const late = new DeadlineExceeded({ server, method, afterMillis, kind: "hard", delivery: "Unknown" })
      return Effect.timeoutOrElse(effect, { duration: afterMillis, orElse: () => Effect.fail(late) })
    }

    const send = (number: number, more: object, refusals = 0): Effect.Effect<unknown, CallFailure> => {
      const sent = request(method, { ...params, ...more }, options)
      if (number === 1) return sent
      return Effect.catch(sent, (failure) => {
        const pause = failure._tag === "HttpRejected" ? failure.retryAfterMillis : undefined
        return pause === undefined || pause >= left(options) || refusals === maxRounds
          ? Effect.fail(begun(server, method, failure))
          : Effect.andThen(inTime(Effect.sleep(pause)), Effect.suspend(() => send(number, more, refusals + 1)))
      })
    }

    const round = (number: number, more: object): Effect.Effect<unknown, CallFailure> =>
      Effect.flatMap(send(number, more), (result) => {
        if (!ModernEra.isInputRequired(result)) return Effect.succeed(result)
        const decoded = ModernEra.decodeInputRequired(result)
        if (Result.isFailure(decoded)) return Effect.fail(invalid(decoded.failure.replaceAll(/\s*\n\s*/g, " ")))
        if (number === maxRounds) {
          return Effect.fail(invalid(`it asked for input ${maxRounds} times and did not answer`))
        }
        const { inputRequests = {}, requestState } = decoded.success
        const questions = Object.entries(inputRequests)
        const state = requestState === undefined ? {} : { requestState }
        if (questions.length === 0) {
          return Effect.andThen(inTime(Effect.sleep(pauseMillis)), Effect.suspend(() => round(number + 1, state)))
        }
        return Effect.flatMap(
          inTime(
            Effect.forEach(
              questions,
              ([key, question]) =>
                Effect.map(answerTo(question, { server, method, handlers }), (input) => [key, input] as const),
              { concurrency: "unbounded" }
            )
          ),
          (answers) => round(number + 1, { inputResponses: Object.fromEntries(answers), ...state })
        )
      })
    return round(1, {})
  }

/** What a later round comes to that was not executed: the first one was. */
const begun = (server: string, method: string, failure: CallFailure): CallFailure => {
  const isSentAgain = failure._tag === "ConnectionLost" || failure._tag === "TooBusy" ||
    (failure._tag === "HttpRejected" && failure.retryAfterMillis !== undefined)
  if (!isSentAgain) return failure
  const description = `it had asked for input, and the answers were not taken (${failure.description})`
  return new OutcomeUnknown({ server, method, description, attempts: 1 })
}

const left = ({ hardDeadline }: RequestOptions = {}): number => {
  if (hardDeadline === undefined) return Number.POSITIVE_INFINITY
  const input = typeof hardDeadline === "function" ? hardDeadline() : hardDeadline
  return typeof input === "number" ? input : Duration.toMillis(Duration.fromInputUnsafe(input))
}
