/**
 * What servers were asked to tell: resources that somebody watches, and how much they are to log.
 *
 * Subscriptions belong to a session of the server's, and sessions come and go: every new connection is told them again before
 * anybody uses it. They are counted, since several may watch one resource: only the last unsubscribes. Of several log levels
 * the most verbose is asked for.
 *
 * Who wishes something of a server means whatever bears its name: wishes outlive another config. While it has no such server, they
 * wait.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Endpoint } from "../Endpoint.ts"
import type { CallFailure, McpConnection } from "../McpConnection.ts"
import { keepListening } from "./listening.ts"
import type { Target } from "./target.ts"

/** From the most verbose (RFC 5424, as MCP names them). */
export const logLevels = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"] as const

export type LogLevel = typeof logLevels[number]

interface Wishes {
  readonly resources: Map<string, number>
  readonly levels: Map<LogLevel, number>
  /** What the server was when this was looked at last. */
  fingerprint: string | undefined
}

/** A server, and what to say to it. */
export interface Change {
  readonly target: Target
  readonly asked: { readonly method: string; readonly params: object }
}

export class Subscriptions {
  readonly #current: (server: string | Endpoint) => Target | undefined
  readonly #byServer = new Map<string | Endpoint, Wishes>()
  /** Wishes for a level, of all servers. */
  #levels = 0
  /** Told when anything is watched that was not, or the other way round. */
  readonly #listeners = new Set<() => void>()
  /** Connections in the old way, by what they belong to. They have to be told, one by one. */
  readonly #open = new Map<string, Set<McpConnection>>()

  /** `current` says what a server is now. */
  constructor(current: (server: string | Endpoint) => Target | undefined) {
    this.#current = current
  }

  #of(server: string | Endpoint): Wishes {
    let wishes = this.#byServer.get(server)
    if (wishes === undefined) {
      wishes = { resources: new Map(), levels: new Map(), fingerprint: this.#current(server)?.fingerprint }
      this.#byServer.set(server, wishes)
    }
    return wishes
  }

  #forget(server: string | Endpoint): void {
    const wishes = this.#byServer.get(server)
    if (wishes?.resources.size === 0 && wishes.levels.size === 0) this.#byServer.delete(server)
  }

  /** Several names may mean one server. */
  #about({ fingerprint }: Target): ReadonlyArray<Wishes> {
    return [...this.#byServer].flatMap(([server, wishes]) =>
      this.#current(server)?.fingerprint === fingerprint ? [wishes] : []
    )
  }

  addResource(server: string | Endpoint, uri: string): void {
    if (count(this.#of(server).resources, uri, 1) === 1) this.#tell()
  }

  /** Returns what to say now that this one does not want it any more. */
  removeResource(server: string | Endpoint, uri: string): Change | undefined {
    const left = count(this.#of(server).resources, uri, -1)
    this.#forget(server)
    if (left > 0) return undefined
    this.#tell()
    const target = this.#current(server)
    return target === undefined || this.resources(target).includes(uri)
      ? undefined
      : { target, asked: unsubscribe(uri) }
  }

  /** Adds somebody's wish; returns the level to ask for. */
  addLevel(server: string | Endpoint, level: LogLevel): LogLevel {
    count(this.#of(server).levels, level, 1)
    this.#levels++
    const target = this.#current(server)
    return (target && this.level(target)) ?? level
  }

  /** Takes a wish back; returns what to say now, if a level is left and it is another. */
  removeLevel(server: string | Endpoint, level: LogLevel): Change | undefined {
    const target = this.#current(server)
    const before = target && this.level(target)
    count(this.#of(server).levels, level, -1)
    this.#levels--
    this.#forget(server)
    const after = target && this.level(target)
    return target === undefined || after === undefined || after === before
      ? undefined
      : { target, asked: setLevel(after) }
  }

  /** What is watched. */
  resources(target: Target): ReadonlyArray<string> {
    return [...new Set(this.#about(target).flatMap(({ resources }) => [...resources.keys()]))]
  }

  /** Waits until something else than this is watched. */
  changed(target: Target, from: ReadonlyArray<string>): Effect.Effect<void> {
    return Effect.callback((resume) => {
      const tell = () => {
        const now = this.resources(target)
        if (now.length === from.length && now.every((uri) => from.includes(uri))) return
        this.#listeners.delete(tell)
        resume(Effect.void)
      }
      this.#listeners.add(tell)
      tell()
      return Effect.sync(() => this.#listeners.delete(tell))
    })
  }

  /**
   * Servers may have got another meaning. Returns what to say to those that are connected already and have got somebody's wishes now:
   * all others will be told at their next connection.
   */
  renew(): ReadonlyArray<Change> {
    this.#tell()
    return [...this.#byServer].flatMap(([server, wishes]) => {
      const target = this.#current(server)
      const isSame = target?.fingerprint === wishes.fingerprint
      wishes.fingerprint = target?.fingerprint
      if (isSame || target === undefined) return []
      const level = this.level(target)
      return [
        ...(wishes.levels.size > 0 && level !== undefined ? [setLevel(level)] : []),
        ...[...wishes.resources.keys()].map(subscribe)
      ].map((asked) => ({ target, asked }))
    })
  }

  #tell(): void {
    for (const tell of [...this.#listeners]) tell()
  }

  /** The connections of a server that are told one by one, as they are now. */
  open({ fingerprint }: Target): ReadonlyArray<McpConnection> {
    return [...this.#open.get(fingerprint) ?? []]
  }

  /** The level in force. */
  level(target: Target): LogLevel | undefined {
    // Asked at every modern request.
    if (this.#levels === 0) return undefined
    const levels = new Set(this.#about(target).flatMap(({ levels }) => [...levels.keys()]))
    return logLevels.find((level) => levels.has(level))
  }

  /**
   * Tells a new connection what was asked for, and goes on telling a modern one until its Scope closes. A server that refuses
   * loses the wish, not the connection.
   */
  serve(target: Target, connection: McpConnection): Effect.Effect<void, never, Scope.Scope> {
    const { capabilities, era, listen } = connection
    if (era === "legacy") return Effect.andThen(this.#enter(target, connection), this.#restore(target, connection))
    return Effect.asVoid(Effect.forkScoped(keepListening({
      server: target.label,
      capabilities,
      listen,
      resources: () => this.resources(target),
      changed: (from) => this.changed(target, from)
    })))
  }

  #enter({ fingerprint }: Target, connection: McpConnection): Effect.Effect<void, never, Scope.Scope> {
    return Effect.asVoid(Effect.acquireRelease(
      Effect.sync(() => {
        const connections = this.#open.get(fingerprint) ?? new Set()
        this.#open.set(fingerprint, connections.add(connection))
      }),
      () =>
        Effect.sync(() => {
          const connections = this.#open.get(fingerprint)
          connections?.delete(connection)
          if (connections?.size === 0) this.#open.delete(fingerprint)
        })
    ))
  }

  #restore(target: Target, connection: McpConnection): Effect.Effect<void> {
    return Effect.suspend(() => {
      const level = this.level(target)
      const { resources, logging } = connection.capabilities
      const asks: Array<Effect.Effect<unknown, CallFailure>> = []
      const options = { hardDeadline: target.deadlines.read }
      if (level !== undefined && logging !== undefined) {
        asks.push(connection.request("logging/setLevel", { level }, options))
      }
      if (resources?.subscribe === true) {
        for (const uri of this.resources(target)) {
          asks.push(connection.request("resources/subscribe", { uri }, options))
        }
      }
      return Effect.forEach(
        asks,
        (ask) =>
          Effect.catch(
            ask,
            (failure) => Effect.logWarning(`${target.label}: a subscription could not be renewed: ${failure.message}`)
          ),
        {
          concurrency: 8,
          discard: true
        }
      )
    })
  }
}

const subscribe = (uri: string): Change["asked"] => ({ method: "resources/subscribe", params: { uri } })

const unsubscribe = (uri: string): Change["asked"] => ({ method: "resources/unsubscribe", params: { uri } })

const setLevel = (level: LogLevel): Change["asked"] => ({ method: "logging/setLevel", params: { level } })

const count = <K>(counts: Map<K, number>, key: K, change: 1 | -1): number => {
  const value = (counts.get(key) ?? 0) + change
  if (value > 0) counts.set(key, value)
  else counts.delete(key)
  return value
}
