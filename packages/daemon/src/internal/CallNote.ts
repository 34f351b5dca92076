/**
 * One call of a tool, on its way through the daemon: how it came to its process, and what became of it. No arguments.
 *
 * One that waits for a process which is started for it waits for the dial; one that waits for another waits in the queue: it is another
 * host's, or there is no room.
 */
import type { CallRecord, Repeat } from "@holdfast/mcp/Explanation"
import type { Fate, Given, Loss } from "../HostSession.ts"
import * as RawMessage from "../RawMessage.ts"

/** Milliseconds since 1970, and monotonic nanoseconds. */
export interface Times {
  readonly wall: () => number
  readonly now: () => bigint
}

/** What failed, in the words of the journal. */
interface Fault {
  readonly reason: string
  readonly message: string
}

const mostRepeats = 10

const mostWords = 300

/** A process that is there is given at once: a shorter wait is the daemon's own work. Milliseconds. */
const leastWait = 5

export class CallNote {
  readonly id: string
  readonly #known: Pick<CallRecord, "server" | "name" | "by">
  readonly #at: number
  readonly #begunAt: bigint
  readonly #times: Times
  readonly #repeats: Array<Repeat> = []
  #waitsSince: bigint | undefined
  #waitedMillis = 0
  #waitedFor: CallRecord["waitedFor"]
  #given: Given | undefined
  #attempts = 0
  #end: Pick<CallRecord, "outcome" | "delivery" | "reason" | "message" | "millis"> | undefined

  constructor(
    { id, ...known }: Pick<CallRecord, "id" | "server" | "name" | "by">,
    begunAt: bigint,
    times: Times
  ) {
    this.id = id
    this.#known = known
    this.#times = times
    this.#begunAt = this.#waitsSince = begunAt
    this.#at = times.wall() - this.#millisSince(begunAt)
  }

  #millisSince(then: bigint): number {
    return Number(this.#times.now() - then) / 1e6
  }

  /** A process is given the call. */
  sent(given: Given): void {
    const { at = this.#times.now(), isNew } = given
    const waited = this.#waitsSince === undefined ? 0 : Number(at - this.#waitsSince) / 1e6
    this.#waitsSince = undefined
    this.#waitedMillis += waited
    if (this.#attempts === 0 && waited >= leastWait) this.#waitedFor = isNew ? "dial" : "queue"
    this.#attempts++
    this.#given = given
  }

  /** Its process was lost, and the next one is to have it. */
  repeated({ message, reason }: Loss, delivery: Repeat["delivery"]): void {
    this.#waitsSince = this.#times.now()
    if (this.#repeats.length >= mostRepeats) return
    const afterMillis = this.#millisSince(this.#begunAt)
    this.#repeats.push({ reason, delivery, message: message.slice(0, mostWords), afterMillis })
  }

  over(fate: Fate, fault: Fault | undefined): void {
    this.#end = {
      outcome: outcomeOf(fate),
      ...((fate === "NotSent" || fate === "Unknown") && { delivery: fate }),
      ...(fault !== undefined && { reason: fault.reason, message: fault.message.slice(0, mostWords) }),
      millis: this.#millisSince(this.#begunAt)
    }
  }

  record(): CallRecord {
    const isWaiting = this.#end === undefined && this.#waitsSince !== undefined
    const waitedMillis = this.#waitedMillis + (isWaiting ? this.#millisSince(this.#waitsSince ?? 0n) : 0)
    const { isNew, pid }: Partial<Given> = this.#given ?? {}
    return {
      id: this.id,
      at: Math.round(this.#at),
      ...this.#known,
      method: "tools/call",
      ...(isNew !== undefined && { connection: isNew ? "opened" as const : "reused" as const }),
      ...(pid !== undefined && { pid }),
      ...(this.#waitedFor !== undefined && { waitedFor: this.#waitedFor }),
      ...((this.#waitedFor !== undefined || isWaiting) && { waitedMillis }),
      attempts: this.#attempts,
      repeats: [...this.#repeats],
      ...(this.#end ?? { outcome: "running" as const, millis: this.#millisSince(this.#begunAt) })
    }
  }
}

const outcomeOf = (fate: Fate): CallRecord["outcome"] => {
  if (fate === "cancelled" || fate === "left") return "cancelled"
  if (typeof fate === "string") return "failed"
  const { error, result } = fate.answer.value
  if (error !== undefined) {
    // What stands between has answered for a server that was lost.
    const { delivery } = RawMessage.membersOf(RawMessage.membersOf(error)["data"])
    return delivery === undefined ? "error" : "failed"
  }
  return RawMessage.membersOf(result)["isError"] === true ? "tool error" : "answered"
}
