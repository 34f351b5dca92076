/**
 * Who lives, as the kernel tells it, asked independently of the code under test. Linux only, as the tests that need it.
 *
 * A process belongs to a trial by either of two marks: an argument of its own (`mark`), or the tag in its environment. A
 * zombie is dead. A process between fork and exec still has the arguments of the program that forked it.
 */
import * as fs from "node:fs"
import process from "node:process"

export interface Living {
  readonly pid: number
  readonly args: ReadonlyArray<string>
  readonly environment: ReadonlyArray<string>
}

const read = (pid: string, file: string): string => {
  try {
    return fs.readFileSync(`/proc/${pid}/${file}`, "latin1")
  } catch {
    // Gone between the listing and the reading.
    return ""
  }
}

const isLiving = (pid: string): boolean => {
  const stat = read(pid, "stat")
  const state = stat.slice(stat.lastIndexOf(")") + 2)[0]
  return state !== undefined && state !== "Z" && state !== "X"
}

/** Everybody who is alive and says anything of himself: not the threads of the kernel. */
export const living = (): ReadonlyArray<Living> =>
  fs.readdirSync("/proc").flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return []
    const args = read(pid, "cmdline").split("\0")
    const environment = read(pid, "environ").split("\0")
    // The memory of a dying process goes before its line in the table does: what still had some was alive.
    return args.length + environment.length > 2 && isLiving(pid) ? [{ pid: Number(pid), args, environment }] : []
  })

export const lives = (pid: number): boolean => isLiving(String(pid))

/** Undefined if there is no such process. */
export const parentOf = (pid: number): number | undefined => {
  const stat = read(String(pid), "stat")
  return stat === "" ? undefined : Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1])
}

/** The runtime and the number of the child in a process's tag. */
export const tagOf = (one: Living): { readonly runtime: string; readonly number: string } | undefined => {
  const [, runtime, number] = one.environment.map((entry) => tagPattern.exec(entry)).find((match) => match !== null) ??
    []
  return runtime === undefined || number === undefined ? undefined : { runtime, number }
}

const tagPattern = /^HOLDFAST_TAG=([0-9a-f]+)\.(\d+)\.(?:kill|group)$/

/** Ends what a test has left, by number. */
export const kill = (pid: number): void => {
  try {
    process.kill(pid, "SIGKILL")
  } catch {
    // It ended by itself in between: that is what was wanted.
  }
}
