/**
 * Wraps the platform: starts a reaper and writes to it.
 *
 * A reaper is a process of its own session whose stdin is the lifeline: this program holds the other end, and its end, however
 * it comes about, is the reaper's sign.
 *
 * Promises: it is deaf to the signals of a terminal, gets no environment but PATH (so it bears no tag), holds no directory
 * and never keeps this program alive. The lifeline is close-on-exec (libuv opens it so): no child holds it open.
 */
import * as ChildProcess from "node:child_process"
import * as fs from "node:fs"
import { Socket } from "node:net"
import process from "node:process"
import * as ProcFs from "./ProcFs.ts"
import * as ReaperScript from "./ReaperScript.ts"

/** What a reaper is made of here, and how it looks at processes. */
export interface ReaperPlatform {
  readonly kind: "sh" | "node"
  readonly table: "proc" | "ps"
}

export interface ReaperProcess {
  readonly pid: number
  readonly tell: (line: string) => void
  /** Does what the death of this program does: ends the lifeline. */
  readonly endLifeline: () => void
  /** Bytes that it has not taken yet. */
  readonly backlog: () => number
  readonly kill: () => void
}

export interface ReaperOptions {
  readonly runtime: string
  /** The file to be removed at the very end. */
  readonly ledger: string | undefined
  readonly platform: ReaperPlatform
  /** Its death while the lifeline was held. */
  readonly onDeath: (how: string) => void
}

export const detect = (): ReaperPlatform => ({
  kind: process.platform !== "win32" && isExecutable("/bin/sh") ? "sh" : "node",
  table: ProcFs.isReadable() ? "proc" : "ps"
})

/** Undefined when the system refuses to start one. */
export const start = (options: ReaperOptions): ReaperProcess | undefined => {
  const { ledger = "", platform, runtime } = options
  const [command, args] = platform.kind === "sh"
    ? ["/bin/sh", ["-c", ReaperScript.shell, "holdfast-reaper", runtime, ledger, platform.table]] as const
    : [process.execPath, ["-e", ReaperScript.node, runtime, ledger]] as const
  let child: ChildProcess.ChildProcess
  try {
    child = ChildProcess.spawn(command, args, {
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
      windowsHide: true,
      ...(process.platform === "win32"
        ? { env: windowsEnvironment() }
        : { cwd: "/", env: posixEnvironment(platform.kind) })
    })
  } catch {
    // No room for another process, mostly; the spawn that wanted the reaper is about to find out and to tell.
    return undefined
  }
  // Without a pid the reason comes as an event, and there is nothing more to be done about it than above.
  child.on("error", () => {})
  const { pid, stdin } = child
  if (pid === undefined || stdin === null) return undefined
  let isHeld = true
  child.once("exit", (code, signal) => {
    if (isHeld) options.onDeath(signal ?? `exit code ${code}`)
  })
  // Its death breaks the pipe and is told by `exit`.
  stdin.on("error", () => {})
  child.unref()
  if (stdin instanceof Socket) stdin.unref()
  return {
    pid,
    tell: (line) => void stdin.write(`${line}\n`),
    endLifeline: () => {
      isHeld = false
      stdin.end()
    },
    backlog: () => stdin.writableLength,
    kill: () => void child.kill("SIGKILL")
  }
}

// The user's own PATH comes last: for systems that keep grep and ps in unusual places.
const posixEnvironment = (kind: ReaperPlatform["kind"]): Record<string, string> => ({
  PATH: `/usr/bin:/bin:${process.env["PATH"] ?? ""}`,
  // In an Electron application the running program is Node only when asked to be.
  ...(kind === "node" ? { ELECTRON_RUN_AS_NODE: "1" } : {})
})

// Without SystemRoot no program starts there.
const windowsEnvironment = (): Record<string, string> => ({
  PATH: process.env["PATH"] ?? "",
  SystemRoot: process.env["SystemRoot"] ?? "",
  ELECTRON_RUN_AS_NODE: "1"
})

const isExecutable = (file: string): boolean => {
  try {
    fs.accessSync(file, fs.constants.X_OK)
    return true
  } catch {
    // That it throws is how accessSync says no.
    return false
  }
}
