/**
 * The one session of a client that says `initialize`, over stdio.
 *
 * Its server is made when something is asked of it, and not before: a client of the newest revision needs none. What is said while it is
 * made waits for it. A server that cannot be made is the end of the program, because nothing else would tell why.
 */
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as Principal from "@holdfast/protocol/Principal"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type { McpServerError } from "../../McpServerError.ts"
import { Session, type SessionShape } from "../../Session.ts"
import type { SessionRegistry } from "../../SessionRegistry.ts"
import { serverError } from "../errorCodes.ts"
import { scopedFork } from "../scopedFork.ts"
import { type Receive, type SdkServer, serve, type Speaker } from "../sdk/SessionServer.ts"
import { clientInfoIn } from "../session/clientName.ts"
import type { InFlight } from "./InFlight.ts"

export interface StdioSessionOptions {
  readonly registry: SessionRegistry["Service"]
  readonly server: Effect.Effect<SdkServer, unknown, Session | Scope.Scope>
  readonly inFlight: InFlight
  /** Writes one message. */
  readonly write: (text: string) => void
  /** The server is closed, by whomever. */
  readonly onClose: () => void
  /** No server could be made. */
  readonly onFailure: (cause: Cause.Cause<never>) => void
}

export interface StdioSession {
  /** Takes a message of the client's. */
  readonly hear: (message: JsonRpc.Incoming) => void
  /** Makes the server now, whatever is said. */
  readonly begin: () => void
  /** A request of this id waits for its answer. */
  readonly isWaiting: (id: JsonRpc.RequestId) => boolean
  /** Whatever waits for an answer gets this, and is stopped. */
  readonly end: (message: string) => void
}

type State =
  | { readonly _tag: "Unasked" }
  | { readonly _tag: "Making"; readonly said: Array<JsonRpc.Incoming> }
  | { readonly _tag: "Serving"; readonly session: SessionShape; readonly receive: Receive }

export const make = Effect.fnUntraced(function*(
  { inFlight, onClose, onFailure, registry, server, write }: StdioSessionOptions
): Effect.fn.Return<StdioSession, never, Scope.Scope> {
  const fork = yield* scopedFork
  let state: State = { _tag: "Unasked" }
  let making: Fiber.Fiber<void> | undefined
  /** What is to be done when a request has its answer. */
  const waiting = new Map<JsonRpc.RequestId, Array<() => void>>()

  const settle = (id: JsonRpc.RequestId): void => {
    for (const release of waiting.get(id) ?? []) release()
    waiting.delete(id)
  }

  const answerAll = (message: string): void => {
    for (const id of [...waiting.keys()]) {
      write(JsonRpc.encodeFailure(id, { code: serverError, message }))
      settle(id)
    }
  }

  const speaker: Speaker = {
    send: (message, text) => {
      write(text)
      if ((message._tag === "Success" || message._tag === "Failure") && message.id !== null) settle(message.id)
    }
  }

  const deliver = (session: SessionShape, receive: Receive, message: JsonRpc.Incoming): void => {
    if (message._tag === "Request") waiting.get(message.id)?.push(session.holdRequest())
    if (message._tag === "Notification" && message.method === "notifications/initialized") session.activate()
    const clientInfo = clientInfoIn(message)
    if (clientInfo !== undefined) session.introduce(clientInfo)
    receive(message)
    const id = cancelledBy(message)
    if (id !== undefined) settle(id)
  }

  const open = Effect.gen(function*() {
    const { session } = yield* registry.open({ principal: Principal.local, transport: "stdio" })
    // The standard streams are open for as long as there is a client: it is never stale.
    session.holdStream()
    const receive = yield* server.pipe(
      Effect.flatMap((server) => serve(server, speaker, { name: `session-${session.number}`, onClose })),
      Effect.provideService(Session, session),
      Scope.provide(session.scope),
      Effect.orDie
    )
    const said = state._tag === "Making" ? state.said : []
    state = { _tag: "Serving", session, receive }
    for (const message of said) deliver(session, receive, message)
  })

  const refuse = ({ message }: McpServerError): Effect.Effect<void> =>
    Effect.sync(() => {
      state = { _tag: "Unasked" }
      answerAll(message)
    })

  const begin = (): void => {
    if (state._tag !== "Unasked") return
    state = { _tag: "Making", said: [] }
    making = fork(open.pipe(
      Effect.catch(refuse),
      Effect.catchCause((cause) => Cause.hasInterruptsOnly(cause) ? Effect.void : Effect.sync(() => onFailure(cause)))
    ))
  }

  return {
    begin,
    end: (message) => {
      answerAll(message)
      // Not waited for: one that cannot be stopped would keep the program.
      making?.interruptUnsafe()
    },
    isWaiting: (id) => waiting.has(id),
    hear: (message) => {
      if (message._tag === "Request") {
        if (!waiting.has(message.id)) waiting.set(message.id, [inFlight.hold()])
        begin()
      }
      switch (state._tag) {
        // A client that has asked for nothing has nothing to tell.
        case "Unasked":
          return
        case "Making":
          return void state.said.push(message)
        case "Serving":
          deliver(state.session, state.receive, message)
      }
    }
  }
})

/** The request that a message takes back. */
export const cancelledBy = (message: JsonRpc.Incoming): JsonRpc.RequestId | undefined => {
  if (message._tag !== "Notification" || message.method !== "notifications/cancelled") return undefined
  const { params } = message
  const id = typeof params === "object" && params !== null && "requestId" in params ? params.requestId : undefined
  return JsonRpc.isRequestId(id) ? id : undefined
}
