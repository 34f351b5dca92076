/**
 * What the kernel says of processes, asked independently of the code under test. Linux only, as the tests that need it.
 */
import * as fs from "node:fs"

export interface Entry {
  readonly pid: number
  readonly state: string
  readonly group: number
  readonly commandLine: string
}

const read = (pid: number): Entry | undefined => {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "latin1")
    const [state = "", , group] = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    return { pid, state, group: Number(group), commandLine: fs.readFileSync(`/proc/${pid}/cmdline`, "latin1") }
  } catch {
    // Gone between the listing and the reading.
    return undefined
  }
}

const all = (): ReadonlyArray<Entry> =>
  fs.readdirSync("/proc").map(Number).filter(Number.isInteger).map(read).filter((entry) => entry !== undefined)

const isLiving = (entry: Entry): boolean => entry.state !== "Z" && entry.state !== "X"

/** Whoever lives. */
export const living = (): ReadonlyArray<Entry> => all().filter(isLiving)

/** One process, dead or alive. */
export const find = (pid: number): Entry | undefined => read(pid)

/** Living members of a process group. */
export const livingOf = (group: number): ReadonlyArray<Entry> =>
  all().filter((one) => one.group === group && isLiving(one))

/** Dead members of a process group that nobody has reaped. */
export const zombiesOf = (group: number): ReadonlyArray<Entry> =>
  all().filter((one) => one.group === group && !isLiving(one))

/** Living processes with `text` in their command line. */
export const livingWith = (text: string): ReadonlyArray<Entry> =>
  all().filter((one) => isLiving(one) && one.commandLine.includes(text))
