/** What servers say of themselves when they are greeted. Servers of one factory nearly always say the same, which is read once. */
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as Messages from "@holdfast/protocol/Messages"
import * as Result from "effect/Result"

export class Greetings {
  #text: string | undefined
  #greeting: Messages.InitializeResult | undefined

  /** The answer to `initialize`. Undefined: it is an error, or makes no sense. */
  read(text: string): Messages.InitializeResult | undefined {
    if (text === this.#text) return this.#greeting
    const answer = JsonRpc.decode(text)
    const greeting = Messages.decodeInitializeResult(answer._tag === "Success" ? answer.result : undefined)
    this.#text = text
    this.#greeting = Result.getOrUndefined(greeting)
    return this.#greeting
  }
}
