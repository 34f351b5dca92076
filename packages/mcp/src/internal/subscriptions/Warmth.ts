/**
 * Servers that are kept connected, by what their keepers call them: when a config gives a name another meaning, the old
 * connection cools down and the new one is opened instead.
 */
import type { ConnectionPool } from "@holdfast/core"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { Endpoint } from "../../Endpoint.ts"
import type { ConnectReason, McpRuntimeError } from "../../McpRuntimeError.ts"
import type { McpConnection } from "../connection/contract.ts"
import type { PooledServer, PooledServers } from "../pool/PooledServer.ts"

interface Wish {
  readonly server: string | Endpoint
  kept: { readonly fingerprint: string; readonly scope: Scope.Closeable } | undefined
}

export class Warmth {
  readonly #wishes = new Set<Wish>()
  readonly #pool: ConnectionPool.ConnectionPool<PooledServer, McpConnection, ConnectReason>
  readonly #targets: PooledServers

  constructor(pool: ConnectionPool.ConnectionPool<PooledServer, McpConnection, ConnectReason>, targets: PooledServers) {
    this.#pool = pool
    this.#targets = targets
  }

  /** Keeps a server connected until the Scope closes. */
  keep(server: string | Endpoint): Effect.Effect<void, McpRuntimeError, Scope.Scope> {
    return this.#targets.at(server, () => this.hold(server))
  }

  /** The same, also for a server that is not there just now. */
  hold(server: string | Endpoint): Effect.Effect<void, never, Scope.Scope> {
    return Effect.asVoid(Effect.acquireRelease(
      Effect.suspend(() => {
        const wish: Wish = { server, kept: undefined }
        this.#wishes.add(wish)
        return Effect.as(this.#renew(wish), wish)
      }),
      (wish) => {
        this.#wishes.delete(wish)
        return cool(wish)
      }
    ))
  }

  /** The names have another meaning now. A server that is no longer configured cools down, and is warm again if it comes back. */
  renew(): Effect.Effect<void> {
    return Effect.forEach([...this.#wishes], (wish) => this.#renew(wish), { discard: true })
  }

  #renew(wish: Wish): Effect.Effect<void> {
    return Effect.suspend(() => {
      const next = this.#targets.current(wish.server)
      if (next?.fingerprint === wish.kept?.fingerprint) return Effect.void
      return Effect.andThen(cool(wish), next === undefined ? Effect.void : this.#warm(wish, next))
    })
  }

  #warm(wish: Wish, target: PooledServer): Effect.Effect<void> {
    return Effect.suspend(() => {
      // One that was taken back meanwhile has nobody to cool it again.
      if (!this.#wishes.has(wish)) return Effect.void
      const scope = Scope.makeUnsafe()
      wish.kept = { fingerprint: target.fingerprint, scope }
      return Scope.provide(this.#pool.warm(target), scope)
    })
  }
}

const cool = (wish: Wish): Effect.Effect<void> => {
  const { kept } = wish
  wish.kept = undefined
  return kept === undefined ? Effect.void : Scope.close(kept.scope, Exit.void)
}
