/**
 * Everything that can go wrong between asking for a process and having it.
 *
 * One outer error, `ProcessError`, with a tagged `reason`: match on it with
 * `Effect.catchReason("ProcessError", "CommandNotFound", …)`. How a process that did start came to its end is not an error
 * of this package: it is data, `ProcessExit`.
 *
 * No message holds an argument or a value of the environment: both may carry secrets.
 *
 * @example
 * ```ts
 * import * as SupervisedProcess from "@holdfast/process/SupervisedProcess"
 * import * as Effect from "effect/Effect"
 *
 * export const program = SupervisedProcess.spawn({ command: "no-such-command", args: [] }).pipe(
 *   Effect.catchReason("ProcessError", "CommandNotFound", ({ searched }) => Effect.logError("not in", searched)),
 *   Effect.scoped
 * )
 * ```
 */
import * as Data from "effect/Data"

/** No file of that name in the child's PATH, or no file at the path given. Trying again does not help. */
export class CommandNotFound extends Data.TaggedError("CommandNotFound")<{
  readonly command: string
  /** Where it was looked for: the directories of the child's PATH, or the one full path. */
  readonly searched: ReadonlyArray<string>
}> {
  override get message(): string {
    return this.command.includes("/")
      ? `cannot start "${this.command}": there is no file ${
        this.searched.join(", ")
      }. Correct the path or the working directory`
      : `cannot start "${this.command}": no such command in PATH (${this.searched.join(":")}).` +
        " Install it, or give its full path"
  }
}

/** The file exists, but the system refuses to run it. Trying again does not help. */
export class NotExecutable extends Data.TaggedError("NotExecutable")<{
  readonly command: string
  /** The file that was found. */
  readonly path: string
  /** Why it cannot be run and what to do. */
  readonly description: string
}> {
  override get message(): string {
    return `cannot start "${this.command}": ${this.path} ${this.description}`
  }
}

/** The working directory does not exist, is no directory or may not be entered. Trying again does not help. */
export class BadWorkingDirectory extends Data.TaggedError("BadWorkingDirectory")<{
  readonly command: string
  /** The directory, resolved to an absolute path. */
  readonly cwd: string
  readonly description: string
}> {
  override get message(): string {
    return `cannot start "${this.command}": its working directory ${this.cwd} ${this.description}`
  }
}

/** The machine has no room for another process just now. The only reason for which trying later can help. */
export class ResourceExhausted extends Data.TaggedError("ResourceExhausted")<{
  readonly command: string
  /** `EAGAIN`, `EMFILE`, `ENFILE` or `ENOMEM`. */
  readonly code: string
}> {
  /** True: others give back what is missing here. */
  readonly retryable = true

  override get message(): string {
    return `cannot start "${this.command}" now: ${shortages[this.code] ?? "a resource is exhausted"} (${this.code})`
  }
}

/** The options make no sense, or the system refused for a reason without a name of its own here. */
export class SpawnFailed extends Data.TaggedError("SpawnFailed")<{
  readonly command: string
  /** The system's error code, or `EINVAL` for options refused before the system was asked. */
  readonly code: string
  readonly description: string
}> {
  override get message(): string {
    return `cannot start "${this.command}": ${this.description} (${this.code})`
  }
}

/** One of the reasons, by its `_tag`. */
export type ProcessErrorReason =
  | CommandNotFound
  | NotExecutable
  | BadWorkingDirectory
  | ResourceExhausted
  | SpawnFailed

/**
 * The process could not be started, and nothing of it is left. `reason` says why; `message` is the reason's.
 */
export class ProcessError extends Data.TaggedError("ProcessError")<{ readonly reason: ProcessErrorReason }> {
  /** Whether the same options may succeed later. */
  get retryable(): boolean {
    return this.reason._tag === "ResourceExhausted"
  }

  override get message(): string {
    return this.reason.message
  }
}

const shortages: Readonly<Record<string, string>> = {
  EAGAIN: "this user may have no more processes. Close some, or raise the limit (ulimit -u)",
  EMFILE: "this program has too many open files. Close connections, or raise the limit (ulimit -n)",
  ENFILE: "the machine has too many open files",
  ENOMEM: "the machine is out of memory"
}
