/**
 * The only place where a slot or a connection changes its state: by the tables of legal edges, and never unseen.
 */
import type * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as PubSub from "effect/PubSub"
import * as ConnectionState from "../ConnectionState.ts"
import type { PoolEvent } from "../PoolEvent.ts"
import * as SlotState from "../SlotState.ts"
import type { Connection, Slot } from "./connection.ts"
import type { Failure } from "./failure.ts"
import type { Outbox } from "./outbox.ts"

export class Transitions<K, C, E> {
  private readonly events: PubSub.PubSub<PoolEvent>
  private readonly now: () => number
  private readonly outbox: Outbox
  private readonly fork: <A, X>(effect: Effect.Effect<A, X>) => Fiber.Fiber<A, X>

  constructor(options: {
    readonly events: PubSub.PubSub<PoolEvent>
    readonly now: () => number
    readonly outbox: Outbox
    readonly fork: <A, X>(effect: Effect.Effect<A, X>) => Fiber.Fiber<A, X>
  }) {
    this.events = options.events
    this.now = options.now
    this.outbox = options.outbox
    this.fork = options.fork
  }

  /** How many events there were. */
  count = 0

  /** Moves a slot. Closing what is closed is no move; any other edge that is not in the table is a defect. */
  slot(slot: Slot<K, C, E>, to: SlotState.SlotState<Failure<E>>, cause: unknown): void {
    const from = slot.state
    if (from._tag === "Closed" && to._tag === "Closed") return
    if (!SlotState.isLegal(from._tag, to._tag)) {
      throw new Error(`illegal slot transition ${from._tag} -> ${to._tag} (${slot.entry.label}, slot ${slot.id})`)
    }
    const now = this.now()
    const durationMillis = now - slot.since
    // A penalty's timer is part of its state, and ends with it. Back-off may hand its own on to quarantine.
    const timer = SlotState.penaltyOf(from)?.timer
    const penalty = SlotState.penaltyOf(to)
    if (timer !== penalty?.timer) timer?.cancel()
    slot.state = to
    slot.since = now
    this.publish({
      _tag: "SlotMoved",
      key: slot.entry.label,
      fingerprint: slot.entry.fingerprint,
      slot: slot.id,
      from: from._tag,
      to: to._tag,
      attempt: slot.entry.penalties.failures,
      durationMillis,
      retryInMillis: penalty === undefined ? undefined : Math.max(0, penalty.until - now),
      cause
    })
  }

  /** Moves a connection. An edge that is not in the table is a defect. */
  connection(connection: Connection<K, C, E>, to: ConnectionState.ConnectionState, cause: unknown): void {
    const from = connection.state
    if (!ConnectionState.isLegal(from._tag, to._tag)) {
      throw new Error(`illegal connection transition ${from._tag} -> ${to._tag} (connection ${connection.id})`)
    }
    const { entry, id } = connection.slot
    const now = this.now()
    const durationMillis = now - connection.since
    connection.state = to
    connection.since = now
    this.publish({
      _tag: "ConnectionMoved",
      key: entry.label,
      fingerprint: entry.fingerprint,
      slot: id,
      connection: connection.id,
      from: from._tag,
      to: to._tag,
      durationMillis,
      cause
    })
  }

  /** Notes a lease that is held for very long. */
  leaked(connection: Connection<K, C, E>, holder: string, heldMillis: number): void {
    const { entry, id } = connection.slot
    this.publish({
      _tag: "LeaseOverdue",
      key: entry.label,
      fingerprint: entry.fingerprint,
      slot: id,
      connection: connection.id,
      holder,
      heldMillis
    })
  }

  /** Notes what probes say of an open connection. */
  health(connection: Connection<K, C, E>, health: "healthy" | "suspect"): void {
    if (connection.state._tag !== "Open" || connection.state.health === health) return
    connection.state = health === "healthy" ? ConnectionState.healthy : ConnectionState.suspect
    const { entry, id } = connection.slot
    this.publish({
      _tag: "HealthChanged",
      key: entry.label,
      fingerprint: entry.fingerprint,
      slot: id,
      connection: connection.id,
      health
    })
  }

  /** Readers hear of a move when it is complete. */
  private publish(event: PoolEvent): void {
    this.count++
    const { events } = this
    this.deliver(event.key, () => {
      // Full means that a reader is behind: only then an effect is needed, which drops that reader's oldest event.
      if (!PubSub.publishUnsafe(events, event)) this.fork(PubSub.publish(events, event))
    })
  }

  /** A reader that throws when it is woken keeps those behind it from being woken: they are woken by another round. */
  private deliver(key: string, wake: () => void): void {
    const { pubsub, strategy, subscribers } = this.events
    this.outbox.put(key, "a reader of the pool's events threw", () => {
      try {
        wake()
      } catch (defect) {
        this.deliver(key, () => strategy.completeSubscribersUnsafe(pubsub, subscribers))
        throw defect
      }
    })
  }
}
