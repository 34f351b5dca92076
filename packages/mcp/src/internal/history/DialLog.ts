/**
 * One try to open a connection, as it goes: its steps and how long each took, and what became of it.
 *
 * Over a url the process that is waited for first is not the server's: until the first request is handed over, the time is that of
 * reaching it (`connect`), the look-up of its name included.
 *
 * What is written down is bounded: of words the beginning is kept.
 */
import * as Effect from "effect/Effect"
import { advised } from "../../Advice.ts"
import type { Era, Step, StepName, Try } from "../../Explanation.ts"
import type { ConnectReason } from "../../McpRuntimeError.ts"

/** How long words may be, in characters. A server writes as much as it likes, and a thousand of them are remembered. */
const most = { message: 1000, stderr: 2000, body: 500 }

/** Milliseconds since 1970, and monotonic ones. */
export interface Times {
  readonly wall: () => number
  readonly now: () => number
}

export class DialLog {
  readonly #times: Times
  readonly #at: number
  readonly #begun: number
  readonly #isProcess: boolean
  readonly #steps: Array<Step> = []
  #pid: number | undefined
  /** Monotonic milliseconds; undefined: the server cannot have heard anything yet. */
  #reachedAt: number | undefined
  #readyAt: number | undefined
  #era: Era | undefined

  constructor(times: Times, isProcess: boolean) {
    this.#times = times
    this.#at = times.wall()
    this.#begun = times.now()
    this.#isProcess = isProcess
  }

  /** The link is there. A process has been started then; a url is reached by the first request. */
  opened(pid: number | undefined): void {
    this.#pid = pid
    if (this.#isProcess) this.#reached("spawn")
  }

  /** The first request has been handed over. */
  handedOver(): void {
    if (this.#reachedAt === undefined) this.#reached("connect")
  }

  #reached(step: StepName): void {
    this.#reachedAt = this.#times.now()
    this.#add(step, undefined, this.#begun)
  }

  /** Measures a question of the handshake. One that did not reach the server is no step. */
  asking<A, E, R>(what: string, question: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.suspend(() => {
      const since = this.#times.now()
      return Effect.onExit(question, () =>
        Effect.sync(() => {
          if (this.#reachedAt !== undefined) this.#add("handshake", what, Math.max(since, this.#reachedAt))
        }))
    })
  }

  #add(step: StepName, what: string | undefined, since: number): void {
    this.#steps.push({ step, ...(what !== undefined && { what }), millis: this.#times.now() - since })
  }

  ready(era: Era): Try {
    this.#era = era
    this.#readyAt = this.#times.now()
    return { ...this.#common, outcome: "ready", steps: [...this.#steps] }
  }

  failed(reason: ConnectReason, outcome: "failed" | "other era"): Try {
    if (this.#reachedAt === undefined) this.#add(this.#isProcess ? "spawn" : "connect", undefined, this.#begun)
    else if (!this.#steps.some(({ step }) => step === "handshake")) this.#add("handshake", undefined, this.#reachedAt)
    const failedStep = this.#steps.at(-1)?.step
    return advised({
      ...this.#common,
      outcome,
      steps: [...this.#steps],
      ...(outcome === "failed" && failedStep !== undefined && { failedStep }),
      ...wordsOf(reason)
    })
  }

  /** It was ready. */
  lost(reason: ConnectReason): Try {
    const readyAt = this.#readyAt ?? this.#begun
    const millis = this.#times.now() - readyAt
    const at = this.#at + (readyAt - this.#begun)
    const steps: ReadonlyArray<Step> = [{ step: "life", millis }]
    return advised({ ...this.#common, at, outcome: "lost", steps, failedStep: "life", ...wordsOf(reason) })
  }

  get #common(): Pick<Try, "at" | "era" | "pid"> {
    return {
      at: this.#at,
      ...(this.#pid !== undefined && { pid: this.#pid }),
      ...(this.#era !== undefined && { era: this.#era })
    }
  }
}

/** What a reason says, as the members of a try. Its words are without secrets already. */
export const wordsOf = (reason: ConnectReason): Partial<Try> => {
  const end = "end" in reason ? reason.end : undefined
  const stderr = end?.stderrTail ?? ("stderrTail" in reason ? reason.stderrTail : undefined) ?? ""
  return {
    reason: reason._tag,
    message: cut(reason.message, most.message),
    ...(end !== undefined && end.code !== null && { exitCode: end.code }),
    ...(end !== undefined && end.signal !== null && { signal: end.signal }),
    ...(stderr.trim() !== "" && { stderr: cut(stderr, most.stderr) }),
    ...(reason._tag === "HttpRejected" && {
      http: { status: reason.status, body: cut(reason.description, most.body) }
    })
  }
}

/** The beginning, and the end: what a server says last is why it has ended. */
export const cut = (text: string, length: number): string => {
  if (text.length <= length) return text
  const half = Math.floor(length / 2)
  return `${text.slice(0, half)} … ${text.slice(-half)}`
}
