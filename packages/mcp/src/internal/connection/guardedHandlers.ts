/**
 * What an application has given us to run: an effect, or by a mistake something else, which no fiber survives. So it is looked at before
 * it is run.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { ClientHandlers } from "../../ClientHandlers.ts"

/** The effect, or one that dies with what is wrong with it. */
export const effectOf = <A, E, R>(given: Effect.Effect<A, E, R>, by: string): Effect.Effect<A, E, R> =>
  Effect.isEffect(given) ? given : Effect.die(new TypeError(`${by} must give an Effect, and gave ${kindOf(given)}`))

/** Handlers whose mistakes are theirs, with the services that they need. */
export const guardedHandlers = <R>(
  { elicitation, elicitationModes, roots, sampling }: ClientHandlers<R>,
  services: Context.Context<R>
): ClientHandlers => {
  const guarded = <A, E>(given: Effect.Effect<A, E, R>, method: string): Effect.Effect<A, E> =>
    Effect.provideContext(effectOf(given, `the handler of ${method}`), services)
  return {
    elicitationModes,
    ...(roots && { roots: (asker) => guarded(roots(asker), "roots/list") }),
    ...(sampling && { sampling: (params, asker) => guarded(sampling(params, asker), "sampling/createMessage") }),
    ...(elicitation && { elicitation: (params, asker) => guarded(elicitation(params, asker), "elicitation/create") })
  }
}

const kindOf = (value: unknown): string =>
  typeof value === "object" && value !== null && "then" in value ? "a promise (wrap it: Effect.promise)" : typeof value
