/**
 * Frames into a pipe, so that it is always known which of them the operating system has.
 *
 * Node takes whatever it is given and says "written" of bytes that no kernel has seen. So at most one batch is outstanding:
 * an idle pipe gets a frame at once, and what comes before the write is done waits here and goes as the next batch. That is
 * also all the back-pressure there is: a peer that does not read stops the writer, and what waits can still be taken back.
 *
 * Hand-off is the call of `write()`, with one exception that is certain: when the very first attempt, made by the kernel
 * inside that call, fails (the peer is dead), none of the batch was taken, so none of it was handed over.
 */
import type { Writable } from "node:stream"
import type { LinkFailure, Outbound } from "../../Link.ts"
import type { Audience } from "../link/Audience.ts"

export interface FrameWriter {
  readonly post: (outbound: Outbound) => void
  /** True: it was still waiting and will not be sent. */
  readonly withdraw: (outbound: Outbound) => boolean
  readonly isCongested: () => boolean
  /** Runs this, and writes all that was posted meanwhile in one go: answers that come together let calls go together. */
  readonly cork: (run: () => void) => void
  /** Nothing is written any more; what waits fails as not sent. Idempotent. */
  readonly close: (description: string) => void
}

export interface FrameWriterOptions {
  readonly output: Writable
  /** Told the fates of the frames. */
  readonly audience: Audience
  /** The pipe cannot be written to any more. Called at most once. The writer keeps what waits until it is closed. */
  readonly onBroken: (error: Error) => void
}

// As much as a pipe or a socket of Linux holds, more or less: a larger batch would not be taken at once anyway, and all of
// a batch counts as handed over.
const maxBatchLength = 64 * 1024

export const make = ({ audience, onBroken, output }: FrameWriterOptions): FrameWriter => {
  // Not a Set: see `CallTable`.
  let waiting: Array<Outbound> = []
  let state: "idle" | "writing" | "broken" | "closed" = "idle"
  let closedBecause = ""
  let isGathering = false

  const notSent = (description: string): LinkFailure => ({ _tag: "Lost", delivery: "NotSent", description })

  const breakWith = (error: Error): void => {
    if (state === "broken" || state === "closed") return
    state = "broken"
    onBroken(error)
  }

  const onWritten = (error?: Error | null): void => {
    if (error !== undefined && error !== null) return breakWith(error)
    if (state !== "writing") return
    state = "idle"
    try {
      if (waiting.length > 0) writeNextBatch()
    } catch (error) {
      audience.boundary.report("the writing of what waited", error)
      breakWith(new Error("what waited could not be written"))
    }
  }

  /** True when the kernel, or Node's buffer in front of it, has taken the text. */
  const write = (text: string): boolean => {
    state = "writing"
    if (!output.writable) {
      breakWith(output.errored ?? new Error("the pipe is closed"))
      return false
    }
    output.write(text, "utf8", onWritten)
    // Set within `write` only if the kernel's answer came within it, and then it took nothing.
    const refusal = output.errored
    if (refusal === null) return true
    breakWith(refusal)
    return false
  }

  const handedOff = (outbound: Outbound): void => {
    audience.handedOff(outbound)
    if (outbound.id === undefined) audience.sent(outbound)
  }

  const writeOne = (outbound: Outbound): void => {
    if (write(`${outbound.text}\n`)) handedOff(outbound)
    else waiting.push(outbound)
  }

  const writeNextBatch = (): void => {
    const parts: Array<string> = []
    let length = 0
    let count = 0
    for (const outbound of waiting) {
      if (count > 0 && length + outbound.text.length > maxBatchLength) break
      length += outbound.text.length + 1
      parts.push(outbound.text, "\n")
      count++
    }
    // Joined: a text that is put together bit by bit is put together again when it is written.
    if (!write(parts.join(""))) return
    const batch = waiting.slice(0, count)
    waiting = waiting.slice(count)
    for (const outbound of batch) handedOff(outbound)
  }

  return {
    post: (outbound) => {
      if (state === "idle" && !isGathering) return writeOne(outbound)
      if (state === "closed") return audience.failed(outbound, notSent(closedBecause))
      waiting.push(outbound)
    },
    withdraw: (outbound) => {
      const index = waiting.indexOf(outbound)
      if (index >= 0) waiting.splice(index, 1)
      return index >= 0
    },
    isCongested: () => state !== "idle",
    cork: (run) => {
      const wasIdle = state === "idle"
      isGathering = true
      try {
        run()
      } finally {
        isGathering = false
        if (state === "idle" && waiting.length > 0) writeNextBatch()
        // Those that met a busy pipe knew that they would wait.
        if (wasIdle && waiting.length > 0) { for (const outbound of [...waiting]) audience.queued(outbound) }
      }
    },
    close: (description) => {
      if (state === "closed") return
      state = "closed"
      closedBecause = description
      const failure = notSent(description)
      const left = waiting
      waiting = []
      for (const outbound of left) audience.failed(outbound, failure)
    }
  }
}
