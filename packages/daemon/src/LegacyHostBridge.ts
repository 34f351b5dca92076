/**
 * A host of the legacy era before a server of the modern one: a session is kept up for the host, and each request says to the server what
 * the session would have said. Pure, as `HostSession` is, whose upstream it is.
 *
 * Promises
 * - The answer to `initialize` is made of that to `server/discover`, in the revision that the host asked for.
 * - Requests, results and errors pass as they are, but for the members of `_meta` that the server needs. Progress and cancellation pass.
 * - A result that says `input_required` is asked of the host: elicitation, sampling and roots, if the host offers that. The call goes on with
 *   the answers. The host has one request all the while, and one answer. What the host declines ends the call with the host's error.
 * - Subscriptions and changed lists are told by one `subscriptions/listen`, which is replaced without a gap. The log level is said with
 *   each request. `ping` is answered here.
 *
 * Gotchas: a modern server logs only for the request that it serves. Tasks are not translated: the host is not
 * told that there are any, and a tool that must be one is refused by the server.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/utilities/mrtr
 */
import { metaKey } from "@holdfast/protocol/MetaKey"
import * as Revision from "@holdfast/protocol/Revision"
import type { Opening, Upstream } from "./HostSession.ts"
import * as InputRequests from "./InputRequests.ts"
import * as LogLevels from "./LogLevels.ts"
import * as RawMessage from "./RawMessage.ts"

/** A host of the legacy era, and the modern server that it is to have. */
export interface LegacyHostBridgeOptions {
  /** Of the server, where it does not say its own. */
  readonly name: string
  /** What the host has said. */
  readonly initialize: RawMessage.RawMessage
  readonly opening: Opening
  /** The way to the server. */
  readonly server: Pick<Upstream, "send" | "close">
  /** Runs something after so many milliseconds. Returns what keeps it from that. */
  readonly later: (millis: number, run: () => void) => () => void
}

/** A request of the host that may be answered with questions. */
interface Call {
  /** As the server was given it first. */
  readonly request: RawMessage.RawMessage
  readonly id: string
  rounds: number
  /** The questions without an answer, by the keys of their ids: their names. */
  readonly questions: Map<string, string>
  /** Members of `inputResponses`, as they are written. */
  answers: Array<string>
  /** Of the next round, as it is written. */
  state: string | undefined
}

interface Listening {
  /** As it is written. */
  readonly id: string
  readonly uris: ReadonlySet<string>
  isAcknowledged: boolean
}

/** A server that asks on and on is at fault. */
const maxRounds = 16

/** A server that gives a state but asks nothing wants to be asked again, later. */
const pauseMillis = 250

/** And so does one that has ended what it told: ever later, for as long as it tells nothing in between. */
const relistenMillis = { first: 1000, most: 16_000 }

/** One host's way to one server. A server that is lost ends it: the next one needs a bridge of its own. */
export class LegacyHostBridge {
  readonly #options: LegacyHostBridgeOptions
  readonly #calls = new Map<string, Call>()
  /** By the keys of the ids of questions. */
  readonly #asking = new Map<string, Call>()
  readonly #timers = new Set<() => void>()
  /** Resources, by uri: the ids of requests that wait until the server tells of them. */
  readonly #watched = new Map<string, Set<string>>()
  /** The newest is the last; those before end when it is acknowledged. */
  #listening: ReadonlyArray<Listening> = []
  /** What of lists the server tells, as members of the filter. */
  #lists: ReadonlyArray<string> = []
  #capabilities: RawMessage.Members = {}
  /** As it is written. */
  #level: string | undefined
  /** How often the server has ended it, and told nothing. */
  #silences = 0
  #ids = 0
  #isOver = false

  constructor(options: LegacyHostBridgeOptions) {
    this.#options = options
  }

  /** Asks what the server is. The opening is told when that is known. */
  begin(): void {
    this.#options.server.send(RawMessage.request(discoverId, "server/discover", `{"_meta":{${this.#meta()}}}`), ignore)
  }

  /** A message of the server. */
  serverSaid(message: RawMessage.RawMessage): void {
    const { id, kind, method } = message
    if (kind === "response" && id !== undefined) {
      if (id === discoverId) return this.#discovered(message)
      const listening = this.#listening.find((each) => each.id === id)
      if (listening !== undefined) return this.#listenEnded(listening, message)
      const key = RawMessage.keyOf(id)
      const call = this.#calls.get(key)
      if (call === undefined) return this.#toHost(message)
      if (RawMessage.membersOf(message.value["result"])["resultType"] === "input_required") {
        return this.#input(call, message)
      }
      this.#calls.delete(key)
      return this.#toHost(message)
    }
    const subscription = RawMessage.textAt(message, RawMessage.paths.subscription)
    if (subscription === undefined) return this.#toHost(message)
    const listening = this.#listening.find((each) => each.id === subscription)
    if (listening === undefined) return
    if (method === "notifications/subscriptions/acknowledged") return this.#acknowledged(listening, message)
    this.#silences = 0
    // While two are open both tell the same.
    if (listening === this.#listening.findLast(({ isAcknowledged }) => isAcknowledged)) this.#toHost(message)
  }

  /** What the host says, for the server. */
  readonly #send = (message: RawMessage.RawMessage, onHandOff: () => void): void => {
    const { id, kind, method } = message
    if (kind === "request" && id !== undefined) return this.#request(message, id, onHandOff)
    if (kind === "response" && id !== undefined) return this.#answered(RawMessage.keyOf(id), message)
    if (method === "notifications/cancelled") this.#cancelled(message, onHandOff)
  }

  readonly #close = (): void => {
    this.#isOver = true
    for (const stop of this.#timers) stop()
    this.#options.server.close()
  }

  #discovered(answer: RawMessage.RawMessage): void {
    const { initialize, name, opening, server } = this.#options
    const capabilities = RawMessage.textAt(answer, ["result", "capabilities"])
    if (capabilities === undefined) {
      opening.onLost({ reason: "HandshakeFailed", message: `${name} does not say what it is`, refusal: answer })
      return server.close()
    }
    this.#capabilities = RawMessage.membersOf(RawMessage.membersOf(answer.value["result"])["capabilities"])
    const { protocolVersion } = RawMessage.paramsOf(initialize)
    const revision = typeof protocolVersion === "string" && Revision.isLegacy(protocolVersion)
      ? protocolVersion
      : Revision.latestLegacy
    const info = RawMessage.textAt(answer, ["result", "_meta", metaKey.serverInfo]) ??
      JSON.stringify({ name, version: "unknown" })
    const instructions = RawMessage.textAt(answer, ["result", "instructions"])
    const members = [
      `"protocolVersion":${JSON.stringify(revision)}`,
      `"capabilities":${capabilities}`,
      `"serverInfo":${info}`,
      ...(instructions === undefined ? [] : [`"instructions":${instructions}`])
    ]
    const greeting = RawMessage.own(`{"jsonrpc":"2.0","id":0,"result":{${members.join(",")}}}`)
    this.#lists = ["tools", "prompts", "resources"].filter((name) =>
      RawMessage.membersOf(this.#capabilities[name])["listChanged"] === true
    ).map((name) => `"${name}ListChanged":true`)
    if (this.#lists.length > 0) this.#listen()
    opening.onOpen({ greeting, send: this.#send, close: this.#close })
  }

  #request(message: RawMessage.RawMessage, id: string, onHandOff: () => void): void {
    const { method = "" } = message
    const { level, uri } = RawMessage.paramsOf(message)
    switch (method) {
      case "ping":
        onHandOff()
        return this.#answer(id, "{}")
      case "logging/setLevel":
        onHandOff()
        if (!LogLevels.isLevel(level)) return this.#fail(id, -32602, "this is no level of log messages")
        this.#level = JSON.stringify(level)
        return this.#answer(id, "{}")
      case "resources/subscribe":
      case "resources/unsubscribe": {
        onHandOff()
        if (typeof uri !== "string") return this.#fail(id, -32602, "params.uri is a text")
        if (RawMessage.membersOf(this.#capabilities["resources"])["subscribe"] !== true) {
          return this.#fail(id, -32601, "the server tells of no resources")
        }
        return method === "resources/subscribe" ? this.#subscribe(id, uri) : this.#unsubscribe(id, uri)
      }
    }
    const request = RawMessage.withMembers(message, ["params", "_meta"], this.#meta())
    if (InputRequests.mayAsk.has(method)) {
      const call: Call = { request, id, rounds: 1, questions: new Map(), answers: [], state: undefined }
      this.#calls.set(RawMessage.keyOf(id), call)
    }
    this.#options.server.send(request, onHandOff)
  }

  #cancelled(message: RawMessage.RawMessage, onHandOff: () => void): void {
    const id = RawMessage.textAt(message, RawMessage.paths.cancelled)
    const call = id === undefined ? undefined : this.#calls.get(RawMessage.keyOf(id))
    if (call === undefined) return this.#options.server.send(message, onHandOff)
    const isAsking = call.questions.size > 0
    this.#forget(call)
    // A server that has asked is not at it.
    if (!isAsking) this.#options.server.send(message, onHandOff)
  }

  /** What the server asks, the host is asked. */
  #input(call: Call, message: RawMessage.RawMessage): void {
    const { inputRequests } = RawMessage.membersOf(message.value["result"])
    call.state = RawMessage.textAt(message, ["result", "requestState"])
    call.answers = []
    const questions = Object.entries(RawMessage.membersOf(inputRequests))
    const unoffered = questions.find(([, question]) => !this.#offers(RawMessage.membersOf(question)["method"]))
    if (unoffered !== undefined) {
      const { method } = RawMessage.membersOf(unoffered[1])
      return this.#end(call, -32603, `the call needs ${String(method)} to go on, which this client does not offer`)
    }
    if (call.rounds++ === maxRounds) {
      return this.#end(call, -32603, `the server asked for input ${maxRounds} times and did not answer`)
    }
    if (questions.length === 0) return this.#later(pauseMillis, () => this.#goOn(call))
    const asked = questions.map(([name, question]) => {
      const params = RawMessage.textAt(message, ["result", "inputRequests", name, "params"])
      const id = this.#freshId("input")
      call.questions.set(RawMessage.keyOf(id), name)
      this.#asking.set(RawMessage.keyOf(id), call)
      return RawMessage.request(id, String(RawMessage.membersOf(question)["method"]), params)
    })
    for (const question of asked) this.#toHost(question)
  }

  #offers(method: unknown): boolean {
    const capability = InputRequests.capabilityFor(method)
    const { capabilities } = RawMessage.paramsOf(this.#options.initialize)
    return capability !== undefined && RawMessage.membersOf(capabilities)[capability] !== undefined
  }

  #answered(key: string, message: RawMessage.RawMessage): void {
    const call = this.#asking.get(key)
    const name = call?.questions.get(key)
    if (call === undefined || name === undefined) return
    this.#asking.delete(key)
    call.questions.delete(key)
    const result = RawMessage.textAt(message, ["result"])
    if (result === undefined) {
      const { code, message: said } = RawMessage.membersOf(message.value["error"])
      const words = `the call needs input that was declined: ${String(said)}`
      return this.#end(call, typeof code === "number" ? code : -32603, words)
    }
    call.answers.push(`${JSON.stringify(name)}:${result}`)
    if (call.questions.size === 0) this.#goOn(call)
  }

  /** The same request again, with the answers and the state. */
  #goOn(call: Call): void {
    if (this.#calls.get(RawMessage.keyOf(call.id)) !== call) return
    const members = [
      ...(call.answers.length === 0 ? [] : [`"inputResponses":{${call.answers.join(",")}}`]),
      ...(call.state === undefined ? [] : [`"requestState":${call.state}`])
    ]
    this.#options.server.send(RawMessage.withMembers(call.request, ["params"], members.join(",")), ignore)
  }

  #end(call: Call, code: number, message: string): void {
    this.#forget(call)
    this.#fail(call.id, code, message)
  }

  /** Its answer is not awaited any more, nor are those of its questions. */
  #forget(call: Call): void {
    this.#calls.delete(RawMessage.keyOf(call.id))
    for (const key of call.questions.keys()) {
      this.#asking.delete(key)
      // Ours are texts.
      const params = { requestId: key.slice(1), reason: "the call has ended" }
      this.#toHost(RawMessage.own(JSON.stringify({ jsonrpc: "2.0", method: "notifications/cancelled", params })))
    }
    call.questions.clear()
  }

  #subscribe(id: string, uri: string): void {
    const waiting = this.#watched.get(uri)
    const isTold = this.#listening.at(-1)?.isAcknowledged === true && waiting?.size === 0
    if (isTold) return this.#answer(id, "{}")
    this.#watched.set(uri, new Set([...waiting ?? [], id]))
    if (waiting === undefined) this.#listen()
  }

  #unsubscribe(id: string, uri: string): void {
    const waiting = this.#watched.get(uri)
    this.#watched.delete(uri)
    for (const each of waiting ?? []) this.#fail(each, -32603, "it was taken back")
    if (waiting !== undefined) this.#listen()
    this.#answer(id, "{}")
  }

  /** Asks for what is wished now. What was asked for before is let go when this is acknowledged. */
  #listen(): void {
    const uris = [...this.#watched.keys()]
    const filter = [
      ...this.#lists,
      ...(uris.length === 0 ? [] : [`"resourceSubscriptions":${JSON.stringify(uris)}`])
    ]
    if (filter.length === 0) return this.#letGo(this.#listening)
    const id = this.#freshId("listen")
    this.#listening = [...this.#listening, { id, uris: new Set(uris), isAcknowledged: false }]
    const params = `{"_meta":{${this.#meta()}},"notifications":{${filter.join(",")}}}`
    this.#options.server.send(RawMessage.request(id, "subscriptions/listen", params), ignore)
  }

  #acknowledged(listening: Listening, message: RawMessage.RawMessage): void {
    listening.isAcknowledged = true
    const index = this.#listening.indexOf(listening)
    this.#letGo(this.#listening.slice(0, index))
    const { resourceSubscriptions } = RawMessage.membersOf(RawMessage.paramsOf(message)["notifications"])
    const honoured: ReadonlyArray<unknown> = Array.isArray(resourceSubscriptions) ? resourceSubscriptions : []
    for (const uri of listening.uris) {
      this.#settle(uri, honoured.includes(uri) ? undefined : "the server does not tell of it")
    }
  }

  /** Those that wait for the resource are told. */
  #settle(uri: string, fault: string | undefined): void {
    const waiting = this.#watched.get(uri)
    if (waiting === undefined) return
    const ids = [...waiting]
    if (fault === undefined) waiting.clear()
    else this.#watched.delete(uri)
    for (const id of ids) {
      if (fault === undefined) this.#answer(id, "{}")
      else this.#fail(id, -32602, fault)
    }
  }

  #letGo(former: ReadonlyArray<Listening>): void {
    this.#listening = this.#listening.filter((each) => !former.includes(each))
    for (const { id } of former) {
      const text = `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${id}}}`
      this.#options.server.send(RawMessage.own(text), ignore)
    }
  }

  /** The server tells nothing any more, or has refused to. */
  #listenEnded(listening: Listening, answer: RawMessage.RawMessage): void {
    this.#listening = this.#listening.filter((each) => each !== listening)
    if (!listening.isAcknowledged) {
      const { message } = RawMessage.membersOf(answer.value["error"])
      for (const uri of listening.uris) this.#settle(uri, `the server does not tell of it: ${String(message)}`)
    } else if (this.#listening.length === 0) {
      this.#later(Math.min(relistenMillis.first * 2 ** this.#silences++, relistenMillis.most), () => this.#listen())
    }
  }

  /** What the server needs to know with each request. */
  #meta(): string {
    const { initialize } = this.#options
    const info = RawMessage.textAt(initialize, ["params", "clientInfo"]) ?? `{"name":"unnamed","version":"0"}`
    const capabilities = RawMessage.textAt(initialize, ["params", "capabilities"]) ?? "{}"
    return [
      [metaKey.protocolVersion, JSON.stringify(Revision.latestModern)],
      [metaKey.clientInfo, info],
      [metaKey.clientCapabilities, capabilities],
      ...(this.#level === undefined ? [] : [[metaKey.logLevel, this.#level]])
    ].map(([key, text]) => `${JSON.stringify(key)}:${text}`).join(",")
  }

  #later(millis: number, run: () => void): void {
    const stop = this.#options.later(millis, () => {
      this.#timers.delete(stop)
      run()
    })
    this.#timers.add(stop)
  }

  #freshId(what: string): string {
    return `"holdfast-${what}-${++this.#ids}"`
  }

  #answer(id: string, result: string): void {
    this.#toHost(RawMessage.own(`{"jsonrpc":"2.0","id":${id},"result":${result}}`))
  }

  #fail(id: string, code: number, message: string): void {
    this.#toHost(RawMessage.own(`{"jsonrpc":"2.0","id":${id},"error":${JSON.stringify({ code, message })}}`))
  }

  #toHost(message: RawMessage.RawMessage): void {
    if (!this.#isOver) this.#options.opening.onMessage(message)
  }
}

const discoverId = `"holdfast-discover"`

const ignore = (): void => {}
