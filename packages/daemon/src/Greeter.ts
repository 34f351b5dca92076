/**
 * The first question to a server and its answer, before anything else is passed: `initialize` in the legacy era, `server/discover` in
 * the modern one. Pure, as `HostSession` is.
 *
 * A server that refuses what it is offered, because it does not know that, is asked again with less: see `OfferedCapabilities`.
 *
 * What a server says before it has answered has no receiver yet: `ping` is answered, other questions are refused, the rest is nothing.
 */
import * as OfferedCapabilities from "@holdfast/protocol/OfferedCapabilities"
import * as RawMessage from "./RawMessage.ts"

/** The first question, and what is to be done about its answer. */
export interface GreeterOptions {
  readonly question: RawMessage.RawMessage
  /** Gives the server a line, without its end. */
  readonly toServer: (text: string) => void
  /** The server has answered with a result, and has been told that this is known (`notifications/initialized`). */
  readonly onGreeted: (greeting: RawMessage.RawMessage) => void
  /** The server has answered with an error. */
  readonly onRefused: (refusal: RawMessage.RawMessage) => void
}

/**
 * One greeting of one server. It is told once how that went, by `onGreeted` or `onRefused`; a server that is silent is for its owner to
 * give up.
 */
export class Greeter {
  readonly #options: GreeterOptions
  #question: RawMessage.RawMessage
  #isOver = false

  constructor(options: GreeterOptions) {
    this.#options = options
    this.#question = options.question
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Asks. */
  begin(): void {
    this.#options.toServer(this.#question.text)
  }

  /** A line of the server. Those after the answer are not for this. */
  serverSaid(text: string): void {
    const messages = RawMessage.read(text)
    if (typeof messages === "string") return
    for (const message of messages) this.#heard(message)
  }

  #heard(message: RawMessage.RawMessage): void {
    const { onGreeted, onRefused, toServer } = this.#options
    const question = this.#question
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
    const again = "result" in message.value ? undefined : withLess(question, message)
    if (again !== undefined) {
      this.#question = again
      return this.begin()
    }
    this.#isOver = true
    if (!("result" in message.value)) return onRefused(message)
    if (question.method === "initialize") toServer(initialized)
    onGreeted(message)
  }
}

/** The question with less to offer, under another id. Undefined: that was not the reason. */
const withLess = (
  question: RawMessage.RawMessage,
  { value }: RawMessage.RawMessage
): RawMessage.RawMessage | undefined => {
  const { capabilities } = RawMessage.paramsOf(question)
  const fewer = question.method === "initialize" && typeof capabilities === "object" && capabilities !== null
    ? OfferedCapabilities.fewer(capabilities, JSON.stringify(value["error"]))
    : undefined
  if (fewer === undefined) return undefined
  const asked = RawMessage.replaced(question, [
    [RawMessage.paths.id, `"holdfast-${Object.keys(fewer).length}"`],
    [["params", "capabilities"], JSON.stringify(fewer)]
  ])
  return RawMessage.own(asked.text)
}

const initialized = JSON.stringify({ jsonrpc: "2.0", method: "notifications/initialized" })
