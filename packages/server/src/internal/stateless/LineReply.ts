/** The answer to one stateless request, as lines among those of others. */
import * as Effect from "effect/Effect"
import type { SessionShape } from "../../Session.ts"
import type { Reply, StatelessTransport } from "./StatelessTransport.ts"

export interface LineReplyOptions {
  readonly write: (text: string) => void
  /** Called once, when there is no more to say, or no client to say it to. */
  readonly onEnd: () => void
  /** It stays open for what may come, without a handler at work on it. */
  readonly isListening: boolean
}

type State =
  /** No server is there yet. */
  | { readonly _tag: "Beginning" }
  | { readonly _tag: "Open"; readonly session: SessionShape; readonly release: () => void }
  | { readonly _tag: "Over" }

export class LineReply implements Reply, StatelessTransport<void> {
  readonly headers = undefined
  readonly origin = undefined
  readonly canStream = true
  readonly #options: LineReplyOptions
  #state: State = { _tag: "Beginning" }

  constructor(options: LineReplyOptions) {
    this.#options = options
  }

  readonly say = (text: string): void => {
    if (this.#state._tag !== "Over") this.#options.write(text)
  }

  readonly finish = (_status: number, text: string): void => {
    if (this.#state._tag === "Over") return
    this.#options.write(text)
    this.#end()
  }

  readonly answer = ({ status, text }: { readonly status: number; readonly text: string }): void =>
    this.finish(status, text)

  readonly converse = (session: SessionShape, begin: (reply: Reply) => void): Effect.Effect<void> =>
    Effect.suspend(() => {
      // It is not wanted any more, and it has not begun.
      if (this.#state._tag === "Over") return session.close("client")
      // What only listens is in use without a request in flight.
      const release = this.#options.isListening ? session.holdStream() : () => {}
      this.#state = { _tag: "Open", session, release }
      begin(this)
      return Effect.void
    })

  /** The client wants to hear nothing more of it. Returns what ends what was begun. */
  abandon(): Effect.Effect<void> {
    const before = this.#state
    this.#end()
    return before._tag === "Open" ? before.session.close("client") : Effect.void
  }

  #end(): void {
    const before = this.#state
    this.#state = { _tag: "Over" }
    if (before._tag === "Open") before.release()
    if (before._tag !== "Over") this.#options.onEnd()
  }
}
