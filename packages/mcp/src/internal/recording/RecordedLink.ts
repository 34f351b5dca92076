/**
 * A link that is listened to: what its owner posts and what its peer says, and what became of both, as events.
 *
 * Promises
 * - The link behaves as it would alone: every call of it and of its receiver is passed on, once and in order. What the listener throws is
 *   told in the log.
 * - A message of ours is an event when it is handed over, so that a recording has what the peer may have seen and nothing else. One that
 *   waits behind others and is taken back is none.
 * - Without bodies no message is read, copied or serialized for it: a message costs an object.
 *
 * Gotchas: frames are told apart by the objects that the owner posts, which the link below does not get to see.
 */
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { Endpoint } from "../../Endpoint.ts"
import type { Link, LinkClosed, LinkFailure, LinkReceiver, Outbound } from "../../Link.ts"
import type { LinkRequest, OpenLink } from "../../LinkOpener.ts"
import type { ConnectReason } from "../../McpRuntimeError.ts"
import type * as Recording from "../../Recording.ts"
import { ownId } from "../link/answeredBy.ts"
import * as Boundary from "../link/Boundary.ts"
import * as redactSecrets from "../link/redactSecrets.ts"
import { parseExactly } from "./exactJson.ts"
import { HeardMessage, micros } from "./HeardMessage.ts"
import { redactBody } from "./redactBody.ts"
import { Requests } from "./Requests.ts"
import * as Unopened from "./unopened.ts"

/** The listener of one connection. */
export interface Track {
  readonly connection: number
  readonly onMessage: (message: HeardMessage) => void
  readonly onEvent: (event: Exclude<Recording.Event, Recording.Message>) => void
}

export interface RecordedLinkOptions {
  readonly bodies: boolean
  /** Values to be kept out beside those of the endpoint. */
  readonly secrets: ReadonlyArray<Redacted.Redacted>
  /** Milliseconds since the recording began. */
  readonly now: () => number
  /** A connection begins: gives its listener. */
  readonly onConnection: (request: LinkRequest) => Track
}

/** Opens links that are listened to. */
export const wrap = (open: OpenLink, options: RecordedLinkOptions): OpenLink => (request, receiver) =>
  Effect.gen(function*() {
    const { server } = request
    const ear = new Ear(
      options,
      request,
      options.onConnection(request),
      yield* Boundary.here(`${server}: the recorder`)
    )
    const listening = new ListeningReceiver(ear, receiver)
    return yield* open(request, listening).pipe(
      Effect.map((link) => listenedTo(link, ear)),
      Effect.tapError((reason) => Effect.sync(() => ear.unopened(reason)))
    )
  })

/** Milliseconds since now. */
export const clockFrom = (clock: Clock.Clock): () => number => {
  const began = Number(clock.monotonicTimeNanosUnsafe()) / 1e6
  return () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6 - began
}

type Kind = Recording.Message["kind"]

/** Makes events of what it hears on one connection. */
class Ear {
  readonly hasBodies: boolean
  readonly #now: () => number
  readonly #track: Track
  readonly #redact: redactSecrets.Redact
  readonly #boundary: Boundary.Boundary
  /** Requests of ours that have neither answer nor failure, those that wait behind others included. */
  readonly requests = new Requests<HeardOutbound>()
  /** Of the server's. */
  readonly #questions = new Requests<HeardMessage>()
  #stderr = ""
  stderrTail: () => string = () => ""

  constructor(options: RecordedLinkOptions, request: LinkRequest, track: Track, boundary: Boundary.Boundary) {
    const { endpoint } = request
    this.hasBodies = options.bodies
    this.#now = options.now
    this.#track = track
    this.#boundary = boundary
    const secrets = [...endpoint.secrets, ...options.secrets]
    this.#redact = redactSecrets.ofEndpoint(
      endpoint._tag === "Stdio" ? { env: endpoint.env, secrets } : { headers: endpoint.headers, secrets }
    )
    const headers = endpoint._tag === "Stdio" ? [] : Object.keys(endpoint.headers)
    this.#tell({
      event: "opened",
      ...this.#place(),
      server: request.server,
      transport: endpoint._tag === "Stdio" ? "stdio" : endpoint._tag === "Http" ? "http" : "sse",
      target: this.#redact(Endpoint.describe(endpoint)),
      ...(headers.length > 0 && { headers })
    })
  }

  unopened(reason: ConnectReason): void {
    this.#hear(() =>
      this.#tell({ event: "unopened", ...this.#place(), reason: Unopened.reworded(reason, this.#clean) })
    )
  }

  /** A message of ours is handed over. */
  sent(outbound: HeardOutbound): void {
    try {
      this.#sent(outbound)
    } catch (error) {
      this.#boundary.report("the recording of a message", error)
    }
  }

  lost(outbound: Outbound, failure: LinkFailure): void {
    this.#hear(() => this.#lost(outbound, failure))
  }

  forgotten(id: JsonRpc.RequestId): void {
    this.#hear(() => this.#tell({ event: "forgotten", ...this.#place(), id }))
  }

  received(message: JsonRpc.Incoming, size: number | undefined): void {
    try {
      this.#received(message, size)
    } catch (error) {
      this.#boundary.report("the recording of a message", error)
    }
  }

  malformed(frame: JsonRpc.Malformed, size: number | undefined): void {
    this.#hear(() => this.#malformed(frame, size))
  }

  closed(closed: LinkClosed): void {
    this.#hear(() => this.#closed(closed))
  }

  #hear(listen: () => void): void {
    this.#boundary.ask("the recording of an event", listen)
  }

  #sent(outbound: HeardOutbound): void {
    const { headers, id, method, name, text } = outbound
    const at = this.#now()
    outbound.handedOffAt = at
    const isCall = method !== "" && method !== "response"
    const message = this.hasBodies || !isCall ? membersOf(parsed(text)) : undefined
    const kind: Kind = id !== undefined
      ? "request"
      : isCall
      ? "notification"
      : message === undefined
      ? "malformed"
      : message["error"] === undefined
      ? "answer"
      : "error"
    if (kind === "answer" || kind === "error") {
      const answered = idIn(message)
      const question = answered === null ? undefined : this.#questions.take(answered)
      return this.#answered(
        "client",
        kind,
        answered,
        question?.method,
        undefined,
        question?.at,
        text.length,
        message,
        at
      )
    }
    this.#track.onMessage(
      new HeardMessage(
        this.#track.connection,
        at,
        "client",
        kind,
        id,
        isCall ? method : undefined,
        name === undefined ? undefined : this.#redact(name),
        text.length,
        undefined,
        headers,
        this.hasBodies ? this.#clean(message?.["params"]) : undefined
      )
    )
  }

  #lost({ id, method, name }: Outbound, failure: LinkFailure): void {
    this.#listenToStderr()
    this.#tell({
      event: "lost",
      ...this.#place(),
      ...(id !== undefined && { id }),
      method,
      ...(name !== undefined && { name: this.#redact(name) }),
      failure: { ...failure, description: this.#redact(failure.description) }
    })
  }

  #received(message: JsonRpc.Incoming, size: number | undefined): void {
    this.#listenToStderr()
    const at = this.#now()
    switch (message._tag) {
      case "Success":
      case "Failure": {
        const { id } = message
        const request = id === null ? undefined : this.requests.take(ownId(id))
        const kind = message._tag === "Success" ? "answer" : "error"
        return this.#answered(
          "server",
          kind,
          id,
          request?.method,
          request?.name,
          request?.handedOffAt,
          size,
          message,
          at
        )
      }
      case "Request":
      case "Notification": {
        const { method, params } = message
        const id = message._tag === "Request" ? message.id : undefined
        const heard = new HeardMessage(
          this.#track.connection,
          at,
          "server",
          id === undefined ? "notification" : "request",
          id,
          method,
          undefined,
          size ?? sizeOf(params),
          undefined,
          undefined,
          this.hasBodies ? this.#clean(params) : undefined
        )
        if (id !== undefined) this.#questions.add(id, heard)
        return this.#track.onMessage(heard)
      }
    }
  }

  #malformed({ answerTo, excerpt, reason }: JsonRpc.Malformed, size: number | undefined): void {
    this.#listenToStderr()
    const words = { reason: this.#redact(reason), excerpt: this.#redact(excerpt) }
    const body = this.hasBodies ? { ...words, ...(answerTo !== undefined && { answerTo }) } : undefined
    const length = size ?? excerpt.length
    this.#track.onMessage(
      new HeardMessage(
        this.#track.connection,
        this.#now(),
        "server",
        "malformed",
        answerTo,
        undefined,
        undefined,
        length,
        undefined,
        undefined,
        body
      )
    )
  }

  #closed(closed: LinkClosed): void {
    this.requests.clear()
    this.#listenToStderr()
    this.#tell({ event: "closed", ...this.#place(), closed: this.#cleanEnd(closed) })
  }

  #tell(event: Exclude<Recording.Event, Recording.Message>): void {
    this.#track.onEvent(event)
  }

  #place() {
    return { at: micros(this.#now()), connection: this.#track.connection }
  }

  readonly #clean = (value: unknown): unknown => redactBody(this.#redact, value)

  #cleanEnd(closed: LinkClosed): LinkClosed {
    if (closed._tag === "Released") return closed
    if (closed._tag !== "ProcessEnded") return { ...closed, description: this.#redact(closed.description) }
    return { ...closed, end: { ...closed.end, stderrTail: this.#redact(closed.end.stderrTail) } }
  }

  /** What has been written to stderr since. Only with bodies: it costs a copy of the last words at each message. */
  #listenToStderr(): void {
    if (!this.hasBodies) return
    const tail = this.stderrTail()
    if (tail === this.#stderr) return
    const text = tail.startsWith(this.#stderr) ? tail.slice(this.#stderr.length) : tail
    this.#stderr = tail
    this.#tell({ event: "stderr", ...this.#place(), text: this.#redact(text) })
  }

  #answered(
    from: "client" | "server",
    kind: "answer" | "error",
    id: JsonRpc.RequestId | null,
    method: string | undefined,
    name: string | undefined,
    askedAt: number | undefined,
    size: number | undefined,
    message: object | undefined,
    at: number
  ): void {
    const body = message === undefined
      ? undefined
      : kind === "answer"
      ? "result" in message ? message.result : undefined
      : "error" in message
      ? message.error
      : undefined
    this.#track.onMessage(
      new HeardMessage(
        this.#track.connection,
        at,
        from,
        kind,
        id,
        method,
        name === undefined ? undefined : this.#redact(name),
        size ?? sizeOf(body),
        askedAt,
        undefined,
        this.hasBodies ? this.#clean(body) : undefined
      )
    )
  }
}

/** In the place of the owner's frame below the recorder. */
class HeardOutbound implements Outbound {
  readonly id: JsonRpc.RequestId | undefined
  readonly method: string
  readonly name: string | undefined
  readonly headers: Readonly<Record<string, string>> | undefined
  readonly text: string
  readonly own: Outbound
  readonly #ear: Ear
  handedOffAt: number | undefined
  /** Handed over, or failed: it cannot be taken back. */
  isGone = false

  constructor(own: Outbound, ear: Ear) {
    this.id = own.id
    this.method = own.method
    this.name = own.name
    this.headers = own.headers
    this.text = own.text
    this.own = own
    this.#ear = ear
    this.handedOffAt = undefined
  }

  onQueued(): void {
    this.own.onQueued?.()
  }

  onHandOff(): void {
    this.isGone = true
    this.#ear.sent(this)
    this.own.onHandOff()
  }

  onSent(): void {
    this.own.onSent()
  }

  onFailure(failure: LinkFailure): void {
    this.isGone = true
    if (this.id !== undefined) this.#ear.requests.take(this.id)
    this.#ear.lost(this, failure)
    this.own.onFailure(failure)
  }
}

class ListeningReceiver implements LinkReceiver {
  readonly #ear: Ear
  readonly #own: LinkReceiver

  constructor(ear: Ear, own: LinkReceiver) {
    this.#ear = ear
    this.#own = own
  }

  onMessage(message: JsonRpc.Incoming, size?: number): void {
    this.#ear.received(message, size)
    this.#own.onMessage(message, size)
  }

  onMalformed(frame: JsonRpc.Malformed, size?: number): void {
    this.#ear.malformed(frame, size)
    this.#own.onMalformed(frame, size)
  }

  onClosed(closed: LinkClosed): void {
    this.#ear.closed(closed)
    this.#own.onClosed(closed)
  }
}

const listenedTo = (link: Link, ear: Ear): Link => {
  /** Those without an id that may wait behind others: the owner may take them back. */
  let notices: Array<HeardOutbound> = []
  ear.stderrTail = () => link.stderrTail()
  return {
    post: (outbound) => {
      const heard = new HeardOutbound(outbound, ear)
      if (heard.id !== undefined) ear.requests.add(heard.id, heard)
      link.post(heard)
      if (heard.id !== undefined || heard.isGone) return
      notices = notices.filter(({ isGone }) => !isGone)
      notices.push(heard)
    },
    withdraw: (outbound) => {
      const heard = outbound.id === undefined
        ? notices.find(({ own }) => own === outbound)
        : ear.requests.get(outbound.id)
      const isTaken = link.withdraw(heard ?? outbound)
      if (isTaken && outbound.id !== undefined) ear.requests.take(outbound.id)
      return isTaken
    },
    forget: (id) => {
      ear.requests.take(id)
      ear.forgotten(id)
      link.forget(id)
    },
    ...(link.unfinished !== undefined && { unfinished: (id: JsonRpc.RequestId) => link.unfinished?.(id) }),
    isCongested: () => link.isCongested(),
    setProtocolVersion: (revision) => link.setProtocolVersion(revision),
    closed: link.closed,
    received: () => link.received(),
    alive: link.alive && (() => link.alive?.() ?? link.received()),
    doubts: link.doubts,
    ...(link.pushAnswered !== undefined && { pushAnswered: link.pushAnswered }),
    stderrTail: () => link.stderrTail(),
    process: link.process
  }
}

const parsed = (text: string): unknown => {
  try {
    return parseExactly(text)
  } catch {
    return undefined
  }
}

const membersOf = (value: unknown): Readonly<Record<string, unknown>> | undefined =>
  typeof value === "object" && value !== null ? { ...value } : undefined

const idIn = (message: Readonly<Record<string, unknown>> | undefined): JsonRpc.RequestId | null => {
  const id = message?.["id"]
  return JsonRpc.isRequestId(id) ? id : null
}

/** Of links that do not say how long a message was. Those are slower than this. */
const sizeOf = (body: unknown): number => body === undefined ? 0 : JSON.stringify(body).length
