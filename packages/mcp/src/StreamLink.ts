/**
 * Newline-delimited JSON-RPC over two streams, whatever is at their other ends.
 *
 * Promises: those of every link, and what `StdioLink` says of noise, of what is too long and of frames that wait.
 *
 * @example
 * ```ts
 * import type { LinkReceiver } from "@holdfast/mcp/Link"
 * import * as StreamLink from "@holdfast/mcp/StreamLink"
 * import * as Effect from "effect/Effect"
 * import type { Duplex } from "node:stream"
 *
 * export const over = (socket: Duplex, receiver: LinkReceiver) =>
 *   StreamLink.make({ name: "a socket", input: socket, output: socket, ended: Effect.never, patience: "1 second" }, receiver)
 * ```
 */
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as LineFraming from "@holdfast/protocol/LineFraming"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Buffer } from "node:buffer"
import type { Readable, Writable } from "node:stream"
import { Audience } from "./internal/link/Audience.ts"
import * as Boundary from "./internal/link/Boundary.ts"
import { faulty } from "./internal/link/incoming.ts"
import * as FrameWriter from "./internal/stdio/FrameWriter.ts"
import type { Link, LinkClosed, LinkReceiver } from "./Link.ts"

/** Two streams, and what is known of the program at their other ends. */
export interface StreamLinkOptions {
  /** For what is logged. */
  readonly name: string
  readonly input: Readable
  readonly output: Writable
  /** What is known of the other end's end. `patience`: how long a broken stream is kept for that to come. */
  readonly ended: Effect.Effect<LinkClosed>
  readonly patience: Duration.Input
  readonly maxMessageBytes?: number | undefined
  /** Given each line as it came, in the place of the receiver's messages: for programs that pass them on. Default: they are read. */
  readonly onLine?: ((line: string) => void) | undefined
  /** The last words that the other end has written to stderr, for errors. Default: none. */
  readonly stderrTail?: (() => string) | undefined
  readonly process?: { readonly pid: number } | undefined
}

/** A link over the streams, which their owner closes. Closing the Scope settles what is pending. */
export const make = Effect.fnUntraced(function*(
  options: StreamLinkOptions,
  receiver: LinkReceiver
): Effect.fn.Return<Link, never, Scope.Scope> {
  const closed = yield* Deferred.make<LinkClosed>()
  const broken = yield* Deferred.make<string>()
  const boundary = yield* Boundary.here(options.name)
  const audience = new Audience(receiver, boundary)
  const { input, onLine, output } = options
  let received = 0
  let isOpen = true
  let isReadable = true

  const deliver = (frame: JsonRpc.Incoming | JsonRpc.Malformed, size?: number): void => {
    if (isOpen) audience.received(frame, size)
  }

  const writer = FrameWriter.make({
    output,
    audience,
    onBroken: ({ message }) => {
      Deferred.doneUnsafe(broken, Effect.succeed(`its stdin can no longer be written to (${message})`))
    }
  })

  const framing = LineFraming.make({
    maxLineBytes: options.maxMessageBytes,
    onLine: (line) => {
      if (!isOpen) return
      if (onLine !== undefined) return audience.line(onLine, line)
      const frame = JsonRpc.decode(line)
      if (frame._tag !== "Batch") return deliver(frame, line.length)
      for (const each of frame.frames) deliver(each, line.length)
    },
    onFault: (fault) => deliver(faulty(fault))
  })

  /** What cannot be read, such as a text longer than Node can make, is the end of the reading. */
  const reading = (read: () => void): void => {
    if (!isReadable) return
    try {
      read()
    } catch (error) {
      isReadable = false
      boundary.report("the reading of its output", error)
      Deferred.doneUnsafe(broken, Effect.succeed("its output could not be read"))
    }
  }

  const finish = (reason: LinkClosed): void => {
    if (!isOpen) return
    // A line that we ourselves cut off is no fault of the server's.
    if (reason._tag !== "Released") reading(framing.end)
    isOpen = false
    audience.closed(reason)
    writer.close(describe(reason))
    Deferred.doneUnsafe(closed, Effect.succeed(reason))
  }
  yield* Effect.addFinalizer(() => Effect.sync(() => finish({ _tag: "Released" })))

  input.on("data", (chunk: Buffer) => {
    received += chunk.length
    reading(() => writer.cork(() => framing.push(chunk)))
  })
  input.once("end", () => Deferred.doneUnsafe(broken, Effect.succeed("it closed its stdout")))

  const cutOff = Effect.flatMap(
    Deferred.await(broken),
    (description) => Effect.as(Effect.sleep(options.patience), { _tag: "PipeBroken", description } as const)
  )
  yield* Effect.forkScoped(
    Effect.flatMap(Effect.raceFirst(options.ended, cutOff), (reason) => Effect.sync(() => finish(reason))),
    { startImmediately: true }
  )

  return {
    post: writer.post,
    withdraw: writer.withdraw,
    forget: () => {},
    isCongested: writer.isCongested,
    setProtocolVersion: () => {},
    closed: Deferred.await(closed),
    received: () => received,
    stderrTail: options.stderrTail ?? (() => ""),
    process: options.process
  }
})

const describe = (reason: LinkClosed): string =>
  reason._tag === "ProcessEnded"
    ? "the server's process ended"
    : reason._tag === "PipeBroken"
    ? reason.description
    : "closed"
