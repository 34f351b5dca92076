/**
 * A call as a stream of what happens to it, for readers of any speed.
 *
 * Promises
 * - Every report of progress is there, in order, then the result, as long as the reader is no more than `mostWaiting` behind.
 * - Of what comes after that only the newest is kept, in the last place, and says how many reports it stands for: memory is bounded, the
 *   reader knows what it misses, and a call is never slowed down by its reader.
 * - What has waited is delivered before a failure, too. Leaving the stream interrupts the call.
 */
import type * as Messages from "@holdfast/protocol/Messages"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import type { ToolEvent } from "./contract.ts"

/** Reports that may wait for a reader. */
export const mostWaiting = 1024

export const toolEvents = <E>(
  call: (onProgress: (progress: Messages.Progress) => void) => Effect.Effect<Messages.CallToolResult, E>
): Stream.Stream<ToolEvent, E> =>
  Stream.suspend(() => {
    let waiting: Array<ToolEvent> = []
    const add = (progress: Messages.Progress): void => {
      const last = waiting.length < mostWaiting ? undefined : waiting.pop()
      const skipped = last?._tag === "Progress" ? (last.skipped ?? 0) + 1 : 0
      waiting.push({ _tag: "Progress", progress, ...(skipped > 0 && { skipped }) })
    }
    // What waits is told of by one signal, however much it is: so the newest can still take the place of the last.
    return Stream.callback<void, E>((signal) =>
      call((progress) => {
        add(progress)
        Queue.offerUnsafe(signal, undefined)
      }).pipe(
        Effect.andThen((result) => {
          waiting.push({ _tag: "Result", result })
          return Queue.offer(signal, undefined)
        }),
        Effect.andThen(Queue.end(signal))
      ), { bufferSize: 1, strategy: "sliding" }).pipe(
        Stream.flatMap(() => {
          const ready = waiting
          waiting = []
          return Stream.fromIterable(ready)
        })
      )
  })
