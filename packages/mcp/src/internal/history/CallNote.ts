/**
 * One call as it is remembered: made when it begins, told what happens to it, read only when a reader asks.
 *
 * A call on an open connection costs an object and two places in it. Its times are those that its deadlines have read anyway.
 */
import type { CallRecord, Repeat, WaitedFor } from "../../Explanation.ts"
import type { Delivery, Reason } from "../../McpRuntimeError.ts"
import type { McpConnection } from "../connection/contract.ts"
import { cut } from "./DialLog.ts"

const mostRepeats = 10

/** Of a reason's words. */
const mostWords = 300

/** How often a connection was given to calls. */
export interface Used {
  uses: number
}

export class CallNote {
  readonly #connections: WeakMap<McpConnection, Used>
  readonly serial: number
  readonly method: string
  readonly name: string | undefined
  /** Monotonic milliseconds; undefined: it has not been sent, and has waited for nothing. */
  begunAt: number | undefined = undefined
  endedAt: number | undefined = undefined
  /** How often its connection had been used before it was given to this call. */
  uses = -1
  pid: number | undefined = undefined
  attempts = 0
  waitedFor: WaitedFor | undefined = undefined
  waitedMillis = 0
  /** When it began to wait for the connection that it has none of yet. */
  waitsSince: number | undefined = undefined
  repeats: Array<Repeat> | undefined = undefined
  outcome: CallRecord["outcome"] = "running"
  reason: Reason | undefined = undefined

  constructor(connections: WeakMap<McpConnection, Used>, serial: number, method: string, name: string | undefined) {
    this.#connections = connections
    this.serial = serial
    this.method = method
    this.name = name
  }

  /** It is given a connection, after so many milliseconds. */
  given(connection: McpConnection, waited: number): void {
    this.waitedMillis += waited
    this.waitsSince = undefined
    const used = this.#connections.get(connection)
    this.attempts++
    this.uses = used === undefined ? 1 : used.uses++
    this.pid = connection.process?.pid
  }

  /** There is no connection for it at once. */
  waits(what: WaitedFor, now: number): void {
    this.begunAt ??= now
    this.waitsSince = now
    this.waitedFor ??= what
  }

  repeated(reason: Reason, delivery: Delivery, now: number): void {
    this.begunAt ??= now
    const repeats = this.repeats ??= []
    if (repeats.length >= mostRepeats) return
    const message = cut(reason.message, mostWords)
    repeats.push({ reason: reason._tag, delivery, message, afterMillis: now - this.begunAt })
  }

  ended(outcome: CallRecord["outcome"], now: number, reason?: Reason): void {
    if (this.waitsSince !== undefined) this.waitedMillis += now - this.waitsSince
    this.waitsSince = undefined
    this.begunAt ??= now
    this.endedAt = now
    this.outcome = outcome
    this.reason = reason
  }

  /** `wall` is the time since 1970 at the monotonic time `now`. */
  record(server: string, now: number, wall: number): CallRecord {
    const { attempts, begunAt = now, endedAt, method, name, outcome, pid, reason, repeats = [], waitedFor } = this
    const delivery = reason && deliveryOf(reason)
    const waitedMillis = this.waitedMillis + (this.waitsSince === undefined ? 0 : now - this.waitsSince)
    return {
      id: String(this.serial),
      at: Math.round(wall - (now - begunAt)),
      server,
      method,
      ...(name !== undefined && { name }),
      ...(this.uses >= 0 && { connection: this.uses === 0 ? "opened" as const : "reused" as const }),
      ...(pid !== undefined && { pid }),
      ...(waitedFor !== undefined && { waitedFor, waitedMillis }),
      attempts,
      repeats: [...repeats],
      outcome,
      ...(delivery !== undefined && { delivery }),
      ...(reason !== undefined && { reason: reason._tag, message: cut(reason.message, mostWords) }),
      millis: (endedAt ?? now) - begunAt
    }
  }
}

/** What is known of a call that got no answer. */
const deliveryOf = (reason: Reason): Delivery | undefined => {
  if (reason._tag === "OutcomeUnknown") return "Unknown"
  if ("delivery" in reason) return reason.delivery
  return reason._tag === "ServerError" || reason._tag === "InvalidAnswer" ? undefined : "NotSent"
}
