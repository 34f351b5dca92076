/**
 * Answers what servers ask us: each request in a fiber of its own, by the handler that is offered for it.
 *
 * Promises
 * - Every request is answered exactly once, however its handler ends: with a result, a refusal, a defect or an interruption. One
 *   that the server cancels, or whose connection ends, is interrupted and not answered.
 * - `ping` is answered whatever else is running. What comes while as many questions as there is room for are being answered is
 *   refused at once.
 * - What is asked but not yet sent off is bounded: a server that asks without reading must not fill our memory. Only what such a
 *   server asks beyond that is dropped.
 */
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { ClientHandlers, RequestDeclined, RequestHandler } from "../../ClientHandlers.ts"
import type { Boundary } from "../link/Boundary.ts"
import type { Fork } from "../link/scopedFork.ts"

export interface ResponderOptions {
  readonly server: string
  readonly handlers: ClientHandlers
  readonly fork: Fork
  readonly boundary: Boundary
  /** Sends an answer; `done` is called once, when the link has it no longer. Must not throw. */
  readonly post: (text: string, done: () => void) => void
}

/** A handler at work. */
interface Running {
  fiber: Fiber.Fiber<object, RequestDeclined> | undefined
}

/** Requests of the server that may wait for their answers at once, of each kind. */
const maxRequests = 1024

/** What `initialize` says of us. */
export const capabilitiesOf = ({ elicitation, elicitationModes = [], roots, sampling }: ClientHandlers): object => ({
  ...(roots && { roots: {} }),
  ...(sampling && { sampling: {} }),
  ...(elicitation && { elicitation: Object.fromEntries(elicitationModes.map((mode) => [mode, {}])) })
})

export class Responder {
  readonly #options: ResponderOptions
  readonly #running = new Map<JsonRpc.RequestId, Running>()
  /** Handlers at work, and their answers that are not sent off. */
  readonly #questions = new Places()
  readonly #pings = new Places()
  readonly #refusals = new Places()
  #hasToldOfInterruption = false

  constructor(options: ResponderOptions) {
    this.#options = options
  }

  /** False: the server does not read its answers, and this request is dropped. */
  answer(request: JsonRpc.Request): boolean {
    const { id, method } = request
    if (method === "ping") return this.#pings.take() && this.#send(this.#pings, JsonRpc.encodeSuccess(id, {}))
    const handler = handlerOf(this.#options.handlers, method)
    if (handler === undefined) {
      return this.#refuse(
        id,
        JsonRpc.errorCode.methodNotFound,
        `Method not found: this client does not offer ${method}`
      )
    }
    if (this.#running.has(id)) {
      return this.#refuse(id, JsonRpc.errorCode.invalidRequest, "A request with this id is being answered")
    }
    if (!this.#questions.take()) {
      return this.#refuse(id, JsonRpc.errorCode.internalError, "Too many requests are being answered")
    }
    const running: Running = { fiber: undefined }
    this.#running.set(id, running)
    const { fork, server } = this.#options
    const fiber = fork(Effect.suspend(() => handler(request.params, { server })))
    running.fiber = fiber
    // Told in every way out, also by a fiber that cannot go on.
    fiber.addObserver((exit) => this.ended(request, running, exit))
    return true
  }

  /** The server no longer wants the answer. */
  cancel(id: unknown): void {
    const found = this.#find(id)
    if (found === undefined) return
    this.#running.delete(found.id)
    this.#questions.free()
    try {
      found.running.fiber?.interruptUnsafe()
    } catch (error) {
      this.#options.boundary.report("the end of a handler", error)
    }
  }

  close(): void {
    for (const id of [...this.#running.keys()]) this.cancel(id)
  }

  /** A handler has ended. */
  ended(request: JsonRpc.Request, running: Running, exit: Exit.Exit<object, RequestDeclined>): void {
    // Cancelled meanwhile, and past being interrupted.
    if (this.#running.get(request.id) !== running) return
    this.#running.delete(request.id)
    this.#send(this.#questions, this.#textOf(request, exit))
  }

  /** By the id it was asked under; one that comes back as a text, or as a number, is still the same. */
  #find(id: unknown): { readonly id: JsonRpc.RequestId; readonly running: Running } | undefined {
    if (!JsonRpc.isRequestId(id)) return undefined
    for (const known of [id, typeof id === "number" ? String(id) : Number(id)]) {
      const running = this.#running.get(known)
      if (running !== undefined) return { id: known, running }
    }
    return undefined
  }

  #refuse(id: JsonRpc.RequestId, code: number, message: string): boolean {
    return this.#refusals.take() && this.#send(this.#refusals, JsonRpc.encodeFailure(id, { code, message }))
  }

  #send(places: Places, text: string): true {
    this.#options.post(text, () => places.free())
    return true
  }

  #textOf({ id, method }: JsonRpc.Request, exit: Exit.Exit<object, RequestDeclined>): string {
    const { boundary, fork, server } = this.#options
    const failed = (message: string) => JsonRpc.encodeFailure(id, { code: JsonRpc.errorCode.internalError, message })
    try {
      if (exit._tag === "Success") {
        if (typeof exit.value === "object" && exit.value !== null) return JsonRpc.encodeSuccess(id, exit.value)
        throw new TypeError("its result is no object")
      }
      const declined = exit.cause.reasons.find(Cause.isFailReason)
      if (declined !== undefined) {
        const { code, message } = declined.error
        return JsonRpc.encodeFailure(id, { code, message })
      }
      if (Cause.hasInterruptsOnly(exit.cause)) {
        const line = `${server}: the handler of ${method} was interrupted`
        fork(this.#hasToldOfInterruption ? Effect.logDebug(line) : Effect.logWarning(line))
        this.#hasToldOfInterruption = true
        return failed("The handler of the request was interrupted")
      }
      throw Cause.squash(exit.cause)
    } catch (error) {
      // A result that cannot be encoded is the handler's mistake, too.
      boundary.report(`the handler of ${method}`, error)
      return failed("Internal error")
    }
  }
}

/** How much may wait at once. */
class Places {
  #taken = 0

  take(): boolean {
    if (this.#taken >= maxRequests) return false
    this.#taken++
    return true
  }

  free(): void {
    this.#taken--
  }
}

/** Undefined when nothing is offered under this name. */
export const handlerOf = (handlers: ClientHandlers, method: string): RequestHandler | undefined => {
  switch (method) {
    case "roots/list": {
      const { roots } = handlers
      return roots && ((_, asker) => Effect.map(roots(asker), (roots) => ({ roots })))
    }
    case "sampling/createMessage":
      return handlers.sampling
    case "elicitation/create":
      return handlers.elicitation
    default:
      return undefined
  }
}
