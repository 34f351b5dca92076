/**
 * One POST of Streamable HTTP: a frame goes out, and what comes back is read as JSON or as an event stream.
 *
 * Promises: the frame gets exactly one fate, whatever the server does: its answer is delivered, or `onFailure`, or (without
 * an answer to wait for) `onSent`. A response that ends without the answer is resumed if its events were numbered, and a failure
 * at once if not, never a wait.
 *
 * Before undici says that it starts the request nothing has left: what fails or is taken back until then was not sent.
 */
import type { Deadline } from "@holdfast/core/Deadlines"
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import { type Buffer, isUtf8 } from "node:buffer"
import type { IncomingHttpHeaders } from "node:http"
import type { Dispatcher } from "undici"
import type { LinkFailure, Outbound } from "../../Link.ts"
import { answeredBy } from "../link/answeredBy.ts"
import type { Audience } from "../link/Audience.ts"
import { messagesOf } from "../link/incoming.ts"
import { describeError, isProxyRefusal } from "./HttpAgent.ts"
import { type Body, byItsBeginning, collect, contentTypeOf, discard, encodingOf } from "./HttpBody.ts"
import { HttpCursor } from "./HttpCursor.ts"
import { HttpEvents } from "./HttpEvents.ts"
import { HttpResumption, type ReconnectionHost } from "./HttpResumption.ts"
import { type Refusal, refusalBytes } from "./HttpStatus.ts"
import * as HttpWords from "./HttpWords.ts"

/** What an exchange needs from the link it belongs to. */
export interface ExchangeHost extends ReconnectionHost {
  readonly audience: Audience
  /** Takes the values of headers out of a text that was written elsewhere. */
  readonly redact: (text: string) => string
  /** For the answer to what was posted. */
  readonly receive: (frame: JsonRpc.Incoming | JsonRpc.Malformed, exchange: HttpExchange) => void
  /** For everything else: it may be the answer that another exchange waits for. */
  readonly receiveStray: (frame: JsonRpc.Incoming | JsonRpc.Malformed) => void
  /** Whether a broken stream can be resumed: not from revision 2026-07-28 on. */
  readonly canResume: () => boolean
  /** A connection has taken the request. */
  readonly onStart: (exchange: HttpExchange) => void
  /** The headers of a response are there. */
  readonly onResponse: (exchange: HttpExchange, status: number, headers: IncomingHttpHeaders) => void
  /** What to do with a frame that was answered by a status other than 2xx. */
  readonly onRefusal: (exchange: HttpExchange, refusal: Refusal) => void
  /** A JSON-RPC error, or no message at all, came as the whole body of a success. True: it means something else, and is dealt with. */
  readonly onErrorBody: (exchange: HttpExchange, status: number, body: string) => boolean
  /** There was no way to the server: nothing was sent. */
  readonly onUnreachable: (exchange: HttpExchange, description: string) => void
  /** All that matters is known but the response goes on: it has a little time left. */
  readonly onLingering: (exchange: HttpExchange) => void
  /** Called once, after everything else. */
  readonly onEnd: (exchange: HttpExchange) => void
}

type State =
  /** In undici's hands, nothing sent. */
  | "queued"
  /** Sent, nothing back. */
  | "started"
  /** The response has begun. */
  | "reading"
  /** The response broke, and its rest is asked for. */
  | "resuming"
  /** The frame has its fate; the response may still run. */
  | "settled"
  | "ended"

export class HttpExchange extends HttpEvents {
  readonly outbound: Outbound
  /** The session that the request names. */
  readonly sessionId: string | undefined
  /** How often the frame was sent on to another path so far. */
  readonly redirections: number
  /** How long the exchange may still take, where that is limited. */
  limit: Deadline | undefined
  /** All that matters is known. */
  isLingering = false
  readonly #host: ExchangeHost
  #state: State = "queued"
  #isAborted = false
  #isRefused = false
  #controller: Dispatcher.DispatchController | undefined
  /** How the body is read: by its status and content type. */
  #body: Body = discard
  /** Set when the body is a stream of events. */
  #cursor: HttpCursor | undefined
  #resumption: HttpResumption | undefined
  /** An error that does not say what it is about. Another message may still be the answer. */
  #complaint: JsonRpc.Failure | undefined
  /** Something that is no message, and may be a complaint. */
  #noise: string | undefined
  #hasBegun = false
  #status = 0

  constructor(outbound: Outbound, host: ExchangeHost, sessionId: string | undefined, redirections = 0) {
    super()
    this.outbound = outbound
    this.#host = host
    this.sessionId = sessionId
    this.redirections = redirections
  }

  /** The response has brought a message that is neither the answer nor a complaint. */
  get hasBegun(): boolean {
    return this.#hasBegun
  }

  /** Of the response; 0 until there is one. */
  get status(): number {
    return this.#status
  }

  get isQueued(): boolean {
    return this.#state === "queued"
  }

  /** True while the server has the request, and what it says of it is not there in full. A stream of events is an answer begun. */
  get isUndecided(): boolean {
    return this.#state === "started" || (this.#state === "reading" && this.#cursor === undefined)
  }

  get isAwaitingAnswer(): boolean {
    return this.#state === "started" || this.#state === "reading" || this.#state === "resuming"
  }

  /** The response is a stream of events, and one of them has begun and not ended. */
  get isInsideEvent(): boolean {
    return this.#state === "reading" && this.#cursor?.isInsideEvent === true
  }

  /** The exchange that repeats this one after a redirection. The fate of the frame passes to it. */
  again(): HttpExchange {
    this.#state = "settled"
    return new HttpExchange(this.outbound, this.#host, this.sessionId, this.redirections + 1)
  }

  /** Ends the exchange without a word to the frame, and its socket with it. */
  abort(): void {
    this.#isAborted = true
    if (this.#state === "ended") return
    this.#end()
    this.#resumption?.stop()
    this.#controller?.abort(new Error("no longer wanted"))
  }

  /** The response has had its time. What it has brought so far is all there is. */
  cut(): void {
    if (this.#state === "ended") return
    try {
      this.#body.end()
    } catch (error) {
      this.faulty(error)
    }
    this.abort()
  }

  /** Gives the frame its fate: no answer will come. */
  fail(failure: LinkFailure): void {
    if (this.#state === "settled" || this.#state === "ended") return
    this.#state = "settled"
    // Servers like to quote what they do not like.
    this.#host.audience.failed(this.outbound, { ...failure, description: this.#host.redact(failure.description) })
  }

  /** What is known of a frame whose exchange breaks now. */
  lost(description: string, status?: number): LinkFailure {
    return { _tag: "Lost", delivery: this.#state === "queued" ? "NotSent" : "Unknown", description, status }
  }

  /** Delivers what came back. Our answer settles the frame. */
  receive(frame: JsonRpc.Incoming | JsonRpc.Malformed): void {
    const { id } = this.outbound
    if (id === undefined || answeredBy(frame) !== id) {
      if (frame._tag === "Failure" && frame.id === null) this.#complaint ??= frame
      else if (frame._tag === "Malformed") this.#noise ??= frame.excerpt
      else this.#hasBegun = true
      return this.#host.receiveStray(frame)
    }
    if (this.isAwaitingAnswer) this.#state = "settled"
    this.#host.receive(frame, this)
  }

  /** No answer has come, but perhaps a complaint that does not say about what: it can only be about what was posted here. */
  #complain(): void {
    const { id } = this.outbound
    if (id === undefined || !this.isAwaitingAnswer) return
    if (this.#complaint === undefined) {
      if (this.#noise !== undefined && !this.#hasBegun) this.#host.onErrorBody(this, this.#status, this.#noise)
      return
    }
    const { error } = this.#complaint
    // A stream that has brought something else, progress perhaps, is that of a call which has begun: no word makes it unexecuted.
    if (
      this.#cursor !== undefined && !this.#hasBegun &&
      this.#host.onErrorBody(this, 200, JSON.stringify({ jsonrpc: "2.0", id: null, error }))
    ) return
    this.#state = "settled"
    this.#host.receive({ ...this.#complaint, id }, this)
  }

  /** The answer has come on another way than our own response: nothing more is waited for here. */
  settle(): void {
    if (!this.isAwaitingAnswer) return
    const isResuming = this.#state === "resuming"
    this.#state = "settled"
    if (isResuming) this.abort()
    else this.#host.onLingering(this)
  }

  protected started(controller: Dispatcher.DispatchController): void {
    if (this.#isAborted) return controller.abort(new Error("no longer wanted"))
    this.#controller = controller
    if (this.#state !== "queued") return
    this.#state = "started"
    this.#host.onStart(this)
    if (this.redirections === 0) this.#host.audience.handedOff(this.outbound)
  }

  protected responded(status: number, headers: IncomingHttpHeaders): void {
    if (this.#isAborted || status < 200) return
    if (this.#state === "started") this.#state = "reading"
    this.#status = status
    this.#isRefused = status >= 300
    this.#host.onResponse(this, status, headers)
    this.#body = this.#reader(status, headers)
    // A refusal says all it has to say soon, and what follows `202 Accepted` has no meaning.
    if (status >= 300 || this.outbound.id === undefined) this.#host.onLingering(this)
  }

  protected chunk(chunk: Buffer): void {
    if (this.#isAborted) return
    this.#host.onBytes(chunk.length, this.#isRefused)
    const wasAwaiting = this.isAwaitingAnswer
    this.#body.push(chunk)
    if (wasAwaiting && this.#state === "settled") this.#host.onLingering(this)
  }

  protected ended(): void {
    if (this.#isAborted) return
    this.#body.end()
    this.#broken("the response ended without the answer")
  }

  protected broke(error: Error): void {
    if (this.#isAborted) return
    const description = describeError(error)
    if (isProxyRefusal(error)) this.fail({ _tag: "Rejected", status: 407, description })
    if (this.#state === "queued") this.#host.onUnreachable(this, description)
    this.#broken(description)
  }

  protected faulty(error: unknown): void {
    this.#host.boundary.report("the reading of a response", error)
    this.fail(this.lost("the response could not be read"))
    this.abort()
  }

  /** There is nothing more to read here. */
  #broken(description: string): void {
    this.#controller = undefined
    const where = this.isInsideEvent ? `${description}, in the middle of an event` : description
    this.#complain()
    const cursor = this.#cursor
    if (this.#state !== "reading" || cursor === undefined || cursor.lastEventId === "" || !this.#host.canResume()) {
      this.fail(this.lost(where))
      return this.#end()
    }
    this.#state = "resuming"
    this.#resumption = new HttpResumption(this.#host, cursor, {
      onMessage: (frame) => {
        this.receive(frame)
        if (this.#state === "settled") this.abort()
      },
      onTooLong: (frame) => {
        this.#tooLong(frame)
        if (this.#state === "settled") this.abort()
      },
      onGivenUp: (reason) => {
        this.#complain()
        this.fail(this.lost(reason))
        this.#end()
      }
    })
    this.#resumption.start()
  }

  #end(): void {
    if (this.#state === "ended") return
    this.#state = "ended"
    this.#body = discard
    this.#host.onEnd(this)
  }

  #reader(status: number, headers: IncomingHttpHeaders): Body {
    const encoding = encodingOf(headers)
    if (status >= 300) {
      return collect(refusalBytes, (bytes) => {
        this.#host.onRefusal(this, { status, headers, body: encoding === undefined ? bytes.toString() : "" })
      })
    }
    if (this.outbound.id === undefined) {
      if (this.#state === "reading") {
        this.#state = "settled"
        this.#host.audience.sent(this.outbound)
      }
      return discard
    }
    if (this.#state !== "reading") return this.#ignore()
    const contentType = contentTypeOf(headers)
    if (encoding !== undefined) return this.#nonsense(`it is compressed in a way that is not known here (${encoding})`)
    if (contentType === "text/event-stream") return this.#events()
    if (contentType === "application/json") return this.#json(status)
    const what = contentType === "" ? "nothing" : contentType
    if (!isPerhapsJson(contentType)) return this.#words(status, what)
    return byItsBeginning((beginning) => /[[{]/.test(beginning) ? this.#json(status, what) : this.#words(status, what))
  }

  #words(status: number, what: string): Body {
    this.#host.onLingering(this)
    return collect(refusalBytes, (bytes) => this.#unexpected(status, what, bytes.toString()))
  }

  #unexpected(status: number, what: string, body: string): void {
    const words = HttpWords.wordsIn(body)
    const said = words === undefined ? "" : `: ${words}`
    this.fail(unintelligible(`HTTP ${status} with ${what} where JSON or an event stream was due${said}`))
  }

  #nonsense(description: string): Body {
    this.fail(unintelligible(description))
    return this.#ignore()
  }

  #ignore(): Body {
    this.#host.onLingering(this)
    return discard
  }

  /** `what`: as what the body was announced, where that is not JSON. */
  #json(status: number, what?: string): Body {
    const limit = this.#host.maxMessageBytes
    return collect(limit, (bytes, isWhole) => {
      if (!isWhole) return this.fail(unintelligible(`a message of more than ${limit} bytes, which is too long`))
      if (!isUtf8(bytes)) return this.fail(unintelligible("it is not UTF-8"))
      const text = bytes.toString()
      const frame = JsonRpc.decode(text)
      const isNonsense = frame._tag === "Malformed" && answeredBy(frame) !== this.outbound.id
      // What is longer is the answer of a tool, and no sentence.
      const isSentence = (frame._tag === "Failure" || isNonsense) && bytes.length <= refusalBytes
      if (isSentence && this.#host.onErrorBody(this, status, text)) return
      if (isNonsense && what !== undefined) return this.#unexpected(status, what, text.slice(0, refusalBytes))
      if (isNonsense) {
        return this.fail(unintelligible(`${frame.reason}: ${frame.excerpt}`))
      }
      messagesOf(frame).forEach((message) => this.receive(message))
      this.#complain()
      this.fail(unintelligible("the response holds other messages, but not the answer"))
    })
  }

  #events(): Body {
    this.#cursor = new HttpCursor()
    return this.#cursor.read({
      maxMessageBytes: this.#host.maxMessageBytes,
      onTooLong: (frame) => this.#tooLong(frame),
      onMessage: (frame) => this.receive(frame)
    })
  }

  /** What does not say whose answer it is can only be ours, unless it is none. */
  #tooLong(frame: JsonRpc.Malformed): void {
    if (frame.answerTo !== undefined || JsonRpc.beginsAsCall(frame.excerpt)) return this.receive(frame)
    this.fail(unintelligible(frame.reason))
  }
}

/** Small servers forget the type, or name another one. What is in it is no JSON often enough. */
const isPerhapsJson = (contentType: string): boolean =>
  contentType === "" || contentType === "text/plain" || /[/+-](?:json|json-rpc|jsonrpc|ndjson)$/.test(contentType)

const unintelligible = (description: string): LinkFailure => ({ _tag: "Unintelligible", description })
