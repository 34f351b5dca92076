/**
 * What a client is told of a handler that has no answer: the words of what it fails with; of what it dies of, no more than that it has
 * failed, and the log has the rest.
 */
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import { complainOf } from "./complain.ts"
import { Told } from "./sdk/told.ts"

export const invalid = (message: string, data?: unknown): Told =>
  new Told({ code: JsonRpc.errorCode.invalidParams, message, data })

/** `what`: what was asked for, such as `the prompt review`. */
export const told = <A, E extends { readonly message: string }, R>(
  what: string,
  effect: Effect.Effect<A, E | Told, R>
): Effect.Effect<A, Told, R> =>
  effect.pipe(
    // A program without types may fail with anything: only words are for the client.
    Effect.catch((error) =>
      error instanceof Told
        ? Effect.fail(error)
        : typeof error.message === "string"
        ? Effect.fail(new Told({ code: JsonRpc.errorCode.internalError, message: error.message }))
        : Effect.die(error)
    ),
    Effect.catchDefect((defect) =>
      Effect.andThen(
        complainOf(`${what} has failed`, defect),
        Effect.fail(internal(`${what} has failed; see the server's log`))
      )
    )
  )

/** What a call in a fiber of its own has come to. */
export const settled = <A>(what: string, exit: Exit.Exit<A, Told>): Effect.Effect<A, Told> => {
  if (exit._tag === "Success") return Effect.succeed(exit.value)
  return Effect.fail(
    Option.getOrElse(
      Cause.findErrorOption(exit.cause),
      () => internal(`${what}: the request was interrupted`)
    )
  )
}

/** A completer of what there is not would never be asked. */
export const mustName = (what: string, completers: object = {}, names: ReadonlyArray<string>): void => {
  const wrong = Object.keys(completers).find((name) => !names.includes(name))
  if (wrong === undefined) return
  throw new TypeError(`${what}: complete.${wrong} completes nothing; there is ${names.join(", ") || "nothing"}`)
}

const internal = (message: string): Told => new Told({ code: JsonRpc.errorCode.internalError, message })
