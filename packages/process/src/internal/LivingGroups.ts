/**
 * Wraps the platform: listens to this program's `exit` event, the last moment at which code of ours runs.
 *
 * The groups that would outlive this program. When it ends by `process.exit`, by an uncaught exception or because nothing is
 * left to do, they are killed before it is gone; there is no time for anything gentler, the event loop no longer turns.
 *
 * Gotcha: a program that dies of a signal (SIGKILL, or SIGTERM and SIGINT without a handler) gets no `exit` event.
 */
import process from "node:process"
import type { ProcessGroup } from "./ProcessGroup.ts"

const living = new Set<ProcessGroup>()

const killAll = (): void => {
  for (const group of living) group.signal("SIGKILL")
}

export const add = (group: ProcessGroup): void => {
  if (living.size === 0) process.on("exit", killAll)
  living.add(group)
}

export const remove = (group: ProcessGroup): void => {
  if (living.delete(group) && living.size === 0) process.off("exit", killAll)
}
