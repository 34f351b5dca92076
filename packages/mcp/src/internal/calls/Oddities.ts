/**
 * What of servers' answers could not be read, told in the log: each thing once, however often it comes, with the server, the thing
 * and the reason. An answer in which nothing is odd costs nothing here.
 *
 * Memory is bounded: of one answer the first ten are told and the others counted, and of what was told so much is remembered that
 * only a server which always finds something new is told of twice.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { InvalidAnswer, McpRuntimeError } from "../../McpRuntimeError.ts"

/** Reads an answer, and calls `tell` with a clause for each thing that it leaves out. What is right it returns as itself. */
export type Decode<A> = (answer: unknown, tell?: (oddity: string) => void) => Result.Result<A, string>

/** Told of one answer. */
const mostOfOne = 10

/** Remembered of all. */
const mostOfAll = 10_000

export class Oddities {
  readonly #told = new Set<string>()

  /** Says what was odd about something of a server's, unless it has been said. */
  tell(server: string, what: string, oddities: ReadonlyArray<string>): Effect.Effect<void> {
    if (oddities.length === 0) return Effect.void
    return Effect.suspend(() => {
      const news = oddities.filter((oddity) => this.#isNew(`${server}: ${what}: ${oddity}`))
      const more = news.length - mostOfOne
      return Effect.forEach(
        [...news.slice(0, mostOfOne), ...(more > 0 ? [`and ${more} more of the kind`] : [])],
        (oddity) => Effect.logWarning(`${server}: ${what}: ${oddity}`),
        { discard: true }
      )
    })
  }

  /** Reads an answer to a request. What cannot be read at all fails with `InvalidAnswer`. */
  read<A>(
    server: string,
    { method, params }: { readonly method: string; readonly params?: object | undefined },
    answer: unknown,
    decode: Decode<A>
  ): Effect.Effect<A, McpRuntimeError> {
    let oddities: Array<string> | undefined
    const decoded = decode(answer, (oddity) => void (oddities ??= []).push(oddity))
    if (Result.isFailure(decoded)) {
      return Effect.fail(new McpRuntimeError({ reason: invalid(server, method, decoded.failure) }))
    }
    if (oddities === undefined) return Effect.succeed(decoded.success)
    const name = params !== undefined && "name" in params && typeof params.name === "string" ? ` ${params.name}` : ""
    return Effect.as(this.tell(server, `the answer to ${method}${name}`, oddities), decoded.success)
  }

  #isNew(line: string): boolean {
    if (this.#told.has(line)) return false
    this.#told.add(line)
    for (const oldest of this.#told) {
      if (this.#told.size <= mostOfAll) break
      this.#told.delete(oldest)
    }
    return true
  }
}

export const invalid = (server: string, method: string, description: string): InvalidAnswer =>
  // A schema's complaint has a line per fault; a message is one line.
  new InvalidAnswer({ server, method, description: description.replaceAll(/\s*\n\s*/g, " ") })
