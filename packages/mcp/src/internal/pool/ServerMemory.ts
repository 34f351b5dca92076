/**
 * What is remembered of servers beyond their connections: the era they speak, what their tools said of themselves, what is left of
 * their replay budget.
 *
 * Promise: it is bounded. What concerns a server stays as long as it has a connection, or one is being opened. Of all others the
 * `idleLimit` that were used last are remembered: a gateway with an endpoint per user goes on for months.
 */
import type { ReplayBudget } from "@holdfast/core"
import type { Mirrored } from "@holdfast/protocol/ToolHeaders"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type KeptLists, nothingKept } from "../calls/KeptLists.ts"
import type { Spoken } from "../connection/contract.ts"
import { ServerHistory } from "../history/ServerHistory.ts"

/** What is known of one server; undefined where nothing is. */
export interface ServerNotes {
  /** What it was found to speak. */
  spoken: Spoken | undefined
  /** The names of the tools that may be called twice, from its last tool list. */
  repeatable: ReadonlySet<string> | undefined
  /** From the same list: the tools whose calls may be tasks, and those whose calls must be. */
  tasks: ReadonlyMap<string, "optional" | "required"> | undefined
  /** Of tools that want some of their arguments in headers: which. */
  mirrored: ReadonlyMap<string, ReadonlyArray<Mirrored>> | undefined
  budget: ReplayBudget.ReplayBudget | undefined
  /** The stack of the mistake of the program that connecting broke of last, once it was told. */
  toldStack: string | undefined
  /** Its lists that are fresh. */
  readonly kept: KeptLists
  /** For the question why. */
  readonly history: ServerHistory
  /** When it was last connected anew because it seemed not to know a connection; monotonic milliseconds. */
  renewedAt: number
}

interface Held {
  readonly notes: ServerNotes
  /** Connections, those that are being opened included. */
  holders: number
}

export class ServerMemory {
  /** How many servers without a connection are remembered. */
  idleLimit = 1024
  readonly #held = new Map<string, Held>()
  /** Those used least recently first. */
  readonly #idle = new Map<string, ServerNotes>()

  /** Servers that are remembered now. */
  get size(): number {
    return this.#held.size + this.#idle.size
  }

  /** The notes on a server, to be read and written. */
  of(fingerprint: string): ServerNotes {
    const held = this.#held.get(fingerprint)
    if (held !== undefined) return held.notes
    const notes = this.#idle.get(fingerprint) ?? blank()
    this.#rest(fingerprint, notes)
    return notes
  }

  /** Forgets nothing of a server until the Scope closes. */
  hold(fingerprint: string): Effect.Effect<void, never, Scope.Scope> {
    return Effect.asVoid(Effect.acquireRelease(
      Effect.sync(() => {
        const held = this.#held.get(fingerprint) ?? { notes: this.of(fingerprint), holders: 0 }
        held.holders++
        this.#held.set(fingerprint, held)
        this.#idle.delete(fingerprint)
        return held
      }),
      (held) =>
        Effect.sync(() => {
          if (--held.holders > 0) return
          this.#held.delete(fingerprint)
          this.#rest(fingerprint, held.notes)
        })
    ))
  }

  #rest(fingerprint: string, notes: ServerNotes): void {
    this.#idle.delete(fingerprint)
    this.#idle.set(fingerprint, notes)
    this.trim()
  }

  /** Forgets those that are too many. */
  trim(): void {
    for (const oldest of this.#idle.keys()) {
      if (this.#idle.size <= this.idleLimit) return
      this.#idle.delete(oldest)
    }
  }
}

const blank = (): ServerNotes => ({
  spoken: undefined,
  repeatable: undefined,
  tasks: undefined,
  mirrored: undefined,
  budget: undefined,
  toldStack: undefined,
  history: new ServerHistory(),
  kept: nothingKept(),
  renewedAt: Number.NEGATIVE_INFINITY
})
