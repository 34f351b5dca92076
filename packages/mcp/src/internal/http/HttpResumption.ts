/**
 * The stream of an answer broke before the answer was there, but the server has numbered its events: it is asked for the rest.
 *
 * A server may also end the stream on purpose after the first id, and wants to be asked now and then (`retry`). That may go on
 * as long as the call lives. Attempts that bring nothing new are paused by the back-off, and given up after six in a row.
 *
 * **Gotcha**: a refused resumption says nothing about the session (servers forget events, too). The next POST will tell.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#resumability-and-redelivery
 */
import type { Deadline, Deadlines } from "@holdfast/core/Deadlines"
import type * as JsonRpc from "@holdfast/protocol/JsonRpc"
import type { HttpCursor } from "./HttpCursor.ts"
import { type EventStreamEnd, type EventStreamHost, HttpEventStream } from "./HttpEventStream.ts"
import { HttpPause, type RunSync } from "./HttpPause.ts"
import * as HttpStatus from "./HttpStatus.ts"

/** What everything that comes back needs from its link. */
export interface ReconnectionHost extends EventStreamHost {
  readonly deadlines: Pick<Deadlines, "arm">
  readonly runSync: RunSync
  /** Wall-clock time, for a `Retry-After` that is a date. */
  readonly nowMillis: () => number
}

export interface ResumptionCaller {
  readonly onMessage: (frame: JsonRpc.Incoming | JsonRpc.Malformed) => void
  readonly onTooLong: (frame: JsonRpc.Malformed) => void
  /** There will be no answer. */
  readonly onGivenUp: (description: string) => void
}

const attemptLimit = 6

export class HttpResumption {
  readonly #host: ReconnectionHost
  readonly #cursor: HttpCursor
  readonly #caller: ResumptionCaller
  readonly #pauses: HttpPause
  /** Attempts in a row that brought nothing, the first response included. */
  #failures = 1
  #isStopped = false
  #timer: Deadline | undefined
  #stream: HttpEventStream | undefined

  constructor(host: ReconnectionHost, cursor: HttpCursor, caller: ResumptionCaller) {
    this.#host = host
    this.#cursor = cursor
    this.#caller = caller
    this.#pauses = new HttpPause(host.runSync)
  }

  start(): void {
    this.#cursor.hasMoved = false
    this.#pause(undefined)
  }

  stop(): void {
    this.#isStopped = true
    this.#timer?.cancel()
    this.#stream?.abort()
  }

  #pause(retryAfterMillis: number | undefined): void {
    const { retryMillis } = this.#cursor
    const pause = this.#pauses.next({ retryMillis, retryAfterMillis }, this.#host.nowMillis())
    this.#timer = this.#host.deadlines.arm(pause, () => this.#ask())
  }

  #ask(): void {
    const { onMessage, onTooLong } = this.#caller
    this.#stream = new HttpEventStream(this.#host, this.#cursor, {
      isAwaited: true,
      onOpen: () => {},
      onChunk: () => {},
      onMessage,
      onTooLong,
      onEnd: (end) => this.#ended(end)
    })
    this.#stream.open()
  }

  #ended(end: EventStreamEnd): void {
    if (this.#isStopped) return
    const giveUp = (description: string): void => {
      this.stop()
      this.#caller.onGivenUp(`the response ended without the answer, and could not be resumed: ${description}`)
    }
    switch (end._tag) {
      case "Ended":
        // `hasMoved` is about a response: one that never came has brought nothing either.
        this.#failures = this.#cursor.hasMoved ? 1 : this.#failures + 1
        if (this.#cursor.hasMoved) this.#pauses.reset()
        this.#cursor.hasMoved = false
        return this.#failures > attemptLimit ? giveUp(end.description) : this.#pause(undefined)
      case "Unintelligible":
        return giveUp(end.description)
      case "Refused": {
        const { headers, status } = end.refusal
        this.#failures++
        if (!HttpStatus.isPassing(status) || this.#failures > attemptLimit) return giveUp(`HTTP ${status}`)
        return this.#pause(HttpStatus.retryAfterOf(headers, this.#host.nowMillis()))
      }
    }
  }
}
