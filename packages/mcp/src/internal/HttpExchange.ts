/**
 * One POST of Streamable HTTP: a frame goes out, and what comes back is read as JSON or as an event stream.
 *
 * Promises: the frame gets exactly one fate, whatever the server does: its answer is delivered, or `onFailure`, or (without
 * an answer to wait for) `onSent`. A response that ends without the answer is a failure at once, never a wait.
 *
 * Before undici says that it starts the request nothing has left: what fails or is taken back until then was not sent.
 */
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as ServerSentEvents from "@holdfast/protocol/ServerSentEvents"
import { Buffer, isUtf8 } from "node:buffer"
import type { IncomingHttpHeaders } from "node:http"
import type { Dispatcher } from "undici"
import type { LinkFailure, Outbound } from "../Link.ts"
import { describeError } from "./HttpAgent.ts"
import { unbatch } from "./unbatch.ts"

/** What an exchange needs from the link it belongs to. */
export interface ExchangeHost {
  readonly maxMessageBytes: number
  readonly receive: (frame: JsonRpc.Incoming | JsonRpc.Malformed) => void
  readonly onBytes: (count: number) => void
  /** A connection has taken the request. */
  readonly onStart: () => void
  /** A response has begun. */
  readonly onResponse: (exchange: HttpExchange, status: number, headers: IncomingHttpHeaders) => void
  /** What to do with a frame that was answered by a status other than 2xx. */
  readonly onRefusal: (exchange: HttpExchange, refusal: Refusal) => void
  /** There was no way to the server: nothing was sent. */
  readonly onUnreachable: (exchange: HttpExchange, description: string) => void
  /** The answer is here but the response goes on. */
  readonly onLingering: (exchange: HttpExchange) => void
  /** Called once, after everything else. */
  readonly onEnd: (exchange: HttpExchange) => void
}

/** A response that is no 2xx. */
export interface Refusal {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** At most 64 KiB of it. */
  readonly body: string
}

type State =
  /** In undici's hands, nothing sent. */
  | "queued"
  | "started"
  /** The frame has its fate; the response may still run. */
  | "settled"
  | "ended"

export class HttpExchange implements Dispatcher.DispatchHandler {
  readonly outbound: Outbound
  /** How often the frame was sent on to another path so far. */
  readonly redirections: number
  /** Called when the exchange has ended. */
  onceEnded: (() => void) | undefined
  readonly #host: ExchangeHost
  #state: State = "queued"
  #isAborted = false
  #controller: Dispatcher.DispatchController | undefined
  /** How the body is read: by its status and content type. */
  #body: Body = discard

  constructor(outbound: Outbound, host: ExchangeHost, redirections = 0) {
    this.outbound = outbound
    this.#host = host
    this.redirections = redirections
  }

  get isQueued(): boolean {
    return this.#state === "queued"
  }

  get isAwaitingAnswer(): boolean {
    return this.#state === "started"
  }

  /** The exchange that repeats this one after a redirection. The fate of the frame passes to it. */
  again(): HttpExchange {
    this.#state = "settled"
    return new HttpExchange(this.outbound, this.#host, this.redirections + 1)
  }

  /** Ends the exchange without a word to the frame, and its socket with it. */
  abort(): void {
    this.#isAborted = true
    if (this.#state === "ended") return
    this.#end()
    this.#controller?.abort(new Error("no longer wanted"))
  }

  /** Gives the frame its fate: no answer will come. */
  fail(failure: LinkFailure): void {
    if (this.#state === "settled" || this.#state === "ended") return
    this.#state = "settled"
    this.outbound.onFailure(failure)
  }

  /** What is known of a frame whose exchange breaks now. */
  lost(description: string, status?: number): LinkFailure {
    return { _tag: "Lost", delivery: this.#state === "queued" ? "NotSent" : "Unknown", description, status }
  }

  /** Delivers what came back; the answer to our frame settles it. */
  receive(frame: JsonRpc.Incoming | JsonRpc.Malformed): void {
    const isOurs = this.outbound.id !== undefined && idOf(frame) === this.outbound.id
    if (isOurs && this.#state === "started") this.#state = "settled"
    this.#host.receive(frame)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#isAborted) return controller.abort(new Error("no longer wanted"))
    this.#controller = controller
    if (this.#state !== "queued") return
    this.#state = "started"
    this.#host.onStart()
    if (this.redirections === 0) this.outbound.onHandOff()
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (this.#isAborted || status < 200) return
    this.#host.onResponse(this, status, headers)
    this.#body = this.#reader(status, headers)
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#isAborted) return
    this.#host.onBytes(chunk.length)
    const wasAwaiting = this.#state === "started"
    this.#body.push(chunk)
    if (wasAwaiting && this.#state === "settled") this.#host.onLingering(this)
  }

  onResponseEnd(): void {
    if (this.#isAborted) return
    this.#body.end()
    this.fail(this.lost("the response ended without the answer"))
    this.#end()
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    if (this.#isAborted) return
    const description = describeError(error)
    if (this.#state === "queued") this.#host.onUnreachable(this, description)
    this.fail(this.lost(description))
    this.#end()
  }

  #end(): void {
    if (this.#state === "ended") return
    this.#state = "ended"
    this.#body = discard
    this.#host.onEnd(this)
  }

  #reader(status: number, headers: IncomingHttpHeaders): Body {
    if (status >= 300) {
      return collect(64 * 1024, (bytes) => this.#host.onRefusal(this, { status, headers, body: bytes.toString() }))
    }
    if (this.outbound.id === undefined) {
      this.#state = "settled"
      this.outbound.onSent()
      return discard
    }
    const contentType = String(headers["content-type"] ?? "").split(";")[0]?.trim().toLowerCase() ?? ""
    if (contentType === "text/event-stream") return this.#events()
    if (contentType === "application/json") return this.#json()
    const what = contentType === "" ? "nothing" : contentType
    this.fail(unintelligible(`HTTP ${status} with ${what} where JSON or an event stream was due`))
    return discard
  }

  #json(): Body {
    const limit = this.#host.maxMessageBytes
    return collect(limit, (bytes, isWhole) => {
      if (!isWhole) return this.fail(unintelligible(`a message of more than ${limit} bytes`))
      if (!isUtf8(bytes)) return this.fail(unintelligible("it is not UTF-8"))
      const frame = JsonRpc.decode(bytes.toString())
      if (frame._tag === "Malformed" && idOf(frame) !== this.outbound.id) {
        return this.fail(unintelligible(`${frame.reason}: ${frame.excerpt}`))
      }
      unbatch(frame, (message) => this.receive(message))
      this.fail(unintelligible("the response holds other messages, but not the answer"))
    })
  }

  #events(): Body {
    const parser = ServerSentEvents.make({
      maxEventBytes: this.#host.maxMessageBytes,
      onTooLong: (bytes) => this.fail(unintelligible(`a message of ${bytes} bytes, which is too long`)),
      onEvent: ({ data, event }) => {
        if (event !== "message") return
        unbatch(JsonRpc.decode(data), (message) => this.receive(message))
      }
    })
    return { push: parser.push, end: () => {} }
  }
}

interface Body {
  readonly push: (chunk: Buffer) => void
  readonly end: () => void
}

const discard: Body = { push: () => {}, end: () => {} }

/** Collects at most `limit` bytes; the rest is read and thrown away. */
const collect = (limit: number, onEnd: (bytes: Buffer, isWhole: boolean) => void): Body => {
  const chunks: Array<Buffer> = []
  let length = 0
  return {
    push: (chunk) => {
      if (length <= limit) chunks.push(chunk)
      length += chunk.length
    },
    end: () => onEnd(Buffer.concat(chunks).subarray(0, limit), length <= limit)
  }
}

const idOf = (frame: JsonRpc.Incoming | JsonRpc.Malformed): JsonRpc.RequestId | null | undefined => {
  switch (frame._tag) {
    case "Success":
    case "Failure":
      return frame.id
    case "Malformed":
      return frame.answerTo
    default:
      return undefined
  }
}

const unintelligible = (description: string): LinkFailure => ({ _tag: "Unintelligible", description })
