/** A server behind the HTTP transports: its registry, the conversation of every session, and the one clock of all streams. */
import type { Principal } from "@holdfast/protocol/Principal"
import * as Revision from "@holdfast/protocol/Revision"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import type * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import { Session, type SessionShape, type SessionTransport } from "../Session.ts"
import { McpServerError, SessionNotFound } from "../SessionError.ts"
import type { SessionRegistry } from "../SessionRegistry.ts"
import { Conversation, type Message } from "./Conversation.ts"
import { type SdkServer, serve } from "./sdk/SessionServer.ts"

/** Answers a request of a revision without sessions. */
export type Modern = (
  message: Message,
  request: HttpServerRequest.HttpServerRequest,
  principal: Principal
) => Effect.Effect<HttpServerResponse.HttpServerResponse>

export interface Hosted {
  readonly registry: SessionRegistry["Service"]
  /** Newest first. */
  readonly revisions: ReadonlyArray<string>
  readonly open: (
    principal: Principal,
    transport: SessionTransport
  ) => Effect.Effect<{ readonly id: Redacted.Redacted; readonly conversation: Conversation }, McpServerError>
  readonly find: (id: string, principal: Principal) => Effect.Effect<Conversation, McpServerError>
  readonly modern: Modern
}

export interface HostedOptions {
  readonly registry: SessionRegistry["Service"]
  /** Makes the server of one session. What it needs for itself is released with the session. */
  readonly server: Effect.Effect<SdkServer, unknown, Session | Scope.Scope>
  readonly modern: Modern
}

/** Runs until the Scope closes. */
export const make = Effect.fnUntraced(function*(
  { modern, registry, server }: HostedOptions
): Effect.fn.Return<Hosted, never, Scope.Scope> {
  const clock = yield* Clock.Clock
  const now = (): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
  const conversations = new Map<SessionShape, Conversation>()

  yield* Effect.sleep(Duration.millis(registry.policy.heartbeatInterval)).pipe(
    Effect.andThen(Effect.sync(() => {
      for (const conversation of conversations.values()) conversation.beat()
    })),
    Effect.forever,
    Effect.forkScoped
  )

  return {
    registry,
    revisions: [...Revision.modern, ...Revision.legacy],
    modern,
    open: Effect.fnUntraced(function*(principal, transport) {
      const { id, session } = yield* registry.open({ principal, transport })
      const conversation = new Conversation(session, registry.policy, now)
      conversations.set(session, conversation)
      session.onClosing((reason) => {
        conversations.delete(session)
        conversation.close(reason)
      })
      yield* server.pipe(
        Effect.flatMap((server) => serve(server, conversation, session.number)),
        Effect.map((receive) => void (conversation.onMessage = receive)),
        Effect.provideService(Session, session),
        Scope.provide(session.scope),
        Effect.catchCause((cause) =>
          Effect.andThen(
            Effect.logError(`session ${session.number}: no server could be made`, cause),
            session.close("error")
          )
        )
      )
      return { id, conversation }
    }),
    find: (id, principal) =>
      Effect.flatMap(registry.find(id, principal), (session) => {
        const conversation = conversations.get(session)
        return conversation === undefined
          ? Effect.fail(new McpServerError({ reason: new SessionNotFound() }))
          : Effect.succeed(conversation)
      })
  }
})
