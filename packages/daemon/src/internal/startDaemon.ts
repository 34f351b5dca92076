/**
 * Wraps the platform: starts the daemon as a process of its own, and hears from it whether it is there.
 *
 * Promises
 * - Of all programs that want a daemon at once, one starts it: the holder of the start lock, which the kernel frees if that program
 *   is killed. The daemon's own lock decides in the end; this one only keeps a hundred of them from being started to lose it.
 * - The daemon is in a session of its own, starts in `/`, has the environment of `daemonEnvironment` and none of the starter's
 *   descriptors. What Node prints of a daemon that cannot even be loaded is in its log file.
 * - The starter goes on when the daemon listens, or with the daemon's own words when it cannot.
 */
import { type ChildProcess, spawn } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import process from "node:process"
import type { Readable } from "node:stream"
import { fileURLToPath } from "node:url"
import { isNativeError } from "node:util/types"
import * as DaemonLock from "../DaemonLock.ts"
import type { DaemonPlace } from "../DaemonPlace.ts"
import { DaemonRefusal } from "../DaemonRefusal.ts"

/** On this descriptor the daemon tells its starter how its start went: one line, `ready` or what is wrong. */
export const readinessDescriptor = 3

/** How long a start may take: a busy machine loads a program in seconds. */
const patienceMillis = 30_000

/**
 * Starts a daemon unless another program is about to. `isThere` is asked once the turn has come: the program that had it before may have
 * started one.
 */
export const startDaemon = async (
  place: DaemonPlace,
  environment: Readonly<Record<string, string | undefined>>,
  isThere: () => Promise<boolean>
): Promise<void> => {
  if (process.pid === 1) {
    throw new DaemonRefusal(
      "NoPlace",
      "this program is process 1 of its container, and a daemon would end with it; run holdfast daemon run beside it"
    )
  }
  using lock = DaemonLock.tryTake(place.startLock)
  if (lock === undefined || await isThere()) return
  const log = openLog(place)
  try {
    await hearFrom(spawnDaemon(log, environment, place), place)
  } finally {
    fs.closeSync(log)
  }
}

const spawnDaemon = (
  log: number,
  environment: Readonly<Record<string, string | undefined>>,
  place: DaemonPlace
): ChildProcess => {
  return spawn(process.execPath, [programOfDaemon()], {
    cwd: "/",
    detached: true,
    env: daemonEnvironment(environment, place),
    stdio: ["ignore", log, log, "pipe"]
  })
}

/** By this word the standalone executable of the command line is the daemon. Such a file has no other beside it. */
export const executableWord = "__daemon"

/** What Node is given to run: the file of the daemon, or the word that means it. */
const programOfDaemon = (): string => {
  if (process.getBuiltinModule("node:sea").isSea()) return executableWord
  const own = fileURLToPath(import.meta.url)
  return path.join(path.dirname(own), "..", `main${path.extname(own)}`)
}

/**
 * What the daemon keeps of the environment of the program that happened to start it. Servers get their client's. Its place is the
 * program's, whatever that says of its environment: `wrap --env` says little of it.
 */
export const daemonEnvironment = (
  environment: Readonly<Record<string, string | undefined>>,
  { directory, shared }: DaemonPlace
): Record<string, string> => ({
  ...Object.fromEntries(
    Object.entries(environment).filter((entry): entry is [string, string] =>
      entry[1] !== undefined && (kept.has(entry[0]) || /^(?:LC_|HOLDFAST_DAEMON_)/.test(entry[0]))
    )
  ),
  XDG_STATE_HOME: path.dirname(shared.directory),
  ...(directory !== shared.directory && { XDG_RUNTIME_DIR: path.dirname(directory) })
})

const kept = new Set([
  "HOME",
  "USER",
  "LOGNAME",
  "PATH",
  "LANG",
  "TZ",
  "TMPDIR",
  "CI",
  // Node reads them when it starts; servers behind urls may need them.
  "NODE_EXTRA_CA_CERTS",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "NODE_COMPILE_CACHE"
])

const openLog = (place: DaemonPlace): number => {
  try {
    return fs.openSync(place.log, "a", 0o600)
  } catch (error) {
    throw new DaemonRefusal("NoPlace", `no daemon can be used: ${place.log} cannot be written (${messageOf(error)})`)
  }
}

const hearFrom = (child: ChildProcess, place: DaemonPlace): Promise<void> =>
  new Promise((resolve, reject) => {
    // The last of the descriptors is a pipe that we read.
    const readiness = child.stdio[readinessDescriptor] as Readable
    let said = ""
    const fail = (why: string): void =>
      finish(() => reject(new DaemonRefusal("NotStarted", `the daemon could not be started: ${why}`)))
    const timer = setTimeout(() => {
      child.kill("SIGKILL")
      fail(`it did not come up within ${patienceMillis / 1000} s; its log is ${place.log}`)
    }, patienceMillis)
    const finish = (then: () => void): void => {
      clearTimeout(timer)
      readiness.destroy()
      child.removeAllListeners("exit")
      child.unref()
      then()
    }
    readiness.setEncoding("utf8").on("data", (text: string) => said += text)
    readiness.on("error", () => {})
    readiness.once("end", () => {
      if (said.trim() === "ready") return finish(resolve)
      if (said.trim() !== "") return fail(said.trim())
      fail(`it ended before it was ready; its log is ${place.log}`)
    })
    child.once("error", (error) => fail(error.message))
  })

const messageOf = (error: unknown): string => isNativeError(error) ? error.message : String(error)
