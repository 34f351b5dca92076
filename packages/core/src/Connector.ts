/**
 * What a pool needs to know about a protocol in order to open, watch and close its connections.
 *
 * A connector is the only thing that is specific to a protocol: the pool itself knows nothing of MCP, HTTP or processes.
 * It promises three things the pool relies on:
 *
 * - everything a dial acquires lives in the Scope it is given: closing that Scope is closing the connection;
 * - `closed` completes exactly when the connection can no longer be used, and says why;
 * - `classify` tells a failure that time may heal from one that it will not.
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/**
 * A freshly dialled connection, handshake included: ready to be leased.
 */
export interface Dialled<out C, out E> {
  /** What callers are given. */
  readonly value: C
  /** Succeeds with the cause as soon as the connection is lost. Never completes while it is usable. */
  readonly closed: Effect.Effect<E>
  /** A cheap round trip that proves the peer is alive. Without it the pool never probes. */
  readonly probe?: Effect.Effect<void, E> | undefined
  /** Monotonic count of bytes or frames received: any growth is a sign of life. Without it only probes count. */
  readonly received?: (() => number) | undefined
  /** Requests on the wire right now, probes not counted. A busy connection is never convicted by a failed probe. Without it, leases count. */
  readonly inFlight?: (() => number) | undefined
}

/**
 * How a dial failure should be treated: `retryable` ones are tried again under back-off, `permanent` ones (command not
 * found, 401, unsupported version) reach the callers at once.
 */
export type Classification = "retryable" | "permanent"

/**
 * Opens connections of type `C` for keys of type `K`; failures and losses are described by `E`.
 */
export interface Connector<in K, out C, in out E> {
  /** The canonical identity of a key: keys with equal fingerprints share connections. Must not contain secrets. */
  readonly fingerprint: (key: K) => string
  /** The key's name in messages, events and snapshots. Default: its fingerprint. */
  readonly label?: ((key: K) => string) | undefined
  /** Opens one connection. Runs under `connectTimeout`, in the pool's context, never in a caller's. */
  readonly dial: (key: K) => Effect.Effect<Dialled<C, E>, E, Scope.Scope>
  readonly classify: (error: E) => Classification
  /**
   * True when two connections of one key must never exist at once, even for a moment (a process that owns a database file,
   * a serial port): a successor is dialled only after the predecessor's Scope is closed. Default: false.
   */
  readonly exclusiveResource?: ((key: K) => boolean) | undefined
}
