/**
 * What a host has heard of its server and was promised by it, and what becomes of that with the next server. Pure, as `HostSession` is,
 * whose part it is.
 *
 * Promises
 * - The log level and the subscriptions of a legacy host are renewed with the next server before anything else is asked of it. What was
 *   subscribed to may have changed meanwhile: `notifications/resources/updated` follows.
 * - Each list that the host has heard is asked for again, unless its server has said that it is fresh (`ttlMs`). If it is another one, or cannot be had, its `list_changed` follows: to a host
 *   of the legacy era if the server has advertised that in the answer that the host has, to one of the modern era on each of its
 *   `subscriptions/listen` that is acknowledged for it. A host that has heard no list is told nothing.
 * - A `subscriptions/listen` that is asked again is acknowledged to its host once, unless the next server acknowledges something else.
 */
import { isOurs } from "./DeliveryError.ts"
import * as RawMessage from "./RawMessage.ts"
import * as ServerLists from "./ServerLists.ts"

/** The session that is renewed, as functions. */
export interface RenewalOptions {
  /** Gives the host a line. */
  readonly toHost: (text: string) => void
  /** Monotonic milliseconds. Default: no list is fresh. */
  readonly now?: (() => number) | undefined
  /** Asks the server that is there now. It is not answered if that is lost. */
  readonly ask: (method: string, params: string, onAnswer: OnAnswer) => void
  /** The requests of the host that are not answered yet. */
  readonly pending: () => Iterable<RawMessage.RawMessage>
  /** The server has told a page of a list, or what it is. */
  readonly onAnswer: (request: RawMessage.RawMessage, answer: RawMessage.RawMessage) => void
}

/** Given the answer to a request of our own, an error included, and the request as it was sent. */
export type OnAnswer = (answer: RawMessage.RawMessage, request: RawMessage.RawMessage) => void

interface Heard extends ServerLists.Page {
  /** The request of the host for its first page. */
  readonly asked: RawMessage.RawMessage
  /** Until when all of it is fresh. */
  readonly freshUntil: number
}

/** A resource that the host has asked to be told of, and not to be told of no more. */
interface Watched {
  /** Its uri as it is written. */
  readonly written: string
  /** The server has said that it will tell. */
  isPromised: boolean
  /** The requests without an answer. */
  readonly asking: Set<RawMessage.RawMessage>
}

/** A list that goes on and on cannot be known to be equal. */
const maxPages = 100

/** The promises that one host has from its servers. */
export class Renewal {
  readonly #options: RenewalOptions
  readonly #heard = new Map<string, Heard>()
  /** By uri. */
  readonly #watched = new Map<string, Watched>()
  /** As it is written. */
  #level: string | undefined
  /** The request by which it has discovered its server, if that was not asked then. */
  #discovered: RawMessage.RawMessage | undefined
  /** The answer to `initialize` that the host has. */
  #greeting: RawMessage.RawMessage | undefined
  /** By the key of the `subscriptions/listen`: how it was acknowledged. */
  readonly #acknowledged = new Map<string, string>()
  /** What could not be had on the way to the server, and is tried again once that answers something. */
  #again: Array<() => void> = []

  constructor(options: RenewalOptions) {
    this.#options = options
  }

  /** The host is to be told of something that only a server that is there can tell. */
  get isAwaiting(): boolean {
    return [...this.#watched.values()].some(({ isPromised }) => isPromised)
  }

  /** The host has begun a new session. */
  reset(): void {
    this.#heard.clear()
    this.#watched.clear()
    this.#level = undefined
    this.#greeting = undefined
  }

  /** The host has asked. */
  asked(request: RawMessage.RawMessage): void {
    const { method } = request
    const { uri } = RawMessage.paramsOf(request)
    if (typeof uri !== "string") return
    if (method === "resources/unsubscribe") this.#watched.delete(uri)
    if (method !== "resources/subscribe") return
    const watched = this.#watched.get(uri)
    if (watched !== undefined) return void watched.asking.add(request)
    // It is there: it was read just now.
    const written = RawMessage.textAt(request, ["params", "uri"]) ?? ""
    this.#watched.set(uri, { written, isPromised: false, asking: new Set([request]) })
  }

  /** The host is given this answer of its server. */
  answered(request: RawMessage.RawMessage, answer: RawMessage.RawMessage): void {
    if (!("result" in answer.value)) return this.failed(request)
    if (request.method === "initialize") this.#greeting = answer
    if (request.method === "logging/setLevel") this.#level = RawMessage.textAt(request, ["params", "level"])
    if (request.method === "resources/subscribe") {
      for (const watched of this.#watched.values()) if (watched.asking.delete(request)) watched.isPromised = true
    }
    if (request.method === "subscriptions/listen") this.#forget(request)
    const asked = ServerLists.pageRequest(request)
    const page = asked && ServerLists.pageIn(asked.method, answer)
    if (asked === undefined || page === undefined) return
    const before = this.#heard.get(asked.method)
    const { now } = this.#options
    const freshUntil = now === undefined ? Number.NEGATIVE_INFINITY : now() + ServerLists.ttlOf(answer)
    if (asked.cursor === undefined) this.#heard.set(asked.method, { ...page, asked: request, freshUntil })
    else if (before !== undefined && before.next === asked.cursor) {
      this.#heard.set(asked.method, {
        ...before,
        items: [...before.items, ...page.items],
        next: page.next,
        freshUntil: Math.min(before.freshUntil, freshUntil)
      })
    }
  }

  /** The host was given this answer without a server: what it says is looked at when there is one. */
  recalled(request: RawMessage.RawMessage, answer: RawMessage.RawMessage): void {
    if (request.method === "server/discover") this.#discovered = request
    this.answered(request, answer)
  }

  /** Whether the host has an answer to `initialize`. */
  get isGreeted(): boolean {
    return this.#greeting !== undefined
  }

  /** The host is told that there is no result. */
  failed(request: RawMessage.RawMessage): void {
    if (request.method === "subscriptions/listen") this.#forget(request)
    for (const [uri, { asking, isPromised }] of this.#watched) {
      if (asking.delete(request) && asking.size === 0 && !isPromised) this.#watched.delete(uri)
    }
  }

  /** The server has said this. False: the host knows it. */
  isNews(message: RawMessage.RawMessage): boolean {
    if (message.method !== "notifications/subscriptions/acknowledged") return true
    const id = RawMessage.textAt(message, RawMessage.paths.subscription)
    if (id === undefined) return true
    const key = RawMessage.keyOf(id)
    const isKnown = this.#acknowledged.get(key) === message.text
    this.#acknowledged.set(key, message.text)
    return !isKnown
  }

  /** A server is there: it is told what its predecessor was. */
  opened(): void {
    this.#again = []
    this.#setLevel()
    for (const [uri, watched] of this.#watched) if (watched.isPromised) this.#watch(uri, watched)
  }

  /** And when it has what was waiting for it: what the host has heard before is looked at. */
  check(): void {
    for (const method of this.#heard.keys()) this.#check(method)
    const discovered = this.#discovered
    this.#discovered = undefined
    if (discovered?.method === undefined || this.#greeting !== undefined) return
    this.#ask(
      discovered.method,
      ServerLists.paramsFor(undefined, discovered),
      (answer, request) => this.#options.onAnswer(request, answer),
      ignore
    )
  }

  /** The server has answered something. */
  proven(): void {
    const again = this.#again
    this.#again = []
    for (const attempt of again) attempt()
  }

  /** An error of what is in between says nothing about the server. */
  #ask(method: string, params: string, onAnswer: OnAnswer, again: () => void): void {
    this.#options.ask(method, params, (answer, request) => {
      if (isOurs(answer)) this.#again.push(again)
      else onAnswer(answer, request)
    })
  }

  #setLevel(): void {
    if (this.#level === undefined) return
    const again = (): void => {
      // A newer one of the host may be on its way, and is not to be overtaken.
      const isOutdated = [...this.#options.pending()].some(({ method }) => method === "logging/setLevel")
      if (isOutdated) this.#again.push(again)
      else this.#setLevel()
    }
    this.#ask("logging/setLevel", `{"level":${this.#level}}`, ignore, again)
  }

  #watch(uri: string, watched: Watched): void {
    const { written } = watched
    if (this.#watched.get(uri) !== watched) return
    this.#ask("resources/subscribe", `{"uri":${written}}`, (answer) => {
      if (this.#watched.get(uri) !== watched) return
      if (!("result" in answer.value)) this.#watched.delete(uri)
      // One that is gone has changed, too.
      this.#options.toHost(
        `{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":${written}}}`
      )
    }, () => this.#watch(uri, watched))
  }

  #check(method: string): void {
    const begun = this.#heard.get(method)
    if (begun === undefined || begun.freshUntil > (this.#options.now?.() ?? Number.POSITIVE_INFINITY)) return
    const items: Array<string> = []
    const ask = (cursor: string | undefined, pages: number): void =>
      this.#ask(method, ServerLists.paramsFor(cursor, begun.asked), (answer, request) => {
        const page = ServerLists.pageIn(method, answer)
        if (page === undefined) return this.#compare(method, undefined)
        this.#options.onAnswer(request, answer)
        items.push(...page.items)
        if (page.next === undefined) this.#compare(method, items)
        else if (pages === maxPages) this.#compare(method, undefined)
        else ask(page.next, pages + 1)
      }, () => this.#check(method))
    ask(undefined, 1)
  }

  #compare(method: string, items: ReadonlyArray<string> | undefined): void {
    const heard = this.#heard.get(method)
    if (heard === undefined) return
    if (items === undefined || !ServerLists.isSame(heard, items)) this.#tellOfChange(method)
  }

  #tellOfChange(method: string): void {
    const list = ServerLists.all.get(method)
    if (list === undefined) return
    const { capability, filter, notification } = list
    if (this.#greeting !== undefined) {
      const { capabilities } = RawMessage.membersOf(this.#greeting.value["result"])
      const { listChanged } = RawMessage.membersOf(RawMessage.membersOf(capabilities)[capability])
      if (listChanged === true) this.#options.toHost(JSON.stringify({ jsonrpc: "2.0", method: notification }))
      return
    }
    for (const request of this.#options.pending()) {
      const { id, method } = request
      if (method !== "subscriptions/listen" || id === undefined) continue
      const acknowledged = this.#acknowledged.get(RawMessage.keyOf(id))
      if (acknowledged === undefined) continue
      if (RawMessage.membersOf(RawMessage.paramsOf(RawMessage.own(acknowledged))["notifications"])[filter] !== true) {
        continue
      }
      this.#options.toHost(
        `{"jsonrpc":"2.0","method":"${notification}","params":{"_meta":{${
          JSON.stringify(RawMessage.paths.subscription[2])
        }:${id}}}}`
      )
    }
  }

  #forget({ id }: RawMessage.RawMessage): void {
    if (id !== undefined) this.#acknowledged.delete(RawMessage.keyOf(id))
  }
}

const ignore = (): void => {}
