/**
 * The other runners on the store: which of them are dead, by what is seen of them and not by a clock alone.
 *
 * - One whose process certainly is no more, which can be told on this machine, is retired at once.
 * - One whose lease is over is dead when it has renewed nothing for as long as our own lease lasts. Who renews lives, whatever the
 *   clocks say: a wrong clock, or one that was set, robs nobody.
 * - One that is met for the first time with its lease over is dead, unless its process lives on this machine: then it is watched first.
 *
 * Gotchas: a process that lives and hangs is dead by the second rule. All is judged by looks: who looks seldom judges late, not wrongly.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { JobError } from "../../JobError.ts"
import type { Host, Identity } from "../JobHost.ts"
import type { Former, Store } from "./LeaseStore.ts"

interface Seen {
  readonly identity: Identity
  readonly until: number
  /** It has renewed its lease at this time or later: milliseconds of our clock that nobody sets. */
  readonly renewedAt: number
}

export interface OtherRunners {
  /** Looks at all of them, retires what is dead, and names those that are silent and have jobs: they may be taken. */
  readonly look: Effect.Effect<ReadonlyArray<string>, JobError>
  /** Why a job was taken from it, in words that go on after its name. */
  readonly describe: (former: Former) => string
}

const maxRemembered = 100

/** `self` is the runner who looks. */
export const make = Effect.fnUntraced(function*(store: Store, host: Host, self: string, leaseMillis: number) {
  const clock = yield* Clock.Clock
  const retired = new Map<string, Identity>()
  let seen = new Map<string, Seen>()
  let lookedAt = 0

  const look = Effect.gen(function*() {
    const all = yield* store.runners
    const now = Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n)
    // After a long sleep of our own, as when the whole machine was stopped, the others are given the time to renew.
    const wasAsleep = now - lookedAt > leaseMillis / 2
    const silent: Array<string> = []
    const next = new Map<string, Seen>()
    for (const { id, identity, isOver, until } of all) {
      if (id === self) continue
      if (host.isDead(identity)) {
        yield* store.retire(id)
        retired.set(id, identity)
        if (retired.size > maxRemembered) retired.delete([...retired.keys()][0] ?? id)
        continue
      }
      const known = seen.get(id)
      const renewedAt = known === undefined
        ? isOver && !host.isAlive(identity) ? Number.NEGATIVE_INFINITY : now
        : wasAsleep
        ? now
        : known.until === until
        ? known.renewedAt
        : lookedAt
      next.set(id, { identity, until, renewedAt })
      if (!isOver || now - renewedAt < leaseMillis) continue
      // All that it had is taken: it may be forgotten, and comes back by itself when it renews its lease after all.
      if ((yield* store.held(id)).length === 0) yield* store.retire(id)
      else silent.push(id)
    }
    seen = next
    lookedAt = now
    return silent
  })

  const made: OtherRunners = {
    look,
    describe: ({ leaseOverMillis, runner }) => {
      const dead = retired.get(runner)
      if (dead !== undefined) return `its process, ${dead.pid} of this machine, has died`
      if (leaseOverMillis === undefined) return "the store does not know it any more"
      const living = seen.get(runner)
      const isHere = living !== undefined && host.isAlive(living.identity)
      return `its lease ended ${Math.round(leaseOverMillis / 1000)} s ago and it renews none` +
        (isHere ? `, though its process, ${living.identity.pid} of this machine, lives: does it hang?` : "")
    }
  }
  return made
})
