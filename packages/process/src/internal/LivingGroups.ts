/**
 * Wraps the platform: listens to this program's `exit` event, the last moment at which code of ours runs.
 *
 * The groups that would outlive this program. When it ends by `process.exit`, by an uncaught exception or because nothing is
 * left to do, they are killed before it is gone, and those who left them as well where looking for them is cheap; there is no
 * time for anything gentler, the event loop no longer turns. The rest is the reaper's, a moment later.
 *
 * Gotcha: a program that dies of a signal (SIGKILL, or SIGTERM and SIGINT without a handler) gets no `exit` event.
 */
import process from "node:process"
import type { ProcessGroup } from "./ProcessGroup.ts"
import * as ProcFs from "./ProcFs.ts"

const living = new Map<ProcessGroup, string>()

// A look at one process costs ten to twenty microseconds: a program's end is held up by some milliseconds at most.
const maxLooks = 512

const killAll = (): void => {
  for (const group of living.keys()) group.signal("SIGKILL")
  const runtimes = new Set(living.values())
  const pids = ProcFs.pids()
  if (pids.length > maxLooks) return
  for (const pid of pids) {
    const tag = ProcFs.tagOf(pid)
    if (typeof tag === "string" || tag.policy !== "kill" || !runtimes.has(tag.runtime)) continue
    try {
      process.kill(pid, "SIGKILL")
    } catch {
      // Gone in this moment.
    }
  }
}

/** Adds a group of this runtime. */
export const add = (group: ProcessGroup, runtime: string): void => {
  if (living.size === 0) process.on("exit", killAll)
  living.set(group, runtime)
}

export const remove = (group: ProcessGroup): void => {
  if (living.delete(group) && living.size === 0) process.off("exit", killAll)
}
