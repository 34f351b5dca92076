/**
 * The shell this command runs in: its streams, its terminal, its working directory.
 *
 * Results go to stdout and nothing else does. Writing waits until the text is given to the operating system, so that nothing is
 * lost when the process exits. A reader that has gone away (`holdfast tools | head -1`) is no failure; a full disk is one.
 */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"

/** Standard input could not be read. */
export class StdinUnreadable extends Data.TaggedError("StdinUnreadable")<{ readonly message: string }> {}

/** Standard output took not all of the text: the operating system's reason is the message. */
export class OutputUnwritable extends Data.TaggedError("OutputUnwritable")<{ readonly message: string }> {}

export interface Output<out E = never> {
  /** Writes the text, or the bytes, as they are. */
  readonly write: (text: string | Uint8Array) => Effect.Effect<void, E>
  /** False: its reader has gone away, and nothing that is written arrives. */
  readonly hasReader: () => boolean
  readonly isTerminal: boolean
  /** A terminal, and the user has not asked for plain text (`NO_COLOR`, `TERM=dumb`). */
  readonly hasColor: boolean
  /** Width of the terminal; `undefined` when it is none. */
  readonly columns: number | undefined
  /** Its reader has gone, which a write has noticed: what goes on for ever has no reason to. */
  readonly gone: Effect.Effect<void>
}

export class Shell extends Context.Service<Shell, {
  readonly directory: string
  readonly version: string
  /** False: the user forbids the daemon (`HOLDFAST_NO_DAEMON`). */
  readonly usesDaemon: boolean
  readonly environment: Readonly<Record<string, string | undefined>>
  /** What this program is run by, and its own file. Empty in a standalone executable, which is run by itself. */
  readonly node: { readonly version: string; readonly path: string; readonly main: string }
  readonly platform: string
  readonly stdout: Output<OutputUnwritable>
  /** Never fails: where a complaint cannot be told there is nowhere to tell that either. The exit code still says it. */
  readonly stderr: Output
  /** Everything on standard input, up to its end. */
  readonly stdin: Effect.Effect<string, StdinUnreadable>
  /** The same in pieces, read as they are taken: the rest stays in the pipe. */
  readonly stdinChunks: AsyncIterable<Uint8Array>
  /**
   * Asks the person at the terminal for a line, behind a prompt on stderr. `None`: the input has ended (Ctrl-D). Undefined where there is no
   * person: stdin or stderr is no terminal.
   */
  readonly ask: ((prompt: string) => Effect.Effect<Option.Option<string>>) | undefined
}>()("holdfast/Shell") {}
