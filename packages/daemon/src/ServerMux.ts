/**
 * Many sessions over one server: whose request is whose, in the messages as they are written.
 *
 * Ids and progress tokens of sessions become numbers of the server's connection on the way there, and the session's own again on the
 * way back; nothing else is changed. Pure, as `HostSession` is.
 *
 * Promises
 * - An answer, progress and what a subscription of the modern era brings go to the session that asked. What belongs to no request goes to
 *   every session.
 * - What a server asks goes to its session where it has one alone. Where several share it the right session is unknown: there `ping` is
 *   answered. A question for a person goes to the session whose call is the only one that can have caused it, if that takes questions; where
 *   calls are under way at the same time, or one was cancelled and may still be at work, it is refused, as is everything else. That of a task
 *   goes to a session that waits for its result.
 * - A session that leaves takes its requests back, and answers what it was asked, by errors. What comes for it later is nothing.
 * - A session that leaves with a request unanswered, one that it has cancelled included, leaves a server that may still be at it:
 *   `isClean` says so, and such a server is given to no other host, which might be asked for something that the first one has caused.
 * - The progress of a call that has become a task goes to its session as long as that is here. Tasks outlive sessions: which are open is noted.
 * - A resource stays subscribed to for as long as one of the sessions wants it.
 * - Of the log levels of sessions that share a server the most verbose is asked for, and each session is told the messages of its own. One
 *   that has named none is told all.
 */
import { metaKey } from "@holdfast/protocol/MetaKey"
import * as InputRequests from "./InputRequests.ts"
import { begunIn, type OpenTasks } from "./internal/OpenTasks.ts"
import * as LogLevels from "./LogLevels.ts"
import * as RawMessage from "./RawMessage.ts"

/** The connection to the server, and whether sessions share it. */
export interface ServerMuxOptions {
  /** Gives the server a line, without its end. `onHandOff` is called once the server may have seen it. */
  readonly toServer: (text: string, onHandOff: () => void) => void
  /** Several sessions may be here at once. */
  readonly isShared: boolean
  /** Where tasks of the server are noted. Default: nowhere. */
  readonly tasks?: OpenTasks | undefined
}

/** One session's way to the server. */
export interface Port {
  /** Passes a message of the session on. `onHandOff` is called once the server may have seen it. */
  readonly send: (message: RawMessage.RawMessage, onHandOff: () => void) => void
  /** Takes the session out: its requests are cancelled at the server, and what it was asked is answered with an error. */
  readonly close: () => void
}

interface Session {
  readonly takesQuestions: boolean
  readonly onMessage: (message: RawMessage.RawMessage) => void
  /** Its requests on the way, by `keyOf` of their own ids. */
  readonly requests: Map<string, number>
  /** What the server has asked it: the ids as they are written, by their keys. */
  readonly asked: Map<string, string>
  /** The resources it is subscribed to. */
  readonly watched: Set<string>
  /** The least that it wants to hear. */
  level: LogLevels.LogLevel | undefined
}

interface Request {
  /** Undefined: it is of no session. */
  readonly session: Session | undefined
  /** The answer is not wanted. */
  isDropped: boolean
  readonly id: string
  readonly progressToken: string | undefined
  /** The server may ask something in its course. */
  readonly mayAsk: boolean
  /** What the server is told by it to log. */
  readonly level?: LogLevels.LogLevel | undefined
  /** The task whose result it waits for. */
  readonly waitsFor?: string | undefined
  /** The task that is asked after, on our own account. */
  readonly task?: string | undefined
}

/** The sessions of one connection to a server. It ends with that connection. */
export class ServerMux {
  readonly #options: ServerMuxOptions
  readonly #sessions = new Set<Session>()
  readonly #requests = new Map<number, Request>()
  /** Calls that have become tasks, of which there may be progress: the newest. */
  readonly #lasting = new Map<number, Request>()
  #nextId: number
  #isClean = true
  #toolChanges = 0
  /** What the server was told last, though it may not have answered yet. Undefined: that is not known. */
  #level: LogLevels.LogLevel | undefined

  /** `firstId`: lower ids have been used on this connection already. */
  constructor(options: ServerMuxOptions, firstId = 1) {
    this.#options = options
    this.#nextId = firstId
  }

  get sessions(): number {
    return this.#sessions.size
  }

  /** How often the server has told that its tools are others. */
  get toolChanges(): number {
    return this.#toolChanges
  }

  /** Requests of sessions that the server has not answered. */
  get inFlight(): number {
    let count = 0
    for (const { requests } of this.#sessions) count += requests.size
    return count
  }

  /** Every session that has left had an answer to all that it asked, and had answered all that it was asked. */
  get isClean(): boolean {
    return this.#isClean
  }

  /** Adds a session. `takesQuestions`: its client answers them (elicitation). */
  attach(onMessage: (message: RawMessage.RawMessage) => void, takesQuestions = false): Port {
    const session: Session = {
      takesQuestions,
      onMessage,
      requests: new Map(),
      asked: new Map(),
      watched: new Set(),
      level: undefined
    }
    this.#sessions.add(session)
    return {
      send: (message, onHandOff) => this.#send(session, message, onHandOff),
      close: () => this.#detach(session)
    }
  }

  /** A line of the server. True: it is a message. */
  serverSaid(text: string): boolean {
    const messages = RawMessage.read(text)
    if (typeof messages === "string") return false
    for (const message of messages) {
      this.#options.tasks?.heard(message)
      if (message.kind === "response") this.#answered(message)
      else if (message.kind === "request") this.#asked(message)
      else this.#told(message)
    }
    return true
  }

  #send(session: Session, message: RawMessage.RawMessage, onHandOff: () => void): void {
    const { id, kind, method } = message
    if (kind === "request" && id !== undefined) return this.#request(session, message, id, onHandOff)
    if (kind === "response") {
      if (id !== undefined && session.asked.delete(RawMessage.keyOf(id))) {
        this.#options.toServer(message.text, onHandOff)
      }
      return
    }
    if (method === "notifications/cancelled") return this.#cancelled(session, message, onHandOff)
    // A server that is shared may ask no session, so none of this is of use there.
    if (this.#options.isShared && method === "notifications/roots/list_changed") return
    this.#options.toServer(message.text, onHandOff)
  }

  #request(session: Session, message: RawMessage.RawMessage, id: string, onHandOff: () => void): void {
    const uri = RawMessage.paramsOf(message)["uri"]
    if (message.method === "resources/unsubscribe" && typeof uri === "string") {
      session.watched.delete(uri)
      if (this.#isWatched(uri)) return this.#answer(session, id, onHandOff)
    }
    if (message.method === "resources/subscribe" && typeof uri === "string") session.watched.add(uri)
    const level = this.#levelFor(session, message)
    if (level !== undefined && level === this.#level) return this.#answer(session, id, onHandOff)
    if (level !== undefined) this.#level = level
    const wire = this.#nextId++
    const progressToken = RawMessage.textAt(message, RawMessage.paths.progressToken)
    const mayAsk = InputRequests.mayAsk.has(message.method ?? "")
    const { taskId } = message.method === "tasks/result" ? RawMessage.paramsOf(message) : {}
    const waitsFor = typeof taskId === "string" ? taskId : undefined
    this.#requests.set(wire, { session, isDropped: false, id, progressToken, mayAsk, level, waitsFor })
    session.requests.set(RawMessage.keyOf(id), wire)
    const sent = RawMessage.replaced(message, [
      [RawMessage.paths.id, String(wire)],
      [RawMessage.paths.progressToken, String(wire)],
      [["params", "level"], level === undefined ? undefined : JSON.stringify(level)]
    ])
    this.#options.toServer(sent.text, onHandOff)
  }

  #cancelled(session: Session, message: RawMessage.RawMessage, onHandOff: () => void): void {
    const id = RawMessage.textAt(message, RawMessage.paths.cancelled)
    const key = id === undefined ? undefined : RawMessage.keyOf(id)
    const wire = key === undefined ? undefined : session.requests.get(key)
    if (key === undefined || wire === undefined) return
    session.requests.delete(key)
    this.#drop(wire)
    this.#options.toServer(RawMessage.replaced(message, [[RawMessage.paths.cancelled, String(wire)]]).text, onHandOff)
  }

  #answered(message: RawMessage.RawMessage): void {
    const wire = message.id === undefined ? undefined : wireOf(message.id)
    const request = wire === undefined ? undefined : this.#requests.get(wire)
    if (wire === undefined || request === undefined) return
    this.#requests.delete(wire)
    const { id, isDropped, level, session, task, waitsFor } = request
    if (waitsFor !== undefined && !isDropped) this.#options.tasks?.forget(waitsFor)
    if (task !== undefined && "error" in message.value) this.#options.tasks?.forget(task)
    if (level !== undefined && !("result" in message.value)) this.#level = undefined
    if (isDropped || session === undefined) return
    session.requests.delete(RawMessage.keyOf(id))
    const { result } = message.value
    if (request.progressToken !== undefined && typeof result === "object" && result !== null && begunIn(result)) {
      const [oldest] = this.#lasting.keys()
      if (oldest !== undefined && this.#lasting.size >= mostLasting) this.#lasting.delete(oldest)
      this.#lasting.set(wire, request)
    }
    session.onMessage(RawMessage.replaced(message, [[RawMessage.paths.id, id]]))
  }

  #asked(message: RawMessage.RawMessage): void {
    const { id, method } = message
    if (id === undefined) return
    const [only] = this.#sessions
    if (!this.#options.isShared && only !== undefined) {
      only.asked.set(RawMessage.keyOf(id), id)
      return only.onMessage(message)
    }
    if (method === "ping") return this.#options.toServer(`{"jsonrpc":"2.0","id":${id},"result":{}}`, ignore)
    if (method === "elicitation/create") return this.#question(message, id)
    this.#refuse(id, -32601, `${method} was not offered: no single client is meant`)
  }

  /** For the session whose call has caused it, if that is certain. */
  #question(message: RawMessage.RawMessage, id: string): void {
    const asked = [...this.#requests.values()].filter(({ mayAsk }) => mayAsk)
    const meta = RawMessage.membersOf(RawMessage.paramsOf(message)["_meta"])
    const { taskId } = RawMessage.membersOf(meta[metaKey.relatedTask])
    // A question of a task says whose it is.
    const waiting = typeof taskId === "string"
      ? asked.find(({ isDropped, session, waitsFor }) =>
        waitsFor === taskId && !isDropped && session?.takesQuestions === true
      )
      : undefined
    const [cause, ...others] = waiting === undefined ? asked : [waiting]
    if (cause?.session?.takesQuestions === true && !cause.isDropped && others.length === 0) {
      cause.session.asked.set(RawMessage.keyOf(id), id)
      return cause.session.onMessage(message)
    }
    const why = cause === undefined
      ? "no call is under way that could have caused it"
      : others.length === 0 && !cause.isDropped
      ? "the client that has made the call takes no questions"
      : others.some(({ isDropped }) => isDropped) || cause.isDropped
      ? "a call that was cancelled may still be at work, so that it is not known which call asks; holdfast daemon drain begins anew"
      : "several calls are under way, and it is not known which of them asks; call one at a time"
    this.#refuse(id, -32000, `the question was not asked: ${why}`)
  }

  #told(message: RawMessage.RawMessage): void {
    if (message.method === "notifications/tools/list_changed") this.#toolChanges++
    if (message.method === "notifications/progress") {
      const request = this.#requestAt(message, RawMessage.paths.progress)
      if (request?.progressToken === undefined) return
      return request.session?.onMessage(
        RawMessage.replaced(message, [[RawMessage.paths.progress, request.progressToken]])
      )
    }
    if (RawMessage.textAt(message, RawMessage.paths.subscription) !== undefined) {
      const request = this.#requestAt(message, RawMessage.paths.subscription)
      if (request === undefined) return
      return request.session?.onMessage(RawMessage.replaced(message, [[RawMessage.paths.subscription, request.id]]))
    }
    const { level } = message.method === "notifications/message" ? RawMessage.paramsOf(message) : {}
    for (const session of [...this.#sessions]) {
      const isHeard = !this.#options.isShared || !LogLevels.isLevel(level) || session.level === undefined ||
        LogLevels.isLoud(level, session.level)
      if (isHeard) session.onMessage(message)
    }
  }

  /** What the server is to be told by this request. Undefined: what it says. */
  #levelFor(session: Session, message: RawMessage.RawMessage): LogLevels.LogLevel | undefined {
    if (!this.#options.isShared || message.method !== "logging/setLevel") return undefined
    const { level } = RawMessage.paramsOf(message)
    if (!LogLevels.isLevel(level)) return undefined
    session.level = level
    return this.#mostVerbose()
  }

  #mostVerbose(): LogLevels.LogLevel | undefined {
    return LogLevels.mostVerbose([...this.#sessions].map(({ level }) => level))
  }

  /** Without the server, which has done it already. */
  #answer(session: Session, id: string, onHandOff: () => void): void {
    onHandOff()
    session.onMessage(RawMessage.own(`{"jsonrpc":"2.0","id":${id},"result":{}}`))
  }

  #requestAt(message: RawMessage.RawMessage, path: RawMessage.Path): Request | undefined {
    const written = RawMessage.textAt(message, path)
    const wire = written === undefined ? undefined : wireOf(written)
    const request = wire === undefined ? undefined : this.#requests.get(wire) ?? this.#lasting.get(wire)
    return request?.isDropped === true ? undefined : request
  }

  #drop(wire: number): void {
    const request = this.#requests.get(wire)
    if (request !== undefined) request.isDropped = true
  }

  #detach(session: Session): void {
    if (!this.#sessions.delete(session)) return
    const isUnanswered = [...this.#requests.values()].some((request) => request.session === session)
    if (isUnanswered || session.asked.size > 0) this.#isClean = false
    for (const [wire, request] of this.#lasting) if (request.session === session) this.#lasting.delete(wire)
    for (const wire of session.requests.values()) {
      this.#drop(wire)
      const params = { requestId: wire, reason: "the client has gone" }
      this.#options.toServer(JSON.stringify({ jsonrpc: "2.0", method: "notifications/cancelled", params }), ignore)
    }
    for (const id of session.asked.values()) this.#refuse(id, -32000, "the client has gone")
    for (const uri of session.watched) {
      if (this.#isWatched(uri)) continue
      this.#ask("resources/unsubscribe", { uri })
    }
    const level = this.#mostVerbose()
    // What others want to hear less of is told less.
    if (this.#options.isShared && level !== undefined && level !== this.#level) {
      this.#level = level
      this.#ask("logging/setLevel", { level }, level)
    }
  }

  /** Asks after a task, on our own account. What is said of it is noted. `meta`: what a modern server wants to be told. */
  askAfter(task: string, meta: object | undefined): void {
    const params = { taskId: task, ...(meta !== undefined && { _meta: meta }) }
    this.#ask("tasks/get", params, undefined, task)
  }

  /** On our own account. */
  #ask(method: string, params: object, level?: LogLevels.LogLevel, task?: string): void {
    const id = this.#nextId++
    this.#requests.set(id, {
      session: undefined,
      isDropped: true,
      id: String(id),
      progressToken: undefined,
      mayAsk: false,
      level,
      task
    })
    this.#options.toServer(JSON.stringify({ jsonrpc: "2.0", id, method, params }), ignore)
  }

  #isWatched(uri: string): boolean {
    return [...this.#sessions].some(({ watched }) => watched.has(uri))
  }

  #refuse(id: string, code: number, message: string): void {
    this.#options.toServer(`{"jsonrpc":"2.0","id":${id},"error":${JSON.stringify({ code, message })}}`, ignore)
  }
}

/** A session that is told of more has more than a person follows. */
const mostLasting = 1000

/** Ours are numbers. Some servers answer by a text of the same digits. */
const wireOf = (written: string): number | undefined => {
  const digits = /^"?(\d{1,15})"?$/.exec(written)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

const ignore = (): void => {}
