/** A server without sockets: what it is asked and what it answers happens at once, on the test's clock. */
import * as HttpLink from "@holdfast/mcp/HttpLink"
import * as Effect from "effect/Effect"
import { Buffer } from "node:buffer"
import { Dispatcher } from "undici"

export interface FakeRequest {
  readonly method: string
  readonly url: string
  readonly headers: Record<string, string>
}

/** What a stream of a fake server can do. */
export interface FakeResponse {
  readonly begin: (status: number, headers?: Record<string, string>) => void
  readonly write: (text: string) => void
  readonly end: () => void
  readonly fail: (error: Error) => void
  /** The client has let go of it. */
  readonly isAborted: () => boolean
}

export class FakeHttp extends Dispatcher {
  readonly requests: Array<FakeRequest> = []
  readonly #serve: (request: FakeRequest, response: FakeResponse) => void

  constructor(serve: (request: FakeRequest, response: FakeResponse) => void) {
    super()
    this.#serve = serve
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    // The link gives headers as a plain record, and undici's type allows more.
    const headers = options.headers as Record<string, string>
    const request: FakeRequest = { method: options.method, url: `${String(options.origin)}${options.path}`, headers }
    this.requests.push(request)
    const controller = new FakeController()
    handler.onRequestStart?.(controller, {})
    this.#serve(request, {
      begin: (status, headers = { "content-type": "text/event-stream" }) => {
        if (!controller.aborted) handler.onResponseStart?.(controller, status, headers)
      },
      write: (text) => {
        if (!controller.aborted) handler.onResponseData?.(controller, Buffer.from(text))
      },
      end: () => {
        if (!controller.aborted) handler.onResponseEnd?.(controller, {})
      },
      fail: (error) => {
        if (!controller.aborted) handler.onResponseError?.(controller, error)
      },
      isAborted: () => controller.aborted
    })
    return true
  }

  /** Puts it in the place of the sockets. */
  readonly provide = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.provideService(effect, HttpLink.HttpDispatcher, Effect.succeed(this))

  count(method: string): number {
    return this.requests.filter((request) => request.method === method).length
  }
}

class FakeController implements Dispatcher.DispatchController {
  aborted = false
  paused = false
  reason: Error | null = null

  abort(reason: Error): void {
    this.aborted = true
    this.reason = reason
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    this.paused = false
  }
}
