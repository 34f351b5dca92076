/**
 * Wraps the platform: where configs are looked for, and which of them the user trusts. Loads no Effect: the hot path and the shim use it, too.
 *
 * Of the working directory, and of each folder above it up to the root of its repository: `.mcp.json`, `mcp.json`, `.cursor/mcp.json`,
 * `.vscode/mcp.json`. Then the user's own: `$XDG_CONFIG_HOME/holdfast/mcp.json`, `~/.config/holdfast/mcp.json`. Without a repository nothing
 * above the working directory is looked at: in a folder such as `/tmp` other users could leave files there.
 *
 * Trust. A config starts commands, and a repository brings its configs along. `.mcp.json` and `mcp.json` of the working directory are used by
 * going there, as a Makefile is; so is a file that is named, and the user's own. Every other is used once the user has agreed to it as it
 * is: it is remembered by path and content, in the folder of the user's state.
 */
import { stateOf } from "@holdfast/daemon/DaemonPlace"
import * as HomeDirectory from "@holdfast/process/HomeDirectory"
import * as fs from "node:fs"
import * as path from "node:path"
import process from "node:process"
import { isNativeError } from "node:util/types"

/** `directory`: the working directory. `repository`: a folder above it. `user`: for all of the user's directories. */
export type Scope = "named" | "directory" | "repository" | "user"

/** One place of a config. */
export interface Place {
  /** Absolute. */
  readonly file: string
  /** As messages name it: relative to the working directory within its repository. */
  readonly shown: string
  readonly scope: Scope
  /** False: it is used without a question. */
  readonly needsTrust: boolean
}

export interface SearchedFrom {
  /** Absolute. */
  readonly directory: string
  /** Default: that of this process. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined
}

/** The names in each folder, in the order in which they count. */
export const names = [".mcp.json", "mcp.json", ".cursor/mcp.json", ".vscode/mcp.json"] as const

/** Those that are used by going to their folder. */
const own: ReadonlyArray<string> = names.slice(0, 2)

/** Every place, the nearest first. */
export const all = ({ directory, environment = process.env }: SearchedFrom): ReadonlyArray<Place> => {
  const user = usersFile(environment)
  const places = foldersFrom(directory).flatMap((folder, above) =>
    names.map((name): Place => {
      const file = path.join(folder, name)
      return {
        file,
        // As `path.relative` has it, at a fifth of its price.
        shown: "../".repeat(above) + name,
        scope: above === 0 ? "directory" : "repository",
        needsTrust: above > 0 || !own.includes(name)
      }
    })
  )
  return [
    ...places.filter(({ file }) => file !== user),
    { file: user, shown: user, scope: "user", needsTrust: false }
  ]
}

/** Where there is a file, or something that cannot be looked at. */
export const found = (from: SearchedFrom): ReadonlyArray<Place> => all(from).filter(isThere)

/** Whether there is something at a place. What cannot be looked at is there: its reading says why not. */
export const isThere = ({ file }: Pick<Place, "file">): boolean => {
  try {
    return fs.statSync(file, { throwIfNoEntry: false }) !== undefined
  } catch (error) {
    return codeOf(error) !== "ENOTDIR"
  }
}

/** The user's own config, whether it is there or not. */
export const usersFile = (environment: Readonly<Record<string, string | undefined>> = process.env): string => {
  const said = environment["XDG_CONFIG_HOME"] ?? ""
  // The specification says to ignore others.
  const folder = path.isAbsolute(said)
    ? said
    : path.join(HomeDirectory.of(environment), ".config")
  return path.join(folder, "holdfast", "mcp.json")
}

/** The root of the repository that a directory is in. */
export const repositoryOf = (directory: string): string | undefined => {
  for (let folder = directory;; folder = path.dirname(folder)) {
    // A folder, or the file that a worktree and a submodule have.
    if (fs.existsSync(path.join(folder, ".git"))) return folder
    if (folder === path.dirname(folder)) return undefined
  }
}

/** The folder, and those above it up to the root of its repository. */
const foldersFrom = (directory: string): ReadonlyArray<string> => {
  const root = repositoryOf(directory) ?? directory
  const folders = [directory]
  for (let folder = directory; folder !== root; folders.push(folder)) folder = path.dirname(folder)
  return folders
}

/** What the user has said of a file. `changed`: it was another one then. */
export type Trust = "trusted" | "changed" | "unknown"

/** Looks up a file, as it is now. Throws what its reading throws. */
export const trustOf = (file: string, environment: SearchedFrom["environment"] = process.env): Trust => {
  const remembered = memoryOf(file, environment)
  const digest = digestOf(fs.readFileSync(file))
  const text = readOwn(remembered)
  return text === undefined ? "unknown" : text.split("\n")[0] === digest ? "trusted" : "changed"
}

/** Remembers that the user trusts a file as it is now. Throws what the reading or writing throws. */
export const trust = (file: string, environment: SearchedFrom["environment"] = process.env): void => {
  const remembered = memoryOf(file, environment)
  fs.mkdirSync(path.dirname(remembered), { recursive: true, mode: 0o700 })
  const fresh = `${remembered}.${process.pid}`
  fs.writeFileSync(fresh, `${digestOf(fs.readFileSync(file))}\n${fs.realpathSync(file)}\n`, { mode: 0o600 })
  fs.renameSync(fresh, remembered)
}

const memoryOf = (file: string, environment: SearchedFrom["environment"] = process.env): string =>
  path.join(stateOf(environment), "trusted", digestOf(fs.realpathSync(file)))

const digestOf = (content: string | Uint8Array): string =>
  process.getBuiltinModule("node:crypto").createHash("sha256").update(content).digest("hex")

/** Undefined: there is none, or other users could have written it. */
const readOwn = (file: string): string | undefined => {
  try {
    const { mode, uid } = fs.statSync(file)
    const user = process.getuid?.()
    return (user !== undefined && uid !== user) || (user !== undefined && (mode & 0o022) !== 0)
      ? undefined
      : fs.readFileSync(file, "utf8")
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined
    throw error
  }
}

/** The system's code for what went wrong. */
export const codeOf = (error: unknown): string | undefined =>
  isNativeError(error) && "code" in error && typeof error.code === "string" ? error.code : undefined
