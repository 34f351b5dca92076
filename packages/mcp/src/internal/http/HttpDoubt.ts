/**
 * Reasons to think that the server does not know this connection any more.
 *
 * Two kinds: `named`, a refusal that speaks of the session, and `refused`, a few refusals or errors in a row with no result in between.
 * A doubt harms nothing: the link works on, and its owner decides (see `retirement`). One doubt at a time: what comes while one is
 * looked into is the same doubt. The link of the connection that is opened for it is on trial: the fate of the same request decides.
 *
 * An error that speaks of the session may be the server's word or that of a tool with sessions of its own. It waits for the decision:
 * then it is the answer, or the call was refused and may be sent again.
 */
import type * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type { Doubt, Doubts, Outbound } from "../../Link.ts"

/** An answer that waits for the decision. */
export interface Held {
  /** The server knows the session: this is the answer. */
  readonly deliver: () => void
  /** It does not: the call was not executed. */
  readonly refuse: () => void
}

/** So many calls in a row are refused before the server is asked whether it refuses everything. */
const refusalLimit = 3

export class HttpDoubt implements Doubts {
  #raised = Deferred.makeUnsafe<Doubt>()
  #passed = Deferred.makeUnsafe<void>()
  #trial: { readonly about: string | undefined; readonly verdict: Deferred.Deferred<boolean> } | undefined
  readonly #held = new Map<JsonRpc.RequestId, Held>()
  #refusals = 0
  /** The owner decides. */
  #isWatched = false

  readonly next: Effect.Effect<Doubt> = Effect.suspend(() => {
    this.#isWatched = true
    return Deferred.await(this.#raised)
  })

  readonly passed: Effect.Effect<void> = Effect.suspend(() => Deferred.await(this.#passed))

  readonly isRaised = (): boolean => Deferred.isDoneUnsafe(this.#raised)

  readonly pass = (): void => {
    Deferred.doneUnsafe(this.#passed, Effect.void)
    this.#release(({ refuse }) => refuse())
  }

  readonly dispel = (): void => {
    this.#refusals = 0
    this.#raised = Deferred.makeUnsafe<Doubt>()
    // Those who wait for another connection still do.
    if (Deferred.isDoneUnsafe(this.#passed)) this.#passed = Deferred.makeUnsafe<void>()
    this.deliverAll()
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
    // Credentials and load are no question of the session.
    if ([401, 403, 407, 408, 425, 429].includes(status)) return
    // Where everything was refused before, one more refusal is nothing new. Where one request was, it is an answer now.
    this.#judge(about, this.#trial?.about !== undefined)
    this.#count({ _tag: "Refused", description: `HTTP ${status}, again and again` })
  }

  /** A result. */
  answered(about: string): void {
    this.#refusals = 0
    this.#judge(about, true)
  }

  /** An error of the server's own, by its code. */
  failed(about: string, code: number, description: string): void {
    this.#judge(about, true)
    this.#count({ _tag: "Refused", code, description })
  }

  /** Keeps an answer until the doubt is decided. False: nothing will decide. */
  hold(id: JsonRpc.RequestId, held: Held): boolean {
    if (!this.#isWatched) return false
    // It has been decided for this connection.
    if (Deferred.isDoneUnsafe(this.#passed)) held.refuse()
    else this.#held.set(id, held)
    return true
  }

  /** The call is not waited for any more. */
  forget(id: JsonRpc.RequestId): void {
    this.#held.delete(id)
  }

  /** Nothing will decide any more. */
  deliverAll(): void {
    this.#release(({ deliver }) => deliver())
  }

  #release(tell: (held: Held) => void): void {
    const held = [...this.#held.values()]
    this.#held.clear()
    for (const each of held) tell(each)
  }

  #count(doubt: Doubt): void {
    if (++this.#refusals >= refusalLimit) this.raise(doubt)
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
