/**
 * What servers were asked to tell: resources that somebody watches, and how much they are to log.
 *
 * Subscriptions belong to a session of the server's, and sessions come and go: every new connection is told them again before
 * anybody uses it. They are counted, since several may watch one resource: only the last unsubscribes. Of several log levels
 * the most verbose is asked for.
 */
import * as Effect from "effect/Effect"
import type { CallFailure, McpConnection } from "../McpConnection.ts"
import type { Target } from "./target.ts"

/** From the most verbose (RFC 5424, as MCP names them). */
export const logLevels = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"] as const

export type LogLevel = typeof logLevels[number]

interface Wishes {
  readonly resources: Map<string, number>
  readonly levels: Map<LogLevel, number>
}

export class Subscriptions {
  readonly #byServer = new Map<string, Wishes>()

  #of(target: Target): Wishes {
    let wishes = this.#byServer.get(target.fingerprint)
    if (wishes === undefined) {
      wishes = { resources: new Map(), levels: new Map() }
      this.#byServer.set(target.fingerprint, wishes)
    }
    return wishes
  }

  addResource(target: Target, uri: string): void {
    count(this.#of(target).resources, uri, 1)
  }

  /** True: nobody wants it any more. */
  removeResource(target: Target, uri: string): boolean {
    return count(this.#of(target).resources, uri, -1) === 0
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

  /** Tells a new connection what was asked for. A server that refuses loses the wish, not the connection. */
  restore(target: Target, connection: McpConnection): Effect.Effect<void> {
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
