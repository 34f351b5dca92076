/** Wraps the platform: stdin and stdout of this process, the process that started it, and its end. */
import * as LineFraming from "@holdfast/protocol/LineFraming"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Buffer } from "node:buffer"

/** Why nobody listens any more. */
export type StdioEnd = "stdin ended" | "stdout broke" | "the parent died" | "the server closed"

export interface NodeStdio {
  readonly write: (text: string) => void
  /** Waits until nobody listens any more. */
  readonly ended: Effect.Effect<StdioEnd>
  /** Waits until what was written is out, or cannot get out. */
  readonly flushed: Effect.Effect<void>
}

export interface StdioHandlers {
  readonly onLine: (line: string) => void
  readonly onFault: (description: string) => void
}

/** Reads until the Scope closes. */
export const open = Effect.fnUntraced(function*(
  { onFault, onLine }: StdioHandlers
): Effect.fn.Return<NodeStdio, never, Scope.Scope> {
  const ended = Deferred.makeUnsafe<StdioEnd>()
  const parent = process.ppid
  const end = (reason: StdioEnd): void => void Deferred.doneUnsafe(ended, Effect.succeed(reason))
  yield* Effect.acquireRelease(
    Effect.sync(() => {
      const framing = LineFraming.make({ onLine, onFault: (fault) => onFault(fault._tag) })
      const onData = (chunk: Buffer): void => framing.push(chunk)
      const onEnd = (): void => end("stdin ended")
      const onError = (): void => end("stdout broke")
      process.stdin.on("data", onData).once("end", onEnd).once("close", onEnd).once("error", onEnd)
      process.stdout.on("error", onError)
      return () => {
        process.stdin.off("data", onData).off("end", onEnd).off("close", onEnd).off("error", onEnd).pause()
      }
    }),
    (stop) => Effect.sync(stop)
  )
  // Who killed our parent need not have closed our stdin: somebody else may hold its other end.
  yield* Effect.sleep("1 second").pipe(
    Effect.andThen(Effect.sync(() => process.ppid === parent ? undefined : end("the parent died"))),
    Effect.forever,
    Effect.forkScoped
  )
  return {
    write: (text) => {
      // By what waits already: one message may be larger than that, and reach a client that reads.
      if (process.stdout.writableLength > maxWaitingBytes) return end("stdout broke")
      process.stdout.write(text)
    },
    ended: Deferred.await(ended),
    flushed: Effect.callback((resume) => {
      if (!process.stdout.writable) return resume(Effect.void)
      process.stdout.write("", () => resume(Effect.void))
    })
  }
})

/** A client that lets more than this pile up does not read: it would fill the memory. */
const maxWaitingBytes = LineFraming.defaultMaxLineBytes

/** Ends the process, whatever timers and sockets would keep it. */
export const exit = (code: number): void => process.exit(code)
