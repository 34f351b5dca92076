/**
 * Newline-delimited JSON-RPC over the stdin and stdout of a supervised process.
 *
 * Promises, on top of those of every link
 * - A server that prints noise, invalid UTF-8 or a line that is too long loses at most the call which that line answered.
 * - When the process ends, what it had written before is delivered first, and `closed` says how it ended, with its last words.
 * - A frame that waits behind a server which does not read can be taken back, and fails as not sent if the server dies.
 *
 * **Gotchas**: the death of the process that we started is the end of the link, even if a child of it still holds the pipes.
 * A process that closes a pipe gets half a second to exit, so that its end can be told; then the link is closed without it.
 *
 * @example
 * ```ts
 * import type { LinkReceiver } from "@holdfast/mcp/Link"
 * import * as StdioLink from "@holdfast/mcp/StdioLink"
 *
 * export const open = (receiver: LinkReceiver) => StdioLink.make({ command: "my-server", args: [] }, receiver)
 * ```
 */
import type { ProcessError } from "@holdfast/process/ProcessError"
import * as SupervisedProcess from "@holdfast/process/SupervisedProcess"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { HoldsProgram } from "./internal/Lifeline.ts"
import type { Link, LinkClosed, LinkReceiver } from "./Link.ts"
import * as StreamLink from "./StreamLink.ts"

/** How the process is started, and how its output is read. */
export interface StdioLinkOptions extends SupervisedProcess.SpawnOptions {
  /** Longest message accepted. Default: 64 MiB. */
  readonly maxMessageBytes?: number | undefined
  /** Given each line as it came, in the place of the receiver's messages: for programs that pass them on. Default: they are read. */
  readonly onLine?: ((line: string) => void) | undefined
}

/**
 * Starts the process and connects to it. The Scope owns both: closing it settles what is pending at once and then ends the
 * process (stdin end, TERM, KILL). Fails with `ProcessError` when the process cannot be started.
 */
export const make = Effect.fnUntraced(function*(
  options: StdioLinkOptions,
  receiver: LinkReceiver
): Effect.fn.Return<Link, ProcessError, Scope.Scope> {
  const child = yield* SupervisedProcess.spawn(options)
  if (!(yield* HoldsProgram)) child.unref()
  const ended = Effect.map(child.exit, (exit): LinkClosed => ({
    _tag: "ProcessEnded",
    end: { ...exit, stderrTail: child.stderrTail() }
  }))
  const { command, maxMessageBytes, onLine } = options
  return yield* StreamLink.make({
    name: command,
    input: child.stdout,
    output: child.stdin,
    ended,
    patience: "500 millis",
    maxMessageBytes,
    onLine,
    stderrTail: child.stderrTail,
    process: { pid: child.pid }
  }, receiver)
})
