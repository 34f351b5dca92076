/** A user with an empty home, a server behind `holdfast wrap` that writes down what it was asked, and the daemon that hosts start. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"

const root = path.resolve(import.meta.dirname, "../..")
const main = path.join(root, "apps/cli/src/main.ts")
const recorder = path.join(root, "packages/daemon/test/support/recordingServer.ts")

export interface HostWorld extends AsyncDisposable {
  readonly home: string
  /** Of the host. */
  readonly environment: Readonly<Record<string, string>>
  /** The entry of the server in the host's config. */
  readonly entry: {
    readonly command: string
    readonly args: ReadonlyArray<string>
    readonly env: Readonly<Record<string, string>>
  }
  readonly record: () => ReadonlyArray<string>
  /** The processes of the server, in the order of their starts. */
  readonly servers: () => ReadonlyArray<number>
  readonly daemon: () => number
  /** Ends the daemon, and says how many processes of the server are still there. */
  readonly leave: () => Promise<number>
}

export const make = (): HostWorld => {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), "hf-hosts-"))
  const file = path.join(home, "record")
  const env = { XDG_STATE_HOME: home, XDG_RUNTIME_DIR: "", HOLDFAST_NO_DAEMON: "" }
  const linesOf = (name: string): ReadonlyArray<string> =>
    fs.existsSync(name) ? fs.readFileSync(name, "utf8").trim().split("\n") : []
  const servers = (): ReadonlyArray<number> =>
    linesOf(file).flatMap((line) => line.startsWith("start ") ? [Number(line.slice(6))] : [])
  const daemon = (): number =>
    Number(
      /as process (\d+)/.exec(
        linesOf(path.join(home, "holdfast", "daemon.log")).findLast((line) => line.includes("as process")) ?? ""
      )?.[1] ?? 0
    )
  const environment = {
    PATH: process.env["PATH"] ?? "",
    TERM: "dumb",
    HOME: home,
    XDG_CONFIG_HOME: path.join(home, "config"),
    XDG_DATA_HOME: path.join(home, "data"),
    XDG_CACHE_HOME: path.join(home, "cache"),
    ...env
  }
  const leave = async (): Promise<number> => {
    const pid = daemon()
    if (isAlive(pid)) process.kill(pid, "SIGTERM")
    await until(() => !isAlive(pid))
    return servers().filter(isAlive).length
  }
  return {
    home,
    environment,
    entry: { command: process.execPath, args: [main, "wrap", "--", process.execPath, recorder, file, "legacy"], env },
    record: () => linesOf(file),
    servers,
    daemon,
    leave,
    async [Symbol.asyncDispose]() {
      await leave()
      fs.rmSync(home, { recursive: true, force: true, maxRetries: 10 })
    }
  }
}

/** Kills it, and resolves when it has ended. */
export const kill = async (pid: number): Promise<void> => {
  if (!isAlive(pid)) return
  process.kill(pid, "SIGKILL")
  await until(() => !isAlive(pid))
}

export const isAlive = (pid: number): boolean => {
  if (pid === 0) return false
  try {
    return !/\) Z /.test(fs.readFileSync(`/proc/${pid}/stat`, "latin1"))
  } catch {
    // There is no such process.
    return false
  }
}

/** Waits for an event that nothing tells. The limit only keeps a broken run from hanging. */
export const until = async (look: () => boolean): Promise<void> => {
  for (let i = 0; i < 12_000; i++) {
    if (look()) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error("what is waited for did not happen within minutes")
}

/** Runs a command of a host to its end, and gives what it printed. */
export const run = async (
  { environment, home }: HostWorld,
  program: string,
  args: ReadonlyArray<string>,
  extra: Readonly<Record<string, string>> = {}
): Promise<string> => {
  const child = spawn(program, args, {
    cwd: home,
    env: { ...environment, ...extra },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 120_000,
    killSignal: "SIGKILL"
  })
  let printed = ""
  for (const output of [child.stdout, child.stderr]) {
    output.setEncoding("utf8").on("data", (text: string) => printed += text)
  }
  await once(child, "close")
  return printed
}
