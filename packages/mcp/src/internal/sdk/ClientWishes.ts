/**
 * What one SDK client asked a shared server to tell it: resources it watches, and the log level it wants.
 *
 * The server sees one client, the pool's connection, and that one asks for the union of all wishes. So each client's own wishes
 * are held here: to take back exactly those when it goes, and to keep from it what only others wanted.
 */
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { Endpoint } from "../../Endpoint.ts"
import type { McpConnections } from "../../McpConnections.ts"
import type { McpRuntimeError } from "../../McpRuntimeError.ts"
import { type LogLevel, logLevels } from "../subscriptions/SubscriptionSync.ts"

export class ClientWishes {
  readonly #connections: McpConnections["Service"]
  readonly #server: string | Endpoint
  readonly #scope: Scope.Scope
  readonly #resources = new Map<string, Scope.Closeable>()
  /** One wish at a time: what is asked for last must be what is in force. */
  readonly #turn = Semaphore.makeUnsafe(1)
  #level: { readonly level: LogLevel; readonly scope: Scope.Closeable } | undefined

  constructor(connections: McpConnections["Service"], server: string | Endpoint, scope: Scope.Scope) {
    this.#connections = connections
    this.#server = server
    this.#scope = scope
  }

  subscribe(uri: string): Effect.Effect<object, McpRuntimeError> {
    return this.#turn.withPermit(Effect.suspend(() =>
      this.#resources.has(uri) ? Effect.void : this.#hold(
        this.#connections.subscribe(this.#server, uri),
        (scope) => void this.#resources.set(uri, scope),
        () => void this.#resources.delete(uri)
      )
    )).pipe(Effect.as({}))
  }

  /** Of what this client does not watch there is nothing to take back, whichever other clients watch it. */
  unsubscribe(uri: string): Effect.Effect<object> {
    return this.#turn.withPermit(Effect.suspend(() => {
      const scope = this.#resources.get(uri)
      this.#resources.delete(uri)
      return scope === undefined ? Effect.void : Scope.close(scope, Exit.void)
    })).pipe(Effect.as({}))
  }

  setLevel(asked: unknown): Effect.Effect<object, McpRuntimeError | JsonRpc.ErrorObject> {
    const level = logLevels.find((name) => name === asked)
    if (level === undefined) {
      const message = `level: expected one of ${logLevels.join(", ")}`
      return Effect.fail({ code: JsonRpc.errorCode.invalidParams, message })
    }
    return this.#turn.withPermit(Effect.suspend(() => {
      const former = this.#level
      const asking = this.#hold(
        this.#connections.logLevel(this.#server, level),
        (scope) => void (this.#level = { level, scope }),
        () => void (this.#level = former)
      )
      // The new level is asked for before the old one is taken back: the server is never told a level that no client wants.
      return former === undefined ? asking : Effect.andThen(asking, Scope.close(former.scope, Exit.void))
    })).pipe(Effect.as({}))
  }

  /** Whether a notification of the server is meant for this client. */
  concerns(method: string, params: unknown): boolean {
    if (typeof params !== "object" || params === null) return true
    if (method === "notifications/message" && this.#level !== undefined && "level" in params) {
      const rank = logLevels.findIndex((name) => name === params.level)
      return rank === -1 || rank >= logLevels.indexOf(this.#level.level)
    }
    if (method === "notifications/resources/updated" && "uri" in params) {
      const { uri } = params
      // "This might be a sub-resource of the one that the client actually subscribed to" (schema, ResourceUpdatedNotification).
      return typeof uri === "string" && [...this.#resources.keys()].some((watched) => uri.startsWith(watched))
    }
    return true
  }

  /**
   * Makes a wish in a Scope of its own, which the client's Scope closes at the latest. It is noted before it is made: what the
   * server says on the heels of its answer is for this client already.
   */
  #hold(
    wish: Effect.Effect<void, McpRuntimeError, Scope.Scope>,
    note: (scope: Scope.Closeable) => void,
    forget: () => void
  ): Effect.Effect<void, McpRuntimeError> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Scope.fork(this.#scope), (scope) => {
        note(scope)
        return Effect.onExit(restore(Scope.provide(wish, scope)), (exit) => {
          if (Exit.isSuccess(exit)) return Effect.void
          forget()
          return Scope.close(scope, exit)
        })
      })
    )
  }
}
