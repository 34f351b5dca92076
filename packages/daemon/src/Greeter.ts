/**
 * The first question to a server and its answer, before anything else is passed: `initialize` in the legacy era, `server/discover` in
 * the modern one. Pure, as `HostSession` is.
 *
 * What a server says before it has answered has no receiver yet: `ping` is answered, other questions are refused, the rest is nothing.
 */
import * as RawMessage from "./RawMessage.ts"

export interface GreeterOptions {
  readonly question: RawMessage.RawMessage
  /** Gives the server a line, without its end. */
  readonly toServer: (text: string) => void
  /** The server has answered with a result, and has been told that this is known (`notifications/initialized`). */
  readonly onGreeted: (greeting: RawMessage.RawMessage) => void
  /** The server has answered with an error. */
  readonly onRefused: (refusal: RawMessage.RawMessage) => void
}

export class Greeter {
  readonly #options: GreeterOptions
  #isOver = false

  constructor(options: GreeterOptions) {
    this.#options = options
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Asks. */
  begin(): void {
    this.#options.toServer(this.#options.question.text)
  }

  /** A line of the server. Those after the answer are not for this. */
  serverSaid(text: string): void {
    const messages = RawMessage.read(text)
    if (typeof messages === "string") return
    for (const message of messages) this.#heard(message)
  }

  #heard(message: RawMessage.RawMessage): void {
    const { onGreeted, onRefused, question, toServer } = this.#options
    const { id, kind, method } = message
    if (id === undefined || this.#isOver) return
    if (kind === "request") {
      const answer = method === "ping"
        ? `"result":{}`
        : `"error":${
          JSON.stringify({ code: -32601, message: `${method} comes before the answer to ${question.method}` })
        }`
      return toServer(`{"jsonrpc":"2.0","id":${id},${answer}}`)
    }
    if (kind !== "response" || !RawMessage.isAnswerTo(question, id)) return
    this.#isOver = true
    if (!("result" in message.value)) return onRefused(message)
    if (question.method === "initialize") toServer(initialized)
    onGreeted(message)
  }
}

const initialized = JSON.stringify({ jsonrpc: "2.0", method: "notifications/initialized" })
