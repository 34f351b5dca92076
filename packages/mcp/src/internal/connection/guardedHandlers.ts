/**
 * What an application has given us to run: an effect, or by a mistake something else, which no fiber survives. So it is looked at before
 * it is run.
 */
import * as Effect from "effect/Effect"
import type { ClientHandlers } from "../../ClientHandlers.ts"

/** The effect, or one that dies with what is wrong with it. */
export const effectOf = <A, E, R>(given: Effect.Effect<A, E, R>, by: string): Effect.Effect<A, E, R> =>
  Effect.isEffect(given) ? given : Effect.die(new TypeError(`${by} must give an Effect, and gave ${kindOf(given)}`))

/** Handlers whose mistakes are theirs. */
export const guardedHandlers = ({ elicitation, roots, sampling }: ClientHandlers): ClientHandlers => ({
  ...(roots && { roots: (asker) => effectOf(roots(asker), "the handler of roots/list") }),
  ...(sampling && {
    sampling: (params, asker) => effectOf(sampling(params, asker), "the handler of sampling/createMessage")
  }),
  ...(elicitation && {
    elicitation: (params, asker) => effectOf(elicitation(params, asker), "the handler of elicitation/create")
  })
})

const kindOf = (value: unknown): string =>
  typeof value === "object" && value !== null && "then" in value ? "a promise (wrap it: Effect.promise)" : typeof value
