/**
 * A host of the modern era before a server of the legacy one: the session that the server needs is kept up here, and what it asks in the
 * course of a call becomes an answer that says `input_required`. Pure, as `HostSession` is, whose upstream it is.
 *
 * Promises
 * - Requests, results and errors pass as they are, but for the members that a result of the modern era must have. Progress and cancellation
 *   pass.
 * - What the server asks is asked in the answer to a call that is in flight and whose host has said that it can answer. What is asked while
 *   there is none waits for the next. The host comes back with the answers, and the call, which has gone on waiting, is the same at the server.
 * - `subscriptions/listen` is told what it asks for and the server can tell: its changed lists, and resources, which are subscribed to.
 * - A host that names a level is told the log messages from that on, while one of its requests that names one is in flight.
 *
 * Gotchas: what the server is told of its client is what the first request has said. A server tells its log to the session: with several requests
 * at once each hears the messages of all.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/utilities/mrtr
 */
import { metaKey } from "@holdfast/protocol/MetaKey"
import * as Revision from "@holdfast/protocol/Revision"
import { errorCode } from "./DeliveryError.ts"
import type { Opening, Upstream } from "./HostSession.ts"
import * as InputRequests from "./InputRequests.ts"
import * as LogLevels from "./LogLevels.ts"
import * as RawMessage from "./RawMessage.ts"
import * as ServerLists from "./ServerLists.ts"

/** A host of the modern era, and the legacy server that it is to have. */
export interface ModernHostBridgeOptions {
  /** The server's answer to `initialize`. */
  readonly greeting: RawMessage.RawMessage
  readonly opening: Opening
  /** The way to the server. */
  readonly server: Pick<Upstream, "send" | "close">
  /** Runs something after so many milliseconds. Returns what keeps it from that. */
  readonly later: (millis: number, run: () => void) => () => void
  /** What a host comes back with: not to be guessed. */
  readonly newState: () => string
}

/** A request of the host that the server has. */
interface Call {
  /** The id of its first request, as it is written: the server's. */
  readonly id: string
  readonly method: string
  /** As the server has it. */
  readonly progressToken: string | undefined
  /** The request that waits for an answer now. Undefined: the host has the questions. */
  current: RawMessage.RawMessage | undefined
  /** By the names that the host has. */
  readonly questions: Map<string, RawMessage.RawMessage>
  /** What it has come to while its host had the questions. */
  outcome: RawMessage.RawMessage | undefined
  isAsking: boolean
}

interface Listener {
  /** As it is written. */
  readonly id: string
  readonly filter: RawMessage.Members
  readonly uris: ReadonlyArray<string>
}

/** Results that clients may keep for a while. These are not to be kept: they may be others in the next moment. */
const cacheable: ReadonlySet<string> = new Set([...ServerLists.all.keys(), "resources/read"])

/** Questions that wait for a call; more of them are refused. */
const mostWaiting = 16

/** Calls whose hosts may have the questions: they may never come back. */
const mostParked = 1000

/** `initialize`, as the host of this request would have said it. */
export const initializeFor = (request: RawMessage.RawMessage | undefined): RawMessage.RawMessage => {
  const said = (path: RawMessage.Path) => request && RawMessage.textAt(request, path)
  const members = [
    `"protocolVersion":${JSON.stringify(Revision.latestLegacy)}`,
    `"capabilities":${said(RawMessage.paths.capabilities) ?? "{}"}`,
    `"clientInfo":${said(["params", "_meta", metaKey.clientInfo]) ?? `{"name":"unnamed","version":"0"}`}`
  ]
  return RawMessage.request("0", "initialize", `{${members.join(",")}}`)
}

/** One host's way to one server. A server that is lost ends it: the next one needs a bridge of its own. */
export class ModernHostBridge {
  readonly #options: ModernHostBridgeOptions
  readonly #capabilities: RawMessage.Members
  /** By the keys of their first ids. */
  readonly #calls = new Map<string, Call>()
  /** Whose host has the questions: by what it comes back with. */
  readonly #parked = new Map<string, Call>()
  /** Questions that belong to no call yet. */
  #waiting: ReadonlyArray<RawMessage.RawMessage> = []
  readonly #listeners = new Map<string, Listener>()
  readonly #timers = new Set<() => void>()
  /** The level that the server was told. */
  #level: string | undefined
  #ids = 0
  #isOver = false

  constructor(options: ModernHostBridgeOptions) {
    this.#options = options
    this.#capabilities = RawMessage.membersOf(RawMessage.membersOf(options.greeting.value["result"])["capabilities"])
  }

  /** Tells the opening that the server is there: it has been greeted already. */
  begin(): void {
    this.#options.opening.onOpen({ greeting: undefined, send: this.#send, close: this.#close })
  }

  /** A message of the server. */
  serverSaid(message: RawMessage.RawMessage): void {
    const { id, kind } = message
    if (kind === "response" && id !== undefined) return this.#answered(RawMessage.keyOf(id), message)
    if (kind === "request" && id !== undefined) return this.#asked(message, id)
    this.#told(message)
  }

  /** What the host says, for the server. */
  readonly #send = (message: RawMessage.RawMessage, onHandOff: () => void): void => {
    const { id, kind, method = "" } = message
    if (method === "notifications/cancelled") return this.#cancelled(message, onHandOff)
    if (kind !== "request" || id === undefined) return
    if (method === "server/discover" || method === "subscriptions/listen") {
      onHandOff()
      return method === "server/discover" ? this.#discover(id) : this.#listen(message, id)
    }
    const { requestState } = RawMessage.paramsOf(message)
    if (typeof requestState === "string") {
      onHandOff()
      return this.#resume(message, id, requestState)
    }
    this.#speakUp(message)
    const progressToken = RawMessage.textAt(message, RawMessage.paths.progressToken)
    const call: Call = {
      id,
      method,
      progressToken,
      current: message,
      questions: new Map(),
      outcome: undefined,
      isAsking: false
    }
    this.#calls.set(RawMessage.keyOf(id), call)
    this.#options.server.send(message, onHandOff)
    const waiting = this.#waiting
    this.#waiting = []
    for (const question of waiting) this.#attach(question)
  }

  readonly #close = (): void => {
    this.#isOver = true
    for (const stop of this.#timers) stop()
    this.#options.server.close()
  }

  #discover(id: string): void {
    const { greeting } = this.#options
    const instructions = RawMessage.textAt(greeting, ["result", "instructions"])
    const info = RawMessage.textAt(greeting, ["result", "serverInfo"]) ?? `{"name":"unnamed","version":"0"}`
    const members = [
      ...modernMembers("server/discover"),
      `"supportedVersions":${JSON.stringify(Revision.modern)}`,
      `"capabilities":${RawMessage.textAt(greeting, ["result", "capabilities"]) ?? "{}"}`,
      ...(instructions === undefined ? [] : [`"instructions":${instructions}`]),
      `"_meta":{${JSON.stringify(metaKey.serverInfo)}:${info}}`
    ]
    this.#answer(id, `{${members.join(",")}}`)
  }

  #answered(key: string, message: RawMessage.RawMessage): void {
    const call = this.#calls.get(key)
    if (call === undefined) return
    this.#calls.delete(key)
    const said = "result" in message.value
      ? RawMessage.withMembers(message, ["result"], missingMembers(call.method, message).join(","))
      : message
    if (call.current === undefined) call.outcome = said
    else this.#give(call.current, said)
    this.#handOn(call)
  }

  #give({ id }: RawMessage.RawMessage, answer: RawMessage.RawMessage): void {
    this.#toHost(RawMessage.replaced(answer, [[RawMessage.paths.id, id]]))
  }

  #cancelled(message: RawMessage.RawMessage, onHandOff: () => void): void {
    const id = RawMessage.textAt(message, RawMessage.paths.cancelled)
    if (id === undefined) return
    const key = RawMessage.keyOf(id)
    const listener = this.#listeners.get(key)
    if (listener !== undefined) return this.#letGo(key, listener)
    const call = [...this.#calls.values()].find(({ current }) =>
      current?.id !== undefined && RawMessage.keyOf(current.id) === key
    )
    if (call === undefined) return
    this.#calls.delete(RawMessage.keyOf(call.id))
    this.#options.server.send(RawMessage.replaced(message, [[RawMessage.paths.cancelled, call.id]]), onHandOff)
    this.#handOn(call)
  }

  /** Another call may have caused what this one was to ask. */
  #handOn({ questions }: Call): void {
    const left = [...questions.values()]
    questions.clear()
    for (const question of left) this.#attach(question)
  }

  /** The server asks. */
  #asked(message: RawMessage.RawMessage, id: string): void {
    if (message.method === "ping") return this.#reply(id, `"result":{}`)
    if (InputRequests.capabilityFor(message.method) === undefined) {
      return this.#refuse(id, -32601, `${message.method} is not offered`)
    }
    this.#attach(message)
  }

  /** The newest call is the likeliest to have caused it, and any of them can carry it. */
  #attach(question: RawMessage.RawMessage): void {
    const capability = InputRequests.capabilityFor(question.method) ?? ""
    const call = [...this.#calls.values()].findLast(({ current, method }) =>
      InputRequests.mayAsk.has(method) && (current === undefined || offers(current, capability))
    )
    if (call === undefined) {
      if (this.#waiting.length < mostWaiting) this.#waiting = [...this.#waiting, question]
      else this.#refuse(question.id ?? "0", -32603, "too many questions wait for a call of the client")
      return
    }
    let n = 1
    while (call.questions.has(`${capability}-${n}`)) n++
    call.questions.set(`${capability}-${n}`, question)
    this.#ask(call)
  }

  /** What is asked in one breath goes in one answer. */
  #ask(call: Call): void {
    if (call.isAsking || call.current === undefined) return
    call.isAsking = true
    this.#later(0, () => {
      call.isAsking = false
      const { current, questions } = call
      if (current?.id === undefined || questions.size === 0 || this.#calls.get(RawMessage.keyOf(call.id)) !== call) {
        return
      }
      const asked = [...questions].map(([name, question]) => {
        const params = RawMessage.textAt(question, ["params"]) ?? "{}"
        return `${JSON.stringify(name)}:{"method":${JSON.stringify(question.method)},"params":${params}}`
      })
      if (this.#parked.size >= mostParked) {
        for (const question of questions.values()) {
          this.#refuse(question.id ?? "0", -32603, "the client leaves too many")
        }
        questions.clear()
        return
      }
      const state = this.#options.newState()
      this.#parked.set(state, call)
      call.current = undefined
      this.#answer(
        current.id,
        `{"resultType":"input_required","inputRequests":{${asked.join(",")}},"requestState":${JSON.stringify(state)}}`
      )
    })
  }

  /** The host has come back. */
  #resume(message: RawMessage.RawMessage, id: string, state: string): void {
    const call = this.#parked.get(state)
    if (call === undefined || call.method !== message.method) {
      const said = { reason: "OutcomeUnknown", delivery: "Unknown" }
      const words = "this requestState belongs to no open call: the one that has asked was lost, and may have run"
      return this.#fail(id, errorCode.outcomeUnknown, words, said)
    }
    this.#parked.delete(state)
    call.current = message
    this.#speakUp(message)
    if (call.outcome !== undefined) return this.#give(message, call.outcome)
    for (const [name, question] of [...call.questions]) {
      const answer = RawMessage.textAt(message, ["params", "inputResponses", name])
      if (answer === undefined || question.id === undefined) continue
      call.questions.delete(name)
      this.#reply(question.id, `"result":${answer}`)
    }
    // Whatever is not answered is asked again.
    if (call.questions.size > 0) this.#ask(call)
  }

  #told(message: RawMessage.RawMessage): void {
    const { method = "" } = message
    const { level, requestId, uri } = RawMessage.paramsOf(message)
    switch (method) {
      case "notifications/progress":
        return this.#progress(message)
      case "notifications/message": {
        const isWanted = this.#current().some((each) => LogLevels.isLoud(level, levelOf(each)))
        return isWanted ? this.#toHost(message) : undefined
      }
      case "notifications/cancelled": {
        const isWithdrawn = (question: RawMessage.RawMessage) => question.value["id"] === requestId
        this.#waiting = this.#waiting.filter((question) => !isWithdrawn(question))
        for (const { questions } of this.#calls.values()) {
          for (const [name, question] of questions) if (isWithdrawn(question)) questions.delete(name)
        }
        return
      }
      case "notifications/resources/updated":
        return this.#publish(message, ({ uris }) => typeof uri === "string" && uris.includes(uri))
    }
    const lists = [...ServerLists.all.values()].find(({ notification }) => notification === method)
    if (lists !== undefined) return this.#publish(message, ({ filter }) => filter[lists.filter] === true)
    this.#toHost(message)
  }

  #progress(message: RawMessage.RawMessage): void {
    const token = RawMessage.textAt(message, RawMessage.paths.progress)
    const call = [...this.#calls.values()].find(({ progressToken }) =>
      progressToken !== undefined && progressToken === token
    )
    const now = call?.current && RawMessage.textAt(call.current, RawMessage.paths.progressToken)
    if (now !== undefined) this.#toHost(RawMessage.replaced(message, [[RawMessage.paths.progress, now]]))
  }

  #publish(message: RawMessage.RawMessage, isWanted: (listener: Listener) => boolean): void {
    for (const listener of this.#listeners.values()) {
      if (!isWanted(listener)) continue
      const tag = `${JSON.stringify(metaKey.subscriptionId)}:${listener.id}`
      this.#toHost(RawMessage.withMembers(message, ["params", "_meta"], tag))
    }
  }

  #listen(message: RawMessage.RawMessage, id: string): void {
    const wanted = RawMessage.membersOf(RawMessage.paramsOf(message)["notifications"])
    const can = (capability: string, what: string): boolean =>
      RawMessage.membersOf(this.#capabilities[capability])[what] === true
    const lists = [...ServerLists.all.values()].flatMap(({ capability, filter }) =>
      wanted[filter] === true && can(capability, "listChanged") ? [[filter, true] as const] : []
    )
    const asked = wanted["resourceSubscriptions"]
    const uris = Array.isArray(asked) && can("resources", "subscribe")
      ? asked.filter((uri) => typeof uri === "string")
      : []
    const filter = {
      ...Object.fromEntries(lists),
      ...(uris.length > 0 && { resourceSubscriptions: uris })
    }
    for (const uri of uris) if (!this.#isWatched(uri)) this.#tell("resources/subscribe", { uri })
    this.#listeners.set(RawMessage.keyOf(id), { id, filter, uris })
    this.#toHost(RawMessage.own(
      `{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"_meta":{${
        JSON.stringify(metaKey.subscriptionId)
      }:${id}},"notifications":${JSON.stringify(filter)}}}`
    ))
  }

  #letGo(key: string, { uris }: Listener): void {
    this.#listeners.delete(key)
    for (const uri of uris) if (!this.#isWatched(uri)) this.#tell("resources/unsubscribe", { uri })
  }

  #isWatched(uri: string): boolean {
    return [...this.#listeners.values()].some(({ uris }) => uris.includes(uri))
  }

  /** The server is to say as much as the request wants to hear. */
  #speakUp(request: RawMessage.RawMessage): void {
    const level = levelOf(request)
    if (level === undefined || this.#capabilities["logging"] === undefined) return
    const wanted = LogLevels.mostVerbose([level, ...this.#current().map(levelOf)])
    if (wanted === undefined || wanted === this.#level) return
    this.#level = wanted
    this.#tell("logging/setLevel", { level: wanted })
  }

  /** The requests that wait for an answer. */
  #current(): ReadonlyArray<RawMessage.RawMessage> {
    return [...this.#calls.values()].flatMap(({ current }) => current === undefined ? [] : [current])
  }

  /** On our own account. What is answered changes nothing. */
  #tell(method: string, params: object): void {
    const id = `"holdfast-own-${++this.#ids}"`
    this.#options.server.send(RawMessage.request(id, method, JSON.stringify(params)), ignore)
  }

  #later(millis: number, run: () => void): void {
    const stop = this.#options.later(millis, () => {
      this.#timers.delete(stop)
      run()
    })
    this.#timers.add(stop)
  }

  #reply(id: string, answer: string): void {
    this.#options.server.send(RawMessage.own(`{"jsonrpc":"2.0","id":${id},${answer}}`), ignore)
  }

  #refuse(id: string, code: number, message: string): void {
    this.#reply(id, `"error":${JSON.stringify({ code, message })}`)
  }

  #answer(id: string, result: string): void {
    this.#toHost(RawMessage.own(`{"jsonrpc":"2.0","id":${id},"result":${result}}`))
  }

  #fail(id: string, code: number, message: string, data: object): void {
    this.#toHost(RawMessage.own(`{"jsonrpc":"2.0","id":${id},"error":${JSON.stringify({ code, message, data })}}`))
  }

  #toHost(message: RawMessage.RawMessage): void {
    if (!this.#isOver) this.#options.opening.onMessage(message)
  }
}

const offers = (request: RawMessage.RawMessage, capability: string): boolean => {
  const meta = RawMessage.membersOf(RawMessage.paramsOf(request)["_meta"])
  return RawMessage.membersOf(meta[metaKey.clientCapabilities])[capability] !== undefined
}

const levelOf = (request: RawMessage.RawMessage): unknown =>
  RawMessage.membersOf(RawMessage.paramsOf(request)["_meta"])[metaKey.logLevel]

const modernMembers = (method: string): ReadonlyArray<string> => [
  `"resultType":"complete"`,
  ...(cacheable.has(method) || method === "server/discover" ? [`"ttlMs":0`, `"cacheScope":"private"`] : [])
]

/** What the server has said itself stays. */
const missingMembers = (method: string, { value }: RawMessage.RawMessage): ReadonlyArray<string> => {
  const said = RawMessage.membersOf(value["result"])
  return modernMembers(method).filter((member) => !(member.slice(1, member.indexOf("\"", 1)) in said))
}

const ignore = (): void => {}
