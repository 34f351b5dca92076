/** The command line program on a pseudo-terminal, which `script` of util-linux makes. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import * as path from "node:path"
import { until } from "./DaemonWorld.ts"

/** Whether there can be one: Debian has `script` always. */
export const isThere = process.platform === "linux" && fs.existsSync("/usr/bin/script")

export interface Terminal {
  /** All that was written so far. */
  readonly text: () => string
  /** Waits until it was written. */
  readonly shows: (pattern: RegExp) => Promise<void>
  readonly type: (keys: string) => void
  readonly ended: Promise<number | null>
}

export interface Where {
  readonly directory: string
  readonly environment: Readonly<Record<string, string>>
  readonly columns?: number
}

const main = path.resolve(import.meta.dirname, "../../src/main.ts")

export const ctrlC = "\u0003"

/** Starts it. `TERM` is one with colours. */
export const open = ({ columns = 80, directory, environment }: Where, ...words: ReadonlyArray<string>): Terminal => {
  const command = [process.execPath, main, ...words].map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ")
  const child = spawn("script", ["-qefc", `stty cols ${columns} rows 24; exec ${command}`, "/dev/null"], {
    cwd: directory,
    env: { ...process.env, TERM: "xterm-256color", NO_COLOR: "", ...environment },
    stdio: ["pipe", "pipe", "inherit"]
  })
  let text = ""
  child.stdout.setEncoding("utf8").on("data", (more: string) => text += more)
  const ended = once(child, "close").then(([code]) => typeof code === "number" ? code : null)
  return {
    text: () => text,
    shows: (pattern) => until(() => pattern.test(text)),
    type: (keys) => void child.stdin.write(keys),
    ended
  }
}
