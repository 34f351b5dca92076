/**
 * Many calls over one link: ids, answers, progress, cancellation, deadlines.
 *
 * A call costs an entry in a table and what its deadlines cost, no fiber and no timer. Answers are dispatched inside the link's
 * event: the fiber that waits goes on before the next message is looked at, which is what keeps progress in front of its
 * result.
 *
 * Every way out of a call is `settle` or goes through `#remove`, which succeeds once: so each call settles exactly once. Between the
 * removal and the caller's hearing of it stands nothing that can throw. Everything else that runs inside an event (listeners, handlers,
 * what is made of a peer's words) is behind the boundary: what it throws costs the call it belongs to, and no other.
 */
import type { Deadlines } from "@holdfast/core/Deadlines"
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as Messages from "@holdfast/protocol/Messages"
import * as ModernEra from "@holdfast/protocol/ModernEra"
import { newTaskIn } from "@holdfast/protocol/Tasks"
import * as Effect from "effect/Effect"
import type { ClientHandlers } from "../../ClientHandlers.ts"
import type { Link, LinkClosed, LinkFailure, LinkReceiver } from "../../Link.ts"
import { DeadlineExceeded, TooBusy } from "../../McpRuntimeError.ts"
import { faultOfHeaders } from "../http/HttpHeaders.ts"
import { answeredBy, ownId } from "../link/answeredBy.ts"
import * as Boundary from "../link/Boundary.ts"
import type { Redact } from "../link/redactSecrets.ts"
import type { Fork } from "../link/scopedFork.ts"
import { Call, type CallOwner, encode, nameOf, type Resume } from "./Call.ts"
import { CallFailures } from "./CallFailures.ts"
import { CallTable } from "./CallTable.ts"
import type { CallFailure, Diagnostics, RequestOptions } from "./contract.ts"
import { Notice } from "./Notice.ts"
import { Responder } from "./Responder.ts"
import * as TraceContext from "./traceContext.ts"

export interface MultiplexerOptions {
  readonly server: string
  /** The HTTP endpoint for messages; empty for stdio. */
  readonly url: string
  readonly deadlines: Pick<Deadlines, "arm" | "now">
  readonly redact: Redact
  /** Calls that may wait for an answer at once. */
  readonly maxInFlight: number
  /** What is offered to the server. */
  readonly handlers: ClientHandlers
  /** Told every notification but progress and cancellations, inside the link's event. */
  readonly onNotification: (method: string, params: unknown) => void
  /** Told first of all when the link has ended. */
  readonly onClosed?: ((closed: LinkClosed) => void) | undefined
  /** Runs an effect from inside an event of the link: handlers of the server's requests, log lines. */
  readonly fork: Fork
  /** Default: one of its own. */
  readonly boundary?: Boundary.Boundary | undefined
}

export class Multiplexer implements LinkReceiver, CallOwner {
  readonly options: MultiplexerOptions
  readonly deadlines: MultiplexerOptions["deadlines"]
  readonly counts = { noise: 0, unmatched: 0, invalid: 0 }
  readonly #calls = new CallTable<Call>()
  /** Those whose answers were tasks, until their callers are told enough. */
  readonly #lasting = new Map<number, Call>()
  readonly #boundary: Boundary.Boundary
  readonly #failures: CallFailures
  readonly #responder: Responder
  /** Put into the `_meta` of every request once the era is modern. */
  #modernMeta: ((takesTasks: boolean) => object) | undefined
  #link: Link | undefined
  #hasComplained = false
  /** The first line that was no message, quoted. */
  firstNoise: string | undefined
  /** Why the link brought no answer to a call last: it tells the handshake more than the call's failure does. */
  lastFailure: LinkFailure | undefined

  constructor(options: MultiplexerOptions) {
    this.options = options
    this.deadlines = options.deadlines
    const { boundary, redact, fork, handlers, server, url } = options
    this.#boundary = boundary ?? Boundary.make(server, fork)
    this.#failures = new CallFailures({ server, url, redact, boundary: this.#boundary })
    this.#responder = new Responder({
      server,
      handlers,
      fork,
      boundary: this.#boundary,
      post: (text, done) => this.#answer(text, done)
    })
  }

  /** Set once, before the first request. */
  attach(link: Link): void {
    this.#link = link
  }

  /** From here on requests say themselves what a handshake would have said, or no longer. */
  speak(modernMeta: ((takesTasks: boolean) => object) | undefined): void {
    this.#modernMeta = modernMeta
  }

  get closed(): LinkClosed | undefined {
    return this.#failures.closed
  }

  get inFlight(): number {
    return this.#calls.size
  }

  get diagnostics(): Diagnostics {
    return { ...this.counts }
  }

  request(method: string, params: object | undefined, options: RequestOptions): Effect.Effect<unknown, CallFailure> {
    return Effect.callback((resume) => {
      const trace = TraceContext.here()
      const call = this.#start(
        method,
        params,
        trace === undefined ? options : this.#traced(params, options, trace),
        resume
      )
      return call === undefined ? undefined : Effect.sync(() => {
        if (this.#remove(call)) this.#letGo(call, "the caller no longer waits")
      })
    })
  }

  notify(method: string, params: object | undefined): Effect.Effect<void, CallFailure> {
    return Effect.callback((resume) => {
      const link = this.#link
      if (link === undefined || this.closed !== undefined) return resume(Effect.fail(this.#failures.notSent(method)))
      let text: string
      try {
        text = JsonRpc.encodeNotification(method, params)
      } catch (error) {
        return resume(Effect.die(error))
      }
      const notice = new Notice(
        method,
        text,
        () => resume(Effect.void),
        (failure) => resume(Effect.fail(this.#failures.ofLink(method, failure)))
      )
      try {
        link.post(notice)
      } catch (error) {
        this.#boundary.report("the posting of a frame", error)
        return resume(Effect.fail(this.#failures.notSent(method)))
      }
      return Effect.sync(() => void this.#boundary.ask("the taking back of a frame", () => link.withdraw(notice)))
    })
  }

  onMessage(message: JsonRpc.Incoming): void {
    try {
      this.#receive(message)
    } catch (error) {
      this.#faulty(message, error)
    }
  }

  onMalformed(frame: JsonRpc.Malformed): void {
    try {
      this.#misread(frame)
    } catch (error) {
      this.#faulty(frame, error)
    }
  }

  onClosed(closed: LinkClosed): void {
    this.#failures.closed = closed
    this.#lasting.clear()
    // Before its calls: what they fail with tells of it.
    this.#boundary.ask("onClosed", () => this.options.onClosed?.(closed))
    for (const call of this.#calls.values().toSorted((a, b) => a.id - b.id)) {
      this.settle(
        call,
        Effect.fail(call.isHandedOff ? this.#failures.unknown(call.method) : this.#failures.notSent(call.method))
      )
    }
    this.#responder.close()
  }

  fail(call: Call, failure: LinkFailure): void {
    this.lastFailure = failure
    this.settle(call, Effect.fail(this.#failures.ofLink(call.method, failure)))
  }

  expire(call: Call, kind: "idle" | "hard", afterMillis: number): void {
    const { method } = call
    const { server } = this.options
    const delivery = call.isHandedOff ? "Unknown" : "NotSent"
    const description = this.#link?.unfinished?.(call.id)
    const failure = new DeadlineExceeded({
      server,
      method,
      afterMillis,
      kind,
      delivery,
      ...(description !== undefined && { description })
    })
    if (!this.#remove(call)) return
    this.#letGo(call, `no answer within the ${kind} deadline of ${afterMillis} ms`)
    this.#resume(call, Effect.fail(failure))
  }

  blame(call: Call, error: unknown): void {
    if (!this.#remove(call)) return
    this.#letGo(call, "the caller has failed")
    this.#resume(call, Effect.die(error))
  }

  /** Gives a call its outcome, unless it has one. */
  settle(call: Call, outcome: Effect.Effect<unknown, CallFailure>): void {
    if (this.#remove(call)) this.#resume(call, outcome)
  }

  /** With the trace that a request carries, which what the caller says itself stands before. */
  #traced(params: object | undefined, options: RequestOptions, trace: TraceContext.TraceContext): RequestOptions {
    const own = ownTrace(params)
    const meta = own === undefined && options.meta === undefined ? trace : { ...trace, ...own, ...options.meta }
    // Nothing but HTTP has headers.
    return this.options.url === ""
      ? { ...options, meta }
      : { ...options, meta, headers: { ...trace, ...options.headers } }
  }

  #start(method: string, params: object | undefined, options: RequestOptions, resume: Resume): Call | undefined {
    const link = this.#link
    const { maxInFlight, server } = this.options
    if (link === undefined || this.closed !== undefined) return void resume(Effect.fail(this.#failures.notSent(method)))
    if (this.#calls.size >= maxInFlight) {
      const description = `${maxInFlight} calls wait for answers on this connection already`
      return void resume(Effect.fail(new TooBusy({ server, description })))
    }
    const id = this.#calls.nextId()
    let text: string
    try {
      text = encode(id, method, params, options, this.#modernMeta?.(options.takesTasks === true))
      const fault = options.headers === undefined ? undefined : faultOfHeaders(options.headers)
      if (fault !== undefined) throw new TypeError(fault)
    } catch (error) {
      // A cycle or a BigInt in the parameters: the caller's program is wrong, no server ever saw it.
      return void resume(Effect.die(error))
    }
    const call = new Call(this, id, method, nameOf(method, params), text, options, resume)
    this.#calls.add(call)
    try {
      // Otherwise the deadlines begin at hand-off, which is now. A call that waits behind others must not wait for ever.
      if (link.isCongested()) call.onQueued()
      // It may have failed over a deadline that is none.
      if (this.#calls.get(id) === call) link.post(call)
    } catch (error) {
      this.#boundary.report("the posting of a frame", error)
      this.settle(call, Effect.fail(call.isHandedOff ? this.#failures.unknown(method) : this.#failures.notSent(method)))
    }
    return call
  }

  #receive(message: JsonRpc.Incoming): void {
    switch (message._tag) {
      case "Success": {
        const call = this.#callOf(message.id)
        if (call === undefined) return this.#unmatched(message.id)
        const { result } = message
        if (typeof result === "object" && result !== null && !Array.isArray(result)) {
          if (call.options.onLasting !== undefined) this.#outlast(call, result)
          return this.settle(call, Effect.succeed(result))
        }
        return this.settle(call, Effect.fail(this.#failures.invalid(call.method, "its result is no object")))
      }
      case "Failure": {
        const call = message.id === null ? undefined : this.#callOf(message.id)
        if (call === undefined) return message.id === null ? this.#complaint(message) : this.#unmatched(message.id)
        return this.settle(call, Effect.fail(this.#failures.answered(call.method, message.error)))
      }
      case "Notification":
        return this.#notified(message.method, message.params)
      case "Request":
        if (this.#link === undefined || !this.#responder.answer(message)) this.counts.unmatched++
        return
    }
  }

  #outlast(call: Call, answer: object): void {
    const { onLasting, onProgress } = call.options
    if (onProgress === undefined || newTaskIn(answer) === undefined) return
    this.#lasting.set(call.id, call)
    onLasting?.(() => this.#lasting.delete(call.id))
  }

  #misread({ answerTo, excerpt, reason }: JsonRpc.Malformed): void {
    const call = answerTo === undefined ? undefined : this.#callOf(answerTo)
    if (call !== undefined) {
      this.counts.invalid++
      return this.settle(call, Effect.fail(this.#failures.invalid(call.method, reason)))
    }
    const { fork, server } = this.options
    const why = this.#failures.said(reason)
    const quoted = JSON.stringify(this.#failures.said(excerpt))
    this.counts.noise++
    if (this.firstNoise !== undefined) {
      return void fork(Effect.logDebug(`${server}: ignored a line that is no MCP message (${why}): ${quoted}`))
    }
    this.firstNoise = quoted
    const advice = this.options.url === "" ? "; a server must write its messages for people to stderr" : ""
    fork(Effect.logWarning(
      `${server}: wrote something that is no MCP message (${why}): ${quoted}. It is ignored, and so is more of it${advice}`
    ))
  }

  #callOf(id: JsonRpc.RequestId): Call | undefined {
    const own = typeof id === "number" ? id : ownId(id)
    // Ours are numbers.
    return typeof own === "number" ? this.#calls.get(own) : undefined
  }

  /** True, once: the call is out of the table, its deadlines are disarmed, and only the caller of this can settle it. */
  #remove(call: Call): boolean {
    if (!this.#calls.delete(call.id)) return false
    try {
      call.disarm()
    } catch (error) {
      this.#boundary.report("the deadlines", error)
    }
    return true
  }

  /** The fiber that waits goes on within this. What its observers throw is not about the message. */
  #resume(call: Call, outcome: Effect.Effect<unknown, CallFailure>): void {
    try {
      call.resume(outcome)
    } catch (error) {
      this.#boundary.report("an observer of a call", error)
    }
  }

  /** The caller no longer waits: take the call back, or tell the server if it may have seen it. */
  #letGo(call: Call, reason: string): void {
    const link = this.#link
    if (link === undefined) return
    try {
      if (!call.isHandedOff) return void link.withdraw(call)
      // "The initialize request MUST NOT be cancelled by clients" (specification, Cancellation). From 2026-07-28 on letting go of
      // a response stream is the cancellation over HTTP.
      const isLetGo = this.#modernMeta !== undefined && this.options.url !== ""
      if (call.method !== "initialize" && !isLetGo) {
        const text = JsonRpc.encodeNotification("notifications/cancelled", { requestId: call.id, reason })
        link.post(new Notice("notifications/cancelled", text, ignore, ignore))
      }
      link.forget(call.id)
    } catch (error) {
      this.#boundary.report("the letting go of a call", error)
    }
  }

  /** Something threw while this frame was dealt with. The call that it was about, if any, must not wait for another answer. */
  #faulty(frame: JsonRpc.Incoming | JsonRpc.Malformed, error: unknown): void {
    this.#boundary.report("the reading of a message", error)
    const id = answeredBy(frame)
    const call = typeof id === "number" ? this.#calls.get(id) : undefined
    if (call === undefined) return
    this.settle(call, Effect.fail(this.#failures.invalid(call.method, "it could not be read here; see the log")))
  }

  /** Sends an answer of ours. A link that does not tell what became of it is asked after a while whether it still has it. */
  #answer(text: string, done: () => void): void {
    const link = this.#link
    let isDone = false
    let patience: ReturnType<Deadlines["arm"]> | undefined
    const settle = (): void => {
      if (isDone) return
      isDone = true
      patience?.cancel()
      done()
    }
    const notice = new Notice("response", text, settle, settle)
    const post = (): void => {
      try {
        link?.post(notice)
        // What an idle link was given it has handed over, or it has lost it.
        if (link?.isCongested() !== true) return settle()
        if (!isDone) patience = this.deadlines.arm(patienceMillis, look)
      } catch (error) {
        this.#boundary.report("the posting of an answer", error)
        settle()
      }
    }
    const look = (): void => {
      try {
        if (link?.withdraw(notice) === true) post()
        else settle()
      } catch (error) {
        this.#boundary.report("the posting of an answer", error)
        settle()
      }
    }
    post()
  }

  #progress(params: unknown): void {
    const read = Messages.readProgress(params)
    const call = read === undefined
      ? undefined
      : this.#callOf(read.progressToken) ?? this.#lasting.get(Number(read.progressToken))
    if (read === undefined || call === undefined) return this.#unmatched(read?.progressToken ?? null)
    call.renew()
    const { onProgress } = call.options
    if (onProgress === undefined) return
    try {
      this.#boundary.returned("onProgress", onProgress(read.progress))
    } catch (error) {
      if (call.hasListenerFailed) return
      call.hasListenerFailed = true
      const { fork, server } = this.options
      fork(Effect.logWarning(`${server}: onProgress of ${call.method} threw`, error))
    }
  }

  #notified(method: string, params: unknown): void {
    if (method === "notifications/progress") return this.#progress(params)
    if (method === "notifications/cancelled") {
      if (typeof params === "object" && params !== null && "requestId" in params) {
        this.#responder.cancel(params.requestId)
      }
      return
    }
    if (method === "notifications/subscriptions/acknowledged") return this.#acknowledged(params)
    try {
      this.#boundary.returned("onNotification", this.options.onNotification(method, params))
    } catch (error) {
      this.#boundary.report("onNotification", error)
    }
  }

  #acknowledged(params: unknown): void {
    const id = ModernEra.subscriptionIdIn(params)
    if (typeof id === "number") this.#calls.get(id)?.options.onAcknowledged?.(params)
  }

  /** An answer or progress that no call waits for: late, twice, or to a question never asked. */
  #unmatched(id: JsonRpc.RequestId | null): void {
    this.counts.unmatched++
    const { fork, server } = this.options
    const quoted = JSON.stringify(typeof id === "string" ? this.#failures.said(id) : id)
    fork(Effect.logDebug(`${server}: ignored a message for the call ${quoted}, which is not waiting`))
  }

  /** The server could not read something, and does not know what. A call may wait for its deadline now, and this is why. */
  #complaint({ error }: JsonRpc.Failure): void {
    this.counts.unmatched++
    const { fork, server } = this.options
    const line = `${server}: complains of something it was sent: ${JSON.stringify(this.#failures.said(error.message))}`
    fork(this.#hasComplained ? Effect.logDebug(line) : Effect.logWarning(line))
    this.#hasComplained = true
  }
}

// The fate of a cancellation does not matter: without a connection there is nothing left to cancel.
const ignore = (): void => {}

/** How long a link may be silent about an answer that waits in it. */
const patienceMillis = 30_000

/** A program that says its trace itself knows better. */
const ownTrace = (params: object | undefined): object | undefined => {
  const meta: unknown = params !== undefined && "_meta" in params ? params._meta : undefined
  return typeof meta === "object" && meta !== null && "traceparent" in meta ? meta : undefined
}
