/**
 * Between a host and a server: what either says is passed on to the other, message by message, and nothing is added.
 *
 * It ends when one of them does. A request that the way to the server loses, such as by a gateway's 503, is answered by an error that says so: a host
 * over stdio has no other way to hear of it.
 */
import * as DirectLink from "@holdfast/mcp/DirectLink"
import type { Endpoint } from "@holdfast/mcp/Endpoint"
import type { Link, LinkClosed, LinkFailure, LinkReceiver, Outbound } from "@holdfast/mcp/Link"
import { McpRuntimeError } from "@holdfast/mcp/McpRuntimeError"
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as ModernEra from "@holdfast/protocol/ModernEra"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as HostLines from "./HostLines.ts"
import * as LostRequest from "./LostRequest.ts"

/** Serves the host until it has gone (then there is no result), or until the server's link has ended. */
export const run = Effect.fnUntraced(function*(server: string, endpoint: Endpoint) {
  const host = yield* HostLines.make
  const closed = yield* Deferred.make<LinkClosed>()
  const relay = new Relay(host.write, (reason) => Deferred.doneUnsafe(closed, Effect.succeed(reason)))
  return yield* Effect.scoped(Effect.gen(function*() {
    const link = yield* Effect.mapError(
      DirectLink.open({ server, endpoint }, relay),
      (reason) => new McpRuntimeError({ reason })
    )
    relay.attach(link)
    const gone = HostLines.read((line) => relay.fromHost(line)).pipe(
      // What a pipe has asked is answered, as by the server itself.
      Effect.andThen(Effect.timeoutOption(relay.answered, patience)),
      Effect.as(undefined)
    )
    return yield* Effect.raceFirst(gone, Deferred.await(closed))
  })).pipe(Effect.ensuring(host.end))
})

/**
 * How long a server may take for what was asked before its host closed stdin. A pipe does so at once, while a server may still be starting. A
 * host that wants no answer any more sends a signal; one that was killed leaves the server here as long as this, and no longer.
 */
const patience = "30 seconds"

class Relay implements LinkReceiver {
  readonly #write: (text: string) => void
  readonly #onClosed: (closed: LinkClosed) => void
  /** Requests of the host that have no answer. */
  readonly #asked = new Map<JsonRpc.RequestId, string>()
  #link: Link | undefined
  #onAnswered: () => void = () => {}

  constructor(write: (text: string) => void, onClosed: (closed: LinkClosed) => void) {
    this.#write = write
    this.#onClosed = onClosed
  }

  attach(link: Link): void {
    this.#link = link
  }

  /** Waits until no request of the host is without its answer. */
  readonly answered: Effect.Effect<void> = Effect.callback((resume) => {
    this.#onAnswered = () => {
      if (this.#asked.size === 0) resume(Effect.void)
    }
    this.#onAnswered()
  })

  fromHost(line: string): void {
    const frame = JsonRpc.decode(line)
    if (frame._tag !== "Batch") return this.#post(line, frame)
    // Over HTTP each has an answer of its own.
    for (const each of frame.frames) this.#post(each._tag === "Malformed" ? line : textOf(each), each)
  }

  onMessage(message: JsonRpc.Incoming): void {
    if ((message._tag === "Success" || message._tag === "Failure") && message.id !== null) {
      const method = this.#asked.get(message.id)
      this.#asked.delete(message.id)
      if (method === "initialize" && message._tag === "Success") {
        this.#link?.setProtocolVersion(textIn(message.result, "protocolVersion"))
      }
    }
    this.#write(`${textOf(message)}\n`)
    this.#onAnswered()
  }

  onMalformed({ answerTo, excerpt, reason }: JsonRpc.Malformed): void {
    if (answerTo === undefined) return this.#write(`${excerpt}\n`)
    this.#asked.delete(answerTo)
    this.#write(LostRequest.unreadable(answerTo, reason))
    this.#onAnswered()
  }

  onClosed(closed: LinkClosed): void {
    this.#onClosed(closed)
  }

  #post(text: string, frame: JsonRpc.Incoming | JsonRpc.Malformed): void {
    const request = frame._tag === "Request" ? frame : undefined
    const params = frame._tag === "Request" || frame._tag === "Notification" ? frame.params : undefined
    const method = frame._tag === "Request" || frame._tag === "Notification" ? frame.method : "response"
    if (request !== undefined) this.#asked.set(request.id, method)
    const revision = textIn(memberOf(params, "_meta"), ModernEra.metaKey.protocolVersion)
    if (revision !== undefined) this.#link?.setProtocolVersion(revision)
    const outbound: Outbound = {
      id: request?.id,
      method,
      name: textIn(params, "name") ?? textIn(params, "uri"),
      text,
      onHandOff: () => {},
      onSent: () => {},
      onFailure: (failure) => {
        if (request !== undefined) this.#lost(request.id, failure)
      }
    }
    this.#link?.post(outbound)
  }

  #lost(id: JsonRpc.RequestId, failure: LinkFailure): void {
    if (!this.#asked.delete(id)) return
    this.#write(LostRequest.answerOf(id, failure))
    this.#onAnswered()
  }
}

const textOf = (message: JsonRpc.Incoming): string => {
  const { _tag, ...members } = message
  return JSON.stringify({ jsonrpc: "2.0", ...members })
}

const memberOf = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null ? Object.entries(value).find(([key]) => key === name)?.[1] : undefined

const textIn = (value: unknown, name: string): string | undefined => {
  const member = memberOf(value, name)
  return typeof member === "string" ? member : undefined
}
