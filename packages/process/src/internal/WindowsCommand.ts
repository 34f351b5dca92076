/**
 * Wraps the platform: `fileSystem` looks at files.
 *
 * Which program a command means on Windows, and how it is started without a shell.
 *
 * A name is sought in PATH with the endings of PATHEXT, as users expect of `npx`; unlike cmd.exe the working directory is not
 * searched, so that nobody's `npx.cmd` lies in wait in a project. Programs are started as they are, `.cmd` files of package
 * managers are read (see `WindowsShim`), all others are refused with an advice.
 *
 * Promise: arguments are not looked at, let alone changed: they reach the program as they are, whatever is in them.
 */
import * as Result from "effect/Result"
import * as fs from "node:fs"
import * as path from "node:path"
import { CommandNotFound, NotExecutable } from "../ProcessError.ts"
import * as WindowsShim from "./WindowsShim.ts"

/** What is asked of the file system. */
export interface View {
  readonly isFile: (file: string) => boolean
  /** The file as text; undefined if it cannot be read. */
  readonly read: (file: string) => string | undefined
}

export interface Command {
  readonly command: string
  readonly args: ReadonlyArray<string>
  /** Absolute. Where a path is seen from. */
  readonly cwd: string
  /** The child's. */
  readonly env: Readonly<Record<string, string>>
}

/** The real one. */
export const fileSystem: View = {
  isFile: (file) => {
    try {
      return fs.statSync(file).isFile()
    } catch {
      // Not there, or not to be looked at: it cannot be started either way.
      return false
    }
  },
  read: (file) => {
    try {
      return fs.readFileSync(file, "utf8")
    } catch {
      // A file that may not be read cannot be understood, which is all that its reader wants to know.
      return undefined
    }
  }
}

/** What is to be started. */
export interface Resolved {
  readonly command: string
  readonly args: ReadonlyArray<string>
  readonly env: Readonly<Record<string, string>>
}

export const resolve = (asked: Command, view: View): Result.Result<Resolved, CommandNotFound | NotExecutable> => {
  const { args, command, cwd, env } = asked
  const found = find(command, cwd, env, view)
  if (found.file === undefined) return Result.fail(new CommandNotFound({ command, searched: found.searched }))
  const { file } = found
  const refuse = (description: string) => Result.fail(new NotExecutable({ command, path: file, description }))
  const ending = path.win32.extname(file).toLowerCase()
  if (ending === ".exe" || ending === ".com") return Result.succeed({ command: file, args, env })
  if (ending !== ".cmd" && ending !== ".bat") {
    return refuse("is no program that Windows can start by itself. Make its interpreter the command")
  }
  const text = view.read(file)
  const shim = text === undefined ? undefined : WindowsShim.read(text)
  if (shim === undefined) {
    return refuse(
      "is a batch file, which cannot be started safely without a shell. Name the program it starts: its .exe, or node and a script"
    )
  }
  const folder = path.win32.dirname(file)
  const target = path.win32.join(folder, shim.target)
  if (!view.isFile(target)) return refuse(`points to ${target}, which does not exist. Install the package again`)
  const withEnv = { ...env, ...shim.env }
  if (shim.program === undefined) {
    return path.win32.extname(target).toLowerCase() === ".exe"
      ? Result.succeed({ command: target, args, env: withEnv })
      : refuse(`starts ${target}, which is no program. Make its interpreter the command`)
  }
  // As the file itself has it: the program beside it, else the one in PATH.
  const name = path.win32.basename(shim.program).replace(/\.exe$/i, "")
  const beside = path.win32.join(folder, `${name}.exe`)
  const program = view.isFile(beside) ? { file: beside, searched: [] } : find(`${name}.exe`, cwd, env, view)
  if (program.file === undefined) {
    return Result.fail(new CommandNotFound({ command: name, searched: program.searched }))
  }
  return Result.succeed({ command: program.file, args: [...shim.flags, target, ...args], env: withEnv })
}

interface Found {
  readonly file: string | undefined
  readonly searched: ReadonlyArray<string>
}

const find = (command: string, cwd: string, env: Readonly<Record<string, string>>, view: View): Found => {
  const isPath = /[\\/]/.test(command) || /^[A-Za-z]:/.test(command)
  const searched = isPath
    ? [path.win32.resolve(cwd, command)]
    : valueOf(env, "PATH").split(";")
      .map((directory) => directory.trim().replace(/^"|"$/g, ""))
      .filter((directory) => directory !== "")
      .map((directory) => path.win32.resolve(cwd, directory))
  const endings = endingsOf(command, env)
  for (const place of searched) {
    const stem = isPath ? place : path.win32.join(place, command)
    for (const ending of endings) if (view.isFile(stem + ending)) return { file: stem + ending, searched }
  }
  return { file: undefined, searched }
}

/** What can be started at all, in the user's order. */
const startable: ReadonlyArray<string> = [".com", ".exe", ".bat", ".cmd"]

const endingsOf = (command: string, env: Readonly<Record<string, string>>): ReadonlyArray<string> => {
  const wanted = (valueOf(env, "PATHEXT") || startable.join(";")).split(";")
    .map((ending) => ending.trim().toLowerCase())
    .filter((ending) => startable.includes(ending))
  return path.win32.extname(command) === "" ? wanted : ["", ...wanted]
}

/** Names of variables have no case there. */
const valueOf = (env: Readonly<Record<string, string>>, name: string): string =>
  Object.entries(env).find(([key]) => key.toUpperCase() === name)?.[1] ?? ""
