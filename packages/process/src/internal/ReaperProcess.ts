/**
 * Wraps the platform: starts a reaper and writes to it.
 *
 * A reaper is a process of its own session whose stdin is the lifeline: this program holds the other end, and its end, however
 * it comes about, is the reaper's sign.
 *
 * Promises: it is deaf to the signals of a terminal, gets no environment but PATH (so it bears no tag), holds no directory
 * and never keeps this program alive. The lifeline is close-on-exec (libuv opens it so): no child holds it open.
 */
import * as Effect from "effect/Effect"
import * as ChildProcess from "node:child_process"
import * as fs from "node:fs"
import { Socket } from "node:net"
import process from "node:process"
import * as ProcFs from "./ProcFs.ts"
import * as ReaperScript from "./ReaperScript.ts"

/** How a reaper looks at processes here. */
export interface ReaperPlatform {
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

/** Undefined where there is no /bin/sh: then there is no reaper. */
export const detect = (): ReaperPlatform | undefined =>
  isExecutable("/bin/sh") ? { table: ProcFs.isReadable() ? "proc" : "ps" } : undefined

/** Undefined when the system refuses to start one. */
export const start = (options: ReaperOptions): ReaperProcess | undefined => {
  const child = run(options)
  const { pid, stdin } = child ?? {}
  if (child === undefined || pid === undefined || stdin === null || stdin === undefined) return undefined
  let isHeld = true
  child.once("exit", (code, signal) => {
    if (isHeld) options.onDeath(signal ?? `exit code ${code}`)
  })
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

/**
 * Has a reaper do its work at once, for a runtime that is dead: tells it these lines, ends its lifeline and waits for its end. False when the system
 * refuses to start one. It goes on when its caller does not wait any more.
 */
export const finish = (options: Omit<ReaperOptions, "onDeath">, lines: ReadonlyArray<string>): Effect.Effect<boolean> =>
  Effect.callback((resume) => {
    const child = run(options)
    if (child?.pid === undefined) return resume(Effect.succeed(false))
    child.once("exit", () => resume(Effect.succeed(true)))
    child.stdin?.end(lines.map((line) => `${line}\n`).join(""))
  })

const run = (
  { ledger = "", platform, runtime }: Omit<ReaperOptions, "onDeath">
): ChildProcess.ChildProcess | undefined => {
  try {
    const args = ["-c", ReaperScript.shell, "holdfast-reaper", runtime, ledger, platform.table]
    const child = ChildProcess.spawn("/bin/sh", args, {
      cwd: "/",
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
      // The user's own PATH comes last: for systems that keep grep and ps in unusual places.
      env: { PATH: `/usr/bin:/bin:${process.env["PATH"] ?? ""}` }
    })
    // Without a pid the reason comes as an event, and there is nothing more to be done about it than below.
    child.on("error", () => {})
    // Its death breaks the pipe and is told by `exit`.
    child.stdin?.on("error", () => {})
    return child
  } catch {
    // No room for another process, mostly; the spawn that wanted the reaper is about to find out and to tell.
    return undefined
  }
}

const isExecutable = (file: string): boolean => {
  try {
    fs.accessSync(file, fs.constants.X_OK)
    return true
  } catch {
    // That it throws is how accessSync says no.
    return false
  }
}
