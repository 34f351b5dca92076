/**
 * Hosts, their shims, a daemon and its servers, with the machines that ship and everything else in memory: who delivers what next, and who dies
 * when, is decided by a seed.
 */
import * as SeededRandom from "@holdfast/testkit/SeededRandom"
import { Catalogue, decode } from "../../src/Catalogue.ts"
import * as DaemonUpstream from "../../src/DaemonUpstream.ts"
import { Greeter } from "../../src/Greeter.ts"
import { HostSession, type Loss, type Opening } from "../../src/HostSession.ts"
import { LegacyHostBridge } from "../../src/LegacyHostBridge.ts"
import * as ModernHostBridge from "../../src/ModernHostBridge.ts"
import * as RawMessage from "../../src/RawMessage.ts"
import { ServerMux } from "../../src/ServerMux.ts"

/** What a world has come to, and what is wrong with it. */
export interface Outcome {
  readonly problems: ReadonlyArray<string>
  readonly answered: number
  readonly lost: number
  readonly deaths: number
  /** Answers of no server. */
  readonly recalled: number
}

const read = (text: string): RawMessage.RawMessage => {
  const messages = RawMessage.read(text)
  if (typeof messages === "string" || messages[0] === undefined) throw new Error(`no message: ${text}`)
  return messages[0]
}

const greeting = (isTelling: boolean): string =>
  `{"greeting":true,"capabilities":{"tools":{"listChanged":${isTelling}},"resources":{"subscribe":true}}}`

const modernRoots =
  `"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"roots":{}}`

export const simulate = (seed: number): Outcome => {
  const random = SeededRandom.make(seed)
  const problems: Array<string> = []
  const isHostModern = random.chance(0.5)
  /** Legacy hosts before a modern server. */
  const isJoined = !isHostModern && random.chance(0.4)
  /** Modern hosts before a legacy server. */
  const isJoinedBack = isHostModern && random.chance(0.4)
  const isServerModern = isJoined || (isHostModern && !isJoinedBack)
  const isShared = isServerModern || random.chance(0.4)
  /** Whether the server says that it tells of changed lists, and whether a new process has other ones. */
  const isTelling = random.chance(0.7)
  const isChanging = random.chance(0.6)
  let version = 1
  let hasFaults = true
  let deaths = 0
  let failures = 0
  let recalled = 0
  let states = 0
  let answered = 0
  let lost = 0

  /** What shims have written down of the server, for those that come later. */
  const disk = new Map<string, string>()
  const store = {
    read: (words: string) => {
      const text = disk.get(words)
      return text !== undefined && random.chance(0.1) ? text.slice(0, random.int(0, text.length - 1)) : text
    },
    write: (words: string, text: string) => void disk.set(words, text),
    confirm: () => {}
  }

  const words = isHostModern ? `{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}` : "{}"
  const initialize = isHostModern
    ? undefined
    : RawMessage.request("0", "initialize", `{"protocolVersion":"2025-11-25","capabilities":{"roots":{}}}`)
  if (random.chance(0.5)) {
    const former = new Catalogue({ name: "s", store })
    if (initialize !== undefined) {
      former.learn(initialize, read(`{"jsonrpc":"2.0","id":0,"result":${greeting(isTelling)}}`), initialize)
    }
    for (const [cursor, next] of [[1, 2], [2, 3], [3, undefined]]) {
      const page = words === "{}" ? "" : words.slice(1, -1)
      const params = cursor === 1 ? `{${page}}` : `{"cursor":${cursor}${page === "" ? "" : `,${page}`}}`
      const more = next === undefined ? "" : `,"nextCursor":${next}`
      former.learn(
        RawMessage.request("0", "tools/list", params),
        read(`{"jsonrpc":"2.0","id":0,"result":{"tools":["${cursor} of 1"]${more}}}`),
        initialize
      )
    }
  }

  /** What is on its way: each way by itself in order, the ways in any. */
  const ways: Array<Array<() => void>> = []
  const way = () => {
    const queue: Array<() => void> = []
    ways.push(queue)
    return queue
  }
  const later = way()

  /** How often each call was carried out. */
  const executed = new Map<string, number>()

  class Server {
    isAlive = true
    /** Set once it has been greeted. */
    onLine: ((text: string) => void) | undefined
    onDeath: (() => void) | undefined
    readonly #in = way()
    readonly #out = way()
    readonly #asked = new Map<string, () => void>()
    #isInitialized = false
    readonly #version: number
    readonly #watched = new Set<string>()
    #level = ""
    /** By their ids: the resources of each `subscriptions/listen`. */
    readonly #listens = new Map<string, ReadonlyArray<string>>()

    constructor() {
      if (isChanging && random.chance(0.5)) version++
      this.#version = version
    }

    send(text: string, onHandOff: () => void): void {
      if (!this.isAlive) return
      const isTaken = random.chance(0.5)
      if (isTaken) onHandOff()
      this.#in.push(() => {
        if (!this.isAlive) return
        if (!isTaken) onHandOff()
        this.#hear(read(text))
      })
    }

    say(text: string): void {
      this.#out.push(() => {
        if (this.isAlive) this.onLine?.(text)
      })
    }

    die(): void {
      if (!this.isAlive) return
      deaths++
      // What it had written arrives, or does not.
      while (random.chance(0.7) && this.#out.length > 0) this.#out.shift()?.()
      this.isAlive = false
      this.onDeath?.()
    }

    #hear(message: RawMessage.RawMessage): void {
      const { id, kind, method, value } = message
      if (kind === "response") return this.#asked.get(String(id))?.()
      if (method === "notifications/initialized") this.#isInitialized = true
      if (method === "notifications/cancelled") {
        this.#listens.delete(String((value["params"] as { requestId: number }).requestId))
      }
      if (kind !== "request") return
      if (method === "initialize" || method === "server/discover") {
        if (method === "initialize" && id !== "0") problems.push("a server is greeted twice")
        if ((method === "initialize") === isServerModern) {
          return this.say(`{"jsonrpc":"2.0","id":${id},"error":{"code":-32601,"message":"no"}}`)
        }
        return this.say(`{"jsonrpc":"2.0","id":${id},"result":${greeting(isTelling)}}`)
      }
      if (!isServerModern && !this.#isInitialized) problems.push(`${method} before initialized`)
      const { params } = value as {
        params: {
          readonly nonce: string
          readonly cursor?: number
          readonly uri: string
          readonly level: string
          readonly inputResponses?: object
          readonly requestState?: string
          readonly notifications?: { readonly resourceSubscriptions?: ReadonlyArray<string> }
          readonly _meta?: { readonly progressToken?: number } & Readonly<Record<string, unknown>>
        }
      }
      const meta = params._meta ?? {}
      if (isJoined && meta["io.modelcontextprotocol/protocolVersion"] !== "2026-07-28") {
        problems.push(`${method} does not say its revision`)
      }
      if (isServerModern && /subscribe$|setLevel$/.test(method ?? "")) {
        problems.push(`a modern server is asked ${method}`)
      }
      const result = (text: string) => this.say(`{"jsonrpc":"2.0","id":${id},"result":${text}}`)
      switch (method) {
        case "tools/list": {
          const page = params.cursor ?? 1
          const next = page < 3 ? `,"nextCursor":${page + 1}` : ""
          return result(`{"tools":["${page} of ${this.#version}"]${next}}`)
        }
        case "resources/subscribe":
          this.#watched.add(params.uri)
          return result("{}")
        case "resources/unsubscribe":
          this.#watched.delete(params.uri)
          return result("{}")
        case "logging/setLevel":
          this.#level = params.level
          return result("{}")
        case "subscriptions/listen":
          this.#listens.set(String(id), params.notifications?.resourceSubscriptions ?? [])
          return this.say(
            `{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":${id}},"notifications":${
              JSON.stringify({ ...params.notifications, toolsListChanged: isTelling })
            }}}`
          )
        case "probe":
          return result(JSON.stringify({
            version: this.#version,
            watched: [...this.#watched, ...[...this.#listens.values()].flat()],
            level: isJoined ? meta["io.modelcontextprotocol/logLevel"] : this.#level
          }))
      }
      const { nonce } = params
      if (isJoined && method === "tools/call" && params.inputResponses === undefined && nonce.endsWith("5")) {
        return result(
          `{"resultType":"input_required","requestState":"${nonce}","inputRequests":{"a":{"method":"roots/list"}}}`
        )
      }
      if (params.inputResponses !== undefined && params.requestState !== nonce) {
        problems.push(`${nonce} has lost its state`)
      }
      executed.set(nonce, (executed.get(nonce) ?? 0) + 1)
      if (method === "tools/call" && executed.get(nonce) !== 1) problems.push(`${nonce} has run twice`)
      const token = params._meta?.progressToken
      if (token !== undefined) {
        this.say(
          `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${token},"nonce":"${nonce}"}}`
        )
      }
      const answer = () =>
        this.say(`{"jsonrpc":"2.0","id":${id},"result":{"nonce":"${nonce}","n":9007199254740993,"n":1.0}}`)
      if (isShared || !random.chance(0.2)) return answer()
      const question = `"q-${nonce}"`
      this.#asked.set(question, answer)
      this.say(`{"jsonrpc":"2.0","id":${question},"method":"roots/list"}`)
    }
  }

  class Daemon {
    isAlive = true
    readonly #servers = new Set<
      {
        readonly server: Server
        readonly mux: ServerMux
        readonly greeting: RawMessage.RawMessage
        readonly onLoss: Set<(loss: Loss) => void>
      }
    >()
    readonly sessions = new Set<() => void>()
    readonly living = new Set<Server>()

    open(initialize: RawMessage.RawMessage | undefined, opening: Opening): void {
      later.push(() => {
        if (!this.isAlive) return
        if ((initialize === undefined) !== isHostModern) {
          const text = `{"jsonrpc":"2.0","id":0,"error":{"code":-32601,"message":"the other era"}}`
          return opening.onLost({ reason: "HandshakeFailed", message: "the other era", refusal: read(text) })
        }
        if (hasFaults && random.chance(0.1)) {
          failures++
          return opening.onLost({ reason: "ServerExited", message: "it does not start" })
        }
        const free = [...this.#servers].find(({ mux }) => isShared || (mux.sessions === 0 && mux.isClean))
        if (free !== undefined) return this.#lease(free, opening, initialize)
        const server = new Server()
        this.living.add(server)
        server.onDeath = () => {
          this.living.delete(server)
          opening.onLost({ reason: "ServerExited", message: "it died in the handshake" })
        }
        const question = isServerModern
          ? read(`{"jsonrpc":"2.0","id":0,"method":"server/discover"}`)
          : RawMessage.replaced(initialize ?? ModernHostBridge.initializeFor(undefined), [[RawMessage.paths.id, "0"]])
        const greeter = new Greeter({
          question,
          toServer: (text) => server.send(text, () => {}),
          onRefused: (refusal) => opening.onLost({ reason: "HandshakeFailed", message: "refused", refusal }),
          onGreeted: (greeting) => {
            const mux = new ServerMux({ toServer: (text, onHandOff) => server.send(text, onHandOff), isShared })
            const entry = { server, mux, greeting, onLoss: new Set<(loss: Loss) => void>() }
            this.#servers.add(entry)
            server.onLine = (text) => void mux.serverSaid(text)
            server.onDeath = () => {
              this.living.delete(server)
              this.#servers.delete(entry)
              for (const tell of [...entry.onLoss]) tell({ reason: "ServerExited", message: "it died" })
            }
            this.#lease(entry, opening, initialize)
          }
        })
        server.onLine = (text) => greeter.serverSaid(text)
        greeter.begin()
      })
    }

    #lease(
      { greeting, mux, onLoss }: {
        readonly mux: ServerMux
        readonly greeting: RawMessage.RawMessage
        readonly onLoss: Set<(loss: Loss) => void>
      },
      opening: Opening,
      initialize: RawMessage.RawMessage | undefined
    ): void {
      let onMessage = opening.onMessage
      const port = mux.attach((message) => onMessage(message))
      onLoss.add(opening.onLost)
      const server = {
        send: port.send,
        close: () => {
          onLoss.delete(opening.onLost)
          port.close()
        }
      }
      if (!isJoined && !isJoinedBack) {
        return opening.onOpen({ ...server, greeting: isServerModern ? undefined : greeting })
      }
      const soon = (_: number, run: () => void) => {
        let isOn = true
        later.push(() => isOn && run())
        return () => {
          isOn = false
        }
      }
      const bridge = initialize === undefined
        ? new ModernHostBridge.ModernHostBridge({
          greeting,
          opening,
          server,
          later: soon,
          newState: () => `state-${++states}`
        })
        : new LegacyHostBridge({ name: "s", initialize, opening, server, later: soon })
      onMessage = (message) => bridge.serverSaid(message)
      bridge.begin()
    }

    die(): void {
      if (!this.isAlive) return
      deaths++
      this.isAlive = false
      // The reaper.
      for (const server of this.living) server.isAlive = false
      for (const end of [...this.sessions]) end()
    }
  }

  let daemon = new Daemon()

  /** The shim's way to whatever daemon there is. */
  const connect = (initialize: RawMessage.RawMessage | undefined, opening: Opening): void => {
    later.push(() => {
      if (!daemon.isAlive) {
        if (hasFaults && random.chance(0.2)) {
          failures++
          return opening.onLost({ reason: "NotStarted", message: "no daemon can be started" })
        }
        daemon = new Daemon()
      }
      const mine = daemon
      const up = way()
      const down = way()
      let isConnected = true
      const relay = new HostSession({
        place: "daemon",
        toHost: (text) => down.push(() => isConnected && lines.onLine(text)),
        open: (initialize, opening) => mine.open(initialize, opening)
      })
      const end = (): void => {
        if (!isConnected) return
        isConnected = false
        mine.sessions.delete(end)
        if (mine.isAlive) relay.hostEnded()
      }
      mine.sessions.add(() => {
        while (random.chance(0.7) && down.length > 0) down.shift()?.()
        const wasConnected = isConnected
        isConnected = false
        if (wasConnected) lines.onLost({ reason: "ConnectionLost", message: "the daemon has ended" })
      })
      const lines = DaemonUpstream.begin({
        initialize,
        opening,
        toDaemon: (text) => up.push(() => isConnected && relay.hostSaid(text)),
        close: end
      })
    })
  }

  interface Open {
    readonly kind: "greeting" | "call" | "read" | "list" | "state" | "listen" | "probe"
    readonly nonce: string
    readonly token: string | undefined
    isCancelled: boolean
    /** Told of its answer, if that is a result. */
    readonly onResult?: (result: Members) => void
  }

  interface Members {
    readonly tools?: ReadonlyArray<string>
    readonly nextCursor?: number
    readonly resultType?: string
    readonly requestState?: string
    readonly inputRequests?: object
    readonly version?: number
    readonly watched?: ReadonlyArray<string>
    readonly level?: string
  }

  interface HeardList {
    readonly version: number
    isOutdated: boolean
    isListening: boolean
    isWhole: boolean
  }

  class Host {
    /** By their ids as they are written. */
    readonly open = new Map<string, Open>()
    readonly #session: HostSession
    readonly #name: string
    #next = 1
    #isReady = isHostModern
    /** Of which version the list is that it has, and whether it was told since that there is another. */
    #list: HeardList | undefined
    readonly #watched = new Set<string>()
    #level: string | undefined
    #listen: { readonly id: string; isAcknowledged: boolean } | undefined

    constructor(name: string) {
      this.#name = name
      const catalogue = new Catalogue({ name: "s", store, isEager: random.chance(0.2) })
      this.#session = new HostSession({
        place: "shim",
        memory: {
          learn: (request, answer, initialize) => catalogue.learn(request, answer, initialize),
          recall: (request, initialize) => {
            const answer = catalogue.recall(request, initialize)
            if (answer !== undefined) recalled++
            return answer
          }
        },
        toHost: (text) => this.#hear(text),
        open: connect
      })
      if (!isHostModern) this.#greet()
    }

    get isBusy(): boolean {
      return [...this.open.values()].some(({ isCancelled, kind }) => !isCancelled && kind !== "listen")
    }

    #greet(): void {
      const id = `"i-${this.#next++}"`
      this.open.set(id, { kind: "greeting", nonce: "", token: undefined, isCancelled: false })
      this.#session.hostSaid(
        `{"jsonrpc":"2.0","id":${id},"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{"roots":{}}}}`
      )
    }

    #ask(kind: Open["kind"], method: string, params: string, onResult?: (result: Members) => void): string {
      const id = `"${kind}-${this.#next++}"`
      this.open.set(id, { kind, nonce: "", token: undefined, isCancelled: false, ...(onResult && { onResult }) })
      this.#session.hostSaid(`{"jsonrpc":"2.0","id":${id},"method":"${method}","params":${params}}`)
      return id
    }

    #askList(cursor?: number, begun?: HeardList): void {
      const members = [
        ...(cursor === undefined ? [] : [`"cursor":${cursor}`]),
        ...(isHostModern ? [`"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}`] : [])
      ]
      this.#ask("list", "tools/list", `{${members.join(",")}}`, ({ nextCursor, tools }) => {
        const version = Number(tools?.[0]?.split(" ").at(-1))
        if (cursor === undefined) {
          this.#list = {
            version,
            isOutdated: false,
            isListening: this.#listen?.isAcknowledged === true,
            isWhole: false
          }
        }
        const list = begun ?? this.#list
        if (nextCursor === undefined && list !== undefined) list.isWhole = true
        if (nextCursor !== undefined && random.chance(0.8)) this.#askList(nextCursor, list)
      })
    }

    #changeState(): void {
      if (random.chance(0.4)) return this.#askList()
      if (isHostModern) {
        if (this.#listen !== undefined) return
        const id = this.#ask("listen", "subscriptions/listen", `{"notifications":{"toolsListChanged":true}}`)
        this.#listen = { id, isAcknowledged: false }
        return
      }
      const uri = random.pick(["a", "b", "c"])
      if (random.chance(0.3)) {
        const level = random.pick(["debug", "error"])
        return void this.#ask("state", "logging/setLevel", `{"level":"${level}"}`, () => {
          this.#level = level
        })
      }
      if (random.chance(0.6)) {
        return void this.#ask("state", "resources/subscribe", `{"uri":"${uri}"}`, () => this.#watched.add(uri))
      }
      // One that is on its way is let alone, so that it is known what comes last.
      if (this.isBusy) return
      this.#watched.delete(uri)
      this.#ask("state", "resources/unsubscribe", `{"uri":"${uri}"}`)
    }

    /** The server asks for input: the same request again. */
    #comeBack(former: Open, { inputRequests = {}, requestState }: Members): void {
      const id = `"r-${this.#next++}"`
      this.open.set(id, { ...former })
      const inputs = JSON.stringify(Object.fromEntries(Object.keys(inputRequests).map((name) => [name, { roots: [] }])))
      const method = former.kind === "call" ? "tools/call" : "resources/read"
      const progressToken = former.token === undefined ? "" : `"progressToken":${former.token},`
      const params =
        `{"nonce":"${former.nonce}","inputResponses":${inputs},"requestState":"${requestState}","_meta":{${progressToken}${modernRoots}}}`
      this.#session.hostSaid(`{"jsonrpc":"2.0","id":${id},"method":"${method}","params":${params}}`)
    }

    act(): void {
      if (!this.#isReady) return
      if (random.chance(0.2)) return this.#changeState()
      const first = [...this.open].find(([, { isCancelled, kind }]) =>
        !isCancelled && (kind === "call" || kind === "read")
      )
      if (first !== undefined && random.chance(0.15)) {
        first[1].isCancelled = true
        return this.#session.hostSaid(
          `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${first[0]}}}`
        )
      }
      // Long numbers, texts, and the same numbers in every host.
      const n = this.#next++
      const id = random.pick([`9007199254740${1000 + n}`, `"${n}"`, `"\\u0061${n}"`])
      const nonce = `${this.#name}-${n}`
      const isCall = random.chance(0.6)
      const token = random.chance(0.5) ? random.pick([`"t-${n}"`, `${n}`]) : undefined
      const members = [
        ...(token === undefined ? [] : [`"progressToken":${token}`]),
        ...(isJoinedBack ? [modernRoots] : [])
      ]
      const meta = members.length === 0 ? "" : `,"_meta":{${members.join(",")}}`
      this.open.set(id, { kind: isCall ? "call" : "read", nonce, token, isCancelled: false })
      const method = isCall ? "tools/call" : "resources/read"
      this.#session.hostSaid(`{"jsonrpc":"2.0","id":${id},"method":"${method}","params":{"nonce":"${nonce}"${meta}}}`)
    }

    leave(): void {
      this.#session.hostEnded()
      this.open.clear()
      this.#isReady = false
    }

    /** Asks its server what that knows of it. Returns what is wrong with that, once all has come to rest. */
    probe(): () => void {
      if (!this.#isReady) return () => {}
      let found: Members | undefined
      this.#ask("probe", "probe", "{}", (result) => {
        found = result
      })
      return () => {
        if (found === undefined) return void problems.push(`${this.#name}: no answer to a probe`)
        for (const uri of this.#watched) {
          if (found.watched?.includes(uri) !== true) problems.push(`${this.#name} is not subscribed to ${uri} any more`)
        }
        if ((!isShared || isJoined) && this.#level !== undefined && found.level !== this.#level) {
          problems.push(`${this.#name} has level ${found.level} instead of ${this.#level}`)
        }
        if (isShared && !isServerModern && this.#level === "debug" && found.level !== "debug") {
          problems.push(`${this.#name} is not told what it wants to hear`)
        }
        const list = this.#list
        // A server that was replaced under the daemon is seen by the next shim.
        const isSeen = deaths === 0 || list?.version === found.version
        if (hosts.length === 1 && list?.isWhole === true && isSeen) {
          const [entry] = disk.values()
          const last = entry === undefined ? undefined : decode(entry)?.lists["tools/list"]?.at(-1)?.answer
          if (last?.includes(`"3 of ${found.version}"`) !== true) problems.push(`the catalogue says ${last}`)
        }
        if (list === undefined || list.isOutdated || list.version === found.version || !isTelling) return
        if (isHostModern && !(list.isListening && this.#listen?.isAcknowledged === true)) return
        problems.push(`${this.#name} has list ${list.version}, its server ${found.version}, and was not told`)
      }
    }

    #told(
      method: string | undefined,
      params: Members & { readonly nonce?: string; readonly progressToken?: unknown }
    ): void {
      const meta = (params as { _meta?: Readonly<Record<string, unknown>> } | undefined)?._meta
      const subscription = meta?.["io.modelcontextprotocol/subscriptionId"]
      const isMine = JSON.stringify(subscription) === this.#listen?.id
      switch (method) {
        case "notifications/resources/updated":
        case "notifications/cancelled":
          return
        case "notifications/subscriptions/acknowledged":
          if (this.#listen === undefined || !isMine) return void problems.push(`${this.#name}: a foreign subscription`)
          if (this.#listen.isAcknowledged) problems.push(`${this.#name}: a subscription is acknowledged twice`)
          this.#listen.isAcknowledged = true
          return
        case "notifications/tools/list_changed":
          if (!isTelling || (isHostModern && !isMine)) {
            problems.push(`${this.#name} is told of lists without wishing it`)
          }
          if (!isChanging) problems.push(`${this.#name} is told of lists that have not changed`)
          if (this.#list !== undefined) this.#list.isOutdated = true
          return
      }
      const { nonce = "", progressToken } = params
      const mine = [...this.open.values()].find((each) => each.nonce === nonce)
      if (mine === undefined) {
        if (!nonce.startsWith(`${this.#name}-`)) problems.push(`${this.#name} hears of ${nonce}`)
      } else if (JSON.stringify(progressToken) !== mine.token) {
        problems.push(`${nonce}: progress token ${JSON.stringify(progressToken)}`)
      }
    }

    #hear(text: string): void {
      const { id, kind, method, value } = read(text)
      // What is said here is known.
      if (kind === "notification") return this.#told(method, (value["params"] ?? {}) as Members)
      if (kind === "request") {
        if (method !== "roots/list" || (isShared && !isJoined)) problems.push(`${this.#name} is asked ${method}`)
        if (!String(id).startsWith(isJoined ? `"holdfast-input-` : `"q-${this.#name}-`)) {
          problems.push(`${this.#name} is asked ${id}`)
        }
        return this.#session.hostSaid(`{"jsonrpc":"2.0","id":${id},"result":{"roots":[]}}`)
      }
      const request = this.open.get(String(id))
      if (request === undefined) {
        return void problems.push(`${this.#name}: an answer to ${id}, which has one or never was: ${text}`)
      }
      this.open.delete(String(id))
      const { error, result } = value as { error?: { data?: { delivery?: string } }; result?: Members }
      if (request.kind === "greeting") {
        if (error === undefined) this.#isReady = true
        else this.#greet()
        return
      }
      if (request.kind === "listen") {
        this.#listen = undefined
        if (this.#list !== undefined) this.#list.isListening = false
      }
      answered++
      const times = executed.get(request.nonce) ?? 0
      if (error !== undefined) {
        lost++
        const delivery = error.data?.delivery
        if (delivery === "NotSent" && times > 0 && request.kind === "call") {
          problems.push(`${request.nonce} has run and is said not to`)
        }
        if (delivery !== "NotSent" && delivery !== "Unknown") problems.push(`an error without delivery: ${text}`)
        if (deaths + failures === 0) problems.push(`an error without a fault: ${text}`)
        return
      }
      if (result?.resultType === "input_required") {
        if (!isJoinedBack || isShared) problems.push(`${this.#name} is asked for input`)
        return request.isCancelled ? undefined : this.#comeBack(request, result)
      }
      if (request.kind !== "call" && request.kind !== "read") return request.onResult?.(result ?? {})
      const cached = request.kind === "call" ? "" : `"ttlMs":0,"cacheScope":"private",`
      const modern = isJoinedBack ? `"resultType":"complete",${cached}` : ""
      const expected =
        `{"jsonrpc":"2.0","id":${id},"result":{${modern}"nonce":"${request.nonce}","n":9007199254740993,"n":1.0}}`
      if (text !== expected) problems.push(`${text} instead of ${expected}`)
    }
  }

  const hosts = Array.from({ length: random.int(1, 4) }, (_, index) => new Host(`h${index}`))
  const step = (): boolean => {
    const busy = ways.filter(({ length }) => length > 0)
    const [first, ...rest] = busy
    if (first === undefined) return false
    random.pick([first, ...rest]).shift()?.()
    return true
  }
  const someone = (): Host => random.pick([hosts[0] ?? new Host("h"), ...hosts.slice(1)])
  const steps = random.int(50, 400)
  const faults = random.pick([0, 0.01, 0.04])
  for (let i = 0; i < steps; i++) {
    if (random.chance(0.3)) someone().act()
    if (random.chance(faults)) [...daemon.living][0]?.die()
    if (random.chance(faults / 2)) daemon.die()
    if (random.chance(0.003)) someone().leave()
    step()
  }
  hasFaults = false
  const rest = (): void => {
    for (let i = 0; i < 20_000 && step(); i++);
  }
  rest()
  // Twice: what is renewed with a server may come after what was waiting for it.
  for (const host of hosts) host.probe()
  rest()
  const judges = hosts.map((host) => host.probe())
  rest()
  for (const judge of judges) judge()
  for (const [index, host] of hosts.entries()) {
    if (host.isBusy) problems.push(`host ${index} still waits: ${[...host.open.keys()].join(", ")}`)
  }
  if (ways.some(({ length }) => length > 0)) problems.push("it does not come to rest")
  return { problems, answered, lost, deaths, recalled }
}

/** The seeds of broken worlds, and how much happened in all. */
export const simulateMany = (first: number, count: number) => {
  const broken: Array<string> = []
  const sum = { answered: 0, lost: 0, deaths: 0, recalled: 0 }
  for (let seed = first; seed < first + count; seed++) {
    const { answered, deaths, lost, problems, recalled } = simulate(seed)
    sum.answered += answered
    sum.lost += lost
    sum.deaths += deaths
    sum.recalled += recalled
    if (problems.length > 0) broken.push(`seed ${seed}: ${problems.slice(0, 3).join("; ")}`)
  }
  return { broken: broken.slice(0, 5), ...sum }
}
