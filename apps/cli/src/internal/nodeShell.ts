/**
 * The shell as Node sees it: of the files here only `main.ts` and `nodeScreen.ts` touch `process` besides.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import { fstatSync, write } from "node:fs"
import { isSea } from "node:sea"
import type { WriteStream } from "node:tty"
import { getSystemErrorMessage } from "node:util"
import { type Output, OutputUnwritable, Shell, StdinUnreadable } from "../Shell.ts"
import { version } from "./version.ts"

/** The process's own streams. */
export const layer: Layer.Layer<Shell> = Layer.effect(
  Shell,
  Effect.map(Effect.cached(Effect.suspend(() => readStdin)), (stdin) => {
    const stderr = output(process.stderr)
    return {
      directory: process.cwd(),
      version,
      usesDaemon: (process.env["HOLDFAST_NO_DAEMON"] ?? "") === "",
      environment: process.env,
      node: { version: process.versions.node, path: process.execPath, main: mainFile() },
      platform: process.platform,
      stdout: output(process.stdout),
      // Said in `Shell`: there is nowhere left to complain.
      stderr: { ...stderr, write: (text) => Effect.ignore(stderr.write(text)) },
      stdin,
      stdinChunks: process.stdin,
      ask: process.stdin.isTTY === true && stderr.isTerminal ? ask : undefined
    }
  })
)

/** A standalone executable is its own main file. */
const mainFile = (): string => isSea() ? "" : process.argv[1] ?? ""

const output = (stream: WriteStream & { readonly fd: number }): Output<OutputUnwritable> => {
  const isTerminal = stream.isTTY === true
  const file = fstatSync(stream.fd)
  const isFile = file.isFile() || (file.isCharacterDevice() && !isTerminal)
  let hasReader = true
  /** A reader that has gone away has chosen to. */
  const unwritable = (error: NodeJS.ErrnoException): Effect.Effect<void, OutputUnwritable> => {
    if (error.code !== "EPIPE") return Effect.fail(new OutputUnwritable({ message: reasonOf(error) }))
    hasReader = false
    return Effect.void
  }
  /**
   * Writes all of it. Node's own stream for a file takes a write that was cut short (a disk that is full in the middle of it) for
   * a whole one; the system gives the reason only for the next write, that of the rest.
   */
  const writeFile = (fd: number, rest: Uint8Array): Effect.Effect<void, OutputUnwritable> =>
    Effect.callback((resume) => {
      write(fd, rest, (error, written) =>
        resume(
          error !== null
            ? unwritable(error)
            : written < rest.length
            ? writeFile(fd, rest.subarray(written))
            : Effect.void
        ))
    })
  return {
    hasReader: () => hasReader,
    isTerminal,
    hasColor: isTerminal && !process.env["NO_COLOR"] && process.env["TERM"] !== "dumb",
    // Some terminals say that they have no width.
    columns: isTerminal ? stream.columns || 80 : undefined,
    gone: Effect.callback((resume) => {
      const onError = ({ code }: NodeJS.ErrnoException): void => {
        if (code === "EPIPE") resume(Effect.void)
      }
      stream.on("error", onError)
      return Effect.sync(() => void stream.off("error", onError))
    }),
    write: (text) =>
      text.length === 0
        ? Effect.void
        : isFile
        ? writeFile(stream.fd, typeof text === "string" ? Buffer.from(text) : text)
        : Effect.callback((resume) => {
          stream.write(text, (error) => resume(error == null ? Effect.void : unwritable(error)))
        })
  }
}

/** The operating system's reason, in its words. */
export const reasonOf = (error: NodeJS.ErrnoException): string =>
  error.errno === undefined ? error.message : `${getSystemErrorMessage(error.errno)} (${error.code})`

/** Each write tells its own error. Without a listener it would be an uncaught exception besides. */
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {})

const readStdin: Effect.Effect<string, StdinUnreadable> = Effect.callback((resume) => {
  const chunks: Array<Uint8Array> = []
  const onData = (chunk: Uint8Array): void => {
    chunks.push(chunk)
  }
  const onEnd = (): void => resume(Effect.succeed(Buffer.concat(chunks).toString("utf8")))
  const onError = ({ message }: Error): void =>
    resume(Effect.fail(new StdinUnreadable({ message: `cannot read standard input: ${message}` })))
  process.stdin.on("data", onData).once("end", onEnd).once("error", onError)
  return Effect.sync(() => {
    process.stdin.off("data", onData).off("end", onEnd).off("error", onError).pause()
  })
})

/** A line of the terminal, with the editing that readline has. Ctrl-C is the signal that it is anywhere else. */
const ask = (prompt: string): Effect.Effect<Option.Option<string>> =>
  Effect.callback((resume) => {
    const { createInterface } = process.getBuiltinModule("node:readline")
    const reader = createInterface({ input: process.stdin, output: process.stderr, historySize: 0 })
    reader.once("line", (line) => {
      resume(Effect.succeedSome(line))
      reader.close()
    })
    reader.once("close", () => resume(Effect.succeedNone))
    reader.once("SIGINT", () => process.kill(process.pid, "SIGINT"))
    reader.setPrompt(prompt)
    reader.prompt()
    return Effect.sync(() => reader.close())
  })
