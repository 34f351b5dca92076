/**
 * The first finalizer of a scope, put there within one turn of a fiber: nothing can come between it and what it gives back.
 *
 * `Scope.addFinalizer` is an effect, so what is acquired before it needs a mask, and what is acquired after it a second look at the
 * scope: each costs as much as a warm lease. Effect's own `Pool` calls the same step by an internal name. The states of a scope and what
 * they hold are part of its public types, and a test adds a second finalizer to the first.
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** The scope is open and has no finalizer, as one that was just made. */
export const isFree = (scope: Scope.Scope): boolean => scope.state._tag === "Empty"

/** Only while `isFree`. */
export const put = (scope: Scope.Scope, finalizer: () => Effect.Effect<void>): void => {
  scope.state = { _tag: "Open", finalizerKey: {}, finalizer, finalizers: undefined }
}
