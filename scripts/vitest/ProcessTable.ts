/** The machine's processes as Linux shows them in `/proc`. Empty where there is no `/proc`. */
import * as Fs from "node:fs"

export interface ProcessEntry {
  readonly pid: number
  readonly parent: number
  /** `R`, `S`, `Z` … as in proc(5). */
  readonly state: string
  readonly command: string
  /** `NAME=value` lines as the process was started with; empty if it is another user's. */
  readonly environment: ReadonlyArray<string>
}

export const processTable = (): ReadonlyArray<ProcessEntry> => {
  if (!Fs.existsSync("/proc/self/stat")) return []
  return Fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name)).flatMap((name) => {
    const stat = readProc(name, "stat")
    // The command's name is in parentheses and may hold some itself: the fields start after the last one.
    const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    if (state === undefined || parent === undefined) return []
    return [{
      pid: Number(name),
      parent: Number(parent),
      state,
      command: readProc(name, "cmdline").split("\0").join(" ").trim(),
      environment: readProc(name, "environ").split("\0")
    }]
  })
}

/** A process may end, or belong to another user, between the listing and the reading: then there is nothing to say. */
const readProc = (pid: string, file: string): string => {
  try {
    return Fs.readFileSync(`/proc/${pid}/${file}`, "utf8")
  } catch {
    return ""
  }
}
