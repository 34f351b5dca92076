/**
 * One POST of the legacy HTTP+SSE transport: the frame goes out, the response says only that it was taken. A request's answer
 * comes over the event stream, possibly before that.
 *
 * Promise: the frame gets one fate at most: sent (without an answer to wait for), failed, or settled by its answer.
 */
import type { Buffer } from "node:buffer"
import type { IncomingHttpHeaders } from "node:http"
import type { Dispatcher } from "undici"
import type { LinkFailure, Outbound } from "../../Link.ts"
import { describeError } from "../http/HttpAgent.ts"
import { type Body, collect, discard } from "../http/HttpBody.ts"
import { HttpEvents } from "../http/HttpEvents.ts"
import { type Refusal, refusalBytes } from "../http/HttpStatus.ts"
import type { Audience } from "../link/Audience.ts"

export interface PostHost {
  readonly audience: Audience
  readonly onBytes: (count: number) => void
  /** What to do with a frame that was answered by a status other than 2xx. */
  readonly onRefusal: (post: SsePost, refusal: Refusal) => void
  /** The server took the frame. */
  readonly onTaken: (post: SsePost) => void
  /** Called once, after everything else. */
  readonly onEnd: (post: SsePost) => void
}

export class SsePost extends HttpEvents {
  readonly outbound: Outbound
  /** How often the frame was sent on to another path so far. */
  readonly redirections: number
  readonly #host: PostHost
  #isStarted = false
  #isSettled = false
  #isOver = false
  #controller: Dispatcher.DispatchController | undefined
  #body: Body = discard

  constructor(outbound: Outbound, host: PostHost, redirections = 0) {
    super()
    this.outbound = outbound
    this.#host = host
    this.redirections = redirections
  }

  /** The POST that repeats this one after a redirection. The fate of the frame passes to it. */
  again(): SsePost {
    this.#isSettled = true
    return new SsePost(this.outbound, this.#host, this.redirections + 1)
  }

  /** Nothing has left yet. */
  get isQueued(): boolean {
    return !this.#isStarted && !this.#isOver
  }

  /** The frame has its fate: nothing more is told of it. */
  settle(): void {
    this.#isSettled = true
  }

  abort(): void {
    this.settle()
    this.#controller?.abort(new Error("no longer wanted"))
    this.#end()
  }

  fail(failure: LinkFailure): void {
    if (this.#isSettled) return
    this.#isSettled = true
    this.#host.audience.failed(this.outbound, failure)
  }

  protected started(controller: Dispatcher.DispatchController): void {
    if (this.#isOver) return controller.abort(new Error("no longer wanted"))
    this.#controller = controller
    this.#isStarted = true
    if (this.redirections === 0) this.#host.audience.handedOff(this.outbound)
  }

  protected responded(status: number, headers: IncomingHttpHeaders): void {
    this.#host.onBytes(1)
    if (status < 200) return
    if (status < 300) return this.#taken()
    this.#body = collect(refusalBytes, (bytes) => {
      if (!this.#isSettled) this.#host.onRefusal(this, { status, headers, body: bytes.toString() })
      this.#end()
    })
  }

  protected chunk(chunk: Buffer): void {
    this.#body.push(chunk)
  }

  protected ended(): void {
    this.#body.end()
    this.#end()
  }

  protected broke(error: Error): void {
    this.fail(this.lost(describeError(error)))
    this.#end()
  }

  protected faulty(error: unknown): void {
    this.#host.audience.boundary.report("the reading of a response", error)
    this.fail(this.lost("the response could not be read"))
    this.abort()
  }

  /** What is known of a frame whose request breaks now. */
  lost(description: string): LinkFailure {
    return { _tag: "Lost", delivery: this.#isStarted ? "Unknown" : "NotSent", description }
  }

  #taken(): void {
    this.#host.onTaken(this)
    if (this.#isSettled || this.outbound.id !== undefined) return
    this.#isSettled = true
    this.#host.audience.sent(this.outbound)
  }

  #end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#host.onEnd(this)
  }
}
