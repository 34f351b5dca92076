/**
 * One POST of the legacy HTTP+SSE transport: the frame goes out, the response says only that it was taken. A request's answer
 * comes over the event stream, possibly before that.
 *
 * Promise: the frame gets one fate at most: sent (without an answer to wait for), failed, or settled by its answer.
 */
import type { Buffer } from "node:buffer"
import type { IncomingHttpHeaders } from "node:http"
import type { Dispatcher } from "undici"
import type { LinkFailure, Outbound } from "../Link.ts"
import { describeError } from "./HttpAgent.ts"
import { type Body, collect, discard } from "./HttpBody.ts"
import { type Refusal, refusalBytes } from "./HttpStatus.ts"

export interface PostHost {
  readonly onBytes: (count: number) => void
  readonly failureOf: (refusal: Refusal) => LinkFailure
  /** The server took the frame. */
  readonly onTaken: (post: SsePost) => void
  /** Called once, after everything else. */
  readonly onEnd: (post: SsePost) => void
}

export class SsePost implements Dispatcher.DispatchHandler {
  readonly outbound: Outbound
  readonly #host: PostHost
  #isStarted = false
  #isSettled = false
  #isOver = false
  #controller: Dispatcher.DispatchController | undefined
  #body: Body = discard

  constructor(outbound: Outbound, host: PostHost) {
    this.outbound = outbound
    this.#host = host
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
    this.outbound.onFailure(failure)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#isOver) return controller.abort(new Error("no longer wanted"))
    this.#controller = controller
    this.#isStarted = true
    this.outbound.onHandOff()
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    this.#host.onBytes(1)
    if (status < 200) return
    if (status < 300) return this.#taken()
    this.#body = collect(refusalBytes, (bytes) => {
      this.fail(this.#host.failureOf({ status, headers, body: bytes.toString() }))
      this.#end()
    })
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#body.push(chunk)
  }

  onResponseEnd(): void {
    this.#body.end()
    this.#end()
  }

  onResponseError(_: Dispatcher.DispatchController | undefined, error: Error): void {
    this.fail({ _tag: "Lost", delivery: this.#isStarted ? "Unknown" : "NotSent", description: describeError(error) })
    this.#end()
  }

  #taken(): void {
    this.#host.onTaken(this)
    if (this.#isSettled || this.outbound.id !== undefined) return
    this.#isSettled = true
    this.outbound.onSent()
  }

  #end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#host.onEnd(this)
  }
}
