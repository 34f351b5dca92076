/**
 * Wraps the platform: handles of tasks that were left at their servers (`holdfast call --detach`), one file each beside what else is remembered of
 * the user. They outlive the daemon and the machine's restarts, and are read and written without a daemon.
 *
 * Promises
 * - A file is whole or not there, has mode 0600, and is in a directory that only this user may enter. There are no arguments in it and no results.
 * - A handle is kept for as long as the server has said to keep the task, else for 30 days. There are a thousand at most; the oldest go first.
 *
 * @example
 * ```ts
 * import { DaemonPlace } from "@holdfast/daemon"
 * import * as KeptTasks from "@holdfast/daemon/KeptTasks"
 *
 * const state = DaemonPlace.stateOf(process.env)
 * for (const { id, server, tool } of KeptTasks.list(state, Date.now())) console.log(id, `${server}.${tool}`)
 * ```
 */
import * as fs from "node:fs"
import * as path from "node:path"
import process from "node:process"
import { isNativeError } from "node:util/types"
import * as DaemonPlace from "./DaemonPlace.ts"
import { DaemonRefusal } from "./DaemonRefusal.ts"

/** One task of a server, and where the server is found. Times are milliseconds. */
export interface KeptTask {
  /** A short word, for people. */
  readonly id: string
  readonly server: string
  readonly tool: string
  /** The server's own id of it. */
  readonly taskId: string
  /** Since 1970. */
  readonly startedAt: number
  /** From then on the server has said to keep it so long. `null`: it has said no such time. */
  readonly ttl: number | null
  /** The config file that has the server. */
  readonly config: string
}

const mostTasks = 1000

const keptMillis = 30 * 24 * 3_600_000

/** Remembers a task, of which `state` is the directory of the user's state. Returns it with its id. Throws `DaemonRefusal`. `now`: milliseconds since 1970. */
export const add = (state: string, task: Omit<KeptTask, "id">, now: number): KeptTask => {
  const directory = directoryIn(state)
  const user = process.getuid?.()
  if (user !== undefined) {
    DaemonPlace.secure(state, user)
    DaemonPlace.secure(directory, user)
  }
  const kept = { id: `t${process.getBuiltinModule("node:crypto").randomBytes(4).toString("hex")}`, ...task }
  attempt(directory, () => {
    const file = fileOf(directory, kept.id)
    const fresh = `${file}.${process.pid}`
    fs.writeFileSync(fresh, `${JSON.stringify(kept)}\n`, { mode: 0o600, flag: "wx" })
    fs.renameSync(fresh, file)
  })
  // The oldest first.
  for (const { id } of list(state, now).slice(0, -mostTasks)) remove(state, id)
  return kept
}

/** Those that are kept, the oldest first. What is over is removed. Throws `DaemonRefusal`. */
export const list = (state: string, now: number): ReadonlyArray<KeptTask> => {
  const directory = directoryIn(state)
  const names = attempt(directory, () => fs.existsSync(directory) ? fs.readdirSync(directory) : [])
  const all = names.flatMap((name) => {
    const kept = name.endsWith(".json") ? read(path.join(directory, name)) : undefined
    // Its id is a name of a file from here on.
    return kept !== undefined && `${kept.id}.json` === name ? [kept] : []
  })
  const isOver = ({ startedAt, ttl }: KeptTask): boolean => now - startedAt > (ttl ?? keptMillis)
  for (const each of all) if (isOver(each)) remove(state, each.id)
  return all.filter((each) => !isOver(each)).toSorted((a, b) => a.startedAt - b.startedAt)
}

/** By its id. Undefined: there is none, or its time is over. Throws `DaemonRefusal`. */
export const find = (state: string, id: string, now: number): KeptTask | undefined =>
  list(state, now).find((each) => each.id === id)

/** Forgets it. Throws `DaemonRefusal`. */
export const remove = (state: string, id: string): void => {
  const file = fileOf(directoryIn(state), id)
  attempt(file, () => fs.rmSync(file, { force: true }))
}

const directoryIn = (state: string): string => path.join(state, "tasks")

const fileOf = (directory: string, id: string): string => path.join(directory, `${id}.json`)

/** What another version has written, or a disk that was full, is none. */
const read = (file: string): KeptTask | undefined => {
  try {
    const read: unknown = JSON.parse(fs.readFileSync(file, "utf8"))
    return isKept(read) ? read : undefined
  } catch {
    return undefined
  }
}

const isKept = (value: unknown): value is KeptTask => {
  if (typeof value !== "object" || value === null) return false
  const { config, id, server, startedAt, taskId, tool, ttl }: { readonly [Name in keyof KeptTask]?: unknown } = value
  return [config, id, server, taskId, tool].every((each) => typeof each === "string") &&
    typeof startedAt === "number" && (ttl === null || typeof ttl === "number")
}

const attempt = <A>(where: string, f: () => A): A => {
  try {
    return f()
  } catch (error) {
    const why = isNativeError(error) ? error.message : String(error)
    throw new DaemonRefusal("NoPlace", `the tasks that are kept in ${where} cannot be used (${why})`)
  }
}
