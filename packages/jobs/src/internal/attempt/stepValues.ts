/** The effect of a step, and what it returned as text: how it is run, bounded, stored and read again. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { type StepOptions, StepTimedOut } from "../../JobRun.ts"
import * as JsonText from "../JsonText.ts"
import { EngineFailure } from "./EngineFailure.ts"
import { tooLarge } from "./failures.ts"

/** The effect of a step, as often and as long as it may run. */
export const executed = <A, E, R, R2>(
  name: string,
  effect: Effect.Effect<A, E, R>,
  { retry, timeout }: StepOptions<A, E, R2>
): Effect.Effect<A, E, R | R2> => {
  if (retry === undefined && timeout === undefined) return effect
  const millis = timeout === undefined ? 0 : Duration.toMillis(Duration.fromInputUnsafe(timeout))
  const late = new StepTimedOut({ step: name, millis })
  const once: Effect.Effect<A, E | StepTimedOut, R> = timeout === undefined
    ? effect
    : Effect.timeoutOrElse(effect, { duration: timeout, orElse: () => Effect.fail(late) })
  const tried = retry === undefined ? once : Effect.retry(once, retry)
  return Effect.catchIf(
    tried,
    (error): error is Extract<typeof error, StepTimedOut> => error === late,
    () => Effect.die(new EngineFailure({ kind: "timeout", message: late.message }))
    // The one of this step is caught, and of others none gets here.
  ) as Effect.Effect<A, E, R | R2>
}

/** Fails the job if that is larger than the store is to take. */
export const bounded = (what: string, text: string | undefined, limit: number): Effect.Effect<void> => {
  const bytes = text === undefined ? 0 : Buffer.byteLength(text)
  return bytes > limit ? Effect.die(new EngineFailure(tooLarge(what, bytes, limit))) : Effect.void
}

/** What is stored of what a step returned. Fails the job if that cannot be. */
export const toText = <A>(
  name: string,
  value: A,
  { schema }: Pick<StepOptions<A>, "schema">,
  limit: number
): Effect.Effect<string | undefined> =>
  Effect.tap(
    Effect.catch(
      schema === undefined ? JsonText.encodePlain(value) : JsonText.encode(schema, value),
      ({ expected }) =>
        Effect.die(
          new Error(
            `step "${name}" returned what cannot be stored: ${expected}` +
              (schema === undefined ? "; give the step a schema" : "")
          )
        )
    ),
    (text) => bounded(`what step "${name}" returned`, text, limit)
  )

/** What a step returned, of what was stored. */
export const restore = <A>(
  name: string,
  text: string | undefined,
  { schema }: Pick<StepOptions<A>, "schema">
): Effect.Effect<A> => {
  // Without a schema only what JSON keeps as it is was stored, so what is read is an A again.
  if (schema === undefined) return Effect.sync(() => (text === undefined ? undefined : JSON.parse(text)) as A)
  return Effect.catch(
    JsonText.decode(schema, text ?? "null"),
    ({ expected }) =>
      Effect.die(
        new Error(`what step "${name}" stored does not fit its schema any more: ${expected}; raise the version`)
      )
  )
}
