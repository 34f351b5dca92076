/**
 * Wraps the platform: stdin and stdout of this process, and the process that started it.
 *
 * The streams are shared with every library of the program. From here on stdout is the client's: what others write there, by `process.stdout`,
 * `console` or a worker, goes to stderr, as long as the process lives. **Gotchas**: a child that inherits descriptor 1, an addon or `fs.writeSync(1)`
 * writes beside the stream, and is not caught.
 */
import * as LineFraming from "@holdfast/protocol/LineFraming"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Buffer } from "node:buffer"

/** Why the client does not listen any more. */
export type StdioEnd = "stdin ended" | "stdout broke" | "the parent died" | "the server closed"

export interface NodeStdio {
  /** Reads until the Scope closes. */
  readonly read: (handlers: StdioHandlers) => Effect.Effect<void, never, Scope.Scope>
  readonly write: (text: string) => void
  /** Waits until the client does not listen any more. */
  readonly ended: Effect.Effect<StdioEnd>
  /** Waits until what was written is out, or cannot get out. */
  readonly flushed: Effect.Effect<void>
}

export interface StdioHandlers {
  readonly onLine: (line: string) => void
  readonly onFault: (description: string) => void
}

/** Watches until the Scope closes. */
export const open = Effect.gen(function*(): Effect.fn.Return<NodeStdio, never, Scope.Scope> {
  const ended = Deferred.makeUnsafe<StdioEnd>()
  const parent = process.ppid
  const end = (reason: StdioEnd): void => void Deferred.doneUnsafe(ended, Effect.succeed(reason))
  const write = takeStdout()
  // For as long as the process lives: the last answers may be on their way when nothing waits any more.
  process.stdout.on("error", () => end("stdout broke"))
  ignoreStderr()
  // The death of our parent need not close our stdin: another process may hold its other end.
  yield* Effect.sleep("1 second").pipe(
    Effect.andThen(Effect.sync(() => process.ppid === parent ? undefined : end("the parent died"))),
    Effect.forever,
    Effect.forkScoped
  )
  return {
    read: ({ onFault, onLine }) =>
      Effect.asVoid(Effect.acquireRelease(
        Effect.sync(() => {
          const framing = LineFraming.make({ onLine, onFault: (fault) => onFault(fault._tag) })
          const onData = (chunk: Buffer): void => framing.push(chunk)
          const onEnd = (): void => {
            framing.end()
            end("stdin ended")
          }
          process.stdin.on("data", onData).once("end", onEnd).once("close", onEnd).once("error", onEnd)
          return () => {
            process.stdin.off("data", onData).off("end", onEnd).off("close", onEnd).off("error", onEnd).pause()
          }
        }),
        (stop) => Effect.sync(stop)
      )),
    write: (text) => {
      // By what waits already: one message may be larger than that, and reach a client that reads.
      if (process.stdout.writableLength > maxWaitingBytes) return end("stdout broke")
      write(text)
    },
    ended: Deferred.await(ended),
    flushed: Effect.callback((resume) => {
      if (!process.stdout.writable) return resume(Effect.void)
      write("", () => resume(Effect.void))
    })
  }
})

/** Writes to the client. Each stdout is taken once. */
type Write = (text: string, onDone?: () => void) => void

const takenFrom = new WeakMap<object, Write>()

const takeStdout = (): Write => {
  const { stdout } = process
  const before = takenFrom.get(stdout)
  if (before !== undefined) return before
  // By object, and where the stream hands on what it was given: some have kept its `write` from before.
  const own = new WeakSet<object>()
  const taken: Write = (text, onDone) => {
    const bytes = Buffer.from(text)
    own.add(bytes)
    stdout.write(bytes, () => onDone?.())
  }
  takenFrom.set(stdout, taken)
  // What was printed before, by an import perhaps, may have left a line without its end.
  if (stdout.bytesWritten > 0) taken("\n")
  const isOwn = (chunk: unknown): boolean => typeof chunk === "object" && chunk !== null && own.has(chunk)
  const elsewhere = (chunk: string | Uint8Array, encoding: BufferEncoding): void => {
    process.stderr.write(
      typeof chunk === "string" && Buffer.isEncoding(encoding) ? Buffer.from(chunk, encoding) : chunk
    )
  }
  const write = stdout._write.bind(stdout)
  const writeAll = stdout._writev?.bind(stdout)
  const destroy = stdout.destroy.bind(stdout)
  const destroyIfBroken = (error?: Error): typeof stdout => error === undefined ? stdout : destroy(error)
  Object.assign(stdout, {
    _write: (chunk: string | Uint8Array, encoding: BufferEncoding, onDone: (error?: Error | null) => void): void => {
      if (isOwn(chunk)) return write(chunk, encoding, onDone)
      elsewhere(chunk, encoding)
      onDone()
    },
    ...(writeAll !== undefined && {
      _writev: (chunks: ReadonlyArray<Waiting>, onDone: (error?: Error | null) => void): void => {
        for (const { chunk, encoding } of chunks) if (!isOwn(chunk)) elsewhere(chunk, encoding)
        const kept = chunks.filter(({ chunk }) => isOwn(chunk))
        // The platform looks for this mark at the list itself.
        if (kept.length > 0) writeAll(Object.assign(kept, { allBuffers: true }), onDone)
        else onDone()
      }
    }),
    // Nothing else ends it, holds it back or changes its letters.
    end: (...given: ReadonlyArray<unknown>): typeof stdout => {
      const [chunk] = given
      if (typeof chunk === "string" || chunk instanceof Uint8Array) stdout.write(chunk)
      const onDone = given.find((one) => typeof one === "function")
      if (onDone !== undefined) process.nextTick(onDone)
      return stdout
    },
    destroy: destroyIfBroken,
    destroySoon: destroyIfBroken,
    cork: () => {},
    setDefaultEncoding: () => stdout
  })
  return taken
}

/** As a stream hands on what has piled up. */
interface Waiting {
  readonly chunk: string | Uint8Array
  readonly encoding: BufferEncoding
}

/** A client need not read stderr. What is logged is lost then, and no more. */
const ignoreStderr = (): void => {
  if (!process.stderr.listeners("error").includes(ignore)) process.stderr.on("error", ignore)
}

const ignore = (): void => {}

/** A client that lets more than this pile up does not read: it would fill the memory. */
const maxWaitingBytes = LineFraming.defaultMaxLineBytes
