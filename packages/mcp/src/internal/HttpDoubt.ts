/**
 * Reasons to think that the server does not know this connection any more.
 *
 * Two kinds: `named`, a refusal that speaks of the session, and `refused`, a few refusals in a row with no answer in between. A
 * doubt harms nothing: the link works on, and its owner decides (see `retirement`). One doubt at a time: what comes while one is
 * looked into is the same doubt. The link of the connection that is opened for it is on trial: the fate of the same request decides.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type { Doubt, Doubts, Outbound } from "../Link.ts"

/** So many calls in a row are refused before the server is asked whether it refuses everything. */
const refusalLimit = 3

export class HttpDoubt implements Doubts {
  #raised = Deferred.makeUnsafe<Doubt>()
  #passed = Deferred.makeUnsafe<void>()
  #trial: { readonly about: string | undefined; readonly verdict: Deferred.Deferred<boolean> } | undefined
  #refusals = 0

  readonly next: Effect.Effect<Doubt> = Effect.suspend(() => Deferred.await(this.#raised))

  readonly passed: Effect.Effect<void> = Effect.suspend(() => Deferred.await(this.#passed))

  readonly isRaised = (): boolean => Deferred.isDoneUnsafe(this.#raised)

  readonly pass = (): void => {
    Deferred.doneUnsafe(this.#passed, Effect.void)
  }

  readonly dispel = (): void => {
    this.#refusals = 0
    this.#raised = Deferred.makeUnsafe<Doubt>()
    // Those who wait for another connection still do.
    if (Deferred.isDoneUnsafe(this.#passed)) this.#passed = Deferred.makeUnsafe<void>()
  }

  readonly trial = (about: string | undefined): Effect.Effect<boolean> => {
    const verdict = Deferred.makeUnsafe<boolean>()
    this.#trial = { about, verdict }
    return Deferred.await(verdict)
  }

  raise(doubt: Doubt): void {
    this.#judge(doubt.about, false)
    Deferred.doneUnsafe(this.#raised, Effect.succeed(doubt))
  }

  refused(status: number, about: string): void {
    // Credentials and load are no question of who we are.
    if ([401, 403, 407, 408, 425, 429].includes(status) || status < 400) return
    // Where everything was refused before, one more refusal is nothing new. Where one request was, it is an answer now.
    this.#judge(about, this.#trial?.about !== undefined)
    if (++this.#refusals >= refusalLimit) {
      this.raise({ _tag: "Refused", description: `HTTP ${status}, again and again` })
    }
  }

  /** By a result, or else by an error of the server's own. */
  answered(about: string, isResult: boolean): void {
    if (isResult) this.#refusals = 0
    this.#judge(about, true)
  }

  #judge(about: string | undefined, isKnown: boolean): void {
    const trial = this.#trial
    if (trial === undefined || (trial.about !== undefined && trial.about !== about)) return
    this.#trial = undefined
    Deferred.doneUnsafe(trial.verdict, Effect.succeed(isKnown))
  }
}

/** The kind of a request: refusals of one tool say nothing of another. */
export const aboutOf = ({ method, name }: Pick<Outbound, "method" | "name">): string =>
  name === undefined ? method : `${method} ${name}`
