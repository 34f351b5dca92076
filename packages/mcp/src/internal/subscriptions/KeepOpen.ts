/**
 * Servers that are kept connected, by the names that callers know them by. When a config gives a name another meaning, the old connection
 * is let go and the new one is opened instead.
 */
import type { ConnectionPool } from "@holdfast/core"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { Endpoint } from "../../Endpoint.ts"
import type { ConnectReason, McpRuntimeError } from "../../McpRuntimeError.ts"
import type { McpConnection } from "../connection/contract.ts"
import type { PooledServer, PooledServers } from "../pool/PooledServer.ts"

interface Keep {
  readonly server: string | Endpoint
  kept: { readonly fingerprint: string; readonly scope: Scope.Closeable } | undefined
}

export class KeepOpen {
  readonly #keeps = new Set<Keep>()
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
        const keep: Keep = { server, kept: undefined }
        this.#keeps.add(keep)
        return Effect.as(this.#renew(keep), keep)
      }),
      (keep) => {
        this.#keeps.delete(keep)
        return cool(keep)
      }
    ))
  }

  /** The names have another meaning now. A server that is no longer configured is let go, and opened again if it comes back. */
  renew(): Effect.Effect<void> {
    return Effect.forEach([...this.#keeps], (keep) => this.#renew(keep), { discard: true })
  }

  #renew(keep: Keep): Effect.Effect<void> {
    return Effect.suspend(() => {
      const next = this.#targets.current(keep.server)
      if (next?.fingerprint === keep.kept?.fingerprint) return Effect.void
      return Effect.andThen(cool(keep), next === undefined ? Effect.void : this.#warm(keep, next))
    })
  }

  #warm(keep: Keep, target: PooledServer): Effect.Effect<void> {
    return Effect.suspend(() => {
      // The caller has left meanwhile: nothing would close this again.
      if (!this.#keeps.has(keep)) return Effect.void
      const scope = Scope.makeUnsafe()
      keep.kept = { fingerprint: target.fingerprint, scope }
      return Scope.provide(this.#pool.warm(target), scope)
    })
  }
}

const cool = (keep: Keep): Effect.Effect<void> => {
  const { kept } = keep
  keep.kept = undefined
  return kept === undefined ? Effect.void : Scope.close(kept.scope, Exit.void)
}
