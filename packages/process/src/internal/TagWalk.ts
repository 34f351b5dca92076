/**
 * Wraps the platform: `setImmediate` cuts the walk into pieces between which the event loop turns; a timer
 * waits for those who are just being exchanged for another program.
 *
 * Finds the processes that bear this runtime's tags, by a walk through the process table.
 *
 * Promises
 * - Every process that exists when a walk ends and bore a tag when it began is found, and so are its children of that time: the
 *   table is listed again and again until it shows no new process.
 * - A caller gets the result of a walk that began after the question. All callers before a walk begins share it, so that
 *   closing fifty processes costs a few walks, not fifty.
 * - It never holds up the event loop for longer than `pieceSize` looks.
 *
 * Gotcha: on a system that hands out process numbers in circles, a process forked "behind" the reading of the list by one that
 * dies at that moment may be missed; what is left then is the reaper's.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Tag from "./Tag.ts"

/** The process table, as this module sees it. */
export interface ProcessTable {
  readonly pids: () => ReadonlyArray<number>
  readonly tagOf: (pid: number) => Tag.Tag | "None" | "Unclear"
}

export interface Bearer {
  readonly pid: number
  readonly tag: Tag.Tag
}

export interface TagWalk {
  /** Everybody with a tag of any runtime, this one or others. */
  readonly bearers: Effect.Effect<ReadonlyArray<Bearer>>
}

const pieceSize = 64

// Being exchanged or dying takes a moment, on a busy machine several milliseconds; a process that takes longer is stuck.
const maxLooks = 100

// Where programs are started without a pause, a new one is always there; those that matter came early.
const maxListings = 256

export const make = (table: ProcessTable): TagWalk => {
  let waiting: Deferred.Deferred<ReadonlyArray<Bearer>> | undefined
  let isWalking = false

  const begin = (): void => {
    const asked = waiting
    waiting = undefined
    isWalking = asked !== undefined
    if (asked === undefined) return
    walk(table, (found) => {
      Deferred.doneUnsafe(asked, Effect.succeed(found))
      begin()
    })
  }

  const bearers = Effect.suspend(() => {
    waiting ??= Deferred.makeUnsafe()
    if (!isWalking) {
      isWalking = true
      // Those who ask within this turn come along.
      setImmediate(begin)
    }
    return Deferred.await(waiting)
  })

  return { bearers }
}

const walk = (table: ProcessTable, done: (found: ReadonlyArray<Bearer>) => void): void => {
  const seen = new Set<number>()
  const found: Array<Bearer> = []
  const looks = new Map<number, number>()
  let pending: Array<number> = []
  let listings = 0

  const list = (): void => {
    pending = table.pids().filter((pid) => !seen.has(pid))
    if (pending.length === 0 || listings === maxListings) return done(found)
    listings++
    step()
  }

  const look = (pid: number): void => {
    const tag = table.tagOf(pid)
    const count = (looks.get(pid) ?? 0) + 1
    if (tag === "Unclear" && count < maxLooks) {
      looks.set(pid, count)
      return
    }
    seen.add(pid)
    looks.delete(pid)
    if (typeof tag !== "string") found.push({ pid, tag })
  }

  const step = (): void => {
    for (const pid of pending.splice(0, pieceSize)) look(pid)
    if (pending.length > 0) setImmediate(step)
    // A process whose tag is unclear becomes clear with time alone.
    else if (looks.size > 0) setTimeout(list, 1)
    else setImmediate(list)
  }

  list()
}
