/**
 * A link whose other side is in the same program: two byte streams and nothing of the platform, so that it runs on any clock and
 * under any scheduler.
 *
 * Promises, on top of those of every link
 * - What the client posts is handed over as far as the pipe to the server holds it, and waits here otherwise. A frame that waits
 *   can be taken back, and fails as not sent when the server dies. One in the pipe that the dead server never read is in doubt,
 *   exactly as with a real pipe.
 * - What the server wrote before its end is delivered before the end is told.
 * - The server runs in a fiber of the link's Scope. When either ends, so does the other.
 *
 * **Gotchas**: the server never hears a frame within the `post` of it, but what it writes is delivered within its `write`.
 */
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as LineFraming from "@holdfast/protocol/LineFraming"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import { Buffer } from "node:buffer"
import type { Link, LinkClosed, LinkFailure, LinkReceiver, Outbound } from "../../Link.ts"
import type { ProcessEnd } from "../../McpRuntimeError.ts"
import { answeredBy } from "../link/answeredBy.ts"
import { Audience } from "../link/Audience.ts"
import * as Boundary from "../link/Boundary.ts"
import { faulty, messagesOf } from "../link/incoming.ts"

/** How a server's process is said to have ended. */
export interface ExitOptions {
  /** Default: 0, or null with a signal. */
  readonly code?: number | undefined
  readonly signal?: string | undefined
}

/** The server's end of one connection. */
export interface MemoryPeer {
  /** Waits for the next message of the client and takes it out of the pipe: its text, unparsed. One reader at a time. */
  readonly read: Effect.Effect<string>
  /** Writes bytes, which need not be messages, nor whole ones. Nothing comes of it once the connection has ended. */
  readonly write: (bytes: string | Uint8Array) => void
  /** Writes a message: its JSON and a line end. */
  readonly send: (...messages: ReadonlyArray<object>) => void
  /** Writes something that the link reads as this: what is known of a line that was too long, or that came only in part. */
  readonly misread: (frame: JsonRpc.Malformed) => void
  /** Writes to stderr. */
  readonly warn: (words: string) => void
  /** Ends as a process does. What the client has sent and the server has not read is lost. */
  readonly exit: (options?: ExitOptions) => void
  /** Ends in any way a link can: a lost session, a host that is gone, a closed pipe. */
  readonly end: (closed: LinkClosed) => void
  /**
   * Says that a request will get no answer, without ending the connection: what HTTP does with a status. False when no caller waits
   * for one.
   */
  readonly fail: (id: JsonRpc.RequestId, failure: LinkFailure) => boolean
  /** Requests that were handed over and have neither answer nor failure, and whose callers still wait. */
  readonly pending: () => ReadonlyArray<JsonRpc.RequestId>
  /** Called when the caller of a request no longer waits for the answer: over HTTP that is the cancellation. */
  onForgotten: (id: JsonRpc.RequestId) => void
  readonly isOpen: () => boolean
}

export interface MemoryLinkOptions {
  /** What the pipe to the server holds, in bytes. An empty pipe takes any one frame. Default: 64 KiB. */
  readonly capacity?: number | undefined
  /** Longest message accepted. Default: 64 MiB. */
  readonly maxMessageBytes?: number | undefined
}

/** Connects to a server that is a program of ours: its end is the end of the process. */
export const make = Effect.fnUntraced(function*(
  serve: (peer: MemoryPeer) => Effect.Effect<void>,
  receiver: LinkReceiver,
  options: MemoryLinkOptions = {}
): Effect.fn.Return<Link, never, Scope.Scope> {
  const audience = new Audience(receiver, yield* Boundary.here("a link in memory"))
  const pipe = new MemoryPipe(audience, options, yield* Clock.Clock)
  yield* Effect.acquireRelease(
    Effect.forkDetach(Effect.onExit(Effect.suspend(() => serve(pipe)), (exit) =>
      Effect.sync(() => {
        if (exit._tag === "Success") return pipe.exit()
        if (!Cause.hasInterruptsOnly(exit.cause)) pipe.warn(Cause.pretty(exit.cause))
        pipe.exit({ code: 1 })
      }))),
    (fiber) =>
      Effect.suspend(() => {
        pipe.end({ _tag: "Released" })
        return Effect.timeoutOption(Fiber.interrupt(fiber), gracePeriod)
      })
  ).pipe(Effect.tap((fiber) =>
    Effect.sync(() => {
      pipe.stop = () => fiber.interruptUnsafe()
      // It may have ended before this.
      if (!pipe.isOpen()) pipe.stop()
    })
  ))
  return pipe
})

/** How long a server may take to stop, as with processes. */
const gracePeriod = "2 seconds"

const maxStderrLength = 4096

class MemoryPipe implements Link, MemoryPeer {
  readonly #audience: Audience
  readonly #capacity: number
  readonly #clock: Clock.Clock
  readonly #startedAt: bigint
  readonly #closed = Deferred.makeUnsafe<LinkClosed>()
  readonly #framing: LineFraming.LineFraming
  /** Handed over, not yet read. */
  #inbox: Array<string> = []
  #buffered = 0
  #wakeReader: (() => void) | undefined
  readonly #waiting = new Set<Outbound>()
  readonly #asked = new Map<JsonRpc.RequestId, Outbound>()
  /** What was written while a delivery was going on. */
  readonly #written: Array<string | Uint8Array> = []
  #isDelivering = false
  #state: "open" | "ending" | "closed" = "open"
  #received = 0
  #stderr = ""
  stop: () => void = () => {}
  onForgotten: (id: JsonRpc.RequestId) => void = () => {}

  constructor(audience: Audience, options: MemoryLinkOptions, clock: Clock.Clock) {
    this.#audience = audience
    this.#capacity = options.capacity ?? 64 * 1024
    this.#clock = clock
    this.#startedAt = clock.monotonicTimeNanosUnsafe()
    this.#framing = LineFraming.make({
      maxLineBytes: options.maxMessageBytes,
      onLine: (line) => messagesOf(JsonRpc.decode(line)).forEach((frame) => this.#deliver(frame, line.length)),
      onFault: (fault) => this.#deliver(faulty(fault))
    })
  }

  // The client's end.

  readonly closed = Deferred.await(this.#closed)
  readonly received = (): number => this.#received
  readonly stderrTail = (): string => this.#stderr
  readonly setProtocolVersion = (): void => {}
  readonly isCongested = (): boolean => this.#waiting.size > 0 || this.#buffered >= this.#capacity

  readonly post = (outbound: Outbound): void => {
    if (this.#state === "closed") return this.#audience.failed(outbound, notSent("closed"))
    if (this.#state === "open" && this.#waiting.size === 0 && this.#hasRoomFor(outbound)) {
      return this.#handOver(outbound)
    }
    const wasCongested = this.isCongested()
    this.#waiting.add(outbound)
    if (!wasCongested) this.#audience.queued(outbound)
  }

  readonly withdraw = (outbound: Outbound): boolean => this.#waiting.delete(outbound)

  readonly forget = (id: JsonRpc.RequestId): void => {
    if (this.#asked.delete(id)) this.onForgotten(id)
  }

  // The server's end.

  readonly read: Effect.Effect<string> = Effect.suspend(() => {
    const text = this.#take()
    if (text !== undefined) return Effect.succeed(text)
    // Woken within `post`, but not running within it: no server is that fast.
    return Effect.andThen(Effect.andThen(this.#arrival, Effect.yieldNow), this.read)
  })

  readonly #arrival: Effect.Effect<void> = Effect.callback((resume) => {
    // Between the look and this, a frame may have been posted.
    if (this.#inbox.length > 0) return resume(Effect.void)
    const wake = () => resume(Effect.void)
    this.#wakeReader = wake
    return Effect.sync(() => {
      if (this.#wakeReader === wake) this.#wakeReader = undefined
    })
  })

  readonly write = (bytes: string | Uint8Array): void => {
    if (this.#state !== "open") return
    this.#written.push(bytes)
    if (this.#isDelivering) return
    this.#isDelivering = true
    try {
      for (let next = this.#written.shift(); next !== undefined; next = this.#written.shift()) {
        const chunk = Buffer.from(next)
        this.#received += chunk.length
        this.#framing.push(chunk)
      }
    } finally {
      this.#isDelivering = false
    }
  }

  readonly send = (...messages: ReadonlyArray<object>): void =>
    this.write(messages.map((message) => `${JSON.stringify(message)}\n`).join(""))

  readonly misread = (frame: JsonRpc.Malformed): void => {
    if (this.#state === "open") this.#deliver(frame)
  }

  readonly warn = (words: string): void => {
    this.#stderr = (this.#stderr + words).slice(-maxStderrLength)
  }

  readonly exit = ({ code, signal }: ExitOptions = {}): void => {
    const end: ProcessEnd = {
      code: code ?? (signal === undefined ? 0 : null),
      signal: signal ?? null,
      uptimeMillis: Number(this.#clock.monotonicTimeNanosUnsafe() - this.#startedAt) / 1e6,
      stderrTail: this.#stderr
    }
    this.end({ _tag: "ProcessEnded", end })
  }

  readonly end = (closed: LinkClosed): void => {
    if (this.#state !== "open") return
    this.#state = "ending"
    // A line that we ourselves cut off is no fault of the server's.
    if (closed._tag !== "Released") this.#framing.end()
    this.#inbox = []
    this.#asked.clear()
    this.#state = "closed"
    this.#audience.closed(closed)
    const failure = notSent(describe(closed))
    for (const outbound of this.#waiting) this.#audience.failed(outbound, failure)
    this.#waiting.clear()
    Deferred.doneUnsafe(this.#closed, Effect.succeed(closed))
    this.stop()
  }

  readonly fail = (id: JsonRpc.RequestId, failure: LinkFailure): boolean => {
    const outbound = this.#asked.get(id)
    if (outbound === undefined) return false
    this.#asked.delete(id)
    this.#audience.failed(outbound, failure)
    return true
  }

  readonly pending = (): ReadonlyArray<JsonRpc.RequestId> => [...this.#asked.keys()]

  readonly isOpen = (): boolean => this.#state === "open"

  #hasRoomFor({ text }: Outbound): boolean {
    return this.#buffered === 0 || this.#buffered + text.length <= this.#capacity
  }

  #handOver(outbound: Outbound): void {
    const { id, text } = outbound
    if (id !== undefined) this.#asked.set(id, outbound)
    this.#inbox.push(text)
    this.#buffered += text.length
    this.#audience.handedOff(outbound)
    if (id === undefined) this.#audience.sent(outbound)
    const wake = this.#wakeReader
    this.#wakeReader = undefined
    wake?.()
  }

  #take(): string | undefined {
    const text = this.#inbox.shift()
    if (text === undefined) return undefined
    this.#buffered -= text.length
    for (const outbound of this.#waiting) {
      if (this.#state !== "open" || !this.#hasRoomFor(outbound)) break
      if (this.#waiting.delete(outbound)) this.#handOver(outbound)
    }
    return text
  }

  #deliver(frame: JsonRpc.Incoming | JsonRpc.Malformed, size?: number): void {
    if (this.#state === "closed") return
    const id = answeredBy(frame)
    if (id !== undefined && id !== null) this.#asked.delete(id)
    this.#audience.received(frame, size)
  }
}

const notSent = (description: string): LinkFailure => ({ _tag: "Lost", delivery: "NotSent", description })

const describe = (closed: LinkClosed): string => {
  switch (closed._tag) {
    case "ProcessEnded":
      return "the server's process ended"
    case "Released":
      return "closed"
    case "PipeBroken":
    case "SessionLost":
    case "Unreachable":
      return closed.description
  }
}
