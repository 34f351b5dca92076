/**
 * Puts an authorizer's credentials on every request of a link, and sends a request once more when they were refused.
 *
 * The owner of the request sees one request: the refusal that was healed never reaches it. A refusal that stands reaches it as
 * a response of that status, with the authorizer's words for its body; so does an authorizer that has no credentials to give.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { Buffer } from "node:buffer"
import type { IncomingHttpHeaders } from "node:http"
import type { Dispatcher } from "undici"
import type { AuthorizationRefused } from "../../AuthorizationRefused.ts"
import type { AuthorizationHeaders, HttpAuthorizer } from "../../HttpAuthorizer.ts"
import type { Boundary } from "../link/Boundary.ts"
import * as redactSecrets from "../link/redactSecrets.ts"
import type { Fork } from "../link/scopedFork.ts"
import { dispatch, unsent } from "./HttpAgent.ts"
import { faultOfHeaders } from "./HttpHeaders.ts"
import { refusalBytes } from "./HttpStatus.ts"

/** A request as links make it. */
export interface HttpRequest {
  readonly origin: string
  readonly path: string
  readonly method: "GET" | "POST" | "DELETE"
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

/** How a link's requests reach the server. */
export interface HttpSender {
  readonly send: (via: Dispatcher, request: HttpRequest, handler: Dispatcher.DispatchHandler) => void
  /** Takes the credentials in use out of a text. */
  readonly redact: redactSecrets.Redact
}

/** Sends requests as they are. */
export const plain: HttpSender = {
  send: (via, request, handler) => dispatch(via, request, handler),
  redact: (text) => text
}

/** Sends requests with credentials. `fork` runs what the authorizer has to do; it goes on when a request is no longer wanted. */
export const make = (authorizer: HttpAuthorizer, fork: Fork, boundary: Boundary): HttpSender => {
  /** The last ones that were sent: what a server quotes late may be the token before. */
  let secrets: ReadonlyArray<string> = []
  let redact: redactSecrets.Redact = (text) => text

  const valuesOf = (headers: AuthorizationHeaders): Record<string, string> => {
    const values = Object.entries(headers).map(([name, value]) =>
      [name.toLowerCase(), String(Redacted.value(value))] as const
    )
    const fresh = values.map(([, value]) => value).filter((value) => !secrets.includes(value))
    if (fresh.length > 0) {
      secrets = [...fresh, ...secrets].slice(0, rememberedSecrets)
      redact = redactSecrets.make(secrets)
    }
    return Object.fromEntries(values)
  }

  /** An authorizer is foreign code: whatever becomes of the question, it is answered in one of two ways. */
  const ask = <A, B>(
    question: () => Effect.Effect<A, AuthorizationRefused>,
    read: (answer: A) => B,
    onAnswer: (answer: B) => void,
    onRefused: (words: string) => void
  ): void =>
    void fork(Effect.suspend(question).pipe(Effect.map(read))).addObserver((exit) => {
      if (exit._tag === "Success") return onAnswer(exit.value)
      // What it fails with is what its types say, if it has any.
      const description: unknown = exit.cause.reasons.find(Cause.isFailReason)?.error?.description
      if (typeof description === "string") return onRefused(description)
      if (!Cause.hasInterruptsOnly(exit.cause)) boundary.report("the authorizer", Cause.squash(exit.cause))
      onRefused("the authorizer has failed")
    })

  const attempt = (via: Dispatcher, request: HttpRequest, handler: Dispatcher.DispatchHandler, isRetry: boolean) => {
    const refused = (status: number) => (words: string) => refuse(handler, status, words)
    ask(
      () => authorizer.headers,
      (sent) => ({ sent, values: valuesOf(sent) }),
      ({ sent, values }) => {
        const fault = faultOfHeaders(values)
        if (fault !== undefined) return refuse(handler, 401, `the authorizer gave what cannot be sent: ${fault}`)
        const onChallenge: OnChallenge = (status, wwwAuthenticate) =>
          ask(
            () => authorizer.onChallenge({ status, wwwAuthenticate, sent }),
            (answer) => answer,
            () => attempt(via, request, handler, true),
            refused(status)
          )
        const headers = { ...request.headers, ...values }
        dispatch(
          via,
          { ...request, headers },
          isRetry ? new Repeated(handler) : new Challengeable(handler, onChallenge)
        )
      },
      refused(401)
    )
  }

  return {
    send: (via, request, handler) => attempt(via, request, handler, false),
    redact: (text) => redact(text)
  }
}

const rememberedSecrets = 4

type OnChallenge = (status: number, wwwAuthenticate: string | undefined) => void

/** Passes everything on, but a response that asks for other credentials. */
class Challengeable implements Dispatcher.DispatchHandler {
  readonly #handler: Dispatcher.DispatchHandler
  readonly #onChallenge: OnChallenge
  /** How much of a refusal was read. */
  #refusal: number | undefined

  constructor(handler: Dispatcher.DispatchHandler, onChallenge: OnChallenge) {
    this.#handler = handler
    this.#onChallenge = onChallenge
  }

  onRequestStart(controller: Dispatcher.DispatchController, context: unknown): void {
    this.#handler.onRequestStart?.(controller, context)
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
    statusMessage?: string
  ): void {
    const wwwAuthenticate = headers["www-authenticate"]
    if (status !== 401 && (status !== 403 || wwwAuthenticate === undefined)) {
      return this.#handler.onResponseStart?.(controller, status, headers, statusMessage)
    }
    this.#refusal = 0
    this.#onChallenge(status, wwwAuthenticate)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#refusal === undefined) return this.#handler.onResponseData?.(controller, chunk)
    this.#refusal += chunk.length
    if (this.#refusal > refusalBytes) controller.abort(new Error("the rest is not read"))
  }

  onResponseEnd(controller: Dispatcher.DispatchController, trailers: IncomingHttpHeaders): void {
    if (this.#refusal === undefined) this.#handler.onResponseEnd?.(controller, trailers)
  }

  onResponseError(controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#refusal === undefined) this.#handler.onResponseError?.(controller, error)
  }
}

/** The second time: the first was refused, so one that does not get through has not run either. */
class Repeated implements Dispatcher.DispatchHandler {
  readonly #handler: Dispatcher.DispatchHandler
  #isStarted = false

  constructor(handler: Dispatcher.DispatchHandler) {
    this.#handler = handler
  }

  onRequestStart(controller: Dispatcher.DispatchController, context: unknown): void {
    this.#isStarted = true
    this.#handler.onRequestStart?.(controller, context)
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
    statusMessage?: string
  ): void {
    this.#handler.onResponseStart?.(controller, status, headers, statusMessage)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#handler.onResponseData?.(controller, chunk)
  }

  onResponseEnd(controller: Dispatcher.DispatchController, trailers: IncomingHttpHeaders): void {
    this.#handler.onResponseEnd?.(controller, trailers)
  }

  onResponseError(controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#isStarted) return this.#handler.onResponseError?.(controller, error)
    refuse(this.#handler, 401, "the server wanted other credentials, and could not be reached with them")
  }
}

/** A response of ours, in the place of one of the server's. */
const refuse = (handler: Dispatcher.DispatchHandler, status: number, words: string): void => {
  handler.onResponseStart?.(unsent, status, { "content-type": "text/plain" })
  handler.onResponseData?.(unsent, Buffer.from(words.slice(0, 200)))
  handler.onResponseEnd?.(unsent, {})
}
