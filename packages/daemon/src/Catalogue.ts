/**
 * What a server has said of itself before: the answers to `initialize` and `server/discover`, and its lists, page by page, as it wrote
 * them. Pure: where that is kept is a function.
 *
 * Promises
 * - What is answered from here is what the server has answered to the same words: the same revision and capabilities of the client.
 * - A list is known when all of its pages are, and replaced as a whole.
 * - A list whose server says how long it is fresh (`ttlMs`) is not known when that is over; till then it is answered with what is left
 *   of that. One that is stale at once is answered, as those of servers that say nothing are: the next server is asked whether it is true.
 * - What cannot be read is not known.
 *
 * Gotchas: a request that says more than these words (and where a list goes on) is not answered from here.
 */
import { isOurs } from "./DeliveryError.ts"
import * as RawMessage from "./RawMessage.ts"
import * as ServerLists from "./ServerLists.ts"

/** Where it is kept, for one server. By the words of a client. */
export interface CatalogueStore {
  /** Undefined: nothing is known. */
  readonly read: (words: string) => string | undefined
  /**
   * Keeps a text for these words, in place of the one before it. A text that cannot be kept is no failure: it is not known the next time.
   */
  readonly write: (words: string, text: string) => void
  /** What is kept has been found to be true. */
  readonly confirm: (words: string) => void
}

/** Where a catalogue is kept, and whether it answers. */
export interface CatalogueOptions {
  readonly store: CatalogueStore
  /** For people who look at the files. */
  readonly name: string
  /** Milliseconds since 1970. Default: what is fresh for a while only is not known. */
  readonly now?: (() => number) | undefined
  /** True: nothing is answered from here, and all is kept. Default: false. */
  readonly isEager?: boolean | undefined
}

interface StoredPage {
  /** As it is written. Undefined: the first page. */
  readonly cursor?: string | undefined
  readonly answer: string
  /** When it was told, in milliseconds since 1970: of one that is fresh for a while. */
  readonly at?: number | undefined
}

/** What is kept for the words of a client. */
export interface Entry {
  readonly format: typeof format
  readonly name: string
  readonly initialize?: string | undefined
  readonly discover?: string | undefined
  readonly lists: Readonly<Record<string, ReadonlyArray<StoredPage>>>
}

/** Raised when an older program could misread it. */
const format = 1

/** The memory of one server, as `HostSession` asks it. */
export class Catalogue {
  readonly #options: CatalogueOptions
  readonly #entries = new Map<string, Entry>()
  /** Lists that are being told, by the words and the method. */
  readonly #begun = new Map<string, { readonly pages: ReadonlyArray<StoredPage>; readonly next: string | undefined }>()

  constructor(options: CatalogueOptions) {
    this.#options = options
  }

  /** The answer of before, with the id of the request. `initialize` is what the client has said in the legacy era. */
  recall(
    request: RawMessage.RawMessage,
    initialize: RawMessage.RawMessage | undefined
  ): RawMessage.RawMessage | undefined {
    const words = wordsOf(request, initialize)
    if (words === undefined || this.#options.isEager === true) return undefined
    const answer = answerIn(this.#entry(words), request, this.#options.now?.())
    return answer === undefined ? undefined : withId(RawMessage.own(answer), request.id)
  }

  /** The server has answered. */
  learn(
    request: RawMessage.RawMessage,
    answer: RawMessage.RawMessage,
    initialize: RawMessage.RawMessage | undefined
  ): void {
    const words = wordsOf(request, initialize)
    if (words === undefined || isOurs(answer)) return
    const entry = this.#entry(words)
    const text = withId(answer, "0").text
    if (request.method === "initialize" || request.method === "server/discover") {
      const isRefused = !("result" in answer.value)
      // That a server is of the other era is worth knowing, too.
      if (isRefused && (request.method === "initialize" || !isOfEra(answer))) return
      const key = request.method === "initialize" ? "initialize" : "discover"
      if (entry[key] === text) return this.#options.store.confirm(words)
      return this.#write(words, { ...entry, [key]: text })
    }
    const asked = ServerLists.pageRequest(request)
    const page = asked && ServerLists.pageIn(asked.method, answer)
    if (asked === undefined || page === undefined) return
    const { cursor, method } = asked
    const key = `${method} ${words}`
    const begun = this.#begun.get(key)
    if (cursor !== undefined && begun?.next !== cursor) return
    const at = ServerLists.ttlOf(answer) > 0 ? this.#options.now?.() : undefined
    const told = { cursor, answer: text, ...(at !== undefined && { at }) }
    const pages = [...(cursor === undefined ? [] : begun?.pages ?? []), told]
    this.#begun.set(key, { pages, next: page.next })
    if (page.next !== undefined || isEqual(entry.lists[method], pages)) return
    this.#write(words, { ...entry, lists: { ...entry.lists, [method]: pages } })
  }

  /** The server has said something of its own accord: a list that has changed is not fresh any more. */
  heard({ method }: RawMessage.RawMessage): void {
    for (const [words, entry] of this.#entries) {
      const changed = Object.entries(entry.lists).filter(([list, pages]) =>
        ServerLists.all.get(list)?.notification === method && pages.some(({ at }) => at !== undefined)
      )
      if (changed.length === 0) continue
      const names = new Set(changed.map(([list]) => list))
      const lists = Object.fromEntries(Object.entries(entry.lists).filter(([list]) => !names.has(list)))
      this.#write(words, { ...entry, lists })
    }
  }

  #entry(words: string): Entry {
    const known = this.#entries.get(words)
    if (known !== undefined) return known
    const text = this.#options.store.read(words)
    const entry = (text === undefined ? undefined : decode(text)) ?? { format, name: this.#options.name, lists: {} }
    this.#entries.set(words, entry)
    return entry
  }

  #write(words: string, entry: Entry): void {
    this.#entries.set(words, entry)
    this.#options.store.write(words, JSON.stringify(entry))
  }
}

/** What an entry says. Undefined: it is damaged, or of another time. */
export const decode = (text: string): Entry | undefined => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // Cut off.
    return undefined
  }
  const { discover, format: found, initialize, lists, name } = RawMessage.membersOf(value)
  const isWhole = found === format && typeof name === "string" && isAnswer(initialize) && isAnswer(discover) &&
    Object.values(RawMessage.membersOf(lists)).every((pages) => Array.isArray(pages) && pages.every(isPage))
  // Every member was looked at.
  return isWhole ? value as Entry : undefined
}

/** Whether an error says that the server knows the question of the other era only. */
export const isOfEra = ({ value }: RawMessage.RawMessage): boolean => {
  const { code } = RawMessage.membersOf(value["error"])
  return code === -32601 || code === -32022
}

/** What a client has said of itself that answers may depend on. Undefined: nothing, or something that is not known here. */
const wordsOf = (
  request: RawMessage.RawMessage,
  initialize: RawMessage.RawMessage | undefined
): string | undefined => {
  const [revision, capabilities] = initialize === undefined
    ? [RawMessage.paths.revision, RawMessage.paths.capabilities].map((path) => RawMessage.textAt(request, path))
    : ["protocolVersion", "capabilities"].map((name) => RawMessage.textAt(initialize, ["params", name]))
  return revision === undefined ? undefined : `${revision} ${capabilities ?? ""}`
}

const answerIn = (entry: Entry, request: RawMessage.RawMessage, now: number | undefined): string | undefined => {
  if (request.method === "initialize") return entry.initialize
  if (request.method === "server/discover") {
    return Object.keys(RawMessage.paramsOf(request)).every((name) => name === "_meta") ? entry.discover : undefined
  }
  const asked = ServerLists.pageRequest(request)
  const pages = asked && entry.lists[asked.method]
  if (asked === undefined || pages === undefined) return undefined
  const answers = pages.map((page) => leftOf(page, now))
  // A list that is stale in part is asked for as a whole.
  return answers.includes(undefined) ? undefined : answers[pages.findIndex(({ cursor }) => cursor === asked.cursor)]
}

/** The answer of a page, with what is left of its time. Undefined: it is over. */
const leftOf = ({ answer, at }: StoredPage, now: number | undefined): string | undefined => {
  const message = RawMessage.own(answer)
  const ttl = ServerLists.ttlOf(message)
  if (ttl === 0) return answer
  const age = at === undefined || now === undefined ? ttl : now - at
  // The clock may have been set.
  if (age < 0 || age >= ttl) return undefined
  return RawMessage.replaced(message, [[RawMessage.paths.ttl, String(Math.floor(ttl - age))]]).text
}

const withId = (answer: RawMessage.RawMessage, id: string | undefined): RawMessage.RawMessage =>
  RawMessage.replaced(answer, [[RawMessage.paths.id, id]])

const isAnswer = (text: unknown): boolean => {
  if (text === undefined) return true
  const messages = typeof text === "string" ? RawMessage.read(text) : "no text"
  return typeof messages !== "string" && messages.length === 1 && messages[0]?.kind === "response"
}

const isPage = (page: unknown): boolean => {
  const { answer, at, cursor } = RawMessage.membersOf(page)
  return (at === undefined || typeof at === "number") && answer !== undefined && isAnswer(answer) &&
    (cursor === undefined || typeof cursor === "string")
}

const isEqual = (a: ReadonlyArray<StoredPage> | undefined, b: ReadonlyArray<StoredPage>): boolean =>
  a?.length === b.length &&
  a.every(({ answer, at, cursor }, index) =>
    answer === b[index]?.answer && at === b[index]?.at && cursor === b[index]?.cursor
  )
