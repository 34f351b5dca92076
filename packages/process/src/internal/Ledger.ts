/**
 * Wraps the platform: one small file per runtime, in a directory that only this user can read.
 *
 * What a runtime has told its reaper, for the case that both die at once (a power cut is no such case: then all is gone; the
 * out-of-memory killer, `kill -9 -1` or a container's end are). The janitor of a later runtime reads it.
 *
 *   holdfast 1 PID START BOOT NAMESPACE     whose it is
 *   expect N · add N GROUP START P · del N  as told to the reaper
 *
 * Promises: there is a file only while a child lives or is expected, so an idle program leaves nothing behind, whatever becomes
 * of it; the file appears with its first line complete; a directory of another user or behind a symbolic link is never
 * used; a full disk or a directory that cannot be written costs the ledger and nothing else; it never grows beyond
 * `maxLines` lines more than what lives.
 *
 * Gotcha: only where there is /proc. Elsewhere owners and groups cannot be told from those who got their numbers later.
 */
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import process from "node:process"
import { isNativeError } from "node:util/types"
import * as ProcFs from "./ProcFs.ts"
import * as Tag from "./Tag.ts"

/** The process that keeps a ledger. */
export interface Owner {
  readonly pid: number
  readonly start: string
  readonly boot: string
  readonly namespace: string
}

export interface Registered {
  readonly group: number
  readonly start: string
  readonly policy: Tag.Policy
}

/** What a ledger says. */
export interface Account {
  readonly runtime: string
  readonly file: string
  readonly owner: Owner
  readonly registered: ReadonlyMap<number, Registered>
  readonly expected: ReadonlySet<number>
}

export interface Ledger {
  readonly file: string
  /** What the line says must be in `lines()` already: the ledger may be written anew instead. */
  readonly append: (line: string) => void
  /** No child lives any more: until the next line there is no file. */
  readonly clear: () => void
}

export interface LedgerOptions {
  readonly directory: string
  readonly runtime: string
  /** The lines that say what lives now: a ledger begins with them, again whenever it has grown too long. */
  readonly lines: () => ReadonlyArray<string>
  /** Called once, when there can be no ledger (any more). */
  readonly onFault: (why: string) => void
}

const maxLines = 1000

/** This process, or undefined where it cannot be named so that no other is ever meant. */
export const owner = (): Owner | undefined => {
  const start = ProcFs.stat(process.pid)?.start
  const boot = ProcFs.bootId()
  const namespace = ProcFs.pidNamespace()
  if (start === undefined || boot === undefined || namespace === undefined) return undefined
  return { pid: process.pid, start, boot, namespace }
}

/** Where this user's runtimes keep their ledgers. */
export const defaultDirectory = (): string => {
  const runtimeDirectory = process.env["XDG_RUNTIME_DIR"] ?? ""
  // After `su` and the like the variable is still another user's.
  return path.isAbsolute(runtimeDirectory) && faultOfDirectory(runtimeDirectory) === undefined
    ? path.join(runtimeDirectory, "holdfast")
    : path.join(os.tmpdir(), `holdfast-${process.getuid?.() ?? "user"}`)
}

const missing = "does not exist"

/** Why a directory is not fit to be trusted. */
export const faultOfDirectory = (directory: string): string | undefined => {
  let entry: fs.Stats | undefined
  try {
    entry = fs.lstatSync(directory, { throwIfNoEntry: false })
  } catch (error) {
    return `may not be looked at (${codeOf(error) ?? "unknown error"})`
  }
  if (entry === undefined) return missing
  if (!entry.isDirectory()) return "is no directory"
  if (process.getuid !== undefined && entry.uid !== process.getuid()) return "belongs to another user"
  return (entry.mode & 0o077) === 0 ? undefined : "may be used by other users"
}

/** Never throws: undefined when there is no ledger to be had. Nothing is written before the first line. */
export const open = (options: LedgerOptions): Ledger | undefined => {
  const { directory, lines, runtime } = options
  const me = owner()
  // Not Linux: a reader could make no use of it.
  if (me === undefined) return undefined
  const file = path.join(directory, runtime)
  const head = `holdfast 1 ${me.pid} ${me.start} ${me.boot} ${me.namespace}`
  let isBroken = false
  // Lines in the file; 0: there is none.
  let count = 0

  const attempt = (write: () => void): void => {
    if (isBroken) return
    try {
      write()
    } catch (error) {
      isBroken = true
      options.onFault(`${directory} cannot be used: ${isNativeError(error) ? error.message : String(error)}`)
    }
  }

  const rewrite = (): void => {
    // A cleaner of temporary files, or the last runtime to leave, may take the directory away between any two of these steps.
    for (let attempts = 1;; attempts++) {
      try {
        makeDirectory(directory)
        const now = [head, ...lines()]
        count = now.length
        // Complete before it has its name: half a first line is never read.
        fs.writeFileSync(`${file}.new`, `${now.join("\n")}\n`, { mode: 0o600 })
        return fs.renameSync(`${file}.new`, file)
      } catch (error) {
        if (codeOf(error) !== "ENOENT" || attempts === 5) throw error
      }
    }
  }

  const append = (text: string): void =>
    attempt(() => {
      if (count === 0 || (count >= maxLines && count >= maxLines + lines().length)) return rewrite()
      count += text.split("\n").length
      try {
        writeLine(file, text)
      } catch (error) {
        // A cleaner of temporary files was here.
        if (codeOf(error) !== "ENOENT") throw error
        rewrite()
      }
    })

  const clear = (): void => {
    if (count > 0) remove(file)
    count = 0
  }

  attempt(() => {
    const fault = faultOfDirectory(directory)
    if (fault !== undefined && fault !== missing) throw new Error(`it ${fault}`)
  })
  return isBroken ? undefined : { file, append, clear }
}

const makeDirectory = (directory: string): void => {
  try {
    fs.mkdirSync(directory, { mode: 0o700 })
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error
  }
  const fault = faultOfDirectory(directory)
  if (fault !== undefined && fault !== missing) throw new Error(`it ${fault}`)
}

// Never creates: a file made by appending would lack its first line.
const appendOnly = fs.constants.O_WRONLY | fs.constants.O_APPEND | (fs.constants.O_NOFOLLOW ?? 0)

const writeLine = (file: string, line: string): void => {
  const descriptor = fs.openSync(file, appendOnly)
  try {
    fs.writeSync(descriptor, `${line}\n`)
  } finally {
    fs.closeSync(descriptor)
  }
}

/** The ledgers of a directory, and the files in it that should be ledgers and are not. Never throws. */
export const readAll = (
  directory: string
): { readonly accounts: ReadonlyArray<Account>; readonly malformed: ReadonlyArray<string> } => {
  const accounts: Array<Account> = []
  const malformed: Array<string> = []
  for (const name of namesIn(directory)) {
    const file = path.join(directory, name)
    const text = read(file)
    if (text === undefined) continue
    const account = parse(name, file, text)
    if (account === undefined) malformed.push(file)
    else accounts.push(account)
  }
  return { accounts, malformed }
}

/** What a runtime had told its reaper, for another one. */
export const linesOf = ({ expected, registered }: Account): ReadonlyArray<string> => [
  ...[...expected].map((number) => `expect ${number}`),
  ...[...registered].map(([number, { group, policy, start }]) => `add ${number} ${group} ${start} ${policy}`)
]

/** Removes a ledger, and the directory with the last of them. */
export const remove = (file: string): void => {
  try {
    fs.unlinkSync(file)
    fs.rmdirSync(path.dirname(file))
  } catch {
    // Another program was faster, or other ledgers are still there.
  }
}

export const parse = (runtime: string, file: string, text: string): Account | undefined => {
  const [head = "", ...lines] = text.split("\n")
  const [, pid, start, boot, namespace] = headPattern.exec(head) ?? []
  if (pid === undefined || start === undefined || boot === undefined || namespace === undefined) return undefined
  // A line without its end was being written when its owner died: it counts for nothing.
  if (lines.pop() === undefined) return undefined
  const registered = new Map<number, Registered>()
  const expected = new Set<number>()
  for (const line of lines) {
    const [, op, digits, group, startOfLeader = "", policy] = linePattern.exec(line) ?? []
    if (op === undefined) return undefined
    const number = Number(digits)
    expected.delete(number)
    if (op === "expect") expected.add(number)
    else if (op === "del") registered.delete(number)
    // Groups 0 and 1 mean "my own" and "everybody" to kill.
    else if (!(Number(group) > 1) || (policy !== "kill" && policy !== "group")) return undefined
    else registered.set(number, { group: Number(group), start: startOfLeader, policy })
  }
  return { runtime, file, owner: { pid: Number(pid), start, boot, namespace }, registered, expected }
}

const headPattern = /^holdfast 1 ([1-9]\d{0,9}) (\d{1,20}) ([0-9a-f-]{36}) (\d{1,20})$/

const linePattern = /^(expect|del|add) (\d{1,15})(?: (\d{1,10}) (\d{1,20}) (kill|group))?$/

const namesIn = (directory: string): ReadonlyArray<string> => {
  try {
    if (faultOfDirectory(directory) !== undefined) return []
    return fs.readdirSync(directory).filter(Tag.isRuntimeId)
  } catch {
    // Gone in this moment: then there are none.
    return []
  }
}

const read = (file: string): string | undefined => {
  try {
    if (!fs.lstatSync(file).isFile()) return undefined
    return fs.readFileSync(file, "latin1")
  } catch {
    // Removed meanwhile by the reaper whose runtime it was.
    return undefined
  }
}

const codeOf = (error: unknown): string | undefined =>
  isNativeError(error) && "code" in error && typeof error.code === "string" ? error.code : undefined
