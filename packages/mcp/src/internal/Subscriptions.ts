/**
 * What servers were asked to tell: resources that somebody watches, and how much they are to log.
 *
 * Subscriptions belong to a session of the server's, and sessions come and go: every new connection is told them again before
 * anybody uses it. They are counted, since several may watch one resource: only the last unsubscribes. Of several log levels
 * the most verbose is asked for.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { CallFailure, McpConnection } from "../McpConnection.ts"
import { keepListening } from "./listening.ts"
import type { Target } from "./target.ts"

/** From the most verbose (RFC 5424, as MCP names them). */
export const logLevels = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"] as const

export type LogLevel = typeof logLevels[number]

interface Wishes {
  readonly resources: Map<string, number>
  readonly levels: Map<LogLevel, number>
  /** Told when `resources` has other keys. */
  readonly listeners: Set<() => void>
}

export class Subscriptions {
  readonly #byServer = new Map<string, Wishes>()

  #of(target: Target): Wishes {
    let wishes = this.#byServer.get(target.fingerprint)
    if (wishes === undefined) {
      wishes = { resources: new Map(), levels: new Map(), listeners: new Set() }
      this.#byServer.set(target.fingerprint, wishes)
    }
    return wishes
  }

  addResource(target: Target, uri: string): void {
    const { listeners, resources } = this.#of(target)
    if (count(resources, uri, 1) === 1) { for (const tell of [...listeners]) tell() }
  }

  /** True: nobody wants it any more. */
  removeResource(target: Target, uri: string): boolean {
    const { listeners, resources } = this.#of(target)
    const isLast = count(resources, uri, -1) === 0
    if (isLast) { for (const tell of [...listeners]) tell() }
    return isLast
  }

  /** Adds somebody's wish; returns the level to ask for. */
  addLevel(target: Target, level: LogLevel): LogLevel {
    const { levels } = this.#of(target)
    count(levels, level, 1)
    return mostVerbose(levels) ?? level
  }

  /** Takes a wish back; returns the level to ask for now, if there is one and it is another. */
  removeLevel(target: Target, level: LogLevel): LogLevel | undefined {
    const { levels } = this.#of(target)
    const before = mostVerbose(levels)
    count(levels, level, -1)
    const after = mostVerbose(levels)
    return after === before ? undefined : after
  }

  /** What is watched. */
  resources(target: Target): ReadonlyArray<string> {
    return [...this.#of(target).resources.keys()]
  }

  /** Waits until something else is watched. */
  changed(target: Target): Effect.Effect<void> {
    return Effect.callback((resume) => {
      const { listeners } = this.#of(target)
      const tell = () => {
        listeners.delete(tell)
        resume(Effect.void)
      }
      listeners.add(tell)
      return Effect.sync(() => listeners.delete(tell))
    })
  }

  /** The level in force. */
  level(target: Target): LogLevel | undefined {
    const wishes = this.#byServer.get(target.fingerprint)
    return wishes && mostVerbose(wishes.levels)
  }

  /**
   * Tells a new connection what was asked for, and goes on telling a modern one until its Scope closes. A server that refuses
   * loses the wish, not the connection.
   */
  serve(target: Target, connection: McpConnection): Effect.Effect<void, never, Scope.Scope> {
    const { capabilities, era, listen } = connection
    if (era === "legacy") return this.#restore(target, connection)
    return Effect.asVoid(Effect.forkScoped(keepListening({
      server: target.label,
      capabilities,
      listen,
      resources: () => this.resources(target),
      changed: this.changed(target)
    })))
  }

  #restore(target: Target, connection: McpConnection): Effect.Effect<void> {
    return Effect.suspend(() => {
      const wishes = this.#byServer.get(target.fingerprint)
      if (wishes === undefined) return Effect.void
      const level = mostVerbose(wishes.levels)
      const { resources, logging } = connection.capabilities
      const asks: Array<Effect.Effect<unknown, CallFailure>> = []
      const options = { hardDeadline: target.deadlines.read }
      if (level !== undefined && logging !== undefined) {
        asks.push(connection.request("logging/setLevel", { level }, options))
      }
      if (resources?.subscribe === true) {
        for (const uri of wishes.resources.keys()) {
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

const count = <K>(counts: Map<K, number>, key: K, change: 1 | -1): number => {
  const value = (counts.get(key) ?? 0) + change
  if (value > 0) counts.set(key, value)
  else counts.delete(key)
  return value
}

const mostVerbose = (levels: ReadonlyMap<LogLevel, number>): LogLevel | undefined =>
  logLevels.find((level) => levels.has(level))
