/**
 * A server's process, spoken to in lines that are passed on unread.
 */
import type { LinkClosed } from "@holdfast/mcp/Link"
import * as StdioLink from "@holdfast/mcp/StdioLink"
import type { ProcessError } from "@holdfast/process/ProcessError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { WantedServer } from "../ServerTarget.ts"

export interface ServerProcess {
  readonly pid: number
  /** Gives it a line, without its end. `onHandOff` is called once it may have seen it. */
  readonly send: (text: string, onHandOff: () => void) => void
  /** The present receiver of its lines. */
  onLine: (line: string) => void
  /** Told once, and at once if it has ended before this is set. */
  readonly onClosed: (tell: (closed: LinkClosed) => void) => void
  readonly closed: Effect.Effect<LinkClosed>
  readonly stderrTail: () => string
  /** Ends it, and returns when it has ended. */
  readonly end: Effect.Effect<void>
}

export interface StartOptions {
  /** Told each line that it writes to stderr. */
  readonly onStderrLine: (pid: number, line: string) => void
  /** Told last of all when it has ended, once. */
  readonly onEnded: (pid: number) => void
}

/** Starts it. It lives until `end`, whatever Scope there is: its starter owns it. */
export const start = (
  wanted: WantedServer,
  { onEnded, onStderrLine }: StartOptions
): Effect.Effect<ServerProcess, ProcessError> =>
  Effect.uninterruptible(Effect.gen(function*() {
    const scope = yield* Scope.make()
    let closed: LinkClosed | undefined
    let tell: ((closed: LinkClosed) => void) | undefined
    const { args, command, cwd, environment } = wanted
    const link = yield* StdioLink.make({
      command,
      args,
      cwd,
      env: environment,
      inheritEnv: true,
      parentEnv: {},
      onLine: (line) => process.onLine(line),
      // Not before the process is there: it comes from a stream's event.
      onStderrLine: (line) => onStderrLine(process.pid, line)
    }, {
      onMessage: ignore,
      onMalformed: ignore,
      onClosed: (why) => {
        closed = why
        tell?.(why)
        onEnded(process.pid)
      }
    }).pipe(Scope.provide(scope), Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause))))
    const process: ServerProcess = {
      // A link to a process of ours knows its process.
      pid: link.process?.pid ?? 0,
      send: (text, onHandOff) =>
        link.post({ id: undefined, method: "", text, onHandOff, onSent: ignore, onFailure: ignore }),
      onLine: ignore,
      onClosed: (next) => {
        tell = next
        if (closed !== undefined) next(closed)
      },
      closed: link.closed,
      stderrTail: link.stderrTail,
      end: Scope.close(scope, Exit.void)
    }
    return process
  }))

const ignore = (): void => {}
