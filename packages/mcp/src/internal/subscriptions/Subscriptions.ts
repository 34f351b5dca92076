/**
 * What servers were asked to tell: resources that somebody watches, and how much they are to log.
 *
 * Subscriptions belong to a session of the server's, and sessions come and go: every new connection is told them again before
 * anybody uses it. They are counted, since several may watch one resource: only the last unsubscribes. Of several log levels
 * the most verbose is asked for.
 *
 * Who wishes something of a server means whatever bears its name: wishes outlive another config. While it has no such server, they
 * wait.
 *
 * What a server had to tell while no connection was there is lost. Whoever watches a resource is told so, once it is heard of again:
 * by a notification that it may have changed, which bears the mark `readAgain`.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Endpoint } from "../../Endpoint.ts"
import { ConnectionLost } from "../../McpRuntimeError.ts"
import type { CallFailure, McpConnection } from "../connection/contract.ts"
import type { PooledServer } from "../pool/PooledServer.ts"
import { LegacyTeller } from "./LegacyTeller.ts"
import { ModernTeller } from "./ModernTeller.ts"
import { type LogLevel, logLevels, type Teller, type Wished } from "./Teller.ts"

/** A member of `_meta`, true: the notification is the runtime's own. What the server said of the resource meanwhile is lost. */
export const readAgain = "holdfast/readAgain"

/** One wish of one server, however often it is wished. */
interface Wish {
  count: number
  /** A server has said yes to somebody, who relies on it from then on. */
  isPromised: boolean
  /** By the server of this fingerprint last. */
  heardFrom: string | undefined
}

interface Wishes {
  readonly resources: Map<string, Wish>
  readonly levels: Map<LogLevel, Wish>
}

export interface SubscriptionsOptions {
  /** What a server is now. */
  readonly current: (server: string | Endpoint) => PooledServer | undefined
  /** Somebody who calls the server so must read a resource again. */
  readonly onGap: (server: string, uri: string) => void
}

export class Subscriptions {
  readonly #options: SubscriptionsOptions
  readonly #byServer = new Map<string | Endpoint, Wishes>()
  /** Wishes for a level, of all servers. */
  #levels = 0
  /** By what their connections belong to. */
  readonly #tellers = new Map<string, Map<McpConnection, Teller>>()

  constructor(options: SubscriptionsOptions) {
    this.#options = options
  }

  // Wishes.

  addResource(server: string | Endpoint, uri: string): void {
    add(this.#of(server).resources, uri)
  }

  /** A server has said yes to it: all connections are told of it from now on. */
  promiseResource(server: string | Endpoint, uri: string): void {
    this.#promise(server, this.#byServer.get(server)?.resources.get(uri))
  }

  removeResource(server: string | Endpoint, uri: string): void {
    remove(this.#of(server).resources, uri)
    this.#forget(server)
  }

  addLevel(server: string | Endpoint, level: LogLevel): void {
    add(this.#of(server).levels, level)
    this.#levels++
  }

  promiseLevel(server: string | Endpoint, level: LogLevel): void {
    this.#promise(server, this.#byServer.get(server)?.levels.get(level))
  }

  removeLevel(server: string | Endpoint, level: LogLevel): void {
    remove(this.#of(server).levels, level)
    this.#levels--
    this.#forget(server)
  }

  /** Servers may have got another meaning. */
  renew(): void {
    for (const tellers of this.#tellers.values()) for (const teller of tellers.values()) teller.wake()
  }

  // Connections.

  /** The level in force. */
  level(target: PooledServer): LogLevel | undefined {
    // Asked at every modern request.
    if (this.#levels === 0) return undefined
    const levels = new Set(this.#about(target.fingerprint).flatMap(({ levels }) => [...levels.keys()]))
    return logLevels.find((level) => levels.has(level))
  }

  /** Has this connection's server tell of a resource that was added. Fails as the request for it. */
  watch(target: PooledServer, connection: McpConnection, uri: string): Effect.Effect<void, CallFailure> {
    return this.#at(target, connection, "resources/subscribe", (teller) => teller.watch(uri))
  }

  /** Has this connection's server log from the level in force on. Fails as the request for it. */
  log(target: PooledServer, connection: McpConnection): Effect.Effect<void, CallFailure> {
    return this.#at(target, connection, "logging/setLevel", (teller) => teller.log)
  }

  /** Waits until all connections of a server know what is wished of this resource, or of the level: for two seconds at most. */
  settled(server: string | Endpoint, uri?: string): Effect.Effect<void> {
    return Effect.suspend(() => {
      const target = this.#options.current(server)
      const tellers = [...this.#tellers.get(target?.fingerprint ?? "")?.values() ?? []]
      return Effect.forEach(tellers, (teller) => teller.settled(uri), { concurrency: "unbounded", discard: true })
    }).pipe(Effect.timeoutOption("2 seconds"), Effect.asVoid)
  }

  /**
   * Tells a new connection what was asked for, and goes on telling it until its Scope closes. A server that refuses loses the wish, not
   * the connection.
   */
  serve(target: PooledServer, connection: McpConnection): Effect.Effect<void, never, Scope.Scope> {
    return Effect.suspend(() => {
      const { fingerprint } = target
      const wished: Wished = {
        isWanted: (uri) => this.#about(fingerprint).some(({ resources }) => resources.has(uri)),
        promised: () => this.promised(fingerprint),
        level: () => this.level(target),
        isLevelPromised: () => this.#about(fingerprint).some(({ levels }) => [...levels.values()].some(isPromised)),
        onHeard: (uri) => this.heard(fingerprint, teller, uri)
      }
      const teller: Teller = connection.era === "modern"
        ? new ModernTeller({ connection, wished, deadline: target.deadlines.read })
        : new LegacyTeller({ connection, wished, deadline: target.deadlines.read })
      return Effect.andThen(this.#enter(fingerprint, connection, teller), teller.begin)
    })
  }

  /** The resources that somebody relies on. */
  promised(fingerprint: string): ReadonlyArray<string> {
    const promised = this.#about(fingerprint).flatMap(({ resources }) =>
      [...resources].filter(([, wish]) => isPromised(wish)).map(([uri]) => uri)
    )
    return [...new Set(promised)]
  }

  #at<A>(
    { fingerprint }: PooledServer,
    connection: McpConnection,
    method: string,
    f: (teller: Teller) => Effect.Effect<A, CallFailure>
  ): Effect.Effect<A, CallFailure> {
    const teller = this.#tellers.get(fingerprint)?.get(connection)
    if (teller !== undefined) return f(teller)
    const { server } = connection
    const description = "the connection is being closed"
    return Effect.fail(new ConnectionLost({ server, method, delivery: "NotSent", description }))
  }

  #enter(
    fingerprint: string,
    connection: McpConnection,
    teller: Teller
  ): Effect.Effect<void, never, Scope.Scope> {
    return Effect.asVoid(Effect.acquireRelease(
      Effect.sync(() => {
        const tellers = this.#tellers.get(fingerprint) ?? new Map<McpConnection, Teller>()
        this.#tellers.set(fingerprint, tellers.set(connection, teller))
      }),
      () =>
        Effect.sync(() => {
          const tellers = this.#tellers.get(fingerprint)
          tellers?.delete(connection)
          if (tellers?.size === 0) this.#tellers.delete(fingerprint)
        })
    ))
  }

  /** A resource is heard of on one connection. If it was on another until now, nothing was missed. */
  heard(fingerprint: string, heardBy: Teller, uri: string): void {
    const tellers = this.#tellers.get(fingerprint)?.values() ?? []
    const isHeardAnyway = [...tellers].some((teller) => teller !== heardBy && teller.hears(uri))
    const missed = new Set<string>()
    for (const [server, { resources }] of this.#byServer) {
      const wish = resources.get(uri)
      const target = this.#options.current(server)
      if (wish?.isPromised !== true || target?.fingerprint !== fingerprint) continue
      if (wish.heardFrom !== fingerprint || !isHeardAnyway) missed.add(target.label)
      wish.heardFrom = fingerprint
    }
    for (const server of missed) this.#options.onGap(server, uri)
  }

  #promise(server: string | Endpoint, wish: Wish | undefined): void {
    if (wish === undefined) return
    const fingerprint = this.#options.current(server)?.fingerprint
    if (!wish.isPromised) {
      wish.isPromised = true
      wish.heardFrom = fingerprint
    }
    this.#wake(fingerprint)
  }

  #of(server: string | Endpoint): Wishes {
    let wishes = this.#byServer.get(server)
    if (wishes === undefined) {
      wishes = { resources: new Map(), levels: new Map() }
      this.#byServer.set(server, wishes)
    }
    return wishes
  }

  #forget(server: string | Endpoint): void {
    const wishes = this.#byServer.get(server)
    if (wishes?.resources.size === 0 && wishes.levels.size === 0) this.#byServer.delete(server)
    this.#wake(this.#options.current(server)?.fingerprint)
  }

  #wake(fingerprint: string | undefined): void {
    for (const teller of this.#tellers.get(fingerprint ?? "")?.values() ?? []) teller.wake()
  }

  /** Several names may mean one server. */
  #about(fingerprint: string): ReadonlyArray<Wishes> {
    return [...this.#byServer].flatMap(([server, wishes]) =>
      this.#options.current(server)?.fingerprint === fingerprint ? [wishes] : []
    )
  }
}

const isPromised = (wish: Wish): boolean => wish.isPromised

const add = <K>(wishes: Map<K, Wish>, key: K): void => {
  const wish = wishes.get(key)
  if (wish === undefined) wishes.set(key, { count: 1, isPromised: false, heardFrom: undefined })
  else wish.count++
}

const remove = <K>(wishes: Map<K, Wish>, key: K): void => {
  const wish = wishes.get(key)
  if (wish !== undefined && --wish.count === 0) wishes.delete(key)
}
