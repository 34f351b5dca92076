/**
 * Runs the real command line program on a pseudo-terminal: that of `script`, which Debian has on every machine. What is typed is what a person types; what is
 * shown is what that person sees.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { program } from "./program.ts"

export interface Terminal {
  /** All that was shown so far. */
  readonly shown: () => string
  /** Waits until this is shown, after what was waited for before. */
  readonly sees: (text: string) => Promise<void>
  readonly type: (text: string) => void
  /** The exit code, and all that was shown. */
  readonly ended: Promise<{ readonly code: number | null; readonly shown: string }>
  readonly child: ChildProcess
}

const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`

/** `redirection`: of the program alone, such as `> file`. */
export const start = (
  directory: string,
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>> = {},
  redirection = ""
): Terminal => startCommand(directory, `${[...program, ...args].map(quoted).join(" ")} ${redirection}`, env)

/** Any other program, as `sh` is told to run it. */
export const startCommand = (
  directory: string,
  program: string,
  env: Readonly<Record<string, string>> = {}
): Terminal => {
  const command = `stty cols 80; exec ${program}`
  const child = spawn("script", ["-qefc", command, "/dev/null"], {
    cwd: directory,
    env: { ...process.env, NO_COLOR: "1", SHELL: "/bin/sh", ...env },
    stdio: ["pipe", "pipe", "inherit"]
  })
  let shown = ""
  let from = 0
  const watchers = new Set<() => void>()
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    shown += text
    for (const look of [...watchers]) look()
  })
  const ended = new Promise<{ readonly code: number | null; readonly shown: string }>((resolve, reject) => {
    child.once("error", reject)
    child.once("close", (code) => {
      for (const look of [...watchers]) look()
      resolve({ code, shown })
    })
  })
  return {
    child,
    ended,
    shown: () => shown,
    type: (text) => void child.stdin.write(text),
    sees: (text) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const at = shown.indexOf(text, from)
          if (at < 0 && child.exitCode === null) return
          watchers.delete(look)
          if (at < 0) return reject(new Error(`not shown: ${text}\n${shown}`))
          from = at + text.length
          resolve()
        }
        watchers.add(look)
        look()
      })
  }
}
