/**
 * Requests of revision 2026-07-28, which has no sessions, served by servers of a revision that has them.
 *
 * Each request has a server of its own, made by the same factory that makes one for a session: what a server remembers can reach nobody
 * else, and what it says without naming a request can belong to one only. The SDK's own way for its version 2 is the same; it is not used
 * because it takes servers of that version alone, and Effect's `McpServer` takes neither. Servers that say that they remember nothing may be
 * kept for the next request of the same client.
 *
 * What cannot be told is not told: there is no stream to come back to, nothing is pushed but to who listens, and who goes away has cancelled.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28
 */
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as ModernEra from "@holdfast/protocol/ModernEra"
import type { Principal } from "@holdfast/protocol/Principal"
import * as ToolHeaders from "@holdfast/protocol/ToolHeaders"
import * as Effect from "effect/Effect"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type { McpServerError } from "../../SessionError.ts"
import { cut } from "../cutConnection.ts"
import type { SinkEnd } from "../EventSink.ts"
import type { Hosted } from "../Hosted.ts"
import { retryAfter, serverError } from "../httpAnswers.ts"
import { digestOf, randomId } from "../nodeCrypto.ts"
import { originOf } from "../Origin.ts"
import { Call, type CallHost, nameIn } from "./Call.ts"
import { honoured, Listeners, readFilter, tagged, tellIfWanted } from "./Listeners.ts"
import { Reply } from "./Reply.ts"
import { takesTasks, toCapabilities, toError, toResult } from "./results.ts"
import type * as StandIn from "./StandIn.ts"
import { StandIns } from "./StandIns.ts"
import { type JsonObject, read, type Refused, refused, type StatelessRequest } from "./StatelessRequest.ts"
import * as Tasks from "./Tasks.ts"
import { ToolTable } from "./ToolTable.ts"

type Response = HttpServerResponse.HttpServerResponse
type Request = HttpServerRequest.HttpServerRequest

/** Answers one message of a POST that the guard has let pass. */
export type ServeStateless = (
  message: JsonRpc.Incoming,
  request: Request,
  principal: Principal
) => Effect.Effect<Response>

export interface StatelessOptions {
  /** All that are served here, newest first. */
  readonly revisions: ReadonlyArray<string>
  readonly hosted: Pick<Hosted, "registry" | "start" | "onHeartbeat" | "now">
  readonly acceptsStream: (request: Request) => boolean
  /** Servers that may wait for the next request of the same client. */
  readonly keep: number
}

/** Requests of older revisions that the newest does without. */
const removed: ReadonlySet<string> = new Set([
  "initialize",
  "ping",
  "logging/setLevel",
  "resources/subscribe",
  "resources/unsubscribe",
  "tasks/list",
  "tasks/result"
])

export const make = Effect.fnUntraced(function*(
  { acceptsStream, hosted, keep, revisions }: StatelessOptions
): Effect.fn.Return<ServeStateless> {
  const { registry } = hosted
  const fork = Effect.runForkWith(yield* Effect.context())
  const listeners = new Listeners()
  const tools = new ToolTable()
  /** Calls whose questions are open, by the digest of what their clients come back with. */
  const parked = new Map<string, Call>()

  const soon = (run: () => void): void => void fork(Effect.andThen(Effect.yieldNow, Effect.sync(run)))

  const learn = (principal: string, { method }: JsonRpc.Notification): void => {
    if (method === "notifications/tools/list_changed") tools.forget(principal)
  }

  const publish = (principal: string, message: JsonRpc.Notification): void => {
    learn(principal, message)
    listeners.publish(principal, message)
  }

  const standIns = new StandIns({
    hosted,
    keep,
    fork,
    onSaid: (standIn, message) => {
      if (message._tag === "Request") standIn.refuse(message)
      else learn(standIn.session.principal.id, message)
    }
  })

  /** Waits for what becomes of a request. Whoever goes away before that has cancelled it. */
  const answer = Effect.fnUntraced(function*(
    request: Request,
    session: StandIn.StandIn["session"],
    run: (reply: Reply) => void
  ): Effect.fn.Return<Response> {
    const releases: Array<() => void> = []
    const onEnd = (end: SinkEnd): void => {
      for (const release of releases) release()
      if (end === "slow reader") cut(request.source)
      if (end === "slow reader" || end === "client left") fork(session.close(end === "client left" ? "client" : end))
    }
    const reply = yield* Reply.make({
      acceptsStream: acceptsStream(request),
      openedAt: hosted.now(),
      maxBufferedBytes: registry.policy.maxBufferedBytes,
      onEnd
    })
    releases.push(hosted.onHeartbeat((now) => reply.beat(now, registry.policy.heartbeatInterval)))
    run(reply)
    const decision = yield* Effect.onInterrupt(reply.decision, () => Effect.sync(() => reply.abandon()))
    if (decision._tag === "Json") return json(decision.status, decision.text)
    if (reply.isOpen) releases.push(session.holdStream())
    return HttpServerResponse.stream(reply.sink.body, eventStream)
  })

  const host = (greeted: StandIn.Greeted, method: string): CallHost => {
    const { greeting, standIn } = greeted
    let token: string | undefined
    return {
      soon,
      park: (call) => {
        const state = randomId()
        const digest = digestOf(state)
        token = digest
        parked.set(digest, call)
        standIn.session.onClosing(() => parked.delete(digest))
        return state
      },
      publish: (message) => publish(standIn.session.principal.id, message),
      toResult: (result) => toResult(method, result, greeting.serverInfo),
      done: (isFree) => {
        if (token !== undefined) parked.delete(token)
        if (!isFree) return void fork(standIn.session.close("done"))
        // The handler's last steps come first: it is not to be told that it was aborted when it has done its work.
        soon(() => standIns.giveBack(greeted))
      }
    }
  }

  /** An answer that needs no handler, or was none. */
  const over = (greeted: StandIn.Greeted, response: Response): Response => {
    standIns.giveBack(greeted)
    return response
  }

  const begin = Effect.fnUntraced(function*(
    request: Request,
    asked: StatelessRequest,
    greeted: StandIn.Greeted,
    release: () => void
  ): Effect.fn.Return<Response> {
    const { greeting, standIn } = greeted
    const { capabilities, id, method, params } = asked
    let isHandedOver = false
    return yield* Effect.ensuring(
      Effect.gen(function*() {
        let sent: JsonObject = params
        const { name } = params
        if (method === "tools/call" && typeof name === "string" && greeting.capabilities.tools !== undefined) {
          const traits = yield* tools.find(standIn, name)
          const fault = ToolHeaders.faultIn(traits?.headers ?? [], params["arguments"], request.headers)
          if (fault !== undefined) return over(greeted, failure(id, refused(400, ModernEra.headerMismatch, fault)))
          if (traits?.tasks === "required" && !takesTasks(capabilities)) {
            return over(greeted, failure(id, Tasks.undeclared))
          }
          // Whether a call becomes a task is the server's matter: what the client says of it is left out.
          const { task: _, ...others } = params
          const isTask = traits !== undefined && traits.tasks !== "forbidden" && takesTasks(capabilities)
          sent = isTask ? { ...others, task: {} } : others
        }
        const call = new Call(host(greeted, method), standIn, asked)
        return yield* answer(request, standIn.session, (reply) => {
          isHandedOver = true
          call.begin(reply, sent, release)
        })
      }),
      Effect.sync(() => {
        if (!isHandedOver) release()
      })
    )
  })

  const resume = (
    request: Request,
    asked: StatelessRequest,
    principal: Principal,
    state: string
  ): Effect.Effect<Response> => {
    const token = digestOf(state)
    const call = parked.get(token)
    const isIts = call !== undefined && call.principal === principal.id && call.method === asked.method &&
      call.name === nameIn(asked)
    if (!isIts) {
      const words = "this requestState belongs to no open call of yours: begin again without it"
      return Effect.succeed(failure(asked.id, refused(200, JsonRpc.errorCode.invalidParams, words)))
    }
    parked.delete(token)
    return answer(request, call.standIn.session, (reply) => call.resume(reply, asked))
  }

  const listen = Effect.fnUntraced(function*(
    request: Request,
    { id, params }: StatelessRequest,
    greeted: StandIn.Greeted
  ): Effect.fn.Return<Response> {
    const { greeting, standIn } = greeted
    const { session } = standIn
    const wanted = readFilter(params)
    if (typeof wanted === "string") {
      return over(greeted, failure(id, refused(200, JsonRpc.errorCode.invalidParams, wanted)))
    }
    const filter = honoured(wanted, greeting.capabilities)
    const listener = {
      id,
      principal: session.principal.id,
      filter,
      tell: (text: string): void => void reply?.say(text)
    }
    let reply: Reply | undefined
    // Each of those that listen has such a server, and all of them may say the same: each tells its own.
    standIn.onSaid = (message) => {
      if (message._tag === "Request") return standIn.refuse(message)
      learn(session.principal.id, message)
      tellIfWanted(listener, message)
    }
    const result = JsonRpc.encodeSuccess(
      id,
      toResult("subscriptions/listen", { _meta: { [ModernEra.metaKey.subscriptionId]: id } }, greeting.serverInfo)
    )
    return yield* answer(request, session, (made) => {
      reply = made
      const acknowledged = tagged("notifications/subscriptions/acknowledged", { notifications: filter }, id)
      // There is nothing that it could be told.
      if (Object.keys(filter).length === 0) {
        made.say(acknowledged)
        made.finish(200, result)
        return standIns.giveBack(greeted)
      }
      const remove = listeners.add(listener)
      session.onClosing(() => {
        remove()
        made.finish(200, result)
      })
      made.say(acknowledged)
      for (const uri of filter.resourceSubscriptions ?? []) standIn.request("resources/subscribe", { uri }, () => {})
    })
  })

  /** What is answered without a handler of the server's. */
  const brief = Effect.fnUntraced(function*(
    { capabilities, id, method, params }: StatelessRequest,
    { greeting, standIn }: StandIn.Greeted
  ): Effect.fn.Return<Response> {
    const { instructions, serverInfo } = greeting
    if (method === "server/discover") {
      const found = {
        supportedVersions: revisions,
        capabilities: toCapabilities(greeting.capabilities),
        ...(instructions !== undefined && { instructions })
      }
      return json(200, JsonRpc.encodeSuccess(id, toResult(method, found, serverInfo)))
    }
    if (!takesTasks(capabilities)) return failure(id, Tasks.undeclared)
    const said = yield* Tasks.serve(standIn, method, params)
    return said._tag === "Success"
      ? json(200, JsonRpc.encodeSuccess(id, toResult(method, said.result, serverInfo)))
      : failure(id, { _tag: "Refused", ...toError(method, params, said.error) })
  })

  const serve = (request: Request, asked: StatelessRequest, greeted: StandIn.Greeted): Effect.Effect<Response> => {
    const { method } = asked
    // It is in use until it is answered, or handed over.
    const release = greeted.standIn.session.holdRequest()
    if (method === "subscriptions/listen") return Effect.ensuring(listen(request, asked, greeted), Effect.sync(release))
    if (method !== "server/discover" && !Tasks.methods.has(method)) return begin(request, asked, greeted, release)
    return Effect.map(Effect.ensuring(brief(asked, greeted), Effect.sync(release)), (said) => over(greeted, said))
  }

  return Effect.fnUntraced(function*(message, request, principal): Effect.fn.Return<Response> {
    // Notifications have no effect without a session, answers have no question.
    if (message._tag !== "Request") return HttpServerResponse.empty({ status: 202 })
    const asked = read(message, request.headers, revisions)
    if ("_tag" in asked) return failure(message.id, asked)
    if (removed.has(asked.method)) return failure(asked.id, notFound)
    if (registry.isDraining()) return failure(asked.id, draining, retryAfter(5))
    if (asked.state !== undefined) return yield* resume(request, asked, principal, asked.state)
    if (asked.method === "subscriptions/listen" && !acceptsStream(request)) return failure(asked.id, noStream)
    const greeted = yield* Effect.result(standIns.take(principal, asked, yield* originOf(request, principal)))
    if (greeted._tag === "Failure") return failure(asked.id, unavailable(greeted.failure), retryAfter(10))
    const { success } = greeted
    if (success === undefined) return failure(asked.id, registry.isDraining() ? draining : broken)
    return yield* Effect.onInterrupt(serve(request, asked, success), () => success.standIn.session.close("client"))
  })
})

const notFound = refused(404, JsonRpc.errorCode.methodNotFound, "this revision has no such method")
const draining = refused(503, serverError, "the server is shutting down")
const broken = refused(500, serverError, "the server could not be started")
const noStream = refused(
  406,
  serverError,
  "subscriptions/listen is answered by a stream of events: accept text/event-stream"
)

/** A client that is asked to come back later does. */
const unavailable = ({ message }: McpServerError): Refused => refused(503, serverError, message)

const eventStream = {
  contentType: "text/event-stream",
  headers: { "cache-control": "no-cache, no-transform", "x-accel-buffering": "no" }
} as const

const json = (status: number, text: string, headers: Readonly<Record<string, string>> = {}): Response =>
  HttpServerResponse.text(text, { status, contentType: "application/json", headers })

const failure = (id: JsonRpc.RequestId, { error, status }: Refused, headers?: Readonly<Record<string, string>>) =>
  json(status, JsonRpc.encodeFailure(id, error), headers)
