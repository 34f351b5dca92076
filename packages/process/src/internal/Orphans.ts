/**
 * What dead runtimes have left, as their ledgers tell: a reaper does for each what its own would have done.
 *
 * Promise: a ledger of a runtime that lives, of another container or of no known form is not touched. Of an earlier run of the machine only the ledger
 * is removed: its numbers mean nothing any more.
 */
import * as Effect from "effect/Effect"
import * as Ledger from "./Ledger.ts"
import * as ProcFs from "./ProcFs.ts"
import * as ReaperProcess from "./ReaperProcess.ts"
import type { TagWalk } from "./TagWalk.ts"

export interface SweepOptions {
  readonly directory: string
  /** The runtime that is not to be looked at: the one that sweeps. */
  readonly self: string
}

/** Ends what the dead runtimes with a ledger in this directory have left, and removes the ledgers. Returns how many runtimes that were. */
export const sweep = Effect.fnUntraced(function*({ directory, self }: SweepOptions) {
  const here = Ledger.owner()
  const platform = ReaperProcess.detect()
  if (here === undefined || platform === undefined) return 0
  const { accounts, malformed } = Ledger.readAll(directory)
  for (const file of malformed) {
    yield* Effect.logWarning(`${file} is no ledger of ours and is left alone. If no other version uses it, delete it`)
  }
  const others = accounts.filter((account) => account.runtime !== self)
  const past = others.filter(({ owner }) => owner.boot !== here.boot)
  const dead = deadOf(others, here)
  for (const { file } of past) Ledger.remove(file)
  const ended = yield* Effect.forEach(
    dead,
    (account) =>
      ReaperProcess.finish({ runtime: account.runtime, ledger: account.file, platform }, Ledger.linesOf(account)),
    { concurrency: 4 }
  )
  return past.length + ended.filter(Boolean).length
})

/** A process that is left of a runtime that is no more. */
export interface Orphan {
  readonly pid: number
  /** As it was started, with its arguments; empty where that cannot be read. */
  readonly command: string
  /** The process that had started it, and is gone. */
  readonly owner: number
}

/** The processes in a group or with a tag of a dead runtime, without those that are meant to outlive it. Ends nothing, and leaves the ledgers. */
export const look = Effect.fnUntraced(function*(
  { directory, self, walk }: SweepOptions & { readonly walk: TagWalk }
): Effect.fn.Return<ReadonlyArray<Orphan>> {
  const here = Ledger.owner()
  if (here === undefined) return []
  const dead = deadOf(Ledger.readAll(directory).accounts.filter(({ runtime }) => runtime !== self), here)
  if (dead.length === 0) return []
  const bearers = yield* walk.bearers
  const groups = new Map(dead.flatMap(({ owner, registered }) =>
    [...registered.values()]
      // Of a group whose leader is gone the tags tell.
      .filter(({ group, start }) => ProcFs.lives(group, start))
      .map(({ group }) => [group, owner.pid] as const)
  ))
  const accounts = new Map(dead.map((account) => [account.runtime, account]))
  const tagged = new Map(bearers.flatMap(({ pid, tag }) => {
    const account = accounts.get(tag.runtime)
    const isLeft = account !== undefined && (tag.policy === "kill" || account.expected.has(tag.number))
    return isLeft ? [[pid, account.owner.pid] as const] : []
  }))
  return ProcFs.pids().flatMap((pid) => {
    const stat = ProcFs.stat(pid)
    if (stat === undefined || ProcFs.isDead(stat)) return []
    const owner = tagged.get(pid) ?? groups.get(stat.group)
    return owner === undefined ? [] : [{ pid, command: ProcFs.command(pid), owner }]
  })
})

const deadOf = (accounts: ReadonlyArray<Ledger.Account>, here: Ledger.Owner): ReadonlyArray<Ledger.Account> =>
  accounts.filter(({ owner }) =>
    owner.boot === here.boot && owner.namespace === here.namespace && !ProcFs.lives(owner.pid, owner.start)
  )
