/**
 * What servers were asked to tell: resources that callers watch, and how much the servers are to log.
 *
 * Subscriptions belong to a session of the server's, and sessions come and go: every new connection is told them again before
 * any caller uses it. They are counted, since several may watch one resource: only the last unsubscribes. Of several log levels
 * the most verbose is asked for.
 *
 * A subscription is to the server of a name, whichever that is: it outlives another config. While there is no such server, subscriptions
 * wait.
 *
 * What a server had to tell while no connection was there is lost. The watchers of a resource are told so, once it is heard of again:
 * by a notification that it may have changed, which bears the mark `readAgain`.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Endpoint } from "../../Endpoint.ts"
import { ConnectionLost } from "../../McpRuntimeError.ts"
import type { CallFailure, McpConnection } from "../connection/contract.ts"
import type { PooledServer } from "../pool/PooledServer.ts"
import { LegacySync } from "./LegacySync.ts"
import { ModernSync } from "./ModernSync.ts"
import { type Desired, type LogLevel, logLevels, type SubscriptionSync } from "./SubscriptionSync.ts"

/** A member of `_meta`, true: the notification is the runtime's own. What the server said of the resource meanwhile is lost. */
export const readAgain = "holdfast/readAgain"

/** One subscription of one server, however often it is desired. */
interface Subscription {
  count: number
  /** A server has said yes to a caller, which relies on it from then on. */
  isPromised: boolean
  /** By the server of this fingerprint last. */
  heardFrom: string | undefined
}

interface ServerSubscriptions {
  readonly resources: Map<string, Subscription>
  readonly levels: Map<LogLevel, Subscription>
}

export interface SubscriptionsOptions {
  /** What a server is now. */
  readonly current: (server: string | Endpoint) => PooledServer | undefined
  /** Callers that know the server by this name must read a resource again. */
  readonly onGap: (server: string, uri: string) => void
}

export class Subscriptions {
  readonly #options: SubscriptionsOptions
  readonly #byServer = new Map<string | Endpoint, ServerSubscriptions>()
  /** Subscriptions to a level, of all servers. */
  #levels = 0
  /** By what their connections belong to. */
  readonly #syncs = new Map<string, Map<McpConnection, SubscriptionSync>>()

  constructor(options: SubscriptionsOptions) {
    this.#options = options
  }

  // What is subscribed to.

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
    for (const syncs of this.#syncs.values()) for (const sync of syncs.values()) sync.wake()
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
    return this.#at(target, connection, "resources/subscribe", (sync) => sync.watch(uri))
  }

  /** Has this connection's server log from the level in force on. Fails as the request for it. */
  log(target: PooledServer, connection: McpConnection): Effect.Effect<void, CallFailure> {
    return this.#at(target, connection, "logging/setLevel", (sync) => sync.log)
  }

  /** Waits until all connections of a server know what is desired of this resource, or of the level: for two seconds at most. */
  settled(server: string | Endpoint, uri?: string): Effect.Effect<void> {
    return Effect.suspend(() => {
      const target = this.#options.current(server)
      const syncs = [...this.#syncs.get(target?.fingerprint ?? "")?.values() ?? []]
      return Effect.forEach(syncs, (sync) => sync.settled(uri), { concurrency: "unbounded", discard: true })
    }).pipe(Effect.timeoutOption("2 seconds"), Effect.asVoid)
  }

  /**
   * Tells a new connection what was asked for, and goes on telling it until its Scope closes. A server that refuses loses the subscription, not
   * the connection.
   */
  serve(target: PooledServer, connection: McpConnection): Effect.Effect<void, never, Scope.Scope> {
    return Effect.suspend(() => {
      const { fingerprint } = target
      const desired: Desired = {
        isWanted: (uri) => this.#about(fingerprint).some(({ resources }) => resources.has(uri)),
        promised: () => this.promised(fingerprint),
        level: () => this.level(target),
        isLevelPromised: () => this.#about(fingerprint).some(({ levels }) => [...levels.values()].some(isPromised)),
        onHeard: (uri) => this.heard(fingerprint, sync, uri)
      }
      const sync: SubscriptionSync = connection.era === "modern"
        ? new ModernSync({ connection, desired, deadline: target.deadlines.read })
        : new LegacySync({ connection, desired, deadline: target.deadlines.read })
      return Effect.andThen(this.#enter(fingerprint, connection, sync), sync.begin)
    })
  }

  /** The resources that callers rely on. */
  promised(fingerprint: string): ReadonlyArray<string> {
    const promised = this.#about(fingerprint).flatMap(({ resources }) =>
      [...resources].filter(([, subscription]) => isPromised(subscription)).map(([uri]) => uri)
    )
    return [...new Set(promised)]
  }

  #at<A>(
    { fingerprint }: PooledServer,
    connection: McpConnection,
    method: string,
    f: (sync: SubscriptionSync) => Effect.Effect<A, CallFailure>
  ): Effect.Effect<A, CallFailure> {
    const sync = this.#syncs.get(fingerprint)?.get(connection)
    if (sync !== undefined) return f(sync)
    const { server } = connection
    const description = "the connection is being closed"
    return Effect.fail(new ConnectionLost({ server, method, delivery: "NotSent", description }))
  }

  #enter(
    fingerprint: string,
    connection: McpConnection,
    sync: SubscriptionSync
  ): Effect.Effect<void, never, Scope.Scope> {
    return Effect.asVoid(Effect.acquireRelease(
      Effect.sync(() => {
        const syncs = this.#syncs.get(fingerprint) ?? new Map<McpConnection, SubscriptionSync>()
        this.#syncs.set(fingerprint, syncs.set(connection, sync))
      }),
      () =>
        Effect.sync(() => {
          const syncs = this.#syncs.get(fingerprint)
          syncs?.delete(connection)
          if (syncs?.size === 0) this.#syncs.delete(fingerprint)
        })
    ))
  }

  /** A resource is heard of on one connection. If it was on another until now, nothing was missed. */
  heard(fingerprint: string, heardBy: SubscriptionSync, uri: string): void {
    const syncs = this.#syncs.get(fingerprint)?.values() ?? []
    const isHeardAnyway = [...syncs].some((sync) => sync !== heardBy && sync.hears(uri))
    const missed = new Set<string>()
    for (const [server, { resources }] of this.#byServer) {
      const subscription = resources.get(uri)
      const target = this.#options.current(server)
      if (subscription?.isPromised !== true || target?.fingerprint !== fingerprint) continue
      if (subscription.heardFrom !== fingerprint || !isHeardAnyway) missed.add(target.label)
      subscription.heardFrom = fingerprint
    }
    for (const server of missed) this.#options.onGap(server, uri)
  }

  #promise(server: string | Endpoint, subscription: Subscription | undefined): void {
    if (subscription === undefined) return
    const fingerprint = this.#options.current(server)?.fingerprint
    if (!subscription.isPromised) {
      subscription.isPromised = true
      subscription.heardFrom = fingerprint
    }
    this.#wake(fingerprint)
  }

  #of(server: string | Endpoint): ServerSubscriptions {
    let own = this.#byServer.get(server)
    if (own === undefined) {
      own = { resources: new Map(), levels: new Map() }
      this.#byServer.set(server, own)
    }
    return own
  }

  #forget(server: string | Endpoint): void {
    const own = this.#byServer.get(server)
    if (own?.resources.size === 0 && own.levels.size === 0) this.#byServer.delete(server)
    this.#wake(this.#options.current(server)?.fingerprint)
  }

  #wake(fingerprint: string | undefined): void {
    for (const sync of this.#syncs.get(fingerprint ?? "")?.values() ?? []) sync.wake()
  }

  /** Several names may mean one server. */
  #about(fingerprint: string): ReadonlyArray<ServerSubscriptions> {
    return [...this.#byServer].flatMap(([server, own]) =>
      this.#options.current(server)?.fingerprint === fingerprint ? [own] : []
    )
  }
}

const isPromised = (subscription: Subscription): boolean => subscription.isPromised

const add = <K>(counted: Map<K, Subscription>, key: K): void => {
  const subscription = counted.get(key)
  if (subscription === undefined) counted.set(key, { count: 1, isPromised: false, heardFrom: undefined })
  else subscription.count++
}

const remove = <K>(counted: Map<K, Subscription>, key: K): void => {
  const subscription = counted.get(key)
  if (subscription !== undefined && --subscription.count === 0) counted.delete(key)
}
