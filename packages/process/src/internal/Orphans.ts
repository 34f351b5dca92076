/**
 * Wraps the platform: signals processes; a timer gives them time to die, whatever clock the fiber has that happened to ask.
 *
 * Who is left of runtimes that are no more, as their ledgers and tags tell, and how they are ended: the same rules that the
 * reaper follows, for the janitor.
 *
 * Promises: ended are the members of a registered group whose leader is still the very process that was registered, or which
 * has no leader any more but a member with a tag of that runtime; whoever bears its tag with the policy `kill`; and whoever
 * bears that of a child which was expected and never registered. Nobody else.
 */
import * as Effect from "effect/Effect"
import process from "node:process"
import type { Account } from "./Ledger.ts"
import * as Ledger from "./Ledger.ts"
import * as ProcFs from "./ProcFs.ts"
import type { Bearer, TagWalk } from "./TagWalk.ts"

// With pauses of up to `maxPause` milliseconds it is a second all in all: who is still there then cannot be ended.
const maxRounds = 25
const maxPause = 50

export interface SweepOptions {
  readonly directory: string
  /** The runtime that is not to be looked at: the one that sweeps. */
  readonly self: string
  readonly walk: TagWalk
}

/** Ends what the dead runtimes with a ledger in this directory have left, and removes the ledgers. */
export const sweep = Effect.fnUntraced(function*({ directory, self, walk }: SweepOptions) {
  const here = Ledger.owner()
  if (here === undefined) return { runtimes: 0, processes: 0 }
  const { accounts, malformed } = Ledger.readAll(directory)
  for (const file of malformed) {
    yield* Effect.logWarning(`${file} is no ledger of ours and is left alone. If no other version uses it, delete it`)
  }
  const others = accounts.filter((account) => account.runtime !== self)
  const past = others.filter(({ owner }) => owner.boot !== here.boot)
  const dead = deadOf(others, here)
  for (const { file } of past) Ledger.remove(file)
  if (dead.length === 0) return { runtimes: past.length, processes: 0 }
  const { isClean, processes } = yield* end(dead, walk)
  if (!isClean) return { runtimes: past.length, processes }
  for (const { file } of dead) Ledger.remove(file)
  return { runtimes: past.length + dead.length, processes }
})

/** A process that is left of a runtime that is no more. */
export interface Orphan {
  readonly pid: number
  /** As it was started, with its arguments; empty where that cannot be read. */
  readonly command: string
  /** The process that had started it, and is gone. */
  readonly owner: number
}

/** Those that `sweep` would end. Ends nothing, and leaves the ledgers. */
export const look = Effect.fnUntraced(function*({ directory, self, walk }: SweepOptions) {
  const here = Ledger.owner()
  if (here === undefined) return []
  const dead = deadOf(Ledger.readAll(directory).accounts.filter(({ runtime }) => runtime !== self), here)
  if (dead.length === 0) return []
  const bearers = yield* walk.bearers
  return dead.flatMap((account) =>
    [...victimsOf(account, bearers)].map((pid): Orphan => ({
      pid,
      command: ProcFs.command(pid),
      owner: account.owner.pid
    }))
  )
})

const deadOf = (accounts: ReadonlyArray<Account>, here: Ledger.Owner): ReadonlyArray<Account> =>
  accounts.filter(({ owner }) =>
    owner.boot === here.boot && owner.namespace === here.namespace && !ProcFs.lives(owner.pid, owner.start)
  )

const end = Effect.fnUntraced(function*(accounts: ReadonlyArray<Account>, walk: TagWalk) {
  const ended = new Set<string>()
  for (let round = 0; round < maxRounds; round++) {
    const bearers = yield* walk.bearers
    const victims = accounts.flatMap((account) => [...victimsOf(account, bearers)])
    if (victims.length === 0) return { processes: ended.size, isClean: true }
    for (const pid of victims) {
      const start = kill(pid)
      if (start !== undefined) ended.add(`${pid} ${start}`)
    }
    yield* Effect.callback<void>((resume) => void setTimeout(() => resume(Effect.void), Math.min(2 ** round, maxPause)))
  }
  return { processes: ended.size, isClean: false }
})

const victimsOf = (account: Account, bearers: ReadonlyArray<Bearer>): ReadonlySet<number> => {
  const mine = bearers.filter(({ tag }) => tag.runtime === account.runtime)
  const victims = new Set(
    mine.filter(({ tag }) => tag.policy === "kill" || account.expected.has(tag.number)).map(({ pid }) => pid)
  )
  const groups = groupsOf(account, mine)
  if (groups.size > 0) {
    for (const pid of ProcFs.pids()) {
      const stat = ProcFs.stat(pid)
      if (stat !== undefined && groups.has(stat.group) && !ProcFs.isDead(stat)) victims.add(pid)
    }
  }
  return victims
}

const groupsOf = (account: Account, bearers: ReadonlyArray<Bearer>): ReadonlySet<number> => {
  const groups = new Set<number>()
  for (const { group, start } of account.registered.values()) {
    const leader = ProcFs.stat(group)
    const isOurs = leader === undefined
      ? bearers.some(({ pid }) => ProcFs.stat(pid)?.group === group)
      : leader.start === start
    if (isOurs) groups.add(group)
  }
  return groups
}

/** The start time of the process that was killed; undefined if there was none. */
const kill = (pid: number): string | undefined => {
  const start = ProcFs.stat(pid)?.start
  try {
    process.kill(pid, "SIGKILL")
    return start
  } catch {
    // Gone in this moment, or another user's by now.
    return undefined
  }
}
