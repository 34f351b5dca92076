/**
 * One POST with requests in it, and how it is answered: as one JSON body if there is nothing but the answers, as a stream of events as
 * soon as there is anything else to say, or when it takes long.
 *
 * The handlers behind it do not depend on it: when the client goes away, they go on, and what they say is kept where it can be.
 */
import type * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type { OutStream } from "./OutStream.ts"

/** How the response goes on. */
export type Decision =
  | { readonly _tag: "Json"; readonly answers: ReadonlyArray<string>; readonly isBatch: boolean }
  | { readonly _tag: "Stream"; readonly stream: OutStream }

export interface ExchangeOptions {
  readonly ids: ReadonlyArray<JsonRpc.RequestId>
  readonly isBatch: boolean
  /** The client reads streams. */
  readonly acceptsStream: boolean
  readonly openedAt: number
  readonly openStream: () => OutStream
  /** Every request has its answer. */
  readonly onDone: () => void
}

export class Exchange {
  readonly ids: ReadonlySet<JsonRpc.RequestId>
  readonly openedAt: number
  readonly #options: ExchangeOptions
  readonly #decision = Deferred.makeUnsafe<Decision>()
  readonly #pending: Set<JsonRpc.RequestId>
  readonly #answers: Array<{ readonly id: JsonRpc.RequestId; readonly text: string }> = []
  #stream: OutStream | undefined
  #isAbandoned = false

  constructor(options: ExchangeOptions) {
    this.#options = options
    this.ids = new Set(options.ids)
    this.#pending = new Set(options.ids)
    this.openedAt = options.openedAt
  }

  readonly decision = Deferred.await(this.#decision)

  get pending(): ReadonlySet<JsonRpc.RequestId> {
    return this.#pending
  }

  /** Whether nothing was said yet. */
  get isUndecided(): boolean {
    return this.#stream === undefined && this.#pending.size > 0
  }

  answer(id: JsonRpc.RequestId, text: string): void {
    if (!this.#pending.delete(id)) return
    if (this.#stream !== undefined) this.#stream.answer(id, text)
    else this.#answers.push({ id, text })
    if (this.#pending.size > 0) return
    if (this.#stream !== undefined) this.#stream.complete()
    else {
      const answers = this.#answers.map(({ text }) => text)
      this.#decide({ _tag: "Json", answers, isBatch: this.#options.isBatch })
    }
    this.#options.onDone()
  }

  /** Something that is not an answer. False: this client cannot be told. */
  say(text: string, isQuestion = false): boolean {
    if (!this.#options.acceptsStream || this.#isAbandoned) return false
    this.stream().send(text, isQuestion)
    return true
  }

  /** Goes on as a stream from here. */
  stream(): OutStream {
    if (this.#stream !== undefined) return this.#stream
    const stream = this.#options.openStream()
    this.#stream = stream
    this.#decide({ _tag: "Stream", stream })
    for (const { id, text } of this.#answers.splice(0)) stream.answer(id, text)
    return stream
  }

  /** Sends the client away, to come back for the rest, if it knows how to. */
  pause(): void {
    if (this.#options.acceptsStream && !this.#isAbandoned) this.stream().pause()
  }

  /** The client has gone before anything was said: it could not come back for it. */
  abandon(): void {
    if (this.#stream === undefined) this.#isAbandoned = true
  }

  /** It takes long: what is between us and the client should see that it lives. */
  streamIfSlow(): void {
    if (this.isUndecided && this.#options.acceptsStream && !this.#isAbandoned) this.stream()
  }

  #decide(decision: Decision): void {
    Deferred.doneUnsafe(this.#decision, Effect.succeed(decision))
  }
}
