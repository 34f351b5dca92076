/**
 * Realistic mistakes, each planted into the running machine: proof that the simulation would see them.
 */
import * as Effect from "effect/Effect"
import type { Machine } from "../../src/internal/machine.ts"

// Each plant knows the arguments of the one method it replaces; nothing checks that but the test itself.
type Method = (this: AnyMachine, ...args: Array<never>) => unknown

type AnyMachine = Machine<string, unknown, unknown>

export interface PlantedBug {
  readonly name: string
  /** Plants it and returns what removes it. */
  readonly plant: (machine: object, keepalive: object) => () => void
}

/** The same for a method of the keepalive. */
const replaceKeepalive =
  (name: string, make: (original: Method) => (this: never, ...args: Array<never>) => unknown) =>
  (_: object, keepalive: object): () => void => replace(name, make as (original: Method) => Method)(keepalive)

/** Replaces one method. The machine's private methods are reached by name: this is a saboteur, not a client. */
const replace = (
  name: string,
  make: (original: Method) => Method
) =>
(machine: object): () => void => {
  const original: unknown = Reflect.get(machine, name)
  if (typeof original !== "function") throw new Error(`the machine has no method ${name}`)
  // Checked to be a function one line above.
  Reflect.set(machine, name, make(original as Method))
  return () => {
    Reflect.set(machine, name, original)
  }
}

interface KeepaliveLike {
  deadline: unknown
  fiber: unknown
  readonly fail: (error: undefined) => void
  readonly options: {
    readonly deadlines: { readonly arm: (millis: number, onExpire: () => void) => unknown }
    readonly onDead: (millis: number, error: undefined) => void
  }
}

interface ConnectionLike {
  state: { readonly _tag: string }
  leases: number
  readyAt: number
  readonly slot: { readonly entry: EntryLike }
}

interface EntryLike {
  failures: number
  quarantines: number
  waiters: Set<BorrowLike>
  sole: unknown
  slots: Array<{ connection: ConnectionLike | undefined; timer: unknown; lingering: number }>
}

interface BorrowLike {
  connection: ConnectionLike | undefined
}

export const plantedBugs: ReadonlyArray<PlantedBug> = [
  {
    name: "a lease that is not given back",
    plant: replace("giveBack", (original) => {
      let n = 0
      return function(borrow) {
        if (++n % 50 === 0) return Effect.void
        return original.call(this, borrow)
      }
    })
  },
  {
    name: "back-off that is reset by every failure",
    plant: replace("penalise", (original) =>
      function(slot, failure) {
        return original.call(this, slot, failure, Number.MAX_SAFE_INTEGER as never)
      })
  },
  {
    name: "a quarantine for who is not there",
    plant: replace("penalise", (original) =>
      function(slot, _, uptime) {
        return original.call(this, slot, { _tag: "Unresponsive", millis: 0 } as never, uptime)
      })
  },
  {
    name: "a lost wake-up: a returned lease serves nobody who waits",
    plant: replace("giveBack", (original) =>
      function(borrow: BorrowLike) {
        const entry = borrow.connection?.slot.entry
        const waiters = entry?.waiters
        if (entry !== undefined) entry.waiters = new Set()
        const result = original.call(this, borrow as never)
        if (entry !== undefined && waiters !== undefined) entry.waiters = waiters
        return result
      })
  },
  {
    name: "a deadline that settles nobody",
    plant: replace("expire", () => () => {})
  },
  {
    name: "the result of a dial that is accepted after close",
    plant: replace("dialled", (original) =>
      function(connection: ConnectionLike, exit) {
        if (connection.state._tag === "Closing") connection.state = { _tag: "Opening" }
        return original.call(this, connection as never, exit)
      })
  },
  {
    name: "a lost connection that leaves its slot ready",
    plant: replace("penalise", (original) =>
      function(slot: { state: { readonly _tag: string } }, failure, uptime) {
        if (slot.state._tag === "Ready") return
        return original.call(this, slot as never, failure, uptime)
      })
  },
  {
    name: "a warm path that overtakes those who wait",
    plant: replace("wait", (original) =>
      function(borrow, key, ask, resume) {
        const result = original.call(this, borrow, key, ask, resume)
        for (const entry of this.entries.values()) {
          const [slot] = entry.slots
          if (entry.waiters.size > 0 && slot?.state._tag === "Ready") entry.sole = slot.connection
        }
        return result
      })
  },
  {
    name: "a warm path that knows a retired connection as the only one",
    plant: replace("retire", (original) =>
      function(connection: ConnectionLike, reason) {
        const { entry } = connection.slot
        const { sole } = entry
        const result = original.call(this, connection as never, reason)
        entry.sole = sole
        return result
      })
  },
  {
    name: "the eviction of a busy connection",
    plant: replace("evict", () =>
      function() {
        for (const entry of this.entries.values()) {
          for (const { connection } of entry.slots) {
            if (connection?.state._tag !== "Open") continue
            connection.leases = 0
            return this.retire(connection, "evicted")
          }
        }
      })
  },
  {
    name: "an idle check that does not look at leases",
    plant: replace("becomeIdle", (original) =>
      function(connection: ConnectionLike) {
        original.call(this, connection as never)
        this.options.deadlines.arm(100, () => {
          connection.leases = 0
          this.retire(connection as never, "idle")
        })
      })
  },
  {
    name: "a successor dialled while its predecessor still closes",
    plant: replace("freeSlot", (original) =>
      function(entry: EntryLike) {
        const lingering = entry.slots.map((slot) => slot.lingering)
        for (const slot of entry.slots) slot.lingering = 0
        const slot = original.call(this, entry as never)
        entry.slots.forEach((each, i) => each.lingering += lingering[i] ?? 0)
        return slot
      })
  },
  {
    name: "a limit on connections that is not kept",
    plant: replace("startDial", (original) =>
      function(entry) {
        const connections = this.connections
        this.connections = 0
        const result = original.call(this, entry)
        this.connections += connections
        return result
      })
  },
  {
    name: "a connection leased to more callers than it may have",
    plant: replace("give", (original) =>
      function(borrow, connection: ConnectionLike) {
        original.call(this, borrow, connection as never)
        connection.leases = 0
      })
  },
  {
    name: "a closed connection that is never released",
    plant: replace("released", () => () => {})
  },
  {
    name: "starved keys that nobody feeds",
    plant: replace("feedStarved", () => () => {})
  },
  {
    name: "a penalty that never ends",
    plant: replace("penaltyOver", () => () => {})
  },
  {
    name: "a quarantine that lasts no longer than a back-off",
    plant: replace(
      "penalise",
      (original) =>
        function(slot: { timer: { cancel: () => void } | undefined; state: { _tag: string } }, failure, uptime) {
          original.call(this, slot as never, failure, uptime)
          if (slot.state._tag !== "Quarantined") return
          slot.timer?.cancel()
          // Saboteur: calls the private method by its name.
          const over = Reflect.get(this, "penaltyOver") as (slot: unknown) => void
          slot.timer = this.options.deadlines.arm(50, () => over.call(this, slot))
        }
    )
  },
  {
    name: "a drain that forgets the connections being opened",
    plant: replace("beginDrain", (original) =>
      function() {
        const hidden = [...this.entries.values()].flatMap((entry) => entry.slots)
          .filter((slot) => slot.connection?.state._tag === "Opening")
        const connections = hidden.map((slot) => slot.connection)
        for (const slot of hidden) slot.connection = undefined
        original.call(this)
        hidden.forEach((slot, i) => slot.connection = connections[i])
      })
  },
  {
    name: "a probe that convicts while this program's own loop stalled",
    plant: replaceKeepalive("expectWithin", () =>
      function(this: KeepaliveLike, millis: number) {
        this.deadline = this.options.deadlines.arm(millis, () => {
          this.fiber = undefined
          this.fail(undefined)
        })
      })
  },
  {
    name: "a probe that convicts a busy connection",
    plant: replaceKeepalive("fail", () =>
      function(this: KeepaliveLike) {
        this.options.onDead(0, undefined)
      })
  }
]
