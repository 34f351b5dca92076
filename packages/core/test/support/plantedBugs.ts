/**
 * Realistic mistakes, each planted into the running machine: proof that the simulation would see them.
 */
import { Deadlines } from "@holdfast/core"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { Keepalive } from "../../src/internal/keepalive.ts"
import { Keys } from "../../src/internal/keys.ts"
import { Machine } from "../../src/internal/machine.ts"
import { Monitor } from "../../src/internal/monitor.ts"
import { Outbox } from "../../src/internal/outbox.ts"
import { Room } from "../../src/internal/room.ts"
import { Strangers } from "../../src/internal/strangers.ts"

// Each plant knows the arguments of the one method it replaces; nothing checks that but the test itself.
type Method = (this: AnyMachine, ...args: Array<never>) => unknown

type AnyMachine = Machine<string, unknown, unknown>

export interface PlantedBug {
  readonly name: string
  /** Plants it and returns what removes it. */
  readonly plant: () => () => void
}

/** Replaces one method. Private methods are reached by name: this is a saboteur, not a client. */
const replaceOf = (prototype: () => object) => (name: string, make: (original: Method) => Method) => (): () => void => {
  const target = prototype()
  const original: unknown = Reflect.get(target, name)
  if (typeof original !== "function") throw new Error(`there is no method ${name}`)
  // Checked to be a function one line above.
  Reflect.set(target, name, make(original as Method))
  return () => {
    Reflect.set(target, name, original)
  }
}

const replace = replaceOf(() => Machine.prototype)

const replaceOutbox = replaceOf(() => Outbox.prototype)

/** Calls a private method by its name. */
const call = (machine: AnyMachine, name: string, ...args: ReadonlyArray<unknown>): unknown =>
  Reflect.apply(Reflect.get(machine, name), machine, args)

/** The sweeper's class is its module's own. */
const replaceSweeper = replaceOf(() =>
  Effect.runSync(Effect.scoped(Effect.map(Deadlines.make, (deadlines) => Object.getPrototypeOf(deadlines))))
)

const replaceKeepalive = (
  name: string,
  make: (original: Method) => (this: never, ...args: Array<never>) => unknown
): () => () => void =>
  // The receiver is the keepalive's, as each plant says.
  replaceOf(() => Keepalive.prototype)(name, make as (original: Method) => Method)

const replaceStrangers = replaceOf(() => Strangers.prototype)

const replaceMonitor = replaceOf(() => Monitor.prototype)

interface KeepaliveLike {
  deadline: unknown
  fiber: unknown
  readonly fail: (error: Option.Option<never>) => void
  readonly convict: (error: Option.Option<never>) => void
  readonly connection: unknown
  readonly host: { readonly arm: (connection: unknown, millis: number, onExpire: () => void) => unknown }
}

interface ConnectionLike {
  state: { readonly _tag: string }
  leases: number
  readyAt: number
  monitor: unknown
  readonly entry: EntryLike
  readonly slot: SlotLike
}

interface SlotLike {
  readonly entry: EntryLike
  connection: ConnectionLike | undefined
  state: { readonly _tag: string; readonly until?: number; readonly timer?: { readonly cancel: () => void } }
  lingering: number
}

interface EntryLike {
  waiters: Set<BorrowLike>
  sole: unknown
  warm: number
  slots: Array<SlotLike>
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
        for (const entry of this.keys.entries.values()) {
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
    plant: replace("makeRoom", (original) =>
      function() {
        for (const entry of this.keys.entries.values()) {
          for (const { connection } of entry.slots) {
            if (connection?.state._tag !== "Open") continue
            connection.leases = 0
            this.room.rest(connection)
          }
        }
        return original.call(this)
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
    plant: replace("claimOf", (original) =>
      function(entry: EntryLike) {
        const lingering = entry.slots.map((slot) => slot.lingering)
        for (const slot of entry.slots) slot.lingering = 0
        const claim = original.call(this, entry as never)
        entry.slots.forEach((each, i) => each.lingering = lingering[i] ?? 0)
        return claim
      })
  },
  {
    name: "a limit on connections that is not kept",
    plant: replace("admit", (original) =>
      function() {
        const { taken } = this.room
        this.room.taken = 0
        const result = original.call(this)
        this.room.taken += taken
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
    name: "a place that comes free and is given to nobody",
    plant: replace("released", (original) =>
      function(connection) {
        Reflect.set(this, "admit", () => {})
        original.call(this, connection)
        Reflect.deleteProperty(this, "admit")
      })
  },
  {
    name: "a line in which the newest demand is first",
    plant: replace("claimOf", (original) =>
      function(entry) {
        const claim = original.call(this, entry)
        return typeof claim === "number" ? -claim : claim
      })
  },
  {
    name: "a key that goes first because its own connection has left",
    plant: replace("released", (original) =>
      function(connection: ConnectionLike) {
        const claimOf: Method = Reflect.get(this, "claimOf")
        Reflect.set(this, "claimOf", (entry: never) => {
          const claim = claimOf.call(this, entry)
          return entry === connection.entry && typeof claim === "number" ? 0 : claim
        })
        original.call(this, connection as never)
        Reflect.deleteProperty(this, "claimOf")
      })
  },
  {
    name: "a key that goes first because its penalty is over",
    plant: replace("claimOf", (original) =>
      function(entry: EntryLike) {
        const claim = original.call(this, entry as never)
        const isPunished = entry.slots.some(({ state: { _tag } }) => _tag === "Backoff" || _tag === "Quarantined")
        return isPunished && typeof claim === "number" ? 0 : claim
      })
  },
  {
    name: "warm keys that go first",
    plant: replace("claimOf", (original) =>
      function(entry: EntryLike) {
        const claim = original.call(this, entry as never)
        return entry.warm > 0 && typeof claim === "number" ? 0 : claim
      })
  },
  {
    name: "a returned connection that serves its own key's callers before older ones",
    plant: replaceOf(() => Room.prototype)("isOwed", () => () => false)
  },
  {
    name: "a penalty that never ends",
    plant: replace("penaltyOver", () => () => {})
  },
  {
    name: "a quarantine that lasts no longer than a back-off",
    plant: replace("penalise", (original) =>
      function(slot: SlotLike, failure, uptime) {
        const isFinal = original.call(this, slot as never, failure, uptime)
        if (slot.state._tag === "Quarantined") {
          slot.state.timer?.cancel()
          const timer = this.options.deadlines.arm(50, () => {
            call(this, "penaltyOver", slot)
            this.outbox.send()
          })
          slot.state = { ...slot.state, until: this.now() + 50, timer }
        }
        return isFinal
      })
  },
  {
    name: "a dial that dies and is tried again at once",
    plant: replace(
      "dialFailed",
      (original) =>
        function(connection: ConnectionLike, failure: { readonly _tag: string }) {
          original.call(this, connection as never, failure as never)
          if (failure._tag !== "Defect") return
          call(this, "clearPenalties", connection.entry)
          call(this, "pump", connection.entry)
        }
    )
  },
  {
    name: "a session that expires again and is opened again at once",
    plant: replace("mayReopen", () =>
      function(_, failure: { readonly as?: string }) {
        return failure.as === "expired"
      })
  },
  {
    name: "a session that expires and counts as a crash",
    plant: replaceStrangers("failed", (original) =>
      function(label, error) {
        const failure = original.call(this, label, error)
        return {
          ...Object(failure),
          as: Reflect.get(Object(failure), "as") === "expired" ? "retryable" : "unavailable"
        }
      })
  },
  {
    name: "the death of the effect that tells of a loss, which nobody hears of",
    plant: replaceMonitor("watchLoss", (original) =>
      function(closed: never) {
        return original.call(this, Effect.catchCause(closed, () => Effect.never) as never)
      })
  },
  {
    name: "an event whose throw is nobody's",
    plant: replace("event", () =>
      function(_, __, handle: () => void) {
        handle()
        this.outbox.send()
      })
  },
  {
    name: "an answered caller that throws into the answers of others",
    plant: replaceOutbox("run", () =>
      function(piece: { readonly run: () => void }) {
        piece.run()
      })
  },
  {
    name: "a deadline whose throw ends the others",
    plant: replaceSweeper("fire", () =>
      function(node: { readonly onExpire: () => void }) {
        node.onExpire()
      })
  },
  {
    name: "a defect that is told at each retry",
    plant: replaceStrangers("died", (original) =>
      function(label, what, cause) {
        Reflect.set(this.defects, "known", new Map())
        return original.call(this, label, what, cause)
      })
  },
  {
    name: "a policy that is taken unseen",
    plant: replaceOf(() => Keys.prototype)("of", (original) =>
      function(key) {
        const keys = { policy: Reflect.get(this, "policy"), policyFor: Reflect.get(this, "policyFor") }
        const policy: unknown = Reflect.apply(keys.policyFor, this, [key])
        // What is the pool's own is not looked at.
        Object.assign(this, { policy, policyFor: () => policy })
        const entry = original.call(this, key)
        Object.assign(this, keys)
        return entry
      })
  },
  {
    name: "a drain that forgets the connections being opened",
    plant: replace("beginDrain", (original) =>
      function() {
        const hidden = [...this.keys.entries.values()].flatMap((entry) => entry.slots)
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
        this.deadline = this.host.arm(this.connection, millis, () => {
          this.fiber = undefined
          this.fail(Option.none())
        })
      })
  },
  {
    name: "a probe that convicts a busy connection",
    plant: replaceKeepalive("fail", () =>
      function(this: KeepaliveLike) {
        this.convict(Option.none())
      })
  }
]
