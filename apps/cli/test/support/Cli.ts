/**
 * Runs the real command line program as its users do: a process of its own, in a directory with a config.
 */
import { type ChildProcess, spawn } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { program } from "./program.ts"

export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A temporary directory that is gone when the test has ended. */
export const makeDirectory = (config?: unknown): Disposable & { readonly path: string } => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "holdfast-cli-"))
  if (config !== undefined) {
    fs.writeFileSync(path.join(directory, ".mcp.json"), typeof config === "string" ? config : JSON.stringify(config))
  }
  return { path: directory, [Symbol.dispose]: () => fs.rmSync(directory, { recursive: true, force: true }) }
}

export const start = (
  directory: string,
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>> = {}
): ChildProcess =>
  spawn(program[0], [...program.slice(1), ...args], {
    cwd: directory,
    env: { ...process.env, ...env },
    stdio: ["pipe", "pipe", "pipe"]
  })

export const finish = (child: ChildProcess, stdin = ""): Promise<Ran> =>
  new Promise((resolve, reject) => {
    let stdout = ""
    let stderr = ""
    child.stdout?.setEncoding("utf8").on("data", (text: string) => stdout += text)
    child.stderr?.setEncoding("utf8").on("data", (text: string) => stderr += text)
    child.once("error", reject)
    child.once("close", (code) => resolve({ code, stdout, stderr }))
    child.stdin?.end(stdin)
  })

export const run = (directory: string, args: ReadonlyArray<string>, stdin?: string): Promise<Ran> =>
  finish(start(directory, args), stdin)

/** Runs it with an output, stdout by default, into a file, behind a shell that may say something first. */
export const runInto = (
  file: string,
  directory: string,
  args: ReadonlyArray<string>,
  before = "",
  redirection: ">" | "2>" = ">"
): Promise<Ran> =>
  finish(spawn("/bin/sh", ["-c", `${before}exec "$0" "$@" ${redirection}"$OUT"`, ...program, ...args], {
    cwd: directory,
    env: { ...process.env, OUT: file },
    stdio: ["pipe", "pipe", "pipe"]
  }))

/** The command of the spy server in one of its modes. */
export const spy = (mode: string) => ({
  command: process.execPath,
  args: [path.resolve(import.meta.dirname, "spyServer.ts"), mode]
})
