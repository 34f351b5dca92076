/** A server behind the HTTP transports: its registry, the conversation of every session, and the one clock of all streams. */
import type { Principal } from "@holdfast/protocol/Principal"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import { Session, type SessionShape, type SessionTransport } from "../Session.ts"
import { McpServerError, SessionNotFound } from "../SessionError.ts"
import type { SessionRegistry } from "../SessionRegistry.ts"
import { Conversation } from "./Conversation.ts"
import { type Receive, type SdkServer, serve, type Speaker } from "./sdk/SessionServer.ts"

export interface Hosted {
  readonly registry: SessionRegistry["Service"]
  /** Newest first. */
  readonly revisions: ReadonlyArray<string>
  readonly open: (
    principal: Principal,
    transport: SessionTransport
  ) => Effect.Effect<{ readonly id: Redacted.Redacted; readonly conversation: Conversation }, McpServerError>
  readonly find: (id: string, principal: Principal) => Effect.Effect<Conversation, McpServerError>
  /** Makes the server of a session. Returns where the client's messages go; without a server the session is closed. */
  readonly start: (session: SessionShape, speaker: Speaker) => Effect.Effect<Receive>
  /** Milliseconds, monotonic. */
  readonly now: () => number
  /** Called at every heartbeat until what is returned is called. */
  readonly onHeartbeat: (beat: (now: number) => void) => () => void
}

export interface HostedOptions {
  readonly registry: SessionRegistry["Service"]
  /** Makes the server of one session. What it needs for itself is released with the session. */
  readonly server: Effect.Effect<SdkServer, unknown, Session | Scope.Scope>
  /** Newest first. */
  readonly revisions: ReadonlyArray<string>
}

/** Runs until the Scope closes. */
export const make = Effect.fnUntraced(function*(
  { registry, revisions, server }: HostedOptions
): Effect.fn.Return<Hosted, never, Scope.Scope> {
  const clock = yield* Clock.Clock
  const now = (): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
  const conversations = new Map<SessionShape, Conversation>()
  const beats = new Set<(now: number) => void>()

  yield* Effect.sleep(Duration.millis(registry.policy.heartbeatInterval)).pipe(
    Effect.andThen(Effect.sync(() => {
      for (const conversation of conversations.values()) conversation.beat()
      const time = now()
      for (const beat of beats) beat(time)
    })),
    Effect.forever,
    Effect.forkScoped
  )

  const fork = Effect.runForkWith(yield* Effect.context())

  const start: Hosted["start"] = (session, speaker) =>
    server.pipe(
      Effect.flatMap((server) =>
        serve(server, speaker, {
          // What a server keeps by session is the principal's where there is none.
          name: session.transport === "stateless" ? `principal-${session.principal.id}` : `session-${session.number}`,
          onClose: () => fork(session.close("error"))
        })
      ),
      Effect.provideService(Session, session),
      Scope.provide(session.scope),
      // One that takes too long is closed by the sweep.
      Effect.raceFirst(Effect.as(session.closed, () => {})),
      Effect.catchCause((cause) =>
        Effect.logError(`session ${session.number}: no server could be made`, cause).pipe(
          Effect.andThen(session.close("error")),
          Effect.as(() => {})
        )
      )
    )

  return {
    registry,
    revisions,
    start,
    now,
    onHeartbeat: (beat) => {
      beats.add(beat)
      return () => void beats.delete(beat)
    },
    open: Effect.fnUntraced(function*(principal, transport) {
      const { id, session } = yield* registry.open({ principal, transport })
      const conversation = new Conversation(session, registry.policy, now)
      conversations.set(session, conversation)
      session.onClosing((reason) => {
        conversations.delete(session)
        conversation.close(reason)
      })
      conversation.onMessage = yield* start(session, conversation)
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
