/** Wraps the platform: a stream as an async iterator that can be ended at any time, and that holds the program only while it is waited for. */
import type { Hold } from "../Lifeline.ts"
import type { Reader } from "./contract.ts"

export interface ReadingOptions {
  readonly hold: Pick<Hold, "release" | "take">
  readonly signal?: AbortSignal | undefined
  /** Releases what the reading is for. Called once, when it ends in whatever way. */
  readonly onEnd?: (() => Promise<void>) | undefined
}

export class Reading<A> implements Reader<A> {
  readonly #source: AsyncIterator<A>
  readonly #options: ReadingOptions
  /** The reading listens before it is asked for its first value: that is asked for when it begins. */
  #next: Promise<IteratorResult<A, undefined>>
  #isFirst = true
  #ended: Promise<IteratorReturnResult<undefined>> | undefined

  constructor(source: AsyncIterator<A>, options: ReadingOptions) {
    this.#source = source
    this.#options = options
    this.#next = this.#pull()
    // It is told by `next`, if it is asked.
    this.#next.catch(() => {})
    if (options.signal?.aborted === true) void this.return()
    else options.signal?.addEventListener("abort", this.return, { once: true })
  }

  readonly next = (): Promise<IteratorResult<A, undefined>> => {
    // One after the other: the values of a stream are pulled by one reader.
    if (this.#isFirst) this.#isFirst = false
    else this.#next = this.#next.then(() => this.#pull())
    return this.#held(this.#next)
  }

  readonly return = (): Promise<IteratorReturnResult<undefined>> => this.#ended ??= this.#end()

  readonly [Symbol.asyncDispose] = async (): Promise<void> => {
    await this.return()
  };

  [Symbol.asyncIterator](): this {
    return this
  }

  async #pull(): Promise<IteratorResult<A, undefined>> {
    if (this.#ended !== undefined) return over
    const result = await this.#source.next()
    if (result.done !== true) return result
    await this.return()
    return over
  }

  async #end(): Promise<IteratorReturnResult<undefined>> {
    const { onEnd, signal } = this.#options
    signal?.removeEventListener("abort", this.return)
    await this.#source.return?.()
    await onEnd?.()
    return over
  }

  async #held<B>(result: Promise<B>): Promise<B> {
    this.#options.hold.take()
    try {
      return await result
    } finally {
      this.#options.hold.release()
    }
  }
}

const over: IteratorReturnResult<undefined> = { done: true, value: undefined }
