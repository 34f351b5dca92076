/**
 * A server of a revision with sessions that stands in for one stateless request: it is made for it, greeted as a session would greet it,
 * and gone with the answer. So what a server remembers of a session is never another's.
 */
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import type * as Messages from "@holdfast/protocol/Messages"
import type { Principal } from "@holdfast/protocol/Principal"
import * as Revision from "@holdfast/protocol/Revision"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type { McpServerError } from "../../McpServerError.ts"
import type { SessionShape } from "../../Session.ts"
import { serverError } from "../errorCodes.ts"
import type { HttpSessions } from "../http/HttpSessions.ts"
import type { Origin } from "../http/Origin.ts"
import type { Receive, Speaker } from "../sdk/SessionServer.ts"
import type { Greetings } from "./Greetings.ts"
import type { JsonObject, StatelessRequest } from "./StatelessRequest.ts"

export type Answered = JsonRpc.Success | JsonRpc.Failure

/** A question or a notification of the server. */
export type Said = JsonRpc.Request | JsonRpc.Notification

export class RequestServer implements Speaker {
  readonly session: SessionShape
  readonly #answers = new Map<JsonRpc.RequestId, (answer: Answered, text?: string) => void>()
  #hear: Receive = () => {}
  /** Where the request has come from. */
  #origin: Origin | undefined
  #last = 0
  #ended: string | undefined
  /** Where what the server says goes. Questions before there is a client to answer them are refused. */
  onSaid: (message: Said) => void = (message) => this.refuse(message)

  constructor(session: SessionShape, origin: Origin | undefined) {
    this.session = session
    this.#origin = origin
  }

  speakTo(hear: Receive): void {
    this.#hear = hear
  }

  /** From here on it serves another request. */
  serve(origin: Origin | undefined): void {
    this.#origin = origin
  }

  readonly send = (message: JsonRpc.Incoming, text: string, related: JsonRpc.RequestId | undefined): void => {
    if (message._tag === "Success" || message._tag === "Failure") {
      if (message.id === null) return
      const settle = this.#answers.get(message.id)
      this.#answers.delete(message.id)
      settle?.(message, text)
      return
    }
    if (message._tag === "Request" && message.method === "ping") return this.answer(message.id, {})
    // Late words of a handler whose request is over are dropped.
    if (related !== undefined && related !== this.#last) return this.refuse(message)
    this.onSaid(message)
  }

  /** Sends a request, and tells the answer to it when it is there. */
  request(method: string, params: JsonObject, onAnswer: (answer: Answered, text?: string) => void): void {
    const id = ++this.#last
    if (this.#ended !== undefined) return onAnswer(endOf(id, this.#ended))
    this.#answers.set(id, onAnswer)
    this.#hear({ _tag: "Request", id, method, params }, this.#origin)
  }

  /** Asks the server something on our own account. */
  ask(method: string, params: JsonObject = {}): Effect.Effect<Answered> {
    return this.#asked(method, params, (said, text) => {
      // The server's own objects may have members that are undefined: what is to be checked is what goes over the transport.
      const frame = text === undefined ? said : JsonRpc.decode(text)
      return frame._tag === "Success" || frame._tag === "Failure" ? frame : said
    })
  }

  /** Begins as a client does, and hears what the server says of itself. Undefined: that makes no sense, or it has ended. */
  greet(params: JsonObject, greetings: Greetings): Effect.Effect<Messages.InitializeResult | undefined> {
    return this.#asked("initialize", params, (_, text) => text === undefined ? undefined : greetings.read(text))
  }

  #asked<A>(
    method: string,
    params: JsonObject,
    read: (said: Answered, text: string | undefined) => A
  ): Effect.Effect<A> {
    return Effect.suspend(() => {
      const answer = Deferred.makeUnsafe<A>()
      this.request(method, params, (said, text) => void Deferred.doneUnsafe(answer, Effect.succeed(read(said, text))))
      return Deferred.await(answer)
    })
  }

  tell(method: string): void {
    this.#hear({ _tag: "Notification", method, params: undefined })
  }

  /** Answers a question of the server. */
  answer(id: JsonRpc.RequestId, result: JsonObject): void {
    this.#hear({ _tag: "Success", id, result })
  }

  refuse(message: Said): void {
    if (message._tag !== "Request") return
    const error = {
      code: JsonRpc.errorCode.invalidRequest,
      message: "the client can be asked in the course of a call only"
    }
    this.#hear({ _tag: "Failure", id: message.id, error })
  }

  get hasEnded(): boolean {
    return this.#ended !== undefined
  }

  /** What is not answered by now never will be. */
  end(reason: string): void {
    this.#ended = reason
    for (const [id, settle] of [...this.#answers]) {
      this.#answers.delete(id)
      settle(endOf(id, reason))
    }
  }
}

const endOf = (id: JsonRpc.RequestId, reason: string): Answered => ({
  _tag: "Failure",
  id,
  error: { code: serverError, message: `the server was closed: ${reason}; this request may have been carried out` }
})

/** A server, and what it has said of itself. */
export interface Greeted {
  readonly requestServer: RequestServer
  readonly greeting: Messages.InitializeResult
}

/** Makes a server for one request. Undefined: it could not be made, or makes no sense; it is gone then. */
export const open = Effect.fnUntraced(function*(
  { registry, start }: Pick<HttpSessions, "registry" | "start">,
  greetings: Greetings,
  principal: Principal,
  { capabilities, clientInfo }: StatelessRequest,
  origin: Origin | undefined
): Effect.fn.Return<Greeted | undefined, McpServerError> {
  const { session } = yield* registry.open({ principal, transport: "stateless" })
  const requestServer = new RequestServer(session, origin)
  session.introduce(clientInfo)
  session.onClosing((reason) => requestServer.end(reason))
  const greet = Effect.gen(function*() {
    requestServer.speakTo(yield* start(session, requestServer))
    return yield* requestServer.greet({
      protocolVersion: Revision.latestLegacy,
      capabilities,
      clientInfo: { name: "unnamed", version: "0", ...clientInfo }
    }, greetings)
  })
  const greeting = yield* Effect.onInterrupt(greet, () => session.close("client"))
  if (greeting === undefined) {
    yield* session.close("error")
    return undefined
  }
  requestServer.tell("notifications/initialized")
  session.activate()
  return { requestServer, greeting }
})
