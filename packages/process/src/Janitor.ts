/**
 * Cleans up after runtimes that died together with their reaper.
 *
 * A runtime that dies is followed by its reaper, which ends what the runtime had started. Should both be killed at once, the
 * ledger tells a later runtime of the same user what was left, and another reaper ends that. Runs by itself before the first reaper of a runtime starts.
 *
 * Promises
 * - A ledger whose owner lives is never touched, nor one of another container (pid namespace), nor one that cannot be read as
 *   a ledger: that is logged. Of an earlier run of the machine only the ledger is left, and removed.
 * - What is ended is found by tag, or by a registered group whose leader is still the same process: see `Reaper`.
 * - With nothing to do it costs one directory listing and a look at each living owner.
 *
 * Gotcha: Linux only. Elsewhere there are no ledgers, and nothing is ever swept.
 */
import * as Effect from "effect/Effect"
import * as Ledger from "./internal/Ledger.ts"
import * as Orphans from "./internal/Orphans.ts"
import * as Runtime from "./internal/Runtime.ts"

export type { Orphan } from "./internal/Orphans.ts"

/**
 * Ends what dead runtimes of this user have left, now. Returns how many dead runtimes that were. Never fails; what cannot be ended keeps its ledger for
 * the next sweep.
 *
 * @example
 * ```ts
 * import * as Janitor from "@holdfast/process/Janitor"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.gen(function*() {
 *   const runtimes = yield* Janitor.sweep
 *   yield* Effect.log(`cleaned up after ${runtimes} dead programs`)
 * })
 * ```
 */
export const sweep: Effect.Effect<number> = Effect.suspend(() =>
  Orphans.sweep({ directory: Ledger.defaultDirectory(), self: Runtime.id })
)

/** What a sweep would end, now: for people who want to know. Never fails, ends nothing. */
export const look: Effect.Effect<ReadonlyArray<Orphans.Orphan>> = Effect.suspend(() =>
  Orphans.look({ directory: Ledger.defaultDirectory(), self: Runtime.id, walk: Runtime.walk })
)
