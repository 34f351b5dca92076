/**
 * All sessions of one server, of every transport: their principals, their use, and their ends.
 *
 * Promises
 * - A session is found by its id and by its principal: with another principal's it is not there, and a client cannot tell the difference.
 * - One sweep for all closes what is stale or half-open; no session has a timer. What is in use is never stale; a handshake has its time,
 *   whatever keeps it from its end.
 * - There are never more than the policy allows, those that still release what they held included; past it `SessionLimit`.
 * - `drain` lets what is in flight finish until its deadline, and closes everything then. So does the end of the Scope, at once.
 * - Every session that was opened is closed with exactly one reason, and is counted by it.
 *
 * **Gotchas**: ids are handed out once, by `open`, and kept as digests. Snapshots and events know sessions by number.
 *
 * @example
 * ```ts
 * import * as SessionRegistry from "@holdfast/server/SessionRegistry"
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 *
 * // Logs every transition of every session.
 * export const program = Effect.flatMap(SessionRegistry.SessionRegistry, ({ events }) =>
 *   Stream.runForEach(events, ({ reason, session, state }) => Effect.logInfo(session, state, reason)))
 * ```
 */
import * as Principal from "@holdfast/protocol/Principal"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { publishMetrics } from "./internal/metrics/publishMetrics.ts"
import { digestOf, randomId } from "./internal/nodeCrypto.ts"
import { scopedFork } from "./internal/scopedFork.ts"
import * as RefusalLog from "./internal/session/RefusalLog.ts"
import { releaseTimeout, SessionEntry, type SessionHost } from "./internal/session/SessionEntry.ts"
import { McpServerError, ServerDraining, SessionLimit, SessionNotFound } from "./McpServerError.ts"
import type { CloseReason, SessionShape, SessionState, SessionTransport } from "./Session.ts"
import * as SessionPolicy from "./SessionPolicy.ts"

/** A session went from one state to another. */
export interface SessionEvent {
  readonly session: number
  readonly state: SessionState
  /** Set from `closing` on. */
  readonly reason: CloseReason | undefined
}

/** One session, as operators see it. Ages in milliseconds, times in milliseconds of the epoch. */
export interface SessionSummary {
  readonly session: number
  readonly principal: string
  /** What the client calls itself, with its version. Absent: it has not said. */
  readonly client?: string | undefined
  readonly transport: SessionTransport
  readonly state: SessionState
  readonly ageMillis: number
  readonly idleMillis: number
  readonly openedAt: number
  readonly lastSeenAt: number
  readonly inFlight: number
  readonly openStreams: number
  /** Of all its streams: what its client has not taken yet. */
  readonly bufferedBytes: number
}

/** A stream of events that a client holds open. */
export interface StreamSummary {
  readonly session: number
  /** Counts up from 1 within its session. */
  readonly stream: number
  readonly kind: string
  /** Milliseconds of the epoch. */
  readonly openedAt: number
  readonly bufferedBytes: number
}

export type { Refused } from "./internal/session/RefusalLog.ts"

/** What was refused since the registry was made: how often for which reason, and the last ones, the newest last. */
export interface Refusals {
  readonly byReason: Readonly<Record<string, number>>
  readonly last: ReadonlyArray<RefusalLog.Refused>
}

/** The registry at one instant, and its counters since it was made. No secret in it. */
export interface RegistrySnapshot {
  readonly isDraining: boolean
  readonly sessions: ReadonlyArray<SessionSummary>
  readonly opened: number
  readonly closed: Readonly<Record<CloseReason, number>>
  /** Opens that were refused because of a limit. */
  readonly refused: number
  readonly requests: number
  readonly inFlight: number
  readonly openStreams: number
  readonly sweeps: number
  readonly sweepMillis: number
}

/** What a drain has found. */
export interface DrainReport {
  /** Requests that were still in flight at the deadline, and were cut off. */
  readonly cutOff: number
  /** Sessions that were closed by it. */
  readonly closed: number
}

/** The client of a new session. */
export interface OpenOptions {
  readonly principal: Principal.Principal
  readonly transport: SessionTransport
}

/** The service. */
export class SessionRegistry extends Context.Service<SessionRegistry, {
  readonly policy: SessionPolicy.SessionPolicy
  /** Opens a session. The id is for the client alone. */
  readonly open: (
    options: OpenOptions
  ) => Effect.Effect<{ readonly id: Redacted.Redacted; readonly session: SessionShape }, McpServerError>
  /** The session of this id, if it is this principal's. Fails with `SessionNotFound`. */
  readonly find: (id: string, principal: Principal.Principal) => Effect.Effect<SessionShape, McpServerError>
  /** Closes a session by its number. False: there is none. */
  readonly close: (session: number, reason?: CloseReason) => Effect.Effect<boolean>
  /** Closes what is stale or half-open now. Runs by itself every `sweepInterval`. */
  readonly sweep: Effect.Effect<void>
  readonly snapshot: Effect.Effect<RegistrySnapshot>
  /** Every stream of events that a client holds open. */
  readonly streams: Effect.Effect<ReadonlyArray<StreamSummary>>
  /** What guards and limits have refused. At most the last 200 are remembered. */
  readonly refusals: Effect.Effect<Refusals>
  /** Remembers that something was refused. `reason`: a word of the program's own, of which there are few. No secrets. */
  readonly noteRefusal: (reason: string, message: string) => void
  /** Every transition from now on. A reader that falls 1024 behind misses the oldest. */
  readonly events: Stream.Stream<SessionEvent>
  /** True from the first `drain` on: a new session is refused with `ServerDraining`. */
  readonly isDraining: () => boolean
  /** Refuses what is new, waits for what is in flight until the deadline (default: the policy's), then closes everything. */
  readonly drain: (deadline?: Duration.Input) => Effect.Effect<DrainReport>
}>()("@holdfast/server/SessionRegistry") {}

/** Makes a registry for as long as the Scope is open. Fails with `ServerOptionInvalid`. */
export const make = Effect.fnUntraced(function*(
  input?: SessionPolicy.SessionPolicyInput
): Effect.fn.Return<SessionRegistry["Service"], McpServerError, Scope.Scope> {
  const policy = yield* SessionPolicy.make(input)
  const clock = yield* Clock.Clock
  const events = yield* PubSub.sliding<SessionEvent>(1024)
  const fork = yield* scopedFork
  const byDigest = new Map<string, SessionEntry>()
  /** Those that are closing are here, and no longer found. */
  const all = new Set<SessionEntry>()
  const ofPrincipal = new Map<string, number>()
  const closed: Record<CloseReason, number> = {
    done: 0,
    client: 0,
    stale: 0,
    "half-open": 0,
    "slow reader": 0,
    vanished: 0,
    limit: 0,
    drain: 0,
    operator: 0,
    error: 0
  }
  let opened = 0
  let refused = 0
  const refusals = RefusalLog.make(() => clock.currentTimeMillisUnsafe())
  let requests = 0
  let inFlight = 0
  let sweeps = 0
  let sweepMillis = 0
  let draining: { readonly quiet: Deferred.Deferred<void> } | undefined

  const now = (): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
  const began = clock.currentTimeMillisUnsafe() - now()
  /** The same for the same instant, however often it is asked for. */
  const dateOf = (instant: number): number => Math.round(began + instant)
  const host: SessionHost = {
    now,
    fork,
    onHold: () => {
      requests++
      inFlight++
    },
    onRelease: () => {
      inFlight--
      if (draining !== undefined && inFlight === 0) Deferred.doneUnsafe(draining.quiet, Effect.void)
    },
    onState: (entry, state) => {
      if (state === "closing") byDigest.delete(entry.digest)
      if (state === "closed") {
        all.delete(entry)
        const left = (ofPrincipal.get(entry.principal.id) ?? 1) - 1
        if (left === 0) ofPrincipal.delete(entry.principal.id)
        else ofPrincipal.set(entry.principal.id, left)
        if (entry.closeReason !== undefined) closed[entry.closeReason]++
      }
      const event = { session: entry.number, state, reason: entry.closeReason }
      // Full means that a reader is behind: then its oldest is dropped, which takes an effect.
      if (!PubSub.publishUnsafe(events, event)) fork(PubSub.publish(events, event))
    }
  }

  const countOf = ({ id }: Principal.Principal): number => ofPrincipal.get(id) ?? 0

  const limitFor = (principal: Principal.Principal): SessionLimit | undefined => {
    // Without authentication all clients are one principal: there is no other to leave room for.
    const share = Principal.isSame(principal, Principal.local) ? policy.maxSessions : policy.sharePerPrincipal
    const limit = policy.maxSessionsPerPrincipal ?? share
    if (countOf(principal) >= limit) return new SessionLimit({ limit, principal: principal.id })
    // A closing session still holds what it has: a client that comes and goes fast would otherwise have any number of servers made.
    return all.size >= policy.maxSessions ? new SessionLimit({ limit: policy.maxSessions }) : undefined
  }

  /**
   * The session that makes room for one of this principal: the one unused for longest of the principal with the most, if that is at least two more than the
   * principal has. None with a request in flight, and one with an open stream only if no other is left.
   */
  const victimFor = (principal: Principal.Principal): SessionEntry | undefined => {
    const enough = countOf(principal) + (waiting.get(principal.id) ?? 0) + 2
    let richest: { readonly id: string; readonly count: number } | undefined
    for (const [id, count] of ofPrincipal) if (count >= (richest?.count ?? enough)) richest = { id, count }
    // What is closing makes its room already.
    const living = [...all].filter(({ closeReason, principal }) =>
      principal.id === richest?.id && closeReason === undefined
    )
    if (living.length < enough) return undefined
    return living.filter((entry) => entry.inFlight() === 0).toSorted((one, other) =>
      Math.min(one.openStreams(), 1) - Math.min(other.openStreams(), 1) || one.lastSeen - other.lastSeen
    )[0]
  }

  /** Opens for which room is being made, by principal. */
  const waiting = new Map<string, number>()

  const makeRoom = (principal: Principal.Principal, victim: SessionEntry): Effect.Effect<void> =>
    Effect.suspend(() => {
      const { id } = principal
      waiting.set(id, (waiting.get(id) ?? 0) + 1)
      return Effect.ensuring(
        closeAll([victim], () => "limit"),
        Effect.sync(() => {
          const left = (waiting.get(id) ?? 1) - 1
          if (left === 0) waiting.delete(id)
          else waiting.set(id, left)
        })
      )
    })

  /** Nothing comes between the `reason` to close a session and its end. Undefined: there is none. */
  const closeAll = (entries: Iterable<SessionEntry>, reason: (entry: SessionEntry) => CloseReason | undefined) =>
    Effect.forEach(
      [...entries],
      (entry) =>
        Effect.suspend(() => {
          const why = reason(entry)
          if (why === undefined) return Effect.void
          entry.beginClosing(why)
          return Effect.asVoid(entry.closed)
        }),
      { concurrency: "unbounded", discard: true }
    ).pipe(
      Effect.timeoutOption(releaseTimeout),
      Effect.asVoid
    )

  /** Why a session has to go, if it has. Whatever it holds: a client that has not finished the handshake in time cannot be using the session. */
  const overdue = (entry: SessionEntry, time: number): CloseReason | undefined => {
    const state = entry.state()
    if (state === "connecting") return time - entry.openedAt >= policy.halfOpenTimeout ? "half-open" : undefined
    const isInUse = state !== "active" || entry.inFlight() > 0 || entry.openStreams() > 0
    return !isInUse && time - entry.lastSeen >= policy.idleTimeout ? "stale" : undefined
  }

  const sweep = Effect.suspend(() => {
    const begun = now()
    const due: Array<SessionEntry> = []
    for (const entry of all) if (overdue(entry, begun) !== undefined) due.push(entry)
    sweeps++
    sweepMillis += now() - begun
    // To close many takes a while, and an idle client may come back meanwhile.
    return closeAll(due, (entry) => overdue(entry, now()))
  })

  // Before what closes the sessions, and so gone after it: the last closings are seen too.
  yield* publishMetrics(policy.name, {
    sessions: all,
    closed,
    totals: () => ({ opened, refused, requests, inFlight, sweeps, sweepMillis })
  })
  yield* Effect.addFinalizer(() =>
    Effect.suspend(() => {
      // From now on no session is opened that would never be closed.
      draining ??= { quiet: Deferred.makeUnsafe() }
      return Effect.andThen(closeAll(all, () => "drain"), PubSub.shutdown(events))
    })
  )
  yield* Effect.sleep(Duration.millis(policy.sweepInterval)).pipe(
    // Closing takes as long as it takes; the next sweep does not wait for it.
    Effect.andThen(Effect.forkScoped(sweep)),
    Effect.forever,
    Effect.forkScoped
  )

  return {
    policy,
    open: ({ principal, transport }) => {
      const refuse = (reason: SessionLimit | ServerDraining): Effect.Effect<never, McpServerError> => {
        refused++
        return Effect.fail(new McpServerError({ reason }))
      }
      const opening = Effect.suspend(() => {
        const reason = draining === undefined ? limitFor(principal) : new ServerDraining()
        if (reason !== undefined) return refuse(reason)
        const number = ++opened
        // What lasts for one request is never looked for: no digest is of this form.
        const isFound = transport !== "stateless"
        const id = isFound ? randomId() : ""
        const digest = isFound ? digestOf(id) : `stateless ${number}`
        const session = new SessionEntry(host, number, principal, transport, digest)
        byDigest.set(session.digest, session)
        all.add(session)
        ofPrincipal.set(principal.id, (ofPrincipal.get(principal.id) ?? 0) + 1)
        host.onState(session, "connecting")
        return Effect.succeed({ id: Redacted.make(id, { label: "session id" }), session })
      })
      return Effect.suspend(() => {
        const isFull = draining === undefined && limitFor(principal)?.principal === undefined &&
          all.size >= policy.maxSessions
        const victim = isFull ? victimFor(principal) : undefined
        return victim === undefined ? opening : Effect.andThen(makeRoom(principal, victim), opening)
      })
    },
    find: (id, principal) =>
      Effect.suspend(() => {
        const session = byDigest.get(digestOf(id))
        return session === undefined || session.principal.id !== principal.id
          ? Effect.fail(new McpServerError({ reason: new SessionNotFound() }))
          : Effect.succeed(session)
      }),
    close: (number, reason = "operator") =>
      Effect.suspend(() => {
        for (const entry of all) if (entry.number === number) return Effect.as(closeAll([entry], () => reason), true)
        return Effect.succeed(false)
      }),
    sweep,
    snapshot: Effect.sync(() => {
      const time = now()
      const sessions = [...all].map((entry): SessionSummary => ({
        session: entry.number,
        principal: entry.principal.id,
        client: entry.client(),
        transport: entry.transport,
        state: entry.state(),
        ageMillis: time - entry.openedAt,
        idleMillis: time - entry.lastSeen,
        openedAt: dateOf(entry.openedAt),
        lastSeenAt: dateOf(entry.lastSeen),
        inFlight: entry.inFlight(),
        openStreams: entry.openStreams(),
        bufferedBytes: bufferedIn(entry)
      }))
      return {
        isDraining: draining !== undefined,
        sessions,
        opened,
        closed: { ...closed },
        refused,
        requests,
        inFlight,
        openStreams: sessions.reduce((sum, { openStreams }) => sum + openStreams, 0),
        sweeps,
        sweepMillis
      }
    }),
    streams: Effect.sync(() =>
      [...all].flatMap((entry) =>
        [...entry.streams()].map(({ number, openedAt, view }): StreamSummary => ({
          session: entry.number,
          stream: number,
          kind: view.kind,
          openedAt: dateOf(openedAt),
          bufferedBytes: view.bufferedBytes()
        }))
      )
    ),
    refusals: Effect.sync(refusals.snapshot),
    noteRefusal: refusals.note,
    events: Stream.fromPubSub(events),
    isDraining: () => draining !== undefined,
    drain: (deadline) =>
      Effect.gen(function*() {
        draining ??= { quiet: Deferred.makeUnsafe() }
        if (inFlight === 0) Deferred.doneUnsafe(draining.quiet, Effect.void)
        const patience = deadline ?? Duration.millis(policy.drainTimeout)
        yield* Effect.timeoutOption(Deferred.await(draining.quiet), patience)
        const report = { cutOff: inFlight, closed: all.size }
        yield* closeAll(all, () => "drain")
        return report
      })
  }
})

/** The service. Fails with `ServerOptionInvalid`. */
export const layer = (policy?: SessionPolicy.SessionPolicyInput): Layer.Layer<SessionRegistry, McpServerError> =>
  Layer.effect(SessionRegistry, make(policy))

const bufferedIn = (entry: SessionEntry): number => {
  let bytes = 0
  for (const { view } of entry.streams()) bytes += view.bufferedBytes()
  return bytes
}
