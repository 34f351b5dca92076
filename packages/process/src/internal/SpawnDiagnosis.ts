/**
 * Wraps the platform: looks at the file system after a failed spawn, and at PATH's separator.
 *
 * Why a spawn failed. The system answers ENOENT for a missing command, a missing working directory and a missing
 * interpreter alike, and EACCES for as many things; the person who has to mend it needs to know which.
 *
 * Gotcha: it looks a moment after the failure. If the cause has vanished meanwhile, the answer is the plain `SpawnFailed`.
 */
import { Buffer } from "node:buffer"
import * as fs from "node:fs"
import * as path from "node:path"
import { isNativeError } from "node:util/types"
import type { ProcessErrorReason } from "../ProcessError.ts"
import { BadWorkingDirectory, CommandNotFound, NotExecutable, ResourceExhausted, SpawnFailed } from "../ProcessError.ts"

export interface SpawnAttempt {
  readonly command: string
  readonly cwd: string | undefined
  readonly env: Readonly<Record<string, string>>
}

export const make = (error: unknown, attempt: SpawnAttempt): ProcessErrorReason => {
  const code = errorCode(error)
  if (shortageCodes.has(code)) return new ResourceExhausted({ command: attempt.command, code })
  return (lookupCodes.has(code) ? lookAround(code, attempt) : undefined) ??
    new SpawnFailed({ command: attempt.command, code, description: "the system refused to start it" })
}

const shortageCodes = new Set(["EAGAIN", "EMFILE", "ENFILE", "ENOMEM"])

// libuv has no name for ENOEXEC, so Node gives its number.
const foreignFormatCodes = new Set(["ENOENT", "ENOEXEC", "Unknown system error -8"])

const lookupCodes = new Set([...foreignFormatCodes, "EACCES", "EPERM", "ENOTDIR", "ELOOP", "ENAMETOOLONG"])

const lookAround = (code: string, attempt: SpawnAttempt): ProcessErrorReason | undefined => {
  const { command, cwd } = attempt
  try {
    const description = cwd === undefined ? undefined : faultOfDirectory(cwd)
    if (cwd === undefined || description === undefined) return faultOfCommand(code, attempt)
    return new BadWorkingDirectory({ command, cwd: path.resolve(cwd), description })
  } catch {
    // What was being looked at vanished or may not be looked at: then the system's own code is all there is to tell.
    return undefined
  }
}

// A missing PATH means the C library's own default.
const defaultPath = "/bin:/usr/bin"

const faultOfCommand = (code: string, { command, cwd, env }: SpawnAttempt): ProcessErrorReason | undefined => {
  // With a slash it is a path, seen from the child's working directory; without one it is sought in the child's PATH.
  const isPath = command.includes("/")
  const from = path.resolve(cwd ?? "")
  const searched = isPath
    ? [path.resolve(from, command)]
    : (env["PATH"] ?? defaultPath).split(path.delimiter).map((directory) => path.resolve(from, directory))
  const files = isPath ? searched : searched.map((directory) => path.join(directory, command))
  const found = files.find((file) => isThere(file))
  if (found === undefined) return new CommandNotFound({ command, searched })
  const description = faultOfFile(code, found)
  return description === undefined ? undefined : new NotExecutable({ command, path: found, description })
}

const faultOfFile = (code: string, file: string): string | undefined => {
  if (fs.statSync(file).isDirectory()) return "is a directory. Name the program in it"
  if (!mayAccess(file, fs.constants.X_OK)) {
    return "is not executable. Run chmod +x on it, or make its interpreter the command"
  }
  const interpreter = interpreterOf(file)
  if (interpreter !== undefined && !isThere(interpreter)) {
    return `asks for the interpreter ${interpreter}, which does not exist. Install it, or correct the file's first line`
  }
  return foreignFormatCodes.has(code) ? "was built for another system. Install a build for this one" : undefined
}

const interpreterOf = (file: string): string | undefined => {
  if (!mayAccess(file, fs.constants.R_OK)) return undefined
  const descriptor = fs.openSync(file, "r")
  try {
    // Linux reads no more than 256 bytes of a #! line either.
    const start = Buffer.alloc(256)
    const length = fs.readSync(descriptor, start, 0, start.length, 0)
    return /^#![ \t]*([^ \t\r\n]+)/.exec(start.toString("utf8", 0, length))?.[1]
  } finally {
    fs.closeSync(descriptor)
  }
}

const faultOfDirectory = (directory: string): string | undefined => {
  if (!isThere(directory)) return "does not exist. Create it, or correct cwd"
  if (!fs.statSync(directory).isDirectory()) return "is not a directory. Correct cwd"
  return mayAccess(directory, fs.constants.X_OK) ? undefined : "may not be entered by this user"
}

const isThere = (file: string): boolean => mayAccess(file, fs.constants.F_OK)

const mayAccess = (file: string, mode: number): boolean => {
  try {
    fs.accessSync(file, mode)
    return true
  } catch {
    // That it throws is how accessSync says no.
    return false
  }
}

const errorCode = (error: unknown): string =>
  isNativeError(error) && "code" in error && typeof error.code === "string" ? error.code : "UNKNOWN"
