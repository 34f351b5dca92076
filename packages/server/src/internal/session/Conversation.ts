/**
 * What a session says and hears: messages of the client to the server's side, and each message of the server to the response, or
 * stream, where it belongs.
 *
 * An answer goes to the request that bears its id, and to no other; what is said in the course of a request goes with it; everything
 * else to the stream the client keeps open for it. Late words of handlers whose client has gone are no-ops.
 */
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import type { SessionShape } from "../../Session.ts"
import type { SessionPolicy } from "../../SessionPolicy.ts"
import type { EventSink } from "../http/EventSink.ts"
import type { Origin } from "../http/Origin.ts"
import { clientInfoIn } from "./clientName.ts"
import { Exchange } from "./Exchange.ts"
import { OutStream, standalone } from "./OutStream.ts"
import { ReplayLog } from "./ReplayLog.ts"

/** A message as the SDK wants it. */
export type Message = JsonRpc.Incoming

export interface ReceiveOptions {
  readonly isBatch: boolean
  readonly acceptsStream: boolean
  readonly origin?: Origin
}

const pingPrefix = "holdfast-ping-"

export class Conversation {
  readonly session: SessionShape
  /** Set by the server's side: where the client's messages go. */
  onMessage: (message: Message, origin?: Origin) => void = () => {}
  /** Called when the last request that waited has its answer. */
  onQuiet: () => void = () => {}
  /** Settled on by `initialize`. */
  revision: string | undefined
  readonly push: OutStream
  readonly #policy: SessionPolicy
  readonly #now: () => number
  readonly #log: ReplayLog
  readonly #exchanges = new Map<JsonRpc.RequestId, Exchange>()
  /** Made with the first: most clients never need one besides their own. */
  #streams: Map<number, OutStream> | undefined
  #nextStream = standalone
  #nextPing = 1
  /** Pings without an answer since the client was heard last. */
  #unanswered = 0
  #lastPing: number
  #isClosed = false
  /** Set for a transport that has one stream for everything. */
  #only: EventSink | undefined

  constructor(session: SessionShape, policy: SessionPolicy, now: () => number) {
    this.session = session
    this.#policy = policy
    this.#now = now
    this.#log = new ReplayLog(policy.maxReplayBytes, policy.maxBufferedBytes)
    this.push = new OutStream(standalone, this.#log)
    this.#lastPing = now()
  }

  /** From here on everything goes over this one stream, and nothing is kept. */
  speakOver(sink: EventSink): void {
    this.#only = sink
    if (this.#isClosed) sink.end("ended")
  }

  /** Requests of this id are being served already. */
  readonly isServing = (id: JsonRpc.RequestId): boolean => this.#exchanges.has(id)

  /** A request waits for its answer. */
  get isWaiting(): boolean {
    return this.#exchanges.size > 0
  }

  get exchanges(): Iterable<Exchange> {
    return this.#exchanges.size === 0 ? [] : new Set(this.#exchanges.values())
  }

  /** Hands the client's messages to the server. Returns what their answers come through, if any is a request. */
  receive(messages: ReadonlyArray<Message>, { acceptsStream, isBatch, origin }: ReceiveOptions): Exchange | undefined {
    const ids = messages.flatMap((message) => message._tag === "Request" ? [message.id] : [])
    let exchange: Exchange | undefined
    if (ids.length > 0) {
      const isUse = messages.some(usesSession)
      const releases = ids.map(() => this.session.holdRequest(isUse))
      const made = new Exchange({
        ids,
        isBatch,
        acceptsStream,
        openedAt: this.#now(),
        openStream: () => this.#begin(),
        onDone: () => {
          for (const id of ids) if (this.#exchanges.get(id) === made) this.#exchanges.delete(id)
          for (const release of releases) release()
          if (!this.isWaiting) this.onQuiet()
        }
      })
      exchange = made
      for (const id of ids) this.#exchanges.set(id, made)
    }
    for (const message of messages) this.#hear(message, origin)
    return exchange
  }

  /** An answer of the client's that is none. */
  fail(failure: JsonRpc.Failure): void {
    this.#hear(failure, undefined)
  }

  /** A message of the server. `related`: the request in whose course it is said. */
  send(message: JsonRpc.Incoming, text: string, related: JsonRpc.RequestId | undefined): void {
    if (this.#isClosed) return
    if (message._tag === "Success" || message._tag === "Failure") {
      if (message.id === null) return
      this.revision ??= revisionIn(message)
      this.#only?.event(undefined, text)
      this.#exchanges.get(message.id)?.answer(message.id, text)
      return
    }
    if (this.#only !== undefined) return this.#only.event(undefined, text)
    const exchange = related === undefined ? undefined : this.#exchanges.get(related)
    if (exchange?.say(text, message._tag === "Request") === true) return
    // What was said in the course of a request that is over is dropped.
    if (related === undefined || message._tag === "Request") this.push.send(text)
  }

  /** Ends the response that carries a request, or the client's own stream, for the client to come back to. */
  pause(related: JsonRpc.RequestId | undefined): void {
    // A client that was given no ids could not say where it was.
    if (this.#only !== undefined || (this.revision ?? "") < "2025-11-25" || this.#policy.maxReplayBytes === 0) return
    if (related === undefined) this.push.pause()
    else this.#exchanges.get(related)?.pause()
  }

  /** The stream a client wants to go on with. */
  streamOf(number: number): OutStream | undefined {
    return number === standalone ? this.push : this.#streams?.get(number)
  }

  /** Called at every heartbeat. */
  beat(now = this.#now()): void {
    for (const exchange of this.exchanges) {
      if (now - exchange.openedAt >= this.#policy.heartbeatInterval) exchange.streamIfSlow()
    }
    if (this.#only === undefined) {
      this.push.sink?.beat()
      for (const { sink } of this.#streams?.values() ?? []) sink?.beat()
    } else this.#only.beat()
    this.#ping(now)
  }

  /** Answers what is pending, and ends every stream. */
  close(reason: string): void {
    if (this.#isClosed) return
    for (const exchange of this.exchanges) {
      for (const id of [...exchange.pending]) {
        const text = JsonRpc.encodeFailure(id, {
          code: -32000,
          message: `the session was closed: ${reason}; this request may have been carried out`
        })
        this.#only?.event(undefined, text)
        exchange.answer(id, text)
      }
    }
    this.#isClosed = true
    for (const stream of [this.push, ...this.#streams?.values() ?? []]) stream.detach()
    this.#streams = undefined
    this.#only?.end("ended")
  }

  #hear(message: Message, origin: Origin | undefined): void {
    this.#unanswered = 0
    if ((message._tag === "Success" || message._tag === "Failure") && isPing(message.id)) return
    if (usesSession(message)) this.session.touch()
    if (this.#endsHandshake(message)) this.session.activate()
    else this.#introduce(message)
    this.onMessage(message, origin)
    if (message._tag === "Notification" && message.method === "notifications/cancelled") this.#cancelled(message.params)
  }

  /** Not every client says that it is ready: some show it, by a request once their `initialize` is answered. */
  #endsHandshake(message: Message): boolean {
    if (message._tag === "Notification") return message.method === "notifications/initialized"
    return message._tag === "Request" && this.revision !== undefined && message.method !== "initialize" &&
      usesSession(message)
  }

  #introduce(message: Message): void {
    const clientInfo = clientInfoIn(message)
    if (clientInfo !== undefined) this.session.introduce(clientInfo)
  }

  /** A client that cancels expects no answer, and servers give none; but the response that would have carried it must end. */
  #cancelled(params: unknown): void {
    const id = typeof params === "object" && params !== null && "requestId" in params ? params.requestId : undefined
    if (!JsonRpc.isRequestId(id)) return
    this.#exchanges.get(id)?.answer(
      id,
      JsonRpc.encodeFailure(id, { code: -32800, message: "the request was cancelled" })
    )
  }

  /**
   * A peer that vanished without a word fails no write for hours: only an answer tells that it is there.
   * A client without an open stream is not asked.
   */
  #ping(now: number): void {
    const sink = this.#only ?? this.push.sink
    if (sink?.isOpen !== true || this.session.state() !== "active") {
      this.#unanswered = 0
      return
    }
    if (now - this.#lastPing < this.#policy.pingInterval) return
    this.#lastPing = now
    if (this.#unanswered >= 2) {
      this.#unanswered = 0
      sink.end("vanished")
      return
    }
    this.#unanswered++
    sink.event(undefined, JsonRpc.encodeRequest(`${pingPrefix}${this.#nextPing++}`, "ping", undefined))
  }

  #begin(): OutStream {
    const stream = new OutStream(++this.#nextStream, this.#log)
    this.#streams ??= new Map()
    this.#streams.set(stream.number, stream)
    this.#forgetOld(this.#streams)
    return stream
  }

  /** Of the streams that have ended only the last few can still be asked for, and those whose answers have not arrived. */
  #forgetOld(streams: Map<number, OutStream>): void {
    for (const [number, stream] of streams) {
      if (streams.size <= keptStreams) return
      if (!stream.isComplete || this.#log.owes(number)) continue
      streams.delete(number)
      this.#log.forget(number)
    }
  }
}

const keptStreams = 16

/** The answer to `initialize` is the only one that comes before there is a revision. */
const revisionIn = ({ _tag, ...answer }: JsonRpc.Success | JsonRpc.Failure): string | undefined => {
  const result = "result" in answer ? answer.result : undefined
  return typeof result === "object" && result !== null && "protocolVersion" in result &&
      typeof result.protocolVersion === "string"
    ? result.protocolVersion
    : undefined
}

/** A client that only says that it is there does not use the session. */
const usesSession = (message: Message): boolean => !(message._tag === "Request" && message.method === "ping")

const isPing = (id: JsonRpc.RequestId | null): boolean => typeof id === "string" && id.startsWith(pingPrefix)
