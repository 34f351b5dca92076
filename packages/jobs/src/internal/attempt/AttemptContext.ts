/** What the engine gives to the attempts that it runs. */
import type * as Clock from "effect/Clock"
import type * as Deferred from "effect/Deferred"
import type * as Effect from "effect/Effect"
import type { JobError } from "../../JobError.ts"
import type { Store } from "../local/Store.ts"
import type { Attempt } from "./Attempt.ts"

/** Runs the body of a step once per job and name, and returns the text that it returned, which is kept. */
export type Keep = <E, R>(
  attempt: Attempt,
  step: { readonly name: string; readonly isSafe: boolean; readonly isCompensable: boolean },
  body: Effect.Effect<string | undefined, E, R>
) => Effect.Effect<string | undefined, E, R>

export interface AttemptContext {
  readonly store: Pick<Store, "step" | "beginStep" | "commitStep" | "setAlarm" | "ask" | "setWaiting" | "check">
  /** Of an engine that keeps what steps return itself. Default: it is kept in the store. */
  readonly keep?: Keep | undefined
  readonly clock: Clock.Clock
  /** Repeats what the store could not do until it can; interruptible while it waits. */
  readonly persist: <A>(effect: Effect.Effect<A, JobError>) => Effect.Effect<A>
  /** There is unwritten progress. */
  readonly onProgress: (attempt: Attempt) => void
  /** A step was stored. */
  readonly onStep: (attempt: Attempt) => void
  /** The attempt gives its place up. */
  readonly onWaiting: () => void
  /** Done when the attempt, which waited, has a place again. */
  readonly place: (attempt: Attempt) => { readonly granted: Deferred.Deferred<void>; readonly withdraw: () => void }
}
