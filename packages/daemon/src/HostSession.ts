/**
 * A host on one side, and on the other a server that may be lost and comes back: which requests wait, and how each is answered.
 *
 * The same machine is the shim (its server is the daemon) and the daemon's part of a session (its server is a process). It is pure: it
 * knows no clock, no socket and no fiber, so that the simulation runs the very code that ships. It is told what happens, and says what
 * is to be done by the functions it was given.
 *
 * Promises
 * - Each request of the host is answered exactly once, with its own id as the host wrote it. One that the host has cancelled is
 *   answered at most once.
 * - What the host and the server say reaches the other byte for byte.
 * - A request that was not handed over when the server was lost waits for the next one. One that was is sent again if it only reads,
 *   twice at most; else it is answered with an error whose `data` says `delivery` and `reason`. Nothing else is ever sent twice.
 * - The next server is told what the host said in `initialize`; the host does not notice. `Renewal` says what it is told besides, and
 *   what the host is told because of it. A host that is subscribed to something, or listens, gets the next server at once.
 * - Before there is a server the handshake and the lists are answered from memory, where that knows them, and `ping` with them. The first
 *   other request gets the server. If what was answered is not true, `Renewal` says so to the host; the memory is told the truth.
 * - A request for which no server can be had is answered with an error, `NotSent`, and the next one tries again.
 */
import { errorCode, inDoubt, isOurs } from "./DeliveryError.ts"
import * as RawMessage from "./RawMessage.ts"
import { type OnAnswer, Renewal } from "./Renewal.ts"

/** A server that is there. */
export interface Upstream {
  /** The answer to `initialize`, as the server wrote it. Undefined in the modern era, which has none. */
  readonly greeting: RawMessage.RawMessage | undefined
  /** Undefined: that is not known. */
  readonly given?: Given | undefined
  /** Passes a message on. `onHandOff` is called once the server may have seen it, at once or later. */
  readonly send: (message: RawMessage.RawMessage, onHandOff: () => void) => void
  /** It is not needed any more. */
  readonly close: () => void
}

/** Why there is no server, or none any more. */
export interface Loss {
  /** The name of the reason, for programs. */
  readonly reason: string
  /** For people. */
  readonly message: string
  /** What a server that is there said to the handshake: an error. */
  readonly refusal?: RawMessage.RawMessage | undefined
}

/** What becomes of one attempt to get a server. Nothing of it counts any more once there has been another one. */
export interface Opening {
  /** A server is there, and greeted. Called once at most. */
  readonly onOpen: (upstream: Upstream) => void
  /** There is none, or it was lost. The last word of this attempt. */
  readonly onLost: (loss: Loss) => void
  /** The server has said something. */
  readonly onMessage: (message: RawMessage.RawMessage) => void
}

/** What is known of the server before there is one. `initialize` is what the host has said in the legacy era. */
export interface Memory {
  /** What the server has answered before, to the same words. Undefined: that is not known. */
  readonly recall: (
    request: RawMessage.RawMessage,
    initialize: RawMessage.RawMessage | undefined
  ) => RawMessage.RawMessage | undefined
  /** Told what the server answers to the handshake and to requests for lists. */
  readonly learn: (
    request: RawMessage.RawMessage,
    answer: RawMessage.RawMessage,
    initialize: RawMessage.RawMessage | undefined
  ) => void
  /** Told what the server says of its own accord. Default: that is not of interest. */
  readonly heard?: ((notification: RawMessage.RawMessage) => void) | undefined
}

/** What becomes of a request, in the end. `left`: the host has gone. */
export type Fate = { readonly answer: RawMessage.RawMessage } | "NotSent" | "Unknown" | "cancelled" | "left"

/** Whose a server is: the process, and whether it was started for this session. */
export interface Given {
  readonly pid?: number | undefined
  readonly isNew: boolean
  /** When it was there: monotonic nanoseconds. Default: now. */
  readonly at?: bigint | undefined
}

/** What is known of a request besides. */
export interface KnownCall {
  /** Monotonic nanoseconds. Default: now. */
  readonly begunAt?: bigint | undefined
  /** The id by which others know it. */
  readonly id?: string | undefined
}

/** Is told of each request of the host: that it has come, each time that it is passed on, and what has become of it. */
export interface Observer {
  /** The host has sent the request. It may not have a server yet. */
  readonly asked: (request: RawMessage.RawMessage, known?: KnownCall) => void
  /** A server is given the request. */
  readonly sent: (request: RawMessage.RawMessage, given: Given) => void
  /** The server was lost that the request was given to, and the next one is to have it. */
  readonly repeated: (request: RawMessage.RawMessage, loss: Loss, delivery: "NotSent" | "Unknown") => void
  /** The request is over, and this is what has become of it. */
  readonly over: (request: RawMessage.RawMessage, fate: Fate) => void
}

/** The two sides of a session, and what it remembers. */
export interface HostSessionOptions {
  /** Where this is: of two in a row each asks under ids of its own. */
  readonly place: "shim" | "daemon"
  readonly memory?: Memory | undefined
  readonly observer?: Observer | undefined
  /** Monotonic milliseconds. Default: no list is fresh. */
  readonly now?: (() => number) | undefined
  /** Gives the host a line, without its end. */
  readonly toHost: (text: string) => void
  /** Gets a server. `initialize` is what the host said, undefined in the modern era. Its answer is not to be awaited here. */
  readonly open: (
    initialize: RawMessage.RawMessage | undefined,
    opening: Opening,
    /** The request that wants it. Undefined: what was promised to the host does. */
    first: RawMessage.RawMessage | undefined
  ) => void
}

interface Pending {
  readonly message: RawMessage.RawMessage
  /** As the host wrote it. */
  readonly id: string
  /** Whether the server may have seen it. */
  state: "waiting" | "sent" | "handed over"
  /** How often it was sent again although the server may have seen it. */
  repeats: number
  /** How often its server was lost. */
  losses: number
}

const maxRepeats = 2

/** A server that is lost over and over again, before anything can be handed over, is no server. */
const maxLosses = 10

/** What only reads, in every revision. */
const repeatable = new Set([
  "ping",
  "server/discover",
  "subscriptions/listen",
  "tools/list",
  "resources/list",
  "resources/templates/list",
  "resources/read",
  "prompts/list",
  "prompts/get",
  "completion/complete",
  "tasks/get",
  "tasks/list",
  "tasks/result"
])

/** One host, from its first line until it leaves, over as many servers as that takes. */
export class HostSession {
  readonly #options: HostSessionOptions
  /** By `RawMessage.keyOf` of their ids, in the order they came. */
  readonly #pending = new Map<string, Pending>()
  /** The host's own `initialize`; undefined before, and in the modern era. */
  #initialize: RawMessage.RawMessage | undefined
  #state: "idle" | "opening" | "open" | "ended" = "idle"
  /** No server was asked for yet. */
  #isFresh = true
  #upstream: Upstream | undefined
  /** Counts attempts: what an earlier one says is nothing any more. */
  #attempt = 0
  /** What the server has asked and the host has not answered. */
  readonly #asked = new Set<string>()
  /** What was asked of the server that is there, and not by the host: by the keys of the ids. */
  readonly #own = new Map<string, (answer: RawMessage.RawMessage) => void>()
  #ownIds = 0
  /** The server has answered something. */
  #isProven = false
  readonly #renewal: Renewal

  constructor(options: HostSessionOptions) {
    this.#options = options
    this.#renewal = new Renewal({
      toHost: options.toHost,
      now: options.now,
      ask: (method, params, onAnswer) => this.#ask(method, params, onAnswer),
      pending: () => [...this.#pending.values()].map(({ message }) => message),
      onAnswer: (request, answer) => this.#learn(request, answer)
    })
  }

  /** Requests of the host that wait for an answer. One that stays open to hear of changes does not. */
  get pending(): number {
    return [...this.#pending.values()].filter(({ message }) => message.method !== "subscriptions/listen").length
  }

  /** A line of the host. */
  hostSaid(text: string): void {
    if (this.#state === "ended") return
    const messages = RawMessage.read(text)
    if (typeof messages === "string") {
      // The message's own id, if it has any, cannot be told.
      const error = {
        code: messages === "it is no JSON" ? -32700 : -32600,
        message: `the line is no message: ${messages}`
      }
      return this.#options.toHost(JSON.stringify({ jsonrpc: "2.0", id: null, error }))
    }
    for (const message of messages) this.#heard(message)
  }

  /** The host has gone: nothing is said to it any more. */
  hostEnded(): void {
    if (this.#state === "ended") return
    for (const { message } of this.#pending.values()) this.#options.observer?.over(message, "left")
    this.#pending.clear()
    this.#leave("ended")
  }

  #heard(message: RawMessage.RawMessage): void {
    const { id, kind, method } = message
    if (kind === "request" && id !== undefined) return this.#request(message, id)
    if (kind === "response") {
      if (id !== undefined && this.#asked.delete(RawMessage.keyOf(id))) this.#pass(message)
      return
    }
    // The next server is told when it is opened.
    if (method === "notifications/initialized") return
    if (method === "notifications/cancelled") return this.#cancelled(message)
    this.#pass(message)
  }

  #request(message: RawMessage.RawMessage, id: string): void {
    const key = RawMessage.keyOf(id)
    if (this.#pending.has(key) || this.#own.has(key)) {
      return this.#answer(id, { code: -32600, message: "a request with this id is waiting for its answer already" })
    }
    const pending: Pending = { message, id, state: "waiting", repeats: 0, losses: 0 }
    if (message.method === "initialize") {
      // Whatever was tried before, such as the question of the other era, is over.
      if (this.#state !== "idle") this.#leave("idle")
      this.#initialize = message
      this.#renewal.reset()
      this.#takeBack({ reason: "ConnectionLost", message: "the host has begun a new session" })
    }
    this.#pending.set(key, pending)
    const known = this.#isFresh && this.#recall(message)
    if (known) return this.#recalled(pending, known)
    this.#renewal.asked(message)
    this.#options.observer?.asked(message)
    if (this.#state === "idle") this.#open()
    else if (this.#state === "open") this.#send(pending)
  }

  #recall(message: RawMessage.RawMessage): RawMessage.RawMessage | undefined {
    const { id, method } = message
    if (method === "ping" && this.#renewal.isGreeted) {
      return RawMessage.own(`{"jsonrpc":"2.0","id":${id},"result":{}}`)
    }
    return this.#options.memory?.recall(message, this.#initialize)
  }

  #recalled({ id, message }: Pending, answer: RawMessage.RawMessage): void {
    this.#pending.delete(RawMessage.keyOf(id))
    this.#renewal.recalled(message, answer)
    this.#options.toHost(answer.text)
  }

  #learn(request: RawMessage.RawMessage, answer: RawMessage.RawMessage): void {
    this.#options.memory?.learn(request, answer, this.#initialize)
  }

  #cancelled(message: RawMessage.RawMessage): void {
    const id = RawMessage.textAt(message, RawMessage.paths.cancelled)
    const key = id === undefined ? undefined : RawMessage.keyOf(id)
    const pending = key === undefined ? undefined : this.#pending.get(key)
    if (key === undefined || pending === undefined) return
    // "The initialize request MUST NOT be cancelled by clients".
    if (pending.message.method === "initialize") return
    this.#pending.delete(key)
    this.#renewal.failed(pending.message)
    this.#options.observer?.over(pending.message, "cancelled")
    if (pending.state !== "waiting") this.#pass(message)
  }

  /** A message without an answer is of no use to a server that does not know what was before. */
  #pass(message: RawMessage.RawMessage): void {
    if (this.#state === "open") this.#upstream?.send(message, ignore)
  }

  #open(): void {
    this.#state = "opening"
    this.#isFresh = false
    const attempt = ++this.#attempt
    const isCurrent = (): boolean => attempt === this.#attempt
    const [first] = this.#pending.values()
    this.#options.open(this.#initialize, {
      onOpen: (upstream) => {
        if (isCurrent() && this.#state === "opening") this.#opened(upstream)
        else upstream.close()
      },
      onLost: (loss) => {
        if (isCurrent()) this.#lost(loss)
      },
      onMessage: (message) => {
        if (isCurrent()) this.#serverSaid(message)
      }
    }, first?.message)
  }

  #opened(upstream: Upstream): void {
    this.#upstream = upstream
    this.#state = "open"
    const { greeting } = upstream
    if (greeting !== undefined && this.#initialize !== undefined) this.#learn(this.#initialize, greeting)
    this.#renewal.opened()
    for (const pending of [...this.#pending.values()]) {
      // It may have been lost by what was sent just now.
      if (this.#upstream !== upstream) return
      if (pending.state !== "waiting") continue
      if (pending.message.method !== "initialize") this.#send(pending)
      else if (greeting !== undefined) {
        this.#settle(pending, RawMessage.replaced(greeting, [[RawMessage.paths.id, pending.id]]))
      }
    }
    if (this.#upstream === upstream) this.#renewal.check()
  }

  /** On its own account: the host hears nothing of it. */
  #ask(method: string, params: string, onAnswer: OnAnswer): void {
    if (this.#state !== "open") return
    let id: string
    do {
      id = `"holdfast-${this.#options.place}-${++this.#ownIds}"`
    } while (this.#pending.has(RawMessage.keyOf(id)))
    const request = RawMessage.request(id, method, params)
    this.#own.set(RawMessage.keyOf(id), (answer) => onAnswer(answer, request))
    this.#upstream?.send(request, ignore)
  }

  #send(pending: Pending): void {
    pending.state = "sent"
    const attempt = this.#attempt
    this.#options.observer?.sent(pending.message, this.#upstream?.given ?? { isNew: false })
    this.#upstream?.send(pending.message, () => {
      if (attempt === this.#attempt && pending.state === "sent") pending.state = "handed over"
    })
  }

  #lost(loss: Loss): void {
    const wasOpen = this.#state === "open"
    // One that has answered nothing is not opened again and again for nothing but this.
    const isAwaited = wasOpen && this.#isProven && this.#renewal.isAwaiting
    this.#leave("idle")
    if (wasOpen) this.#takeBack(loss)
    else for (const pending of [...this.#pending.values()]) this.#refuse(pending, loss)
    // An answer may have led to another request, and that one to an attempt of its own.
    if ((this.#pending.size > 0 || isAwaited) && this.#state === "idle") this.#open()
  }

  /** What may be sent again waits for the next server. */
  #takeBack(loss: Loss): void {
    for (const pending of [...this.#pending.values()]) {
      const isHandedOver = pending.state === "handed over"
      const wasSent = pending.state !== "waiting"
      pending.state = "waiting"
      if (isHandedOver && (!repeatable.has(pending.message.method ?? "") || pending.repeats++ >= maxRepeats)) {
        this.#fail(pending, loss, "Unknown")
      } else if (pending.losses++ >= maxLosses) this.#fail(pending, loss, "NotSent")
      else if (wasSent) this.#options.observer?.repeated(pending.message, loss, isHandedOver ? "Unknown" : "NotSent")
    }
  }

  #refuse(pending: Pending, loss: Loss): void {
    const { method } = pending.message
    const isHandshake = method === "initialize" || method === "server/discover"
    if (method === "initialize" && this.#initialize === pending.message) this.#initialize = undefined
    if (isHandshake && loss.refusal !== undefined) {
      return this.#settle(pending, RawMessage.replaced(loss.refusal, [[RawMessage.paths.id, pending.id]]))
    }
    this.#fail(pending, loss, "NotSent")
  }

  #serverSaid(message: RawMessage.RawMessage): void {
    const { id, kind } = message
    if (kind === "response") {
      if (!isOurs(message)) this.#answers()
      const key = id === undefined ? "" : RawMessage.keyOf(id)
      const own = this.#own.get(key)
      if (own !== undefined) {
        this.#own.delete(key)
        return own(message)
      }
      const pending = this.#pending.get(key)
      if (pending !== undefined && pending.state !== "waiting") this.#settle(pending, message)
      return
    }
    if (kind === "request" && id !== undefined) this.#asked.add(RawMessage.keyOf(id))
    if (kind === "notification") this.#options.memory?.heard?.(message)
    this.#acknowledged(message)
    if (this.#renewal.isNews(message)) this.#options.toHost(message.text)
  }

  #answers(): void {
    this.#isProven = true
    this.#renewal.proven()
  }

  /** A request that stays open, and was taken up, is not one that its servers die of. */
  #acknowledged(message: RawMessage.RawMessage): void {
    if (message.method !== "notifications/subscriptions/acknowledged") return
    const id = RawMessage.textAt(message, RawMessage.paths.subscription)
    const pending = id === undefined ? undefined : this.#pending.get(RawMessage.keyOf(id))
    if (pending !== undefined) pending.repeats = pending.losses = 0
  }

  #settle(pending: Pending, answer: RawMessage.RawMessage): void {
    this.#pending.delete(RawMessage.keyOf(pending.id))
    // What a server says to `initialize` is learnt when that is said, not here.
    if (pending.message.method !== "initialize") this.#learn(pending.message, answer)
    this.#renewal.answered(pending.message, answer)
    this.#options.observer?.over(pending.message, { answer })
    this.#options.toHost(answer.text)
  }

  #fail(pending: Pending, { message, reason }: Loss, delivery: "NotSent" | "Unknown"): void {
    this.#pending.delete(RawMessage.keyOf(pending.id))
    this.#renewal.failed(pending.message)
    // A call that has asked for input has begun, whatever became of the answers.
    const isBegun = "requestState" in RawMessage.paramsOf(pending.message) &&
      !repeatable.has(pending.message.method ?? "")
    const isUnknown = delivery === "Unknown" || isBegun
    this.#options.observer?.over(pending.message, isUnknown ? "Unknown" : "NotSent")
    this.#answer(pending.id, {
      code: isUnknown ? errorCode.outcomeUnknown : errorCode.notExecuted,
      message: isUnknown ? inDoubt(message) : message,
      data: isUnknown ? { reason: "OutcomeUnknown", delivery: "Unknown" } : { reason, delivery }
    })
  }

  /** The id as it is written: a number may be longer than JavaScript can hold. */
  #answer(id: string, error: object): void {
    this.#options.toHost(`{"jsonrpc":"2.0","id":${id},"error":${JSON.stringify(error)}}`)
  }

  #leave(state: "idle" | "ended"): void {
    const upstream = this.#upstream
    this.#upstream = undefined
    this.#state = state
    this.#attempt++
    this.#asked.clear()
    this.#own.clear()
    this.#isProven = false
    upstream?.close()
  }
}

const ignore = (): void => {}
