/**
 * Wraps the platform: how much memory processes use with all that they have started, where `/proc` tells it.
 *
 * What has left the group of its process is not counted.
 */
import { readdir, readFile } from "node:fs/promises"
import process from "node:process"
import type { Memory } from "../ControlContract.ts"

/** By the number of their groups. Empty where the system does not tell. */
export const ofGroups = async (groups: ReadonlySet<number>): Promise<ReadonlyMap<number, Memory>> => {
  const found = new Map<number, Memory>()
  if (groups.size === 0 || process.platform !== "linux") return found
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name))
  await Promise.all(pids.map(async (pid) => {
    // One that has ended in the meantime uses none.
    const stat = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => "")
    // The name, in brackets, may hold anything.
    const group = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[2])
    if (!groups.has(group)) return
    const own = await ofProcess(Number(pid))
    if (own !== undefined) found.set(group, sum([found.get(group), own]) ?? own)
  }))
  return found
}

/** Undefined where the system does not tell. */
export const ofProcess = async (pid: number): Promise<Memory | undefined> => {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, "latin1").catch(() => "")
  const [rss, pss] = [kilobytes(rollup, "Rss"), kilobytes(rollup, "Pss")]
  if (rss !== undefined) return { rss, pss }
  const status = await readFile(`/proc/${pid}/status`, "latin1").catch(() => "")
  const resident = kilobytes(status, "VmRSS")
  return resident === undefined ? undefined : { rss: resident }
}

/** Undefined: there are none. What is not known of one is not known of all. */
export const sum = (memories: ReadonlyArray<Memory | undefined>): Memory | undefined => {
  const known = memories.filter((each) => each !== undefined)
  if (known.length === 0) return undefined
  const rss = known.reduce((total, each) => total + each.rss, 0)
  const isWhole = known.every(({ pss }) => pss !== undefined)
  return { rss, ...(isWhole && { pss: known.reduce((total, { pss = 0 }) => total + pss, 0) }) }
}

const kilobytes = (text: string, field: string): number | undefined => {
  const [, found] = new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(text) ?? []
  return found === undefined ? undefined : Number(found) * 1024
}
