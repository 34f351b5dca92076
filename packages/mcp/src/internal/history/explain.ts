/**
 * Puts together what is known of a server: what the pool says of its connections, and what is remembered of its tries and calls.
 */
import type { PoolSnapshot } from "@holdfast/core"
import type { Explanation, KeptList, Wait } from "../../Explanation.ts"
import { withoutName } from "../connection/naming.ts"
import type { PooledServer } from "../pool/PooledServer.ts"
import { cut } from "./DialLog.ts"
import type { ServerHistory } from "./ServerHistory.ts"

/** What is known. */
export interface Known {
  readonly snapshot: PoolSnapshot.PoolSnapshot
  readonly history: ServerHistory
  readonly lists: ReadonlyArray<KeptList>
  /** How far a dial is that is under way. */
  readonly progress: string | undefined
  /** Monotonic milliseconds, and those since 1970. */
  readonly now: number
  readonly wall: number
}

export const explain = (
  target: PooledServer,
  { history, lists, now, progress, snapshot, wall }: Known
): Explanation => {
  const { fingerprint, label } = target
  const key = snapshot.keys.find((each) => each.fingerprint === fingerprint)
  const states = new Set(key?.slots.map(({ state }) => state))
  const open = key?.slots.flatMap(({ connection }) => connection?.state === "Open" ? [connection] : []) ?? []
  const waitsFor = key && waitOf(target, key, snapshot, progress)
  return {
    server: label,
    state: states.has("Ready")
      ? "ready"
      : states.has("Connecting")
      ? "connecting"
      : states.has("Quarantined")
      ? "quarantined"
      : states.has("Backoff")
      ? "backing off"
      : "unused",
    connections: open.map(({ ageMillis, health, idleMillis, leases, state }) => ({
      state: health === "suspect" ? health : state.toLowerCase(),
      leases,
      ageMillis,
      idleMillis
    })),
    waiting: key?.waiting ?? 0,
    waitingMillis: key?.waitingMillis ?? 0,
    ...(waitsFor !== undefined && { waitsFor }),
    lists,
    tries: history.tries(),
    calls: history.calls(label, now, wall)
  }
}

/** What a call would wait for that is made now. */
const waitOf = (
  { label, policy }: PooledServer,
  { key, lastFailure, slots, waiting }: PoolSnapshot.KeySnapshot,
  { connections }: PoolSnapshot.PoolSnapshot,
  progress: string | undefined
): Wait | undefined => {
  const failure = lastFailure === undefined
    ? {}
    : { because: cut(withoutName(withoutName(lastFailure, key), label), 500) }
  const ready = slots.filter(({ state }) => state === "Ready")
  const capacity = policy.sharing === "exclusive" || !policy.reuse ? 1 : policy.maxInFlight
  const isFree = ready.some(({ connection }) =>
    connection !== undefined && connection.state === "Open" && connection.leases < capacity
  )
  if (isFree && waiting === 0) return undefined
  if (slots.some(({ state }) => state === "Connecting")) {
    return { what: "dial", because: progress ?? "it has not answered the handshake yet" }
  }
  const penalties = slots.flatMap(({ retryInMillis, state }) =>
    retryInMillis === undefined ? [] : [{ retryInMillis, state }]
  )
  const next = penalties.toSorted((a, b) => a.retryInMillis - b.retryInMillis)[0]
  if (ready.length === 0 && next !== undefined) {
    const what = penalties.some(({ state }) => state === "Quarantined") ? "quarantine" : "backoff"
    return { what, retryInMillis: next.retryInMillis, ...failure }
  }
  const isFull = ready.length >= policy.maxConnectionsPerKey
  if (waiting === 0 && !isFull) return undefined
  const leases = ready.reduce((total, { connection }) => total + (connection?.leases ?? 0), 0)
  return {
    what: "queue",
    because: isFull
      ? `its ${ready.length} of maxConnectionsPerKey ${policy.maxConnectionsPerKey} connections serve ${leases} callers, ` +
        `which is as many as they may`
      : `there is no room for another connection: the pool has ${connections} of its maxConnections`
  }
}
