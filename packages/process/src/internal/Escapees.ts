/**
 * Wraps the platform: signals single processes.
 *
 * The descendants of one child that have left its process group, for a session of their own or as daemons. Their tag tells
 * whose they are.
 *
 * Promises: only a bearer of exactly this child's tag is found; it is signalled only while it is still the same
 * process.
 */
import * as Effect from "effect/Effect"
import process from "node:process"
import * as ProcFs from "./ProcFs.ts"
import * as Tag from "./Tag.ts"
import type { TagWalk } from "./TagWalk.ts"

export interface Escapee {
  readonly pid: number
  readonly signal: (signal: "SIGTERM" | "SIGKILL") => void
  readonly isGone: () => boolean
}

/** The descendants of this child outside its group that live now, or did a moment ago. With the policy `group` they are left alone. */
export const find = (walk: TagWalk, tag: Tag.Tag, group: number): Effect.Effect<ReadonlyArray<Escapee>> =>
  tag.policy === "group"
    ? Effect.succeed([])
    : Effect.map(
      walk.bearers,
      (bearers) =>
        bearers.flatMap((bearer) =>
          bearer.tag.number === tag.number && bearer.tag.runtime === tag.runtime ? identify(bearer.pid, tag, group) : []
        )
    )

const identify = (pid: number, tag: Tag.Tag, group: number): ReadonlyArray<Escapee> => {
  const stat = ProcFs.stat(pid)
  if (stat?.group === group) return []
  const start = stat?.start ?? ""
  // The number may have changed hands since the walk: the start time counts only if the tag is still there after it.
  const now = ProcFs.tagOf(pid)
  if (typeof now === "string" || Tag.format(now) !== Tag.format(tag)) return [vanished(pid)]
  const isGone = (): boolean => !ProcFs.lives(pid, start)
  return [{ pid, isGone, signal: (signal) => isGone() ? undefined : send(pid, signal) }]
}

// It was there a moment ago, and may have left a process behind that was not there then: a reason to look again.
const vanished = (pid: number): Escapee => ({ pid, signal: () => {}, isGone: () => true })

const send = (pid: number, signal: "SIGTERM" | "SIGKILL"): void => {
  try {
    process.kill(pid, signal)
  } catch {
    // Gone in this moment, or it has become another user's: either way nothing more can be done to it.
  }
}
