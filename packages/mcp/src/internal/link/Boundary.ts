/**
 * Where the events of the platform end and other code begins: listeners, classifiers, owners of frames, mistakes of ours.
 *
 * Promise: what throws behind a boundary is told in the log and goes no further. Neither the event, whose throw would end the
 * program, nor what else the event brings is harmed by it. A listener that is an async function is no exception: its rejection is
 * told in the same way.
 *
 * The first throw at a place is an error in the log, each later one is at DEBUG: a listener that fails once mostly fails every time.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type Fork, scopedFork } from "./scopedFork.ts"

export interface Boundary {
  /** Tells of what was thrown. `place` is one of few: what was called, never what it was called with. Never throws. */
  readonly report: (place: string, error: unknown) => void
  /** Asks a foreign function. Undefined when it throws, which is logged. */
  readonly ask: <A>(place: string, question: () => A) => A | undefined
  /** Looks at what a listener has returned, although it was to return nothing: a promise would be left alone with its rejection. */
  readonly returned: (place: string, value: unknown) => void
}

/** `name` begins each line: the server's, or where the link leads to. */
export const make = (name: string, fork: Fork): Boundary => {
  const places = new Set<string>()
  const report = (place: string, error: unknown): void => {
    const line = `${name}: ${place} failed`
    fork(places.has(place) ? Effect.logDebug(line, error) : Effect.logError(line, error))
    places.add(place)
  }
  return {
    report,
    ask: (place, question) => {
      try {
        return question()
      } catch (error) {
        return void report(place, error)
      }
    },
    returned: (place, value) => {
      if (!isThenable(value)) return
      fork(Effect.catchDefect(Effect.promise(() => value), (error) => Effect.sync(() => report(place, error))))
    }
  }
}

/** With the services that are here: their logger, their clock. */
export const here = (name: string): Effect.Effect<Boundary, never, Scope.Scope> =>
  Effect.map(scopedFork, (fork) => make(name, fork))

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === "object" && value !== null && "then" in value && typeof value.then === "function"
