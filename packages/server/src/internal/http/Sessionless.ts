/**
 * Streamable HTTP of the revisions that have sessions, without any: no id is given out, and each POST has a server of its own, made by the
 * same factory and greeted as a session would greet it. So any replica answers any request, before a restart and after it.
 *
 * What only a session could keep apart is not there. Two clients of one principal may use the same request ids, so a cancellation reaches no
 * request; questions of the server would reach any client, so there are none; and nothing is told but progress, in the answer to the request
 * that it belongs to.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#session-management
 */
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import type { Principal } from "@holdfast/protocol/Principal"
import * as Revision from "@holdfast/protocol/Revision"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type { Receive, Speaker } from "../sdk/SessionServer.ts"
import type { Conversation, Message } from "../session/Conversation.ts"
import type { ServeStateless } from "../stateless/serveStateless.ts"
import { notAllowed } from "./httpAnswers.ts"
import type { HttpSessions } from "./HttpSessions.ts"
import { isOver, noBatches, notStarted, unavailable } from "./sessionRefusals.ts"
import * as StreamableHttp from "./StreamableHttp.ts"
import { takePost } from "./takePost.ts"

type Response = HttpServerResponse.HttpServerResponse
type Request = HttpServerRequest.HttpServerRequest

/** What may be asked where there are no sessions. */
export const methods = "POST, OPTIONS"

/** Answers one request that the guard has let pass. */
export const handle = (
  sessions: HttpSessions,
  stateless: ServeStateless,
  request: Request,
  principal: Principal
): Effect.Effect<Response> =>
  request.method === "POST"
    ? takePost(sessions, stateless, request, principal, {
      serve: (messages, isBatch) => serve(sessions, request, principal, messages, isBatch)
    })
    : Effect.succeed(notAllowed(methods))

const serve = (
  sessions: HttpSessions,
  request: Request,
  principal: Principal,
  messages: ReadonlyArray<Message>,
  isBatch: boolean
): Effect.Effect<Response> => {
  const requests = messages.filter((message) => message._tag === "Request")
  const [first] = requests
  // A notification has no effect without a session, and an answer has no question.
  if (first === undefined) return Effect.succeed(HttpServerResponse.empty({ status: 202 }))
  const revision = request.headers["mcp-protocol-version"] ?? Revision.assumedOverHttp
  if (isBatch && revision >= "2025-06-18") return Effect.succeed(noBatches())
  const only = requests.length === 1 ? first.id : undefined
  const answered = sessions.openBrief(
    principal,
    (conversation) => new Briefing(conversation, only),
    ({ conversation, receive, speaker }) =>
      Effect.gen(function*() {
        speaker.hear = receive
        const isGreeted = first.method === "initialize" || (yield* speaker.greet(revision))
        if (!isGreeted || isOver(conversation.session)) {
          return notStarted(conversation.session, first.id)
        }
        conversation.session.activate()
        conversation.onMessage = (message, origin) => speaker.deliver(message, origin)
        return yield* StreamableHttp.exchange(sessions, request, conversation, requests, isBatch)
      })
  )
  return Effect.catch(answered, (error) => Effect.succeed(unavailable(error)))
}

/** Of a session only. */
const absent: ReadonlySet<string> = new Set(["logging/setLevel", "resources/subscribe", "resources/unsubscribe"])

const greetingId = "holdfast-greeting"

/** Stands between a server and the one POST that it answers. */
class Briefing implements Speaker {
  hear: Receive = () => {}
  readonly #conversation: Conversation
  /** The one request that everything the server says belongs to, if there is only one. */
  readonly #only: JsonRpc.RequestId | undefined
  readonly #greeted = Deferred.makeUnsafe<boolean>()
  #isGreeting = false
  #initialize: JsonRpc.RequestId | undefined

  constructor(conversation: Conversation, only: JsonRpc.RequestId | undefined) {
    this.#conversation = conversation
    this.#only = only
    conversation.session.onClosing(() => this.#settle(false))
  }

  /** Says to the server what a client says first. False: it has refused, or is gone. */
  greet(protocolVersion: string): Effect.Effect<boolean> {
    return Effect.suspend(() => {
      this.#isGreeting = true
      const clientInfo = { name: "unnamed", version: "0" }
      const params = { protocolVersion, capabilities: {}, clientInfo }
      this.hear({ _tag: "Request", id: greetingId, method: "initialize", params })
      return Effect.tap(Deferred.await(this.#greeted), (isGreeted) =>
        Effect.sync(() => {
          if (isGreeted) this.hear({ _tag: "Notification", method: "notifications/initialized", params: undefined })
        }))
    })
  }

  /** Hands a request of the client's to the server. */
  deliver(message: Message, origin: Parameters<Receive>[1]): void {
    if (message._tag !== "Request") return
    const { id, method, params } = message
    if (absent.has(method)) {
      const error = { code: JsonRpc.errorCode.methodNotFound, message: `${method} is not offered without sessions` }
      return this.#conversation.send({ _tag: "Failure", id, error }, JsonRpc.encodeFailure(id, error), undefined)
    }
    if (method !== "initialize") return this.hear(message, origin)
    this.#initialize = id
    this.hear({ ...message, params: isObject(params) ? { ...params, capabilities: {} } : params }, origin)
  }

  readonly send: Speaker["send"] = (message, text, related) => {
    if (message._tag === "Request") return this.#refuse(message)
    if (message._tag === "Notification") {
      if (message.method !== "notifications/progress") return
      return this.#conversation.send(message, text, related ?? this.#only)
    }
    if (this.#isGreeting && message.id === greetingId) return this.#settle(message._tag === "Success")
    if (message._tag === "Failure" || message.id !== this.#initialize || !isObject(message.result)) {
      return this.#conversation.send(message, text, related)
    }
    const result = withoutSession(message.result)
    this.#conversation.send({ ...message, result }, JsonRpc.encodeSuccess(message.id, result), related)
  }

  #settle(isGreeted: boolean): void {
    this.#isGreeting = false
    Deferred.doneUnsafe(this.#greeted, Effect.succeed(isGreeted))
  }

  #refuse({ id, method }: JsonRpc.Request): void {
    if (method === "ping") return this.hear({ _tag: "Success", id, result: {} })
    const message = "without sessions a client cannot be asked anything"
    this.hear({ _tag: "Failure", id, error: { code: JsonRpc.errorCode.methodNotFound, message } })
  }
}

/** What a server says of itself, but for what it could keep to only in a session. */
const withoutSession = (result: JsonObject): JsonObject => {
  if (!isObject(result["capabilities"])) return result
  const { logging: _, ...capabilities } = result["capabilities"]
  return {
    ...result,
    capabilities: Object.fromEntries(
      Object.entries(capabilities).map(([name, value]) => {
        if (!isObject(value)) return [name, value]
        const { listChanged: _, subscribe: __, ...kept } = value
        return [name, kept]
      })
    )
  }
}

type JsonObject = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value)
