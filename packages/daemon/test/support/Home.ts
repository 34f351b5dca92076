/**
 * A user's state directory for a test, with the daemon that programs start in it. When it is disposed of the daemon has ended.
 */
import { type ChildProcess, spawn, type StdioOptions } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import * as DaemonLock from "../../src/DaemonLock.ts"
import * as DaemonPlace from "../../src/DaemonPlace.ts"

export interface Home extends AsyncDisposable {
  readonly directory: string
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly place: () => DaemonPlace.DaemonPlace
  readonly log: () => string
  /** How often a daemon has begun to listen here. */
  readonly starts: () => number
  /** The process that listens, from its own words in the log. */
  readonly daemonPid: () => number
}

export const make = (extra: Readonly<Record<string, string>> = {}): Home => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "hfd-"))
  const environment = {
    ...process.env,
    XDG_RUNTIME_DIR: undefined,
    XDG_STATE_HOME: directory,
    HOLDFAST_NO_DAEMON: undefined,
    ...extra
  }
  const place = (): DaemonPlace.DaemonPlace => DaemonPlace.open({ environment })
  const log = (): string => {
    const file = path.join(directory, "holdfast", "daemon.log")
    return fs.existsSync(file) ? fs.readFileSync(file, "utf8") : ""
  }
  const pids = (): ReadonlyArray<number> => [...log().matchAll(/as process (\d+)/g)].map((match) => Number(match[1]))
  return {
    directory,
    environment,
    place,
    log,
    starts: () => pids().length,
    daemonPid: () => pids().at(-1) ?? 0,
    async [Symbol.asyncDispose]() {
      const told = new Set<number>()
      // A shim that is about to end may have lost its daemon before, and started the next one.
      await until(() => {
        const left = processesOf(directory)
        const daemons = left.filter(({ command }) => command.includes("daemon/src/main")).map(({ pid }) => pid)
        for (const pid of [...daemons, ...pids().filter(isAlive)]) {
          if (!told.has(pid)) tell(pid, "SIGTERM")
          told.add(pid)
        }
        return left.length === 0 && pids().every((pid) => !isAlive(pid))
      })
      fs.rmSync(directory, { recursive: true, force: true })
    }
  }
}

/** Processes that have the state directory in their environment. */
const processesOf = (directory: string): ReadonlyArray<{ readonly pid: number; readonly command: string }> =>
  fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number).filter(isAlive).flatMap((pid) => {
    try {
      const isOurs = fs.readFileSync(`/proc/${pid}/environ`, "latin1").includes(`XDG_STATE_HOME=${directory}\0`)
      return isOurs ? [{ pid, command: fs.readFileSync(`/proc/${pid}/cmdline`, "latin1") }] : []
    } catch {
      // It has ended in between, or belongs to another user.
      return []
    }
  })

const tell = (pid: number, signal: NodeJS.Signals): void => {
  try {
    process.kill(pid, signal)
  } catch {
    // It has ended in between.
  }
}

export const isAlive = (pid: number): boolean => {
  try {
    return !/\) Z /.test(fs.readFileSync(`/proc/${pid}/stat`, "latin1"))
  } catch {
    // There is no such process.
    return false
  }
}

/** Waits for an event that nothing tells: looks again and again. The limit only keeps a broken test from hanging. */
export const until = async <A>(look: () => A | Promise<A>): Promise<NonNullable<A>> => {
  for (let i = 0; i < 12_000; i++) {
    const found = await look()
    if (found) return found
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error("what the test waits for did not happen within minutes")
}

export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export const finish = async (child: ChildProcess): Promise<Ran> => {
  let stdout = ""
  let stderr = ""
  child.stdout?.setEncoding("utf8").on("data", (text: string) => stdout += text)
  child.stderr?.setEncoding("utf8").on("data", (text: string) => stderr += text)
  const [code] = await once(child, "close")
  return { code, stdout, stderr }
}

const program = path.resolve(import.meta.dirname, "client.ts")

/** Starts a program that connects to the daemon, prints its pid, and stays or ends as `word` says. */
export const client = (
  home: Home,
  word: "end" | "stay" = "end",
  stdio: StdioOptions = ["pipe", "pipe", "pipe"]
): ChildProcess => spawn(process.execPath, [program, word], { env: home.environment, stdio })

/** The same behind a shell, which may do something before. */
export const clientInShell = (home: Home, script: string): ChildProcess =>
  spawn("/bin/sh", ["-c", script, process.execPath, program], {
    env: home.environment,
    stdio: ["pipe", "pipe", "pipe"]
  })

const holder = path.resolve(import.meta.dirname, "lockHolder.ts")

/** A process that has taken a lock, and would hold it for ever. */
export const holdLock = async (file: string): Promise<ChildProcess> => {
  const child = spawn(process.execPath, [holder, file], { stdio: ["ignore", "pipe", "inherit"] })
  await once(child.stdout ?? child, "data")
  return child
}

/** Whether nobody holds the lock. */
export const isFree = (file: string): boolean => {
  using lock = DaemonLock.tryTake(file)
  return lock !== undefined
}
