/** Wraps the platform: stdin and stdout of this process, and the process that started it. */
import * as LineFraming from "@holdfast/protocol/LineFraming"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Buffer } from "node:buffer"

/** Why nobody listens any more. */
export type StdioEnd = "stdin ended" | "stdout broke" | "the parent died" | "the server closed"

export interface NodeStdio {
  /** Reads until the Scope closes. */
  readonly read: (handlers: StdioHandlers) => Effect.Effect<void, never, Scope.Scope>
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

/** Watches until the Scope closes. */
export const open = Effect.gen(function*(): Effect.fn.Return<NodeStdio, never, Scope.Scope> {
  const ended = Deferred.makeUnsafe<StdioEnd>()
  const parent = process.ppid
  const end = (reason: StdioEnd): void => void Deferred.doneUnsafe(ended, Effect.succeed(reason))
  // For as long as the process lives: the last answers may be on their way when nobody waits for anything any more.
  process.stdout.on("error", () => end("stdout broke"))
  // Who killed our parent need not have closed our stdin: somebody else may hold its other end.
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
