/**
 * Wraps the platform: the catalogues of servers as files, one for a server and the words of a client.
 *
 * They are in `holdfast/catalogue` of the directory of the user's state (`$XDG_STATE_HOME`, `~/.local/state`), which outlives a session of
 * the user, unlike `$XDG_RUNTIME_DIR`. Plain Node, without Effect: a shim answers from them before anything else runs.
 *
 * Promises
 * - A name is a digest of what the server is and of the words, keyed with a secret of the user. No argument and no variable of an
 *   environment is written down.
 * - A file is whole or not there, has mode 0600, and is in a directory that only this user may enter (`DaemonPlace`). What is
 *   damaged, larger than 4 MiB or of another format is as none.
 * - There are 256 files at most: those that were not confirmed for the longest time go first.
 * - A file that cannot be written costs nothing but what it would have saved: `onFault` is told once.
 *
 * @example
 * ```ts
 * import * as CatalogueFiles from "@holdfast/daemon/CatalogueFiles"
 *
 * const wants = { server: "fs", config: "/home/me/project/mcp.json" }
 * console.log(CatalogueFiles.isKnown({ wants }) ? "its lists can be told before it runs" : "it is started first")
 * ```
 */
import * as HomeDirectory from "@holdfast/process/HomeDirectory"
import * as fs from "node:fs"
import * as path from "node:path"
import process from "node:process"
import { isNativeError } from "node:util/types"
import { type CatalogueStore, decode, type Entry } from "./Catalogue.ts"
import * as DaemonPlace from "./DaemonPlace.ts"
import { identify, type ServerWish } from "./internal/identify.ts"
import { hmac } from "./internal/sha256.ts"
import * as RawMessage from "./RawMessage.ts"

/** Which server the files are of, and the client from whose place that is seen. */
export interface CatalogueFilesOptions {
  /** What the client would say to the daemon. */
  readonly wants: ServerWish
  /** Default: that of this process. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined
  /** Default: that of this process. */
  readonly directory?: string | undefined
  /** Told, once, why nothing can be kept. Default: that is not told. */
  readonly onFault?: ((message: string) => void) | undefined
}

/** A server of which something is known. */
export interface KnownServer {
  readonly name: string
  /** When that was true last. Milliseconds since 1970. */
  readonly confirmedAt: number
  /** How many tools, if they are all known. */
  readonly tools: number | undefined
  /** By the methods of its lists: how many pages are known. */
  readonly lists: Readonly<Record<string, number>>
}

const maxBytes = 4 * 1024 * 1024

const maxFiles = 256

/** The name under which a server is kept, for people and for `toolsOf`. */
export const nameOf = (wants: ServerWish): string =>
  "server" in wants
    ? wants.server
    : wants.name ?? ("http" in wants ? wants.http.url : path.basename(wants.endpoint.command))

/** The files of one server. Undefined: there is no place for them, and `onFault` has been told why. */
export const open = (options: CatalogueFilesOptions): CatalogueStore | undefined => {
  const { environment = process.env, onFault = () => {} } = options
  let isTold = false
  const tell = (error: unknown): void => {
    const message = isNativeError(error) ? error.message : String(error)
    if (!isTold) onFault(message.replace(DaemonPlace.unusable, ""))
    isTold = true
  }
  try {
    const directory = secured(environment)
    const digest = digestOf(directory, options)
    const fileOf = (words: string): string => path.join(directory, `${digest(undefined)}-${digest(words)}.json`)
    return {
      read: (words) => readFile(fileOf(words)),
      write: (words, text) => {
        try {
          writeFile(directory, fileOf(words), text)
        } catch (error) {
          tell(error)
        }
      },
      confirm: (words) => {
        try {
          const now = new Date()
          fs.utimesSync(fileOf(words), now, now)
        } catch (error) {
          // It may have gone, which harms nothing.
          if (codeOf(error) !== "ENOENT") tell(error)
        }
      }
    }
  } catch (error) {
    tell(error)
    return undefined
  }
}

/** Whether anything is known of the server, in the words of any client. Never throws. */
export const isKnown = (options: CatalogueFilesOptions): boolean => {
  try {
    const directory = directoryOf(options.environment ?? process.env)
    const prefix = `${digestOf(directory, options)(undefined)}-`
    return namesIn(directory).some((name) => name.startsWith(prefix))
  } catch {
    // Where nothing can be read nothing is known.
    return false
  }
}

/** All servers of which something is known. Never throws. */
export const list = (
  environment: Readonly<Record<string, string | undefined>> = process.env
): ReadonlyArray<KnownServer> => lister(environment)()

/** The same again and again: a file is read once for as long as it is the same. */
export const lister = (
  environment: Readonly<Record<string, string | undefined>>
): () => ReadonlyArray<KnownServer> => {
  const directory = directoryOf(environment)
  let before = new Map<string, KnownServer | undefined>()
  return () => {
    const now = new Map<string, KnownServer | undefined>()
    for (const name of namesIn(directory)) {
      const file = path.join(directory, name)
      const entry = fs.statSync(file, { throwIfNoEntry: false })
      if (entry === undefined) continue
      const key = `${name} ${entry.mtimeMs} ${entry.size}`
      now.set(key, before.has(key) ? before.get(key) : knownIn(file, entry.mtimeMs))
    }
    before = now
    return [...now.values()].filter((each) => each !== undefined)
  }
}

/** What a server of this name has said of its tools, as it was confirmed last. Of all of the user's servers of that name. Never throws. */
export const toolsOf = (
  name: string,
  environment: Readonly<Record<string, string | undefined>> = process.env
): ReadonlyArray<unknown> => {
  const directory = directoryOf(environment)
  const files = namesIn(directory).map((each) => {
    const file = path.join(directory, each)
    return { file, at: fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0 }
  })
  for (const { file } of files.toSorted((a, b) => b.at - a.at)) {
    const text = readFile(file) ?? ""
    // Most are of other servers, and need not be understood.
    const entry = text.includes(JSON.stringify(name)) ? decode(text) : undefined
    const pages = entry?.name === name ? entry.lists["tools/list"] : undefined
    if (pages !== undefined) return pages.flatMap(({ answer }) => toolsAt(answer))
  }
  return []
}

const toolsAt = (answer: string): ReadonlyArray<unknown> => {
  const page = RawMessage.read(answer)[0]
  const tools = typeof page === "object" ? RawMessage.membersOf(page.value["result"])["tools"] : []
  return Array.isArray(tools) ? tools : []
}

const knownIn = (file: string, confirmedAt: number): KnownServer | undefined => {
  const entry = decode(readFile(file) ?? "")
  if (entry === undefined) return undefined
  const lists = Object.fromEntries(Object.entries(entry.lists).map(([method, pages]) => [method, pages.length]))
  return { name: entry.name, confirmedAt, tools: toolsIn(entry), lists }
}

/** A list is kept when all of its pages are known. */
const toolsIn = ({ lists }: Entry): number | undefined =>
  lists["tools/list"]?.reduce((total, { answer }) => total + toolsAt(answer).length, 0)

const directoryOf = (environment: Readonly<Record<string, string | undefined>>): string => {
  const stated = environment["XDG_STATE_HOME"] ?? ""
  const state = path.isAbsolute(stated)
    ? stated
    : path.join(HomeDirectory.of(environment), ".local", "state")
  return path.join(state, "holdfast", "catalogue")
}

const secured = (environment: Readonly<Record<string, string | undefined>>): string => {
  const directory = directoryOf(environment)
  // Without one there is no file that could belong to another user.
  const user = process.getuid?.() ?? -1
  DaemonPlace.secure(path.dirname(directory), user)
  DaemonPlace.secure(directory, user)
  return directory
}

/** The digest of the server, and with words that of these. */
const digestOf = (
  directory: string,
  { directory: cwd = process.cwd(), environment = process.env, wants }: CatalogueFilesOptions
): (words: string | undefined) => string => {
  const secret = secretIn(directory)
  const { environment: given, text, ...rest } = identify(wants, environment, cwd)
  const server = hmac(secret, JSON.stringify({ ...rest, long: sumOf(JSON.stringify([given, text])) }))
  return (words) => (words === undefined ? server : hmac(secret, `${server}\n${words}`)).slice(0, 32)
}

/**
 * Two sums of a long text, of which the second is of another writing of it. They are no digest, and only tell texts apart; what is
 * made of them is one. To digest all of an environment by `hmac` would cost a shim two megabytes, for the compiler of a hot loop.
 */
const sumOf = (text: string): string => {
  const { crc32 } = process.getBuiltinModule("node:zlib")
  return `${text.length} ${crc32(text)} ${crc32(Buffer.from(text).toString("base64"))}`
}

/** Made by the first program that needs it. Of several at once one makes it. */
const secretIn = (directory: string): string => {
  const file = path.join(directory, "secret")
  const read = (): string | undefined => {
    try {
      const text = fs.readFileSync(file, "utf8")
      // A machine that lost its power may have left an empty one.
      return text.length === secretLength ? text : undefined
    } catch (error) {
      if (codeOf(error) === "ENOENT") return undefined
      throw error
    }
  }
  const found = read()
  if (found !== undefined) return found
  const fresh = freshName(directory)
  // Loaded once in the life of a user.
  const { randomBytes } = process.getBuiltinModule("node:crypto")
  fs.writeFileSync(fresh, randomBytes(secretLength / 2).toString("hex"), { mode: 0o600, flag: "wx" })
  try {
    if (fs.statSync(file, { throwIfNoEntry: false })?.size === 0) fs.rmSync(file, { force: true })
    fs.linkSync(fresh, file)
  } catch (error) {
    // Another program was faster.
    if (codeOf(error) !== "EEXIST") throw error
  } finally {
    fs.rmSync(fresh, { force: true })
  }
  const made = read()
  if (made === undefined) throw new Error(`${file} is damaged; remove it`)
  return made
}

const secretLength = 64

const readFile = (file: string): string | undefined => {
  try {
    const entry = fs.lstatSync(file, { throwIfNoEntry: false })
    return entry?.isFile() === true && entry.size <= maxBytes ? fs.readFileSync(file, "utf8") : undefined
  } catch {
    // What cannot be read is not known.
    return undefined
  }
}

const writeFile = (directory: string, file: string, text: string): void => {
  if (Buffer.byteLength(text) > maxBytes) return fs.rmSync(file, { force: true })
  const fresh = freshName(directory)
  try {
    // The umask may take bits away, and never adds any.
    fs.writeFileSync(fresh, text, { mode: 0o600, flag: "wx" })
    fs.renameSync(fresh, file)
  } catch (error) {
    fs.rmSync(fresh, { force: true })
    throw error
  }
  makeRoom(directory)
}

/** What a program that was killed has left of its writing goes with the oldest. */
const makeRoom = (directory: string): void => {
  const names = fs.readdirSync(directory).filter((name) => name !== "secret")
  if (names.length <= maxFiles) return
  const files = names.map((name) => {
    const file = path.join(directory, name)
    return { file, at: fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0 }
  })
  for (const { file } of files.toSorted((a, b) => a.at - b.at).slice(0, files.length - maxFiles)) {
    fs.rmSync(file, { force: true })
  }
}

/** No other program has it: of those with the same number one may be in a container, and none was started at the same nanosecond. */
const freshName = (directory: string): string =>
  path.join(directory, `new-${process.pid}-${process.hrtime.bigint().toString(36)}`)

const namesIn = (directory: string): ReadonlyArray<string> => {
  try {
    return fs.readdirSync(directory).filter((name) => name.endsWith(".json"))
  } catch {
    // There is none yet.
    return []
  }
}

const codeOf = (error: unknown): string =>
  isNativeError(error) && "code" in error && typeof error.code === "string" ? error.code : ""
