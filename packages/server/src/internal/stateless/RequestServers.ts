/**
 * The server for the next request: one made for it, or, if servers are kept because they remember nothing, one that has answered a
 * request of the same client before. Each serves one request at a time.
 *
 * What is kept is a session like any other: it is swept when it was idle for too long, and closed by a drain.
 */
import type { Principal } from "@holdfast/protocol/Principal"
import * as Effect from "effect/Effect"
import type { McpServerError } from "../../McpServerError.ts"
import type { HttpSessions } from "../http/HttpSessions.ts"
import type { Origin } from "../http/Origin.ts"
import { Greetings } from "./Greetings.ts"
import * as RequestServer from "./RequestServer.ts"
import type { StatelessRequest } from "./StatelessRequest.ts"

export interface RequestServersOptions {
  readonly sessions: Pick<HttpSessions, "registry" | "start">
  /** How many may wait. 0: none. */
  readonly keep: number
  readonly fork: (effect: Effect.Effect<void>) => void
  /** Told what a server says while it serves no request. */
  readonly onSaid: (requestServer: RequestServer.RequestServer, message: RequestServer.Said) => void
}

/** What a server was told of its client, which it is not told again. */
const kindOf = ({ id }: Principal, { capabilities, clientInfo }: StatelessRequest): string =>
  JSON.stringify([id, clientInfo, capabilities])

export class RequestServers {
  readonly #options: RequestServersOptions
  readonly #greetings = new Greetings()
  readonly #waiting = new Map<string, Set<RequestServer.Greeted>>()
  readonly #kinds = new WeakMap<RequestServer.RequestServer, string>()
  #count = 0

  constructor(options: RequestServersOptions) {
    this.#options = options
  }

  /** Undefined: none could be made. */
  take(
    principal: Principal,
    asked: StatelessRequest,
    origin: Origin | undefined
  ): Effect.Effect<RequestServer.Greeted | undefined, McpServerError> {
    const { sessions, keep } = this.#options
    const open = RequestServer.open(sessions, this.#greetings, principal, asked, origin)
    if (keep === 0) return open
    const kind = kindOf(principal, asked)
    return Effect.suspend(() => {
      const known = this.#waiting.get(kind)?.values().next().value
      if (known !== undefined) {
        this.#remove(kind, known)
        known.requestServer.serve(origin)
        return Effect.succeed(known)
      }
      const made = Effect.catch(open, (error) => {
        // Those that only wait make room.
        const oldest = error.reason._tag === "SessionLimit" ? this.#oldest : undefined
        return oldest === undefined ? Effect.fail(error) : Effect.andThen(oldest.session.close("limit"), open)
      })
      return Effect.tap(made, (greeted) =>
        Effect.sync(() => {
          if (greeted === undefined) return
          this.#kinds.set(greeted.requestServer, kind)
          greeted.requestServer.session.onClosing(() => this.#remove(kind, greeted))
        }))
    })
  }

  /** It has answered, or was not asked at all. */
  giveBack(greeted: RequestServer.Greeted): void {
    const { requestServer } = greeted
    const kind = this.#kinds.get(requestServer)
    if (kind === undefined || this.#count >= this.#options.keep || requestServer.session.state() !== "active") {
      return this.#options.fork(requestServer.session.close("done"))
    }
    requestServer.onSaid = (message) => this.#options.onSaid(requestServer, message)
    const waiting = this.#waiting.get(kind) ?? new Set()
    this.#waiting.set(kind, waiting.add(greeted))
    this.#count++
  }

  get #oldest(): RequestServer.RequestServer | undefined {
    const [waiting] = this.#waiting.values()
    const [greeted] = waiting ?? []
    return greeted?.requestServer
  }

  #remove(kind: string, greeted: RequestServer.Greeted): void {
    const waiting = this.#waiting.get(kind)
    if (waiting?.delete(greeted) !== true) return
    this.#count--
    if (waiting.size === 0) this.#waiting.delete(kind)
  }
}
