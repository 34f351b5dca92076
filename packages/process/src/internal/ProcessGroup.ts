/**
 * Wraps the platform: signals go through `process.kill`, liveness is asked of the kernel.
 *
 * A child's process group: the child, which leads it, and every descendant that did not leave. The child must have been
 * spawned with `detached`, or a signal would hit this program's own group.
 *
 * Promises: a group once seen gone is never signalled again, so a number that the system has given to another process
 * meanwhile is safe. As long as one member exists the kernel does not give the number away (POSIX, "process group lifetime").
 * Where there are start times, a group whose number a new process bears is known to be gone.
 *
 * Gotchas: `isGone` may be asked only after the leader's exit was told. Zombies count as gone: they hold nothing but a line
 * in the process table, and in a container whose first process does not reap they stay there for ever.
 */
import type { ChildProcess } from "node:child_process"
import * as fs from "node:fs"
import process from "node:process"
import { isNativeError } from "node:util/types"
import * as ProcFs from "./ProcFs.ts"

export interface ProcessGroup {
  readonly id: number
  /** Signals every member; does nothing when the group is gone. `denied`: members exist that we may not signal. */
  readonly signal: (signal: "SIGTERM" | "SIGKILL") => "sent" | "gone" | "denied"
  /** No member lives. Ask only after the leader has exited. */
  readonly isGone: () => boolean
  /** The leader's start time, `0` where there is none: with the number it names the leader for all time. */
  readonly start: string
}

export const make = (leader: ChildProcess, id: number): ProcessGroup => {
  // The leader has not been waited for yet, so even if it is dead already the number is still its own.
  const start = ProcFs.stat(id)?.start ?? "0"
  let isKnownGone = false
  let witness: number | undefined = undefined

  // As long as a member lives the kernel gives the number to no other process, so a stranger that bears it means that none does.
  const hasChangedHands = (): boolean => {
    if (start === "0" || !hasExited(leader)) return false
    const now = ProcFs.stat(id)?.start
    return now !== undefined && now !== start
  }

  const send = (signal: "SIGTERM" | "SIGKILL" | 0): "sent" | "gone" | "denied" => {
    // Asking hits no stranger, and the answer is most often that none is there: then there is no need to look first.
    if (signal !== 0) isKnownGone ||= hasChangedHands()
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
    isKnownGone ||= hasChangedHands()
    if (isKnownGone) return true
    if (process.platform !== "linux") return false
    // One living member is enough: while it lives, asking costs one read instead of a walk through the process table.
    if (witness === undefined || !isLivingMember(witness, id)) witness = findLivingMember(id)
    return witness === undefined
  }

  return { id, signal: send, isGone, start }
}

const hasExited = (leader: ChildProcess): boolean => leader.exitCode !== null || leader.signalCode !== null

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
  isNativeError(error) && "code" in error && typeof error.code === "string" ? error.code : undefined
