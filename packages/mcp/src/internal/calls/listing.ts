/**
 * Whole lists out of pages.
 *
 * Promises: each entry comes once, and the list ends, whatever the server's cursors do. A cursor is opaque, the empty one included
 * (a server may mean it, as revision 2026-07-28 says): a list is at its end when there is none, when one comes again without anything
 * new, when page after page brings nothing new, and at a limit. An end that the server did not mean, and what of the list could not be
 * read, are `oddities`.
 */
import type * as Messages from "@holdfast/protocol/Messages"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { DeadlineExceeded } from "../../McpRuntimeError.ts"
import type { CallFailure, McpConnection } from "../connection/contract.ts"
import { both, type Freshness, freshnessOf } from "./Freshness.ts"
import { type Decode, invalid } from "./Oddities.ts"

/** One kind of list: how it is asked for, and what a page of it is. */
export interface Listing<Page extends { readonly nextCursor?: string }, Item> {
  readonly method: string
  /** A server that does not offer it has none of it, whatever it answers. */
  readonly capability: keyof Messages.ServerCapabilities
  readonly decode: Decode<Page>
  readonly items: (page: Page) => ReadonlyArray<Item>
  /** What tells an entry from others. */
  readonly identity: (item: Item) => string
  /** What an entry is called in what is told of it. */
  readonly noun: string
  /** Why an entry cannot be used, if it cannot. Default: each can. */
  readonly fault?: ((item: Item) => string | undefined) | undefined
}

/** A list, and what of it is not as it should be. */
export interface Whole<Item> {
  readonly items: ReadonlyArray<Item>
  readonly oddities: ReadonlyArray<string>
  /** How long it is fresh, if its server has said so and it is there to its end. */
  readonly freshness?: Freshness | undefined
}

/** A list that does not end is a fault of the server, not a reason to run out of memory. */
const maxPages = 10_000
const maxItems = 100_000

/** Pages in a row without anything new after which nothing is to be expected. A server that filters its list has a few of them. */
const maxIdlePages = 20

const methodNotFound = -32601

/** All pages from one connection: a cursor of one session means nothing to the next. */
export const allPages = Effect.fnUntraced(function*<Page extends { readonly nextCursor?: string }, Item>(
  listing: Listing<Page, Item>,
  connection: McpConnection,
  left: () => number,
  /** Monotonic milliseconds. Default: nothing is fresh. */
  now?: () => number
): Effect.fn.Return<Whole<Item>, CallFailure> {
  const { capability, decode, fault, identity, items: itemsOf, method, noun } = listing
  const { server } = connection
  const isOffered = connection.capabilities[capability] !== undefined
  const items: Array<Item> = []
  const oddities: Array<string> = []
  const tell = (oddity: string): void => void oddities.push(oddity)
  /** The page each entry was on. */
  const known = new Map<string, number>()
  const cursors = new Set<string>()
  let idlePages = 0
  let cursor: string | undefined
  let freshness: Freshness | undefined
  for (let page = 1;; page++) {
    const answer: Result.Result<unknown, CallFailure> = yield* Effect.result(connection.request(
      method,
      cursor === undefined ? {} : { cursor },
      { hardDeadline: left }
    ))
    const read = Result.flatMap(
      answer,
      (answer): Result.Result<Page, CallFailure> =>
        Result.mapError(decode(answer, tell), (problem) => invalid(server, method, problem))
    )
    if (Result.isFailure(read)) {
      const failure = read.failure
      const isAnswer = failure._tag === "ServerError" || failure._tag === "InvalidAnswer"
      if (!isOffered && (failure._tag === "InvalidAnswer" || isUnknownMethod(failure))) return { items, oddities }
      if (!isAnswer || page === 1) return yield* page === 1 ? failure : onTheWay(failure, items.length, page)
      tell(`it ends after ${items.length} entries, because page ${page} is an error: ${failure.description}`)
      return { items, oddities }
    }
    if (now !== undefined && connection.era === "modern" && Result.isSuccess(answer)) {
      const own = freshnessOf(answer.success, now())
      freshness = page === 1 ? own : freshness && both(freshness, own)
    }
    let isNew = false
    for (const item of itemsOf(read.success)) {
      const id = identity(item)
      const before = known.get(id)
      if (before !== undefined) {
        // An entry of an earlier page may have moved while the list was read.
        if (before === page) tell(`${noun} ${JSON.stringify(id)} is there twice; the first is used`)
        continue
      }
      known.set(id, page)
      isNew = true
      const problem = fault?.(item)
      if (problem === undefined) items.push(item)
      else tell(`${noun} ${JSON.stringify(id)} is left out: ${problem}`)
    }
    cursor = read.success.nextCursor
    if (cursor === undefined) return { items, oddities, freshness }
    idlePages = isNew ? 0 : idlePages + 1
    const end = !isNew && cursors.has(cursor)
      ? `its cursors go round (${JSON.stringify(cursor.slice(0, 40))} again)`
      : idlePages > maxIdlePages
      ? `${idlePages} pages in a row had nothing new`
      : page >= maxPages || items.length >= maxItems
      ? "it goes on for ever"
      : undefined
    if (end !== undefined) {
      tell(`it is taken to end after ${items.length} entries: ${end}`)
      return { items, oddities }
    }
    cursors.add(cursor)
  }
})

const isUnknownMethod = (failure: CallFailure): boolean =>
  failure._tag === "ServerError" && failure.code === methodNotFound

/** A deadline that passes while pages come is none of a silent server. */
const onTheWay = (failure: CallFailure, entries: number, page: number): CallFailure => {
  if (failure._tag !== "DeadlineExceeded") return failure
  const { afterMillis, delivery, kind, method, server } = failure
  const description = `${entries} entries had come on ${page - 1} pages`
  return new DeadlineExceeded({ server, method, afterMillis, kind, delivery, description })
}
