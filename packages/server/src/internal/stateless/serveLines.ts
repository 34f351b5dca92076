/**
 * Stateless requests over stdio: all of one client, on one pair of streams.
 *
 * There is nothing to let go of: a client that wants no answer says so, by `notifications/cancelled`, and hears nothing more of it. That the
 * lines of several answers come mixed harms no client, because each names its request.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/stdio
 */
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as ModernEra from "@holdfast/protocol/ModernEra"
import * as Principal from "@holdfast/protocol/Principal"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { complain } from "../complain.ts"
import { serverError } from "../errorCodes.ts"
import type { InFlight } from "../stdio/InFlight.ts"
import { LineReply } from "./LineReply.ts"
import { isObject } from "./StatelessRequest.ts"
import * as StatelessServer from "./StatelessServer.ts"

export interface StatelessLinesOptions extends StatelessServer.StatelessServerOptions {
  readonly inFlight: InFlight
  /** Writes one message. */
  readonly write: (text: string) => void
  /** A request of the session has this id. */
  readonly isTaken: (id: JsonRpc.RequestId) => boolean
}

export interface StatelessLines {
  /** Takes a request. */
  readonly hear: (request: JsonRpc.Request) => void
  /** Its answer is not wanted any more. False: no request of this id waits for one. */
  readonly cancel: (id: JsonRpc.RequestId) => boolean
  /** Whatever waits for an answer gets this. */
  readonly end: (message: string) => void
}

interface Open {
  readonly reply: LineReply
  /** Until its server is there, and what it has to do is begun. */
  fiber?: Fiber.Fiber<void>
}

export const make = Effect.fnUntraced(function*(
  options: StatelessLinesOptions
): Effect.fn.Return<StatelessLines> {
  const { inFlight, isTaken, write } = options
  const serve = yield* StatelessServer.make<void>(options)
  const { fork } = options.sessions
  const open = new Map<JsonRpc.RequestId, Open>()

  const hear = (message: JsonRpc.Request): void => {
    const { id, method } = message
    if (open.has(id) || isTaken(id)) return write(JsonRpc.encodeFailure(id, idInUse))
    const isListening = method === "subscriptions/listen"
    const release = isListening ? () => {} : inFlight.hold()
    const reply = new LineReply({
      write,
      isListening,
      onEnd: () => {
        open.delete(id)
        release()
      }
    })
    const request: Open = { reply }
    open.set(id, request)
    request.fiber = fork(Effect.catchCause(serve(message, Principal.local, reply), (cause) => {
      if (Cause.hasInterruptsOnly(cause)) return Effect.void
      reply.finish(500, JsonRpc.encodeFailure(id, broken))
      return complain(`a request has failed: ${method}`, cause)
    }))
  }

  return {
    hear,
    cancel: (id) => {
      const request = open.get(id)
      if (request === undefined) return false
      fork(request.reply.abandon())
      request.fiber?.interruptUnsafe()
      return true
    },
    end: (message) => {
      for (const [id, { reply }] of [...open]) {
        reply.finish(503, JsonRpc.encodeFailure(id, { code: serverError, message }))
      }
    }
  }
})

/** Whether a message says that it is of a revision without sessions, or asks for one. */
export const isStateless = (message: JsonRpc.Incoming): boolean => {
  if (message._tag !== "Request" && message._tag !== "Notification") return false
  const { method, params } = message
  const meta = isObject(params) ? params["_meta"] : undefined
  return method === "server/discover" || (isObject(meta) && ModernEra.metaKey.protocolVersion in meta)
}

/** Two answers could not be told apart. */
const idInUse: JsonRpc.ErrorObject = {
  code: JsonRpc.errorCode.invalidRequest,
  message: "the id is that of another request, which has no answer yet"
}

const broken: JsonRpc.ErrorObject = { code: JsonRpc.errorCode.internalError, message: "the request has failed" }
