/**
 * Answers what servers ask us: each request in a fiber of its own, by the handler that is offered for it.
 *
 * Promises: every request is answered once at most; one that the server cancels, or whose connection ends, is interrupted and
 * not answered. What is asked but not yet sent off is bounded: a server that asks without reading must not fill our memory.
 */
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { ClientHandlers, RequestHandler } from "../ClientHandlers.ts"

export interface ResponderOptions {
  readonly server: string
  readonly handlers: ClientHandlers
  readonly fork: <A>(effect: Effect.Effect<A>) => Fiber.Fiber<A>
  /** Sends an answer; `done` is called when the link is done with it. */
  readonly post: (text: string, done: () => void) => void
}

/** A handler at work. */
interface Running {
  fiber: Fiber.Fiber<void> | undefined
}

/** Requests of the server that may wait for their answers at once. */
const maxRequests = 1024

/** What `initialize` says of us. */
export const capabilitiesOf = ({ elicitation, roots, sampling }: ClientHandlers): object => ({
  ...(roots && { roots: {} }),
  ...(sampling && { sampling: {} }),
  ...(elicitation && { elicitation: {} })
})

export class Responder {
  readonly #options: ResponderOptions
  readonly #running = new Map<JsonRpc.RequestId, Running>()
  #open = 0

  constructor(options: ResponderOptions) {
    this.#options = options
  }

  /** False: there are too many already, and this one is dropped. */
  answer(request: JsonRpc.Request): boolean {
    if (this.#open >= maxRequests) return false
    this.#open++
    const { id, method } = request
    const { fork, handlers } = this.#options
    if (method === "ping") {
      this.#send(JsonRpc.encodeSuccess(id, {}))
      return true
    }
    const handler = handlerOf(handlers, method)
    if (handler === undefined || this.#running.has(id)) {
      this.#send(JsonRpc.encodeFailure(
        id,
        handler === undefined
          ? { code: JsonRpc.errorCode.methodNotFound, message: "Method not found" }
          : { code: JsonRpc.errorCode.invalidRequest, message: "A request with this id is being answered" }
      ))
      return true
    }
    const running: Running = { fiber: undefined }
    this.#running.set(id, running)
    running.fiber = fork(Effect.map(this.#run(request, handler), (text) => {
      // Cancelled meanwhile, and past being interrupted.
      if (this.#running.get(id) !== running) return
      this.#running.delete(id)
      this.#send(text)
    }))
    return true
  }

  /** The server no longer wants the answer. */
  cancel(id: unknown): void {
    if (typeof id !== "string" && typeof id !== "number") return
    const running = this.#running.get(id)
    if (running === undefined) return
    this.#running.delete(id)
    this.#open--
    running.fiber?.interruptUnsafe()
  }

  close(): void {
    for (const id of [...this.#running.keys()]) this.cancel(id)
  }

  #send(text: string): void {
    this.#options.post(text, () => void this.#open--)
  }

  #run({ id, method, params }: JsonRpc.Request, handler: RequestHandler): Effect.Effect<string> {
    const { server } = this.#options
    return Effect.suspend(() => handler(params, { server })).pipe(
      // A result that cannot be encoded is the handler's mistake.
      Effect.map((result) => JsonRpc.encodeSuccess(id, result)),
      Effect.catch(({ code, message }) => Effect.succeed(JsonRpc.encodeFailure(id, { code, message }))),
      Effect.catchDefect((defect) =>
        Effect.as(
          Effect.logError(`${server}: the handler of ${method} failed`, defect),
          JsonRpc.encodeFailure(id, { code: JsonRpc.errorCode.internalError, message: "Internal error" })
        )
      )
    )
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
