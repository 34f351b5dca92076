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
 */
import type { ProcessError } from "@holdfast/process/ProcessError"
import * as SupervisedProcess from "@holdfast/process/SupervisedProcess"
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as LineFraming from "@holdfast/protocol/LineFraming"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Buffer } from "node:buffer"
import { Audience } from "./internal/Audience.ts"
import * as Boundary from "./internal/Boundary.ts"
import * as FrameWriter from "./internal/FrameWriter.ts"
import { faulty, unbatch } from "./internal/incoming.ts"
import { HoldsProgram } from "./internal/Lifeline.ts"
import type { Link, LinkClosed, LinkReceiver } from "./Link.ts"

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
  const closed = yield* Deferred.make<LinkClosed>()
  const broken = yield* Deferred.make<string>()
  const boundary = yield* Boundary.here(options.command)
  const audience = new Audience(receiver, boundary)
  const { onLine } = options
  let received = 0
  let isOpen = true
  let isReadable = true

  const deliver = (frame: JsonRpc.Incoming | JsonRpc.Malformed): void => {
    if (isOpen) audience.received(frame)
  }

  const writer = FrameWriter.make({
    output: child.stdin,
    audience,
    onBroken: ({ message }) => {
      Deferred.doneUnsafe(broken, Effect.succeed(`its stdin can no longer be written to (${message})`))
    }
  })

  const framing = LineFraming.make({
    maxLineBytes: options.maxMessageBytes,
    onLine: (line) => {
      if (!isOpen) return
      if (onLine === undefined) unbatch(JsonRpc.decode(line), deliver)
      else audience.line(onLine, line)
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
    // A line that we ourselves cut off is nobody's fault.
    if (reason._tag !== "Released") reading(framing.end)
    isOpen = false
    audience.closed(reason)
    writer.close(describe(reason))
    Deferred.doneUnsafe(closed, Effect.succeed(reason))
  }
  yield* Effect.addFinalizer(() => Effect.sync(() => finish({ _tag: "Released" })))

  child.stdout.on("data", (chunk: Buffer) => {
    received += chunk.length
    reading(() => writer.together(() => framing.push(chunk)))
  })
  child.stdout.once("end", () => Deferred.doneUnsafe(broken, Effect.succeed("it closed its stdout")))

  const ended = Effect.map(child.exit, (exit): LinkClosed => ({
    _tag: "ProcessEnded",
    end: { ...exit, stderrTail: child.stderrTail() }
  }))
  const cutOff = Effect.flatMap(
    Deferred.await(broken),
    (description) => Effect.as(Effect.sleep("500 millis"), { _tag: "PipeBroken", description } as const)
  )
  yield* Effect.forkScoped(
    Effect.flatMap(Effect.raceFirst(ended, cutOff), (reason) => Effect.sync(() => finish(reason))),
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
    stderrTail: child.stderrTail,
    process: { pid: child.pid }
  }
})

const describe = (reason: LinkClosed): string =>
  reason._tag === "ProcessEnded"
    ? "the server's process ended"
    : reason._tag === "PipeBroken"
    ? reason.description
    : "closed"
