/**
 * The host of a stdio server: its lines on our stdin, and ours on stdout, in order.
 *
 * What is written is given to the operating system before `end` returns. A host that has gone reads nothing more, and that is no failure.
 */
import * as LineFraming from "@holdfast/protocol/LineFraming"
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import { Buffer } from "node:buffer"
import { Shell, StdinUnreadable } from "./Shell.ts"

export interface HostLines {
  /** Writes the text as it is. */
  readonly write: (text: string) => void
  /** Nothing more is written; what was is on its way. */
  readonly end: Effect.Effect<void>
}

export const make = Effect.gen(function*() {
  const { stdout } = yield* Shell
  const queue = yield* Queue.unbounded<string, Cause.Done>()
  const writing = yield* Effect.forkScoped(
    Effect.forever(Effect.flatMap(Queue.takeAll(queue), (texts) => stdout.write(texts.join("")))).pipe(Effect.ignore)
  )
  const lines: HostLines = {
    write: (text) => void Queue.offerUnsafe(queue, text),
    end: Effect.andThen(Queue.end(queue), Effect.asVoid(Fiber.await(writing)))
  }
  return lines
})

/** Reads lines until the host closes its end. What is no line of text is left out. */
export const read = (onLine: (line: string) => void): Effect.Effect<void, never, Shell> =>
  Effect.flatMap(Shell, ({ stdinChunks }) => {
    const framing = LineFraming.make({ onLine, onFault: () => {} })
    const chunks = Stream.fromAsyncIterable(stdinChunks, (error) => new StdinUnreadable({ message: String(error) }))
    return Stream.runForEach(chunks, (chunk) => Effect.sync(() => framing.push(Buffer.from(chunk)))).pipe(
      // A stdin that breaks is a host that has gone.
      Effect.ignore,
      Effect.andThen(Effect.sync(() => framing.end()))
    )
  })
