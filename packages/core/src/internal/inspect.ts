/**
 * Reads a snapshot off the machine.
 */
import type { PoolSnapshot } from "../PoolSnapshot.ts"
import { penaltyOf } from "../SlotState.ts"
import { describe } from "./failure.ts"
import type { Machine } from "./machine.ts"

export const inspect = <K, C, E>(machine: Machine<K, C, E>): PoolSnapshot => {
  const now = machine.now()
  let leases = 0
  let waiting = 0
  const keys = Array.from(machine.keys.entries.values(), (entry) => {
    waiting += entry.waiters.size
    const [oldest] = entry.waiters
    return {
      key: entry.label,
      fingerprint: entry.fingerprint,
      waiting: entry.waiters.size,
      waitingMillis: oldest?.waiting === undefined ? 0 : now - oldest.waiting.since,
      isWarm: entry.warm > 0,
      dials: entry.dials,
      lastFailure: describe(entry.penalties.lastFailure),
      slots: entry.slots.map((slot) => {
        const { connection, state } = slot
        const penalty = penaltyOf(state)
        return {
          id: slot.id,
          state: state._tag,
          stateMillis: now - slot.since,
          retryInMillis: penalty === undefined ? undefined : Math.max(0, penalty.until - now),
          connection: connection === undefined ? undefined : {
            id: connection.id,
            state: connection.state._tag,
            health: connection.state._tag === "Open" ? connection.state.health : undefined,
            leases: connection.leases,
            ageMillis: now - connection.openedAt,
            idleMillis: connection.leases > 0 ? 0 : now - connection.idleSince
          }
        }
      })
    }
  })
  for (const key of keys) for (const slot of key.slots) leases += slot.connection?.leases ?? 0
  for (const connection of machine.draining) leases += connection.leases
  return { state: machine.state, connections: machine.room.taken, leases, waiting, keys }
}
