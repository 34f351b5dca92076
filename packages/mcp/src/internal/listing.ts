/**
 * Whole lists out of pages.
 */
import type * as Messages from "@holdfast/protocol/Messages"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { CallFailure, McpConnection } from "../McpConnection.ts"
import { InvalidAnswer } from "../McpRuntimeError.ts"

/** One kind of list: how it is asked for, and what a page of it is. */
export interface Listing<Page extends { readonly nextCursor?: string }, Item> {
  readonly method: string
  /** Who does not offer it has none of it, whatever it answers. */
  readonly capability: keyof Messages.ServerCapabilities
  readonly decode: (answer: unknown) => Result.Result<Page, string>
  readonly items: (page: Page) => ReadonlyArray<Item>
}

/** A list that does not end is a fault of the server, not a reason to run out of memory. */
const maxPages = 1000

const methodNotFound = -32601

/** All pages from one connection: a cursor of one session means nothing to the next. */
export const allPages = Effect.fnUntraced(function*<Page extends { readonly nextCursor?: string }, Item>(
  { capability, decode, items, method }: Listing<Page, Item>,
  connection: McpConnection,
  left: () => number
): Effect.fn.Return<ReadonlyArray<Item>, CallFailure> {
  const { server } = connection
  const all: Array<Item> = []
  const cursors = new Set<string>()
  for (let cursor: string | undefined = undefined; cursors.size < maxPages;) {
    const page: Page | void = yield* connection.request(
      method,
      cursor === undefined ? {} : { cursor },
      { hardDeadline: left }
    ).pipe(
      Effect.flatMap((answer) => fromAnswer(server, method, decode(answer))),
      Effect.catchIf(
        (failure) =>
          failure._tag === "ServerError" && failure.code === methodNotFound &&
          connection.capabilities[capability] === undefined,
        () => Effect.void
      )
    )
    if (page === undefined) return all
    for (const item of items(page)) all.push(item)
    cursor = page.nextCursor
    if (cursor === undefined) return all
    if (cursors.has(cursor)) break
    cursors.add(cursor)
  }
  const description = `the list does not end (${all.length} entries so far)`
  return yield* new InvalidAnswer({ server, method, description })
})

export const fromAnswer = <A>(
  server: string,
  method: string,
  decoded: Result.Result<A, string>
): Effect.Effect<A, InvalidAnswer> =>
  Result.isSuccess(decoded)
    ? Effect.succeed(decoded.success)
    // A schema's complaint has a line per fault; a message is one line.
    : Effect.fail(new InvalidAnswer({ server, method, description: decoded.failure.replaceAll(/\s*\n\s*/g, " ") }))
