/**
 * Wraps the platform: reads what Linux tells of processes under /proc.
 *
 * Promises: nothing throws because a process vanished, is another user's or keeps its secrets: those are answers.
 *
 * Gotchas: `environ` is the environment a program was started with. A program that starts another one with a chosen
 * environment drops the tag there. While a program is being exchanged (exec) it reads as empty for a moment, which is told
 * apart from "bears no tag". Where there is no /proc no process is ever seen.
 */
import { Buffer } from "node:buffer"
import * as fs from "node:fs"
import process from "node:process"
import * as Tag from "./Tag.ts"

export interface Stat {
  /** One letter of proc_pid_stat(5). */
  readonly state: string
  readonly parent: number
  readonly group: number
  /** Clock ticks between boot and start, as text: with the pid it names a process for as long as the machine runs. */
  readonly start: string
}

/** Whether the processes of this machine can be seen at all. */
export const isReadable = (): boolean => process.platform === "linux" && stat(process.pid) !== undefined

/** Every process that is alive or a zombie, at one moment. */
export const pids = (): ReadonlyArray<number> => {
  try {
    return fs.readdirSync("/proc").map(Number).filter(Number.isInteger)
  } catch {
    // No /proc: no process is seen.
    return []
  }
}

/** Undefined when there is no such process, or we are not told. */
export const stat = (pid: number): Stat | undefined => {
  const fields = fieldsOf(pid)
  if (fields === undefined) return undefined
  const [state, parent, group] = fields
  const start = fields[19]
  if (state === undefined || start === undefined) return undefined
  return { state, parent: Number(parent), group: Number(group), start }
}

/** What proc_pid_stat(5) tells from the state on, its third field. */
const fieldsOf = (pid: number): ReadonlyArray<string> | undefined => {
  try {
    const text = fs.readFileSync(`/proc/${pid}/stat`, "latin1")
    // pid (comm) state ppid pgrp …: the name may itself contain blanks and parentheses.
    return text.slice(text.lastIndexOf(")") + 2).trimEnd().split(" ")
  } catch {
    // Gone, or hidden from us (hidepid): nothing is known of it either way.
    return undefined
  }
}

/** A zombie is dead: it holds nothing but a line in the process table. */
export const isDead = (stat: Stat | undefined): boolean =>
  stat === undefined || stat.state === "Z" || stat.state === "X"

/** Whether the very process that was seen with this start time still lives. */
export const lives = (pid: number, start: string): boolean => {
  const now = stat(pid)
  return now !== undefined && now.start === start && !isDead(now)
}

/** The tag a process bears. `Unclear`: it is just being exchanged for another program, look again. */
export const tagOf = (pid: number): Tag.Tag | "None" | "Unclear" => {
  const environment = environ(pid)
  if (environment === undefined) return "None"
  if (environment.length === 0) return isWithoutEnvironment(pid) ? "None" : "Unclear"
  for (let at = environment.indexOf(marker); at >= 0; at = environment.indexOf(marker, at + 1)) {
    // Within another variable's value it is no variable.
    if (at > 0 && environment[at - 1] !== 0) continue
    const from = at + marker.length
    const end = environment.indexOf(0, from)
    return Tag.parse(environment.toString("latin1", from, end < 0 ? environment.length : end)) ?? "None"
  }
  return "None"
}

/** What a process was started as, with its arguments; empty when there is no such process, or we are not told. */
export const command = (pid: number): string => {
  try {
    return fs.readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").join(" ").trim()
  } catch {
    // Gone, or hidden from us.
    return ""
  }
}

/** Tells this run of the machine from all others. */
export const bootId = (): string | undefined => {
  try {
    return fs.readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim()
  } catch {
    // Not Linux, or a sandbox without it: then runs of the machine cannot be told apart.
    return undefined
  }
}

/** Tells this container's process numbers from those of others. */
export const pidNamespace = (): string | undefined => {
  try {
    return /^pid:\[(\d+)\]$/.exec(fs.readlinkSync("/proc/self/ns/pid"))?.[1]
  } catch {
    // As above.
    return undefined
  }
}

const marker = Buffer.from(`${Tag.variable}=`)

// The kernel keeps the whole environment below 2 MiB or so; nearly all fit the first piece.
const piece = Buffer.allocUnsafeSlow(64 * 1024)

const uid = process.getuid?.()

const environ = (pid: number): Buffer | undefined => {
  try {
    // Asking first costs less than being refused, which is the answer for most processes of most machines.
    if (uid !== 0 && fs.statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid !== uid) return undefined
    const descriptor = fs.openSync(`/proc/${pid}/environ`, "r")
    try {
      return readAll(descriptor)
    } finally {
      fs.closeSync(descriptor)
    }
  } catch {
    // Gone meanwhile, or not ours to read: not ours to end either.
    return undefined
  }
}

const readAll = (descriptor: number): Buffer => {
  const first = fs.readSync(descriptor, piece, 0, piece.length, 0)
  if (first < piece.length) return piece.subarray(0, first)
  const pieces = [Buffer.from(piece)]
  let length = first
  for (;;) {
    const next = fs.readSync(descriptor, piece, 0, piece.length, length)
    if (next === 0) return Buffer.concat(pieces)
    pieces.push(Buffer.from(piece.subarray(0, next)))
    length += next
  }
}

// Empty for good: a dead process, a thread of the kernel (a flag says so), or a program started with no environment at all,
// which still has a place for it. A program being exchanged, and one that is just dying, has none for the moment.
const isWithoutEnvironment = (pid: number): boolean => {
  const fields = fieldsOf(pid)
  if (fields === undefined) return true
  const [state] = fields
  const isKernelThread = (Number(fields[6]) & 0x0020_0000) !== 0
  const place = fields[47]
  return state === "Z" || state === "X" || isKernelThread || (place !== "0" && place === fields[48])
}
