/**
 * What a pool needs to know about a protocol in order to open, watch and close its connections.
 *
 * A connector is the only thing that is specific to a protocol: the pool itself knows nothing of MCP, HTTP or processes.
 * It promises three things the pool relies on:
 *
 * - everything a dial acquires lives in the Scope it is given: closing that Scope is closing the connection;
 * - `closed` completes exactly when the connection can no longer be used, and says why;
 * - `classify` tells what time may heal from what it will not, and a peer that is not there from one that crashes.
 *
 * What a connector breaks is its own: a dial that dies is a failed dial (callers get `DialDefect`), a `closed`, `received` or
 * `inFlight` that dies or throws is a lost connection, a `probe` that dies has failed, and what `classify` throws at is
 * `retryable`. Each is told in the log with its stack, once. `fingerprint`, `label` and `exclusiveResource` run when a caller asks:
 * what they throw is that caller's defect. Numbers that make no sense (NaN, infinite, negative) count as not given.
 *
 * @example
 * ```ts
 * import type { Connector } from "@holdfast/core"
 * import * as Context from "effect/Context"
 * import * as Data from "effect/Data"
 * import * as Effect from "effect/Effect"
 *
 * class Refused extends Data.TaggedError("Refused")<{ readonly message: string; readonly status: number }> {}
 *
 * interface Session {
 *   readonly ask: (question: string) => Effect.Effect<string>
 *   readonly ended: Effect.Effect<Refused>
 *   readonly end: Effect.Effect<void>
 * }
 *
 * class Sockets extends Context.Service<Sockets, {
 *   readonly open: (host: string) => Effect.Effect<Session, Refused>
 * }>()("example/Sockets") {}
 *
 * export const connector: Connector.Connector<string, Session, Refused, Sockets> = {
 *   fingerprint: (host) => host,
 *   classify: ({ status }) => status === 401 ? "permanent" : status === 503 ? "unavailable" : "retryable",
 *   dial: (host) =>
 *     Effect.gen(function*() {
 *       const sockets = yield* Sockets
 *       const session = yield* Effect.acquireRelease(sockets.open(host), (session) => session.end)
 *       return { value: session, closed: session.ended }
 *     })
 * }
 * ```
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/**
 * A freshly dialled connection, handshake included: ready to be leased.
 */
export interface Dialled<in out C, out E> {
  /** What callers are given. */
  readonly value: C
  /** Succeeds with the cause as soon as the connection is lost. Never completes while it is usable. */
  readonly closed: Effect.Effect<E>
  /**
   * Succeeds when no other caller is to be given this connection although it works: it is retired, and its present callers go on. Never
   * completes otherwise.
   *
   * It may have another connection opened before it decides, by `succeed`: a caller that asks then waits for that one, and is given it as
   * long as it is open, while this one waits for the decision. One connection at most is so beyond `maxConnectionsPerKey` and
   * `maxConnections`.
   */
  readonly retired?: ((succeed: Succeed<C>) => Effect.Effect<void>) | undefined
  /** A cheap round trip that proves the peer is alive. Without it the pool never probes. */
  readonly probe?: Effect.Effect<void, E> | undefined
  /** Monotonic count of bytes or frames received: any growth is a sign of life. Without it only probes count. */
  readonly received?: (() => number) | undefined
  /** Requests on the wire right now, probes not counted. A busy connection is never convicted by a failed probe. Without it, leases count. */
  readonly inFlight?: (() => number) | undefined
}

/** A connection that was opened beside another one, which it may take the place of. */
export interface Successor<out C> {
  /** What callers are given. */
  readonly value: C
  /** Takes it out of circulation. The connection before it is given to callers again. */
  readonly retire: Effect.Effect<void>
}

/**
 * Opens a connection beside one that is open. `undefined` when there is none: the dial failed, which is penalised as any other, a
 * penalty is being served, the pool drains, or two connections of the key must not exist at once (`exclusiveResource`).
 */
export type Succeed<C> = Effect.Effect<Successor<C> | undefined>

/**
 * How a failure to connect, or a loss, should be treated:
 *
 * - `retryable`: it crashed. Tried again under back-off; more than `restartIntensity` of them are a crash loop, and quarantined.
 * - `unavailable`: the peer does not answer, or the answer is "not now" (connection refused, 503). Tried again under the same back-off, for as
 *   long as it takes: it is no crash, costs the peer nothing, and neither begins a quarantine nor makes one longer.
 * - `permanent`: time will not heal it (command not found, 401, unsupported version). Reaches the callers at once.
 * - `expired`: of a loss: the peer is well, only what it kept for this connection is gone (a session it forgot, a lease that ran
 *   out). No crash and no outage: the connection is opened again without a pause, and it counts for neither crashes nor quarantine.
 *   One that expires again within `minUptime` goes through back-off, unless it has served since it was opened: a caller gave it back,
 *   and `received` has grown where it is counted. More of those than `restartIntensity` go through back-off, too. A dial that fails
 *   so is `unavailable`.
 */
export type Classification = "retryable" | "unavailable" | "permanent" | "expired"

/**
 * Opens connections of type `C` for keys of type `K`; failures and losses are described by `E`. A dial may require `R`, which the pool
 * takes from the context it is made in, as `RcMap` does for its `lookup`.
 */
export interface Connector<in K, in out C, in out E, out R = never> {
  /** The canonical identity of a key: keys with equal fingerprints share connections. Must not contain secrets. */
  readonly fingerprint: (key: K) => string
  /** The key's name in messages, events and snapshots. Default: its fingerprint. */
  readonly label?: ((key: K) => string) | undefined
  /** Opens one connection. Runs under `connectTimeout`, in the pool's context, never in a caller's. */
  readonly dial: (key: K) => Effect.Effect<Dialled<C, E>, E, Scope.Scope | R>
  /** What time may heal of a failure or a loss. */
  readonly classify: (error: E) => Classification
  /**
   * True when two connections of one key must never exist at once, even for a moment (a process that owns a database file,
   * a serial port): a successor is dialled only after the predecessor's Scope is closed. Default: false.
   */
  readonly exclusiveResource?: ((key: K) => boolean) | undefined
}
