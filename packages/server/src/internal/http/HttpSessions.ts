/** A server behind the HTTP transports: its registry, the conversation of every session, and the one clock of all streams. */
import type { Principal } from "@holdfast/protocol/Principal"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import { McpServerError, SessionNotFound } from "../../McpServerError.ts"
import { Session, type SessionShape, type SessionTransport } from "../../Session.ts"
import type { SessionPolicy } from "../../SessionPolicy.ts"
import type { SessionRegistry } from "../../SessionRegistry.ts"
import { complain, complainOf } from "../complain.ts"
import { type Fork, scopedFork } from "../scopedFork.ts"
import { type Receive, type SdkServer, serve, type Speaker } from "../sdk/SessionServer.ts"
import { Conversation } from "../session/Conversation.ts"
import { releaseTimeout } from "../session/SessionEntry.ts"
import { type Beating, HeartbeatWheel } from "./HeartbeatWheel.ts"

/** A session whose server is made, or which is over already. */
export interface Opened {
  readonly id: Redacted.Redacted
  readonly conversation: Conversation
}

/** A server for the answers to one request over HTTP. */
export interface Brief<S extends Speaker> {
  readonly conversation: Conversation
  readonly speaker: S
  readonly receive: Receive
}

export interface HttpSessions {
  readonly registry: SessionRegistry["Service"]
  /** Newest first. */
  readonly revisions: ReadonlyArray<string>
  /**
   * Opens a session and makes its server for a client that waits. If the client goes away before `use` has ended it was never told the
   * session's id, and can never come back: what was begun is stopped, and the session closed.
   */
  readonly open: <A>(
    principal: Principal,
    transport: SessionTransport,
    use: (opened: Opened) => Effect.Effect<A>
  ) => Effect.Effect<A, McpServerError>
  /**
   * Makes a server that is gone once the conversation of `use` waits for no answer any more. A client that goes away earlier stops it only as long
   * as nothing was handed over.
   */
  readonly openBrief: <A, S extends Speaker>(
    principal: Principal,
    speakerOf: (conversation: Conversation) => S,
    use: (brief: Brief<S>) => Effect.Effect<A>
  ) => Effect.Effect<A, McpServerError>
  readonly find: (id: string, principal: Principal) => Effect.Effect<Conversation, McpServerError>
  /** Makes the server of a session. Returns where the client's messages go; without a server the session is closed. */
  readonly start: (session: SessionShape, speaker: Speaker) => Effect.Effect<Receive>
  /** Begins an effect and does not wait for it. Ended with all sessions. */
  readonly fork: Fork
  /** Milliseconds, monotonic. */
  readonly now: () => number
  /** Called at every heartbeat until what is returned is called. */
  readonly onHeartbeat: (beat: (now: number) => void) => () => void
}

export interface HttpSessionsOptions {
  readonly registry: SessionRegistry["Service"]
  /** Makes the server of one session. What it needs for itself is released with the session. */
  readonly server: Effect.Effect<SdkServer, unknown, Session | Scope.Scope>
  /** Newest first. */
  readonly revisions: ReadonlyArray<string>
}

/** A session, or a request that is answered over a stream of its own. */
type Member = Conversation | (Beating & { readonly end: () => void })

/** Runs until the Scope closes. */
export const make = Effect.fnUntraced(function*(
  { registry, revisions, server }: HttpSessionsOptions
): Effect.fn.Return<HttpSessions, never, Scope.Scope> {
  const clock = yield* Clock.Clock
  const now = (): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
  const conversations = new Map<SessionShape, Conversation>()
  const wheel = new HeartbeatWheel<Member>(registry.policy.heartbeatInterval)
  const fork = yield* scopedFork
  const services = yield* Effect.context()

  /**
   * What a server is made with: the services of the host, its session, and the span of the request that began it. Nothing else of that request
   * lives as long as the session.
   */
  const contextOf = (session: SessionShape, own: Scope.Scope) => (asked: Context.Context<never>) => {
    const made = services.pipe(Context.add(Session, session), Context.add(Scope.Scope, own))
    const span = Context.getOrUndefined(asked, Tracer.ParentSpan)
    return span === undefined ? made : Context.add(made, Tracer.ParentSpan, span)
  }

  /** One that breaks costs no other its heartbeat. */
  const turn = Effect.sync(() => {
    const time = now()
    wheel.turn((member) => {
      const done = Result.try(() => member.beat(time))
      if (Result.isSuccess(done)) return
      const whose = member instanceof Conversation ? `session ${member.session.number}` : "a request"
      fork(complainOf(`${whose}: its heartbeat has failed`, done.failure))
      if (member instanceof Conversation) fork(member.session.close("error"))
      else member.end()
    })
  })
  yield* Effect.sleep(Duration.millis(wheel.turnMillis)).pipe(
    Effect.andThen(turn),
    Effect.forever,
    Effect.forkScoped
  )

  /** Not in `start`: a function that a session keeps would keep all variables of `start`. */
  const closing = (session: SessionShape) => (): void => void fork(session.close("error"))

  const start: HttpSessions["start"] = (session, speaker) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function*() {
        // Apart from what else belongs to the session: nothing the server holds is released while it is still being made.
        const own = Scope.makeUnsafe("sequential")
        const made = Deferred.makeUnsafe<Receive, unknown>()
        const settled = session.onClosing(() => void Deferred.doneUnsafe(made, Effect.succeed(nobody)))
        // First the fiber ends, then what it has made.
        const making = Scope.makeUnsafe("sequential")
        yield* Scope.addFinalizerExit(making, (exit) => Scope.close(own, exit))
        yield* Scope.addFinalizerExit(session.scope, (exit) => Scope.close(making, exit))
        const fiber = yield* server.pipe(
          Effect.flatMap((server) =>
            serve(server, speaker, {
              // What a server keeps by session is the principal's where there is none.
              name: session.transport === "stateless"
                ? `principal-${session.principal.id}`
                : `session-${session.number}`,
              onClose: closing(session)
            })
          ),
          Effect.updateContext(contextOf(session, own)),
          // In a fiber of the session: a client that waits for it is not kept by one that cannot be stopped.
          Effect.forkIn(making, { startImmediately: true })
        )
        fiber.addObserver((exit) => {
          Deferred.doneUnsafe(made, exit)
          settled()
        })
        const answered = Effect.catchCause(Deferred.await(made), (cause) =>
          complain(`session ${session.number}: no server could be made`, cause).pipe(
            Effect.andThen(Effect.timeoutOption(session.close("error"), releaseTimeout)),
            Effect.as(nobody)
          ))
        return yield* Effect.onInterrupt(restore(answered), () =>
          Effect.sync(() =>
            fiber.interruptUnsafe()
          ))
      })
    )

  const converse = (session: SessionShape, policy: SessionPolicy): Conversation => {
    const conversation = new Conversation(session, policy, now)
    conversations.set(session, conversation)
    const still = wheel.add(conversation)
    session.onClosing((reason) => {
      conversations.delete(session)
      still()
      conversation.close(reason)
    })
    return conversation
  }

  return {
    registry,
    revisions,
    start,
    fork,
    now,
    onHeartbeat: (beat) => {
      const member = { beat, end: () => {} }
      member.end = wheel.add(member)
      return member.end
    },
    open: (principal, transport, use) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.flatMap(registry.open({ principal, transport }), ({ id, session }) => {
          const conversation = converse(session, registry.policy)
          return Effect.onInterrupt(
            restore(Effect.flatMap(start(session, conversation), (receive) => {
              conversation.onMessage = receive
              return use({ id, conversation })
            })),
            // Not waited for: the client is gone.
            () => Effect.sync(() => fork(session.close("client")))
          )
        })
      ),
    openBrief: (principal, speakerOf, use) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.flatMap(registry.open({ principal, transport: "stateless" }), ({ session }) => {
          // No client can come back to any of it.
          const conversation = converse(session, { ...registry.policy, maxReplayBytes: 0 })
          const speaker = speakerOf(conversation)
          // The handler's last steps come first: it is not to be told that it was aborted when it has done its work.
          conversation.onQuiet = () => fork(Effect.andThen(Effect.yieldNow, session.close("done")))
          const used = Effect.flatMap(start(session, speaker), (receive) => use({ conversation, receive, speaker }))
          return Effect.ensuring(
            restore(used),
            Effect.suspend(() =>
              conversation.isWaiting
                ? Effect.void
                // Not waited for: nothing of it is left to be said.
                : Effect.sync(() => fork(session.close("done")))
            )
          )
        })
      ),
    find: (id, principal) =>
      Effect.flatMap(registry.find(id, principal), (session) => {
        const conversation = conversations.get(session)
        return conversation === undefined
          ? Effect.fail(new McpServerError({ reason: new SessionNotFound() }))
          : Effect.succeed(conversation)
      })
  }
})

/** Where the messages to a server go that is not there. */
const nobody: Receive = () => {}
