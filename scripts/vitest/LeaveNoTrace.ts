/**
 * After a test run nothing of it is left: no process, no temporary file. Else the run fails, whatever its tests said.
 *
 * A run gets a tag and a temporary folder of its own, both in the environment that everything it starts inherits. The folder
 * is given as `TMPDIR`, so it also reaches children that are started with a chosen environment, as MCP servers are. At the
 * end the process table is searched for both and for descendants, and the folder must be empty.
 *
 * What was told to end is given time, which is counted in looks: on a busy machine both take longer. A reaper is waited for as long as
 * it works: it ends by itself, and its last act is to remove its ledger.
 *
 * Gotchas: a process that cleans its environment *and* detaches itself is not found. Without `/proc` only files are checked.
 */
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { setTimeout } from "node:timers/promises"
import { type ProcessEntry, processTable } from "./ProcessTable.ts"

/** The tag's name. Tests that start processes with a bare environment pass it on. */
export const tagName = "HOLDFAST_TEST_RUN"

/** Node's own compile cache belongs to no test: what one process has compiled the many others of a run need not compile again. */
const compileCache = "node-compile-cache"

/** How often it is looked, 50 ms apart, before what is still there counts as left. */
const looks = 40
/** The same while a reaper is at work: minutes, which only keep a broken one from holding up the run for ever. */
const looksAtReapers = 2400

export default function setup(): () => Promise<void> {
  const outer = process.env["TMPDIR"]
  const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "hf-test-"))
  const tag = Path.basename(folder)
  process.env[tagName] = tag
  process.env["TMPDIR"] = folder
  // A daemon outlives the program that has started it. Tests of it say otherwise.
  process.env["HOLDFAST_NO_DAEMON"] = "1"
  process.env["NODE_COMPILE_CACHE"] = Path.join(folder, compileCache)
  return async () => {
    let processes = leftProcesses(tag, folder)
    let files = leftFiles(folder)
    for (
      let look = 0;
      processes.length + files.length > 0 && look < (isReaperAtWork(folder) ? looksAtReapers : looks);
      look++
    ) {
      await setTimeout(50)
      processes = leftProcesses(tag, folder)
      files = leftFiles(folder)
    }
    for (const { pid } of processes) kill(pid)
    // A process that ends now may still write what it has compiled.
    Fs.rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
    delete process.env["NODE_COMPILE_CACHE"]
    if (outer === undefined) delete process.env["TMPDIR"]
    else process.env["TMPDIR"] = outer
    if (processes.length + files.length > 0) {
      const lines = [
        ...processes.map(({ command, pid, state }) => `  process ${pid} (${state}) ${command}`),
        ...files.map((name) => `  file    ${Path.join(folder, name)}`)
      ]
      throw new Error(`the tests left something behind (removed now):\n${lines.join("\n")}`)
    }
  }
}

const leftFiles = (folder: string): ReadonlyArray<string> =>
  Fs.readdirSync(folder).filter((name) => name !== compileCache)

/**
 * Everything that bears the tag or the folder, or descends from this process; but not this process, its ancestors (they may
 * be another run's), vitest's workers, which are its direct children and end after this, or the reapers that end with these.
 */
export const leftProcesses = (tag: string, folder: string, table = processTable()): ReadonlyArray<ProcessEntry> => {
  const byPid = new Map(table.map((entry) => [entry.pid, entry]))
  const descends = (entry: ProcessEntry): boolean => {
    for (let up = byPid.get(entry.parent); up !== undefined; up = byPid.get(up.parent)) {
      if (up.pid === process.pid) return true
    }
    return false
  }
  return table.filter((entry) =>
    // A zombie is dead; where process 1 reaps nobody it stays in the table.
    entry.state !== "Z" &&
    entry.pid !== process.pid &&
    entry.parent !== process.pid &&
    !(entry.command.includes("holdfast-reaper") && byPid.get(entry.parent)?.parent === process.pid) &&
    (entry.environment.includes(`${tagName}=${tag}`) ||
      entry.environment.some((line) => line.startsWith(`TMPDIR=${folder}`)) ||
      descends(entry))
  )
}

/**
 * A reaper has the path of its ledger, which is in the folder, among its arguments. It works when its program has died: its parent is
 * somebody else then, who knows nothing of this run.
 */
const isReaperAtWork = (folder: string): boolean => {
  const table = processTable()
  const ours = new Set(
    table.filter(({ environment }) => environment.some((line) => line.startsWith(`TMPDIR=${folder}`))).map(({ pid }) =>
      pid
    )
  )
  return table.some(({ command, parent, state }) =>
    state !== "Z" && command.includes("holdfast-reaper") && command.includes(folder) && !ours.has(parent)
  )
}

const kill = (pid: number): void => {
  try {
    process.kill(pid, "SIGKILL")
  } catch {
    // It ended by itself in between: that is what was wanted.
  }
}
