/** Runs what a client asks for in fibers of a Scope: a client that leaves does not stop them, a cancellation and the end of the Scope do. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { Session, type SessionShape } from "../Session.ts"

export interface Owned {
  readonly session: SessionShape
  /** Runs something in the session, whatever the owner is, until it is over or what is returned is called. */
  readonly watch: (effect: Effect.Effect<void, never, unknown>) => () => void
  /** Runs a call with all that was around when this was made. Never fails: what became of the call is its success. */
  readonly run: <A, E>(call: Effect.Effect<A, E, unknown>) => Effect.Effect<Exit.Exit<A, E>>
}

/** Takes what is around. `R`: what the calls need, but for their `Session`, which is the call's. `owner`: default, the session. */
export const make = <R>(
  owner?: Scope.Scope
): Effect.Effect<Owned, never, Session | Exclude<R, Session | Scope.Scope>> =>
  Effect.gen(function*() {
    const session = yield* Session
    const around = yield* Effect.context<Exclude<R, Session | Scope.Scope>>()
    // A Scope that happens to be around here is none for what a handler acquires.
    const context = Context.add(Context.omit(Scope.Scope)(around), Session, session)
    const scope = owner ?? session.scope
    // The SDK aborts what runs when it is closed, too: that is no word of the client's.
    const isOrphan = (): boolean =>
      scope !== session.scope && (session.state() === "closing" || session.state() === "closed")
    // The rest of the context is the handler's own: it was taken from around its registration.
    const provided = <A, E>(effect: Effect.Effect<A, E, unknown>) =>
      Effect.provideContext(effect, context) as Effect.Effect<A, E>
    const fork = Effect.runForkWith(context)
    return {
      session,
      watch: (effect) => {
        const fiber = Fiber.runIn(fork(provided(effect)), session.scope)
        return () => fiber.interruptUnsafe()
      },
      run: (call) =>
        Effect.flatMap(
          Effect.forkIn(provided(call), scope, { startImmediately: true }),
          (fiber) => Effect.onInterrupt(Fiber.await(fiber), () => isOrphan() ? Effect.void : Fiber.interrupt(fiber))
        )
    }
  })
