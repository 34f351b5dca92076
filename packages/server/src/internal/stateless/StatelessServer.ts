/**
 * Compatibility with servers of the SDK's version 1: requests of revision 2026-07-28, which has no sessions, answered by servers of a revision that
 * has them, whatever transport carries them. All of this folder exists for that, and goes when these servers go. A server that speaks the revision
 * itself needs none of it.
 *
 * Each request has a server of its own, made by the same factory that makes one for a session: what a server remembers can reach no other
 * client, and what it says without naming a request can belong to one only. The SDK's own way for its version 2 is the same; it is not used
 * because it takes servers of that version alone, and Effect's `McpServer` takes neither. Servers that say that they remember nothing may be
 * kept for the next request of the same client.
 *
 * What cannot be told is not told: there is no stream to come back to, pushes go to open subscriptions alone, and a client that goes away has cancelled.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28
 */
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as ModernEra from "@holdfast/protocol/ModernEra"
import type { Principal } from "@holdfast/protocol/Principal"
import * as ToolHeaders from "@holdfast/protocol/ToolHeaders"
import * as Effect from "effect/Effect"
import type { McpServerError } from "../../McpServerError.ts"
import { complain, complainOf } from "../complain.ts"
import { serverError } from "../errorCodes.ts"
import type { HttpSessions } from "../http/HttpSessions.ts"
import { digestOf, randomId } from "../nodeCrypto.ts"
import { Call, type CallHost, nameIn } from "./Call.ts"
import { listen } from "./listen.ts"
import { Listeners } from "./Listeners.ts"
import type * as RequestServer from "./RequestServer.ts"
import { RequestServers } from "./RequestServers.ts"
import { takesTasks, toCapabilities, toError, toResult } from "./results.ts"
import { type JsonObject, read, type Refused, refused, type StatelessRequest } from "./StatelessRequest.ts"
import { type Answer, refusal, type StatelessTransport } from "./StatelessTransport.ts"
import * as Tasks from "./Tasks.ts"
import { ToolTable } from "./ToolTable.ts"

export interface StatelessServerOptions {
  /** All that are served here, newest first. */
  readonly revisions: ReadonlyArray<string>
  readonly sessions: Pick<HttpSessions, "registry" | "start" | "fork">
  /** Servers that may wait for the next request of the same client. */
  readonly keep: number
}

/** Serves one request. An interruption means that the client has gone away. `A`: what becomes of a request on its transport. */
export type Serve<A> = (
  message: JsonRpc.Request,
  principal: Principal,
  transport: StatelessTransport<A>
) => Effect.Effect<A>

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

export const make = <A>({ sessions, keep, revisions }: StatelessServerOptions): Effect.Effect<Serve<A>> =>
  Effect.sync(() => {
    const { fork, registry } = sessions
    const listeners = new Listeners()
    const tools = new ToolTable()
    /** Calls whose questions are open, by the digest of what their clients come back with. */
    const parked = new Map<string, Call>()

    const soon = (run: () => void): void =>
      void fork(
        Effect.andThen(Effect.yieldNow, Effect.sync(run)).pipe(
          Effect.catchCause((cause) => complain("what was left to do for a request has failed", cause))
        )
      )

    const learn = (principal: string, { method }: JsonRpc.Notification): void => {
      if (method === "notifications/tools/list_changed") tools.forget(principal)
    }

    const publish = (principal: string, message: JsonRpc.Notification): void => {
      learn(principal, message)
      listeners.publish(principal, message)
    }

    const requestServers = new RequestServers({
      sessions,
      keep,
      fork,
      onSaid: (requestServer, message) => {
        if (message._tag === "Request") requestServer.refuse(message)
        else learn(requestServer.session.principal.id, message)
      }
    })

    const host = (greeted: RequestServer.Greeted, method: string): CallHost => {
      const { greeting, requestServer } = greeted
      let unpark = (): void => {}
      return {
        soon,
        park: (call) => {
          unpark()
          const state = randomId()
          const digest = digestOf(state)
          parked.set(digest, call)
          const forget = requestServer.session.onClosing(() => parked.delete(digest))
          unpark = () => {
            parked.delete(digest)
            forget()
          }
          return state
        },
        publish: (message) => publish(requestServer.session.principal.id, message),
        toResult: (result) => toResult(method, result, greeting.serverInfo),
        onFault: (message, thrown) => void fork(complainOf(`${method}: ${message}`, thrown)),
        done: (isFree) => {
          unpark()
          if (!isFree) return void fork(requestServer.session.close("done"))
          // The handler's last steps come first: it is not to be told that it was aborted when it has done its work.
          soon(() => requestServers.giveBack(greeted))
        }
      }
    }

    /** An answer that needs no handler, or was none. */
    const over = (greeted: RequestServer.Greeted, answer: A): A => {
      requestServers.giveBack(greeted)
      return answer
    }

    const begin = Effect.fnUntraced(function*(
      transport: StatelessTransport<A>,
      asked: StatelessRequest,
      greeted: RequestServer.Greeted,
      release: () => void
    ): Effect.fn.Return<A> {
      const { greeting, requestServer } = greeted
      const { capabilities, id, method, params } = asked
      let isHandedOver = false
      return yield* Effect.ensuring(
        Effect.gen(function*() {
          let sent: JsonObject = params
          const { name } = params
          if (method === "tools/call" && typeof name === "string" && greeting.capabilities.tools !== undefined) {
            const traits = yield* tools.find(requestServer, name)
            const fault = transport.headers === undefined
              ? undefined
              : ToolHeaders.faultIn(traits?.headers ?? [], params["arguments"], transport.headers)
            if (fault !== undefined) {
              return over(greeted, transport.answer(refusal(id, refused(400, ModernEra.headerMismatch, fault))))
            }
            if (traits?.tasks === "required" && !takesTasks(capabilities)) {
              return over(greeted, transport.answer(refusal(id, Tasks.undeclared)))
            }
            // Whether a call becomes a task is the server's matter: what the client says of it is left out.
            const { task: _, ...others } = params
            const isTask = traits !== undefined && traits.tasks !== "forbidden" && takesTasks(capabilities)
            sent = isTask ? { ...others, task: {} } : others
          }
          const call = new Call(host(greeted, method), requestServer, asked)
          return yield* transport.converse(requestServer.session, (reply) => {
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
      transport: StatelessTransport<A>,
      asked: StatelessRequest,
      principal: Principal,
      state: string
    ): Effect.Effect<A> => {
      const token = digestOf(state)
      const call = parked.get(token)
      const isIts = call !== undefined && call.principal === principal.id && call.method === asked.method &&
        call.name === nameIn(asked)
      if (!isIts) {
        const words = "this requestState belongs to no open call of yours: begin again without it"
        return Effect.succeed(transport.answer(refusal(asked.id, refused(200, JsonRpc.errorCode.invalidParams, words))))
      }
      parked.delete(token)
      return transport.converse(call.requestServer.session, (reply) => call.resume(reply, asked))
    }

    /** What is answered without a handler of the server's. */
    const brief = Effect.fnUntraced(function*(
      { answers, capabilities, id, method, params }: StatelessRequest,
      { greeting, requestServer }: RequestServer.Greeted
    ): Effect.fn.Return<Answer> {
      const { instructions, serverInfo } = greeting
      if (method === "server/discover") {
        const found = {
          supportedVersions: revisions,
          capabilities: toCapabilities(greeting.capabilities),
          ...(instructions !== undefined && { instructions })
        }
        return { status: 200, text: JsonRpc.encodeSuccess(id, toResult(method, found, serverInfo)) }
      }
      if (!takesTasks(capabilities)) return refusal(id, Tasks.undeclared)
      const said = yield* Tasks.serve(requestServer, method, params, answers)
      return said._tag === "Success"
        ? { status: 200, text: JsonRpc.encodeSuccess(id, toResult(method, said.result, serverInfo)) }
        : refusal(id, { _tag: "Refused", ...toError(method, params, said.error) })
    })

    const serve = (
      transport: StatelessTransport<A>,
      asked: StatelessRequest,
      greeted: RequestServer.Greeted
    ): Effect.Effect<A> => {
      const { method } = asked
      // It is in use until it is answered, or handed over.
      const release = greeted.requestServer.session.holdRequest()
      if (method === "subscriptions/listen") {
        const giveBack = () => requestServers.giveBack(greeted)
        return Effect.ensuring(listen({ listeners, learn, giveBack }, transport, asked, greeted), Effect.sync(release))
      }
      if (method !== "server/discover" && !Tasks.methods.has(method)) return begin(transport, asked, greeted, release)
      return Effect.map(
        Effect.ensuring(brief(asked, greeted), Effect.sync(release)),
        (answer) => over(greeted, transport.answer(answer))
      )
    }

    return Effect.fnUntraced(function*(message, principal, transport): Effect.fn.Return<A> {
      const asked = read(message, transport.headers, revisions)
      if ("_tag" in asked) return transport.answer(refusal(message.id, asked))
      if (removed.has(asked.method)) return transport.answer(refusal(asked.id, notFound))
      if (registry.isDraining()) return transport.answer(refusal(asked.id, draining, 5))
      if (asked.state !== undefined) return yield* resume(transport, asked, principal, asked.state)
      if (asked.method === "subscriptions/listen" && !transport.canStream) {
        return transport.answer(refusal(asked.id, noStream))
      }
      const greeted = yield* Effect.result(requestServers.take(principal, asked, transport.origin))
      if (greeted._tag === "Failure") return transport.answer(refusal(asked.id, unavailable(greeted.failure), 10))
      const { success } = greeted
      if (success === undefined) return transport.answer(refusal(asked.id, registry.isDraining() ? draining : broken))
      return yield* Effect.onInterrupt(
        serve(transport, asked, success),
        () => success.requestServer.session.close("client")
      )
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
