/**
 * One GET of Streamable HTTP: a stream of events that is not the answer to a POST.
 *
 * Promises: `onEnd` is called once, unless the stream was aborted first. Redirections are followed within the origin.
 */
import type * as JsonRpc from "@holdfast/protocol/JsonRpc"
import type { Buffer } from "node:buffer"
import type { IncomingHttpHeaders } from "node:http"
import type { Dispatcher } from "undici"
import type { Boundary } from "../link/Boundary.ts"
import { describeError } from "./HttpAgent.ts"
import { type Body, collect, contentTypeOf, discard, encodingOf } from "./HttpBody.ts"
import type { HttpCursor } from "./HttpCursor.ts"
import { HttpEvents } from "./HttpEvents.ts"
import * as HttpStatus from "./HttpStatus.ts"

/** What a stream needs from the link it belongs to. */
export interface EventStreamHost {
  readonly boundary: Boundary
  readonly maxMessageBytes: number
  /** Where messages are posted to at present. */
  readonly url: URL
  readonly get: (request: EventStreamRequest, handler: Dispatcher.DispatchHandler) => void
  /** What a refusal brings is no sign of life: a gateway says it of a server that is gone. */
  readonly onBytes: (count: number, isRefusal: boolean) => void
  readonly onHeaders: (url: URL, headers: IncomingHttpHeaders) => void
}

export interface EventStreamRequest {
  readonly url: URL
  /** Empty: from now on. */
  readonly lastEventId: string
  /** False for a stream that is no reason for the program to stay. */
  readonly isAwaited: boolean
}

export interface EventStreamReader {
  /** A caller waits for what it brings. */
  readonly isAwaited: boolean
  /** The server has opened the stream. */
  readonly onOpen: () => void
  readonly onChunk: (chunk: Buffer) => void
  readonly onMessage: (frame: JsonRpc.Incoming | JsonRpc.Malformed) => void
  /** A message was too long. Nothing but this is left of it. */
  readonly onTooLong: (frame: JsonRpc.Malformed) => void
  readonly onEnd: (end: EventStreamEnd) => void
}

export type EventStreamEnd =
  /** It was open, and ended or broke, or could not be reached at all. */
  | { readonly _tag: "Ended"; readonly description: string }
  | { readonly _tag: "Refused"; readonly refusal: HttpStatus.Refusal }
  /** A success that is no stream of events. */
  | { readonly _tag: "Unintelligible"; readonly description: string }

const redirectLimit = 5

export class HttpEventStream extends HttpEvents {
  readonly #host: EventStreamHost
  readonly #cursor: HttpCursor
  readonly #reader: EventStreamReader
  #url: URL
  #redirections = 0
  #isOver = false
  #isRefused = false
  #controller: Dispatcher.DispatchController | undefined
  #body: Body = discard
  /** Where the response that is being read sends us. */
  #redirection: URL | undefined

  constructor(host: EventStreamHost, cursor: HttpCursor, reader: EventStreamReader) {
    super()
    this.#host = host
    this.#cursor = cursor
    this.#reader = reader
    this.#url = host.url
  }

  open(): void {
    const { isAwaited } = this.#reader
    this.#host.get({ url: this.#url, lastEventId: this.#cursor.lastEventId, isAwaited }, this)
  }

  /** Nothing listens any more. */
  abort(): void {
    this.#isOver = true
    this.#controller?.abort(new Error("no longer wanted"))
  }

  protected started(controller: Dispatcher.DispatchController): void {
    if (this.#isOver) return controller.abort(new Error("no longer wanted"))
    this.#controller = controller
  }

  protected responded(status: number, headers: IncomingHttpHeaders): void {
    if (this.#isOver || status < 200) return
    this.#isRefused = status >= 300
    this.#host.onBytes(1, this.#isRefused)
    this.#host.onHeaders(this.#url, headers)
    this.#redirection = this.#redirections < redirectLimit
      ? HttpStatus.redirectionOfGet(status, headers, this.#url)
      : undefined
    if (this.#redirection !== undefined) return
    if (status >= 300) {
      this.#body = collect(HttpStatus.refusalBytes, (bytes) => {
        const body = encodingOf(headers) === undefined ? bytes.toString() : ""
        this.#end({ _tag: "Refused", refusal: { status, headers, body } })
      })
      return
    }
    const type = contentTypeOf(headers)
    const encoding = encodingOf(headers)
    if (type !== "text/event-stream" || encoding !== undefined) {
      return this.#end({
        _tag: "Unintelligible",
        description: `HTTP ${status} with ${encoding ?? (type || "nothing")}`
      })
    }
    this.#body = this.#cursor.read({
      maxMessageBytes: this.#host.maxMessageBytes,
      onMessage: this.#reader.onMessage,
      onTooLong: this.#reader.onTooLong
    })
    this.#reader.onOpen()
  }

  protected chunk(chunk: Buffer): void {
    if (this.#isOver) return
    this.#host.onBytes(chunk.length, this.#isRefused)
    this.#reader.onChunk(chunk)
    this.#body.push(chunk)
  }

  protected ended(): void {
    if (this.#isOver) return
    this.#controller = undefined
    if (this.#redirection !== undefined) return this.#follow(this.#redirection)
    this.#body.end()
    this.#end({ _tag: "Ended", description: this.#whereItBroke("the server ended the stream") })
  }

  protected broke(error: Error): void {
    if (this.#isOver) return
    this.#controller = undefined
    this.#end({ _tag: "Ended", description: this.#whereItBroke(describeError(error)) })
  }

  protected faulty(error: unknown): void {
    this.#host.boundary.report("the reading of a stream", error)
    this.#end({ _tag: "Ended", description: "the stream could not be read" })
  }

  #whereItBroke(description: string): string {
    return this.#cursor.isInsideEvent ? `${description} in the middle of an event` : description
  }

  #follow(target: URL): void {
    this.#redirections++
    this.#redirection = undefined
    this.#url = target
    this.open()
  }

  #end(end: EventStreamEnd): void {
    if (this.#isOver) return
    this.abort()
    this.#reader.onEnd(end)
  }
}
