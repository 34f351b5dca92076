/**
 * Wraps the platform: where the daemon of a user is, and whether that place is safe.
 *
 * A directory holds all of it: socket, token, locks and log. It is `$XDG_RUNTIME_DIR/holdfast`, or `holdfast` in the directory of
 * the user's state (`$XDG_STATE_HOME`, `~/.local/state`) where the first is not set or belongs to another user, as after `su`.
 * A socket's path may have 104 bytes; where that is not enough the socket alone is in `/tmp/holdfast-<user>-<digest>`.
 *
 * Promises
 * - The directory was made here with mode 0700, or has been checked: it is a directory and no link, it belongs to this user, and no
 *   other user may enter it. So is the short one. The umask of the caller has no influence.
 * - The folder above a new directory belongs to this user: `sudo` with the home of another user leaves nothing there.
 * - What is wrong is a `DaemonRefusal` with a sentence that names the path and says what to do.
 *
 * @example
 * ```ts
 * import { DaemonPlace } from "@holdfast/daemon"
 *
 * const { log, socket } = DaemonPlace.open()
 * console.log(`socket ${socket}, log ${log}`)
 * ```
 */
import * as HomeDirectory from "@holdfast/process/HomeDirectory"
import * as fs from "node:fs"
import * as path from "node:path"
import process from "node:process"
import { isNativeError } from "node:util/types"
import { DaemonRefusal } from "./DaemonRefusal.ts"

/** The paths of one user's daemon, all absolute. None of the files needs to be there. */
export interface DaemonPlace {
  readonly directory: string
  readonly socket: string
  /** The file with the token that every client shows. */
  readonly token: string
  /** Held by the daemon for as long as it lives. */
  readonly lock: string
  /** Held by the program that starts the daemon, until it is there. */
  readonly startLock: string
  readonly log: string
  /** Which servers are said to be shared, and the secret that their digests are made with. Both outlive a restart of the machine. */
  readonly shared: { readonly directory: string; readonly list: string; readonly secret: string }
}

/** What decides where the place is. Default: the environment, the user and the platform of this process. */
export interface PlaceOptions {
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined
  /** Default: the user of this process. */
  readonly user?: number | undefined
  readonly platform?: NodeJS.Platform | undefined
}

/** The longest path that a socket may have on every system: macOS takes 104 bytes, with the NUL at its end. */
export const maxSocketPathBytes = 103

/** Finds the place, makes what is missing of it and checks it. Throws `DaemonRefusal`. */
export const open = (options: PlaceOptions = {}): DaemonPlace => {
  const { environment = process.env, platform = process.platform } = options
  const user = options.user ?? process.getuid?.()
  if (platform === "win32" || user === undefined) {
    throw new DaemonRefusal("NoPlace", "the daemon does not run on Windows yet; servers are started without it")
  }
  const directory = directoryOf(environment, user)
  secure(directory, user)
  const plain = path.join(directory, "daemon.sock")
  const socket = Buffer.byteLength(plain) <= maxSocketPathBytes ? plain : shortSocket(directory, user)
  return {
    directory,
    socket,
    token: path.join(directory, "token"),
    lock: path.join(directory, "daemon.lock"),
    startLock: path.join(directory, "start.lock"),
    log: path.join(directory, "daemon.log"),
    shared: {
      directory: stateOf(environment),
      list: path.join(stateOf(environment), "shared.json"),
      secret: path.join(stateOf(environment), "secret")
    }
  }
}

/** Makes the directory for what outlives a restart of the machine, or checks it. */
export const openState = ({ shared }: DaemonPlace, user = process.getuid?.()): void => {
  if (user !== undefined) secure(shared.directory, user)
}

/** Where a daemon is asked of itself that has made way for a newer one. No longer than the path of the other socket. */
export const formerSocket = ({ socket }: DaemonPlace, pid: number): string =>
  path.join(path.dirname(socket), `old.${pid}`)

/** Those of daemons that have made way for a newer one. Some may have ended since. */
export const formerSockets = ({ socket }: DaemonPlace): ReadonlyArray<string> => {
  const directory = path.dirname(socket)
  return attempt(directory, () => fs.readdirSync(directory))
    .filter((name) => /^old\.\d+$/.test(name))
    .map((name) => path.join(directory, name))
}

/** Reads the token. Throws `DaemonRefusal` when other users may read it, and when there is none. */
export const readToken = ({ token }: DaemonPlace, user = process.getuid?.()): string => {
  const entry = attempt(token, () => fs.lstatSync(token, { throwIfNoEntry: false }))
  if (entry === undefined) {
    throw new DaemonRefusal("NoPlace", `${token} is missing; holdfast daemon stop, and try again`)
  }
  if (!entry.isFile()) throw refusal(token, "is no file; remove it")
  if (entry.uid !== user) throw refusal(token, "belongs to another user")
  if ((entry.mode & 0o077) !== 0) {
    throw refusal(
      token,
      `may be read by other users (mode ${octal(entry.mode)}); remove it, and a new one is made when the daemon starts`
    )
  }
  const secret = attempt(token, () => fs.readFileSync(token, "utf8")).trim()
  if (secret === "") throw refusal(token, "is empty; remove it, and a new one is made when the daemon starts")
  return secret
}

/** Makes the token if there is none. Only the holder of the lock calls this. */
export const ensureToken = (place: DaemonPlace, make: () => string): string => {
  const { token } = place
  const entry = attempt(token, () => fs.lstatSync(token, { throwIfNoEntry: false }))
  // A machine that lost its power may have left an empty file, which would be no secret.
  if (entry === undefined || (entry.isFile() && entry.size === 0)) {
    attempt(token, () => {
      const fresh = `${token}.new`
      fs.rmSync(fresh, { force: true })
      fs.writeFileSync(fresh, `${make()}\n`, { mode: 0o600, flag: "wx" })
      // The umask may have taken bits away, and never adds any.
      fs.chmodSync(fresh, 0o600)
      fs.renameSync(fresh, token)
    })
  }
  return readToken(place)
}

const directoryOf = (environment: NonNullable<PlaceOptions["environment"]>, user: number): string => {
  const runtime = environment["XDG_RUNTIME_DIR"] ?? ""
  if (path.isAbsolute(runtime) && faultOf(runtime, user) === undefined) return path.join(runtime, "holdfast")
  return stateOf(environment)
}

/**
 * The directory `holdfast` of the user's state. A `$XDG_STATE_HOME` that is no absolute path counts as unset. Neither made nor checked.
 */
export const stateOf = (environment: NonNullable<PlaceOptions["environment"]>): string => {
  const stated = environment["XDG_STATE_HOME"] ?? ""
  if (path.isAbsolute(stated)) return path.join(stated, "holdfast")
  return path.join(HomeDirectory.of(environment), ".local", "state", "holdfast")
}

/** The same for every program of the user, whatever `TMPDIR` says. */
const shortSocket = (directory: string, user: number): string => {
  // Loading it takes longer than all the rest here, and few need it.
  const { createHash } = process.getBuiltinModule("node:crypto")
  const digest = createHash("sha256").update(directory).digest("hex").slice(0, 16)
  const short = `/tmp/holdfast-${user}-${digest}`
  secure(short, user)
  return path.join(short, "daemon.sock")
}

/** Makes a directory that only this user may enter, or makes sure that it is one. */
export const secure = (directory: string, user: number): void => {
  if (attempt(directory, () => fs.lstatSync(directory, { throwIfNoEntry: false })) === undefined) {
    const above = nearest(path.dirname(directory))
    // In a folder for all, such as /tmp, the check below decides.
    if (above.uid !== user && (above.mode & 0o1000) === 0) {
      throw refusal(
        directory,
        `would be in a folder of another user (with sudo HOME may still be that of the caller); set HOME or XDG_STATE_HOME to a folder of this user`
      )
    }
    attempt(directory, () => {
      fs.mkdirSync(path.dirname(directory), { recursive: true, mode: 0o700 })
      try {
        fs.mkdirSync(directory, { mode: 0o700 })
      } catch (error) {
        // Another program was faster: the check below is about what it made.
        if (codeOf(error) !== "EEXIST") throw error
        return
      }
      fs.chmodSync(directory, 0o700)
    })
  }
  const fault = faultOf(directory, user)
  if (fault !== undefined) throw refusal(directory, fault)
}

const nearest = (directory: string): fs.Stats => {
  const entry = attempt(directory, () => fs.statSync(directory, { throwIfNoEntry: false }))
  return entry ?? nearest(path.dirname(directory))
}

/** Why a directory is not to be trusted. */
const faultOf = (directory: string, user: number): string | undefined => {
  const entry = attempt(directory, () => fs.lstatSync(directory, { throwIfNoEntry: false }))
  if (entry === undefined) return "is not there"
  if (entry.isSymbolicLink()) return "is a symbolic link; remove it"
  if (!entry.isDirectory()) return "is no directory; remove it"
  if (entry.uid !== user) return "belongs to another user"
  if ((entry.mode & 0o077) === 0) return undefined
  return `may be entered by other users (mode ${
    octal(entry.mode)
  }); chmod 700 it, if no other user has put anything there`
}

const octal = (mode: number): string => `0${(mode & 0o7777).toString(8)}`

const refusal = (where: string, fault: string): DaemonRefusal =>
  new DaemonRefusal("NoPlace", `${unusable}${where} ${fault}`)

/** What the message of such a refusal begins with, before it names the path. */
export const unusable = "no daemon can be used: "

const attempt = <A>(where: string, f: () => A): A => {
  try {
    return f()
  } catch (error) {
    throw refusal(where, `cannot be used (${reasons[codeOf(error)] ?? codeOf(error)})`)
  }
}

const reasons: Readonly<Record<string, string>> = {
  EROFS: "the file system is read-only; set XDG_RUNTIME_DIR or XDG_STATE_HOME to a directory that can be written",
  EACCES: "permission denied; set XDG_RUNTIME_DIR or XDG_STATE_HOME to a directory of your own",
  EPERM: "permission denied; set XDG_RUNTIME_DIR or XDG_STATE_HOME to a directory of your own",
  ENOSPC: "the disk is full",
  EDQUOT: "the user's quota is used up",
  ENOTDIR: "a part of its path is no directory",
  ELOOP: "its path goes in circles (symbolic links)"
}

const codeOf = (error: unknown): string =>
  isNativeError(error) && "code" in error && typeof error.code === "string" ? error.code : String(error)
