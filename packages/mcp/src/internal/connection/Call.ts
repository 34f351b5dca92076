/**
 * A request and its caller: what is sent, the waiter for the answer, and its deadlines.
 *
 * A deadline begins once: the hard one when the call is handed over, or when it has to wait for that; the idle one at hand-off. What
 * the pipe does afterwards begins neither of them again; progress renews the idle one.
 *
 * Of the two only the one that passes first is kept: the hard one, if it is longer, only once progress has renewed the idle one.
 */
import type { Deadline, Deadlines } from "@holdfast/core/Deadlines"
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { LinkFailure, Outbound } from "../../Link.ts"
import type { CallFailure, RequestOptions } from "./contract.ts"

export type Resume = (effect: Effect.Effect<unknown, CallFailure>) => void

/** What a call needs from the connection it is made over. */
export interface CallOwner {
  readonly deadlines: Pick<Deadlines, "arm" | "now">
  /** A deadline of this call has passed. */
  readonly expire: (call: Call, kind: "idle" | "hard", afterMillis: number) => void
  /** The link will bring no answer to this call. */
  readonly fail: (call: Call, failure: LinkFailure) => void
  /** What the caller gave with the call has thrown. */
  readonly blame: (call: Call, error: unknown) => void
}

export class Call implements Outbound {
  readonly id: number
  readonly method: string
  readonly name: string | undefined
  readonly text: string
  readonly options: RequestOptions
  readonly resume: Resume
  readonly #owner: CallOwner
  isHandedOff = false
  hasListenerFailed = false
  idle: Deadline | undefined = undefined
  hard: Deadline | undefined = undefined
  /** The hard deadline, where the idle one passes before it: when it has begun, and its milliseconds. */
  #hardSince = 0
  #laterHard: number | undefined = undefined

  constructor(
    owner: CallOwner,
    id: number,
    method: string,
    name: string | undefined,
    text: string,
    options: RequestOptions,
    resume: Resume
  ) {
    this.#owner = owner
    this.id = id
    this.method = method
    this.name = name
    this.text = text
    this.options = options
    this.resume = resume
  }

  get headers(): RequestOptions["headers"] {
    return this.options.headers
  }

  /** Begins the hard deadline, unless it has begun. */
  begin(now = this.#owner.deadlines.now()): void {
    const { hardDeadline } = this.options
    if (hardDeadline === undefined || this.hard !== undefined) return
    this.#armHard(millisOfHard(hardDeadline, now), now)
  }

  /** Progress has come. */
  renew(): void {
    this.idle?.renew()
    const millis = this.#laterHard
    if (millis === undefined) return
    this.#laterHard = undefined
    const now = this.#owner.deadlines.now()
    this.#armHard(millis, now, this.#hardSince + millis - now)
  }

  #armHard(millis: number, now: number, left = millis): void {
    this.hard = this.#owner.deadlines.arm(left, () => this.#owner.expire(this, "hard", millis), now)
  }

  disarm(): void {
    this.idle?.cancel()
    this.hard?.cancel()
    this.#laterHard = undefined
  }

  onQueued(): void {
    try {
      this.begin()
    } catch (error) {
      this.#owner.blame(this, error)
    }
  }

  onHandOff(): void {
    this.isHandedOff = true
    const { hardDeadline, idleDeadline, onHandOff } = this.options
    if (hardDeadline === undefined && idleDeadline === undefined && onHandOff === undefined) return
    try {
      onHandOff?.()
      const now = this.#owner.deadlines.now()
      if (idleDeadline === undefined) return this.begin(now)
      const millis = toMillis(idleDeadline)
      if (hardDeadline !== undefined && this.hard === undefined) {
        const hard = millisOfHard(hardDeadline, now)
        if (hard > millis) {
          this.#hardSince = now
          this.#laterHard = hard
        } else {
          this.#armHard(hard, now)
          // Nothing renews the idle one to an earlier time.
          if (hard < millis) return
        }
      }
      this.idle = this.#owner.deadlines.arm(millis, () => this.#owner.expire(this, "idle", millis), now)
    } catch (error) {
      this.#owner.blame(this, error)
    }
  }

  onSent(): void {}

  onFailure(failure: LinkFailure): void {
    this.#owner.fail(this, failure)
  }
}

const millisOfHard = (hard: NonNullable<RequestOptions["hardDeadline"]>, now: number): number =>
  toMillis(typeof hard === "function" ? hard(now) : hard)

const toMillis = (input: Duration.Input): number =>
  typeof input === "number" ? input : Duration.toMillis(Duration.fromInputUnsafe(input))

/** What the request is about, as its routing header says it. */
export const nameOf = (method: string, params: object | undefined): string | undefined => {
  const about: { readonly name?: unknown; readonly uri?: unknown; readonly taskId?: unknown } = params ?? {}
  const name = method === "resources/read" ? about.uri : method.startsWith("tasks/") ? about.taskId : about.name
  return typeof name === "string" ? name : undefined
}

/** The text of a request. Throws a `TypeError` when `params` cannot be JSON: a cycle, a BigInt, a number that is not finite. */
export const encode = (...request: Parameters<typeof textOf>): string => {
  const text = textOf(...request)
  // JSON writes `null` for NaN and Infinity, and the server would take that for what was meant.
  if (text.includes("null")) JSON.stringify(request[2], refuseInfinite)
  return text
}

const refuseInfinite = (name: string, value: unknown): unknown => {
  if (typeof value !== "number" || Number.isFinite(value)) return value
  throw new TypeError(`JSON has no number for ${value} at ${JSON.stringify(name)}`)
}

/** Asks for progress only where a listener or a deadline needs it. The token is the id: unique, and found at once. */
const textOf = (
  id: number,
  method: string,
  params: object | undefined,
  { idleDeadline, meta, onProgress }: RequestOptions,
  modern: object | undefined
): string => {
  const wantsProgress = onProgress !== undefined || idleDeadline !== undefined
  if (modern === undefined && !(params !== undefined && "_meta" in params)) {
    if (wantsProgress) return JsonRpc.encodeRequestWithProgress(id, method, params ?? {}, meta)
    if (meta === undefined) return JsonRpc.encodeRequest(id, method, params)
  }
  const own = params !== undefined && "_meta" in params && typeof params._meta === "object" ? params._meta : undefined
  const _meta = { ...own, ...meta, ...modern, ...(wantsProgress && { progressToken: id }) }
  return JsonRpc.encodeRequest(id, method, { ...params, _meta })
}
