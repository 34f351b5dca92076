/**
 * Wraps the platform: signals go through `process.kill`, liveness is asked of the kernel.
 *
 * A child's process group: the child, who leads it, and every descendant that did not leave. The child must have been
 * spawned with `detached`, or a signal would hit this program's own group.
 *
 * Promises: a group once seen gone is never signalled again, so a number that the system has given to somebody else
 * meanwhile is safe. As long as one member exists the kernel does not give the number away (POSIX, "process group lifetime").
 *
 * Gotchas: `isGone` may be asked only after the leader's exit was told. Zombies count as gone: they hold nothing but a line
 * in the process table, and in a container whose first process does not reap they stay there for ever. On Windows there
 * are no groups: the leader is all that is signalled and looked at.
 */
import type { ChildProcess } from "node:child_process"
import * as fs from "node:fs"
import process from "node:process"

export interface ProcessGroup {
  readonly id: number
  /** Signals every member; does nothing when the group is gone. `denied`: members exist that we may not signal. */
  readonly signal: (signal: "SIGTERM" | "SIGKILL") => "sent" | "gone" | "denied"
  /** No member lives. Ask only after the leader has exited. */
  readonly isGone: () => boolean
}

export const make = (leader: ChildProcess, id: number): ProcessGroup =>
  process.platform === "win32" ? makeLeaderOnly(leader, id) : makePosix(id)

const makePosix = (id: number): ProcessGroup => {
  let isKnownGone = false
  let witness: number | undefined = undefined

  const send = (signal: "SIGTERM" | "SIGKILL" | 0): "sent" | "gone" | "denied" => {
    if (isKnownGone) return "gone"
    try {
      process.kill(-id, signal)
      return "sent"
    } catch (error) {
      // macOS answers EPERM also when only zombies are left; there is no telling the two apart, so it is not taken for gone.
      if (codeOf(error) === "EPERM") return "denied"
      if (codeOf(error) !== "ESRCH") throw error
      isKnownGone = true
      return "gone"
    }
  }

  const isGone = (): boolean => {
    if (send(0) === "gone") return true
    if (process.platform !== "linux") return false
    // One living member is enough: while it lives, asking costs one read instead of a walk through the process table.
    if (witness === undefined || !isLivingMember(witness, id)) witness = findLivingMember(id)
    return witness === undefined
  }

  return { id, signal: send, isGone }
}

const makeLeaderOnly = (leader: ChildProcess, id: number): ProcessGroup => {
  const hasExited = (): boolean => leader.exitCode !== null || leader.signalCode !== null
  return {
    id,
    signal: (signal) => hasExited() ? "gone" : leader.kill(signal) ? "sent" : "denied",
    isGone: hasExited
  }
}

const findLivingMember = (group: number): number | undefined => {
  let names: ReadonlyArray<string>
  try {
    names = fs.readdirSync("/proc")
  } catch {
    // Without /proc a zombie cannot be told from a living process. The group's number stands for a member that never dies.
    return group
  }
  for (const name of names) {
    const pid = Number(name)
    if (Number.isInteger(pid) && isLivingMember(pid, group)) return pid
  }
  return undefined
}

const isLivingMember = (pid: number, group: number): boolean => {
  let stat: string
  try {
    stat = fs.readFileSync(`/proc/${pid}/stat`, "latin1")
  } catch (error) {
    // Gone between the listing and the reading. Anything else hides a process that may well live.
    return codeOf(error) !== "ENOENT" && codeOf(error) !== "ESRCH"
  }
  // proc_pid_stat(5): pid (comm) state ppid pgrp …, and comm may itself contain blanks and parentheses.
  const [state, , processGroup] = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  return Number(processGroup) === group && state !== "Z" && state !== "X"
}

const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined
