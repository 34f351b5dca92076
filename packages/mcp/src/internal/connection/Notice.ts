/** A frame that gets no answer: a notification, or an answer of ours. */
import type { LinkFailure, Outbound } from "../../Link.ts"

export class Notice implements Outbound {
  readonly id = undefined
  readonly method: string
  readonly text: string
  readonly #sent: () => void
  readonly #failed: (failure: LinkFailure) => void

  constructor(method: string, text: string, sent: () => void, failed: (failure: LinkFailure) => void) {
    this.method = method
    this.text = text
    this.#sent = sent
    this.#failed = failed
  }

  onHandOff(): void {}

  onSent(): void {
    this.#sent()
  }

  onFailure(failure: LinkFailure): void {
    this.#failed(failure)
  }
}
