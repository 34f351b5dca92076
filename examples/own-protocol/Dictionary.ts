import { ConnectionPool, type PoolError } from "@holdfast/core"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { SocketError } from "effect/socket/Socket"
import { connector } from "./LineConnection.ts"

/** The meanings of words. Its users know nothing of connections. */
export class Dictionary extends Context.Service<Dictionary, {
  readonly define: (word: string) => Effect.Effect<string, SocketError | PoolError<SocketError>>
}>()("own-protocol/Dictionary") {
  /** The server is at `DICTIONARY_HOST` and `DICTIONARY_PORT`. */
  static readonly layer = Layer.effect(
    Dictionary,
    Effect.gen(function*() {
      const host = yield* Config.String("DICTIONARY_HOST").pipe(Config.withDefault("127.0.0.1"))
      const port = yield* Config.Port("DICTIONARY_PORT").pipe(Config.withDefault(2628))
      // Lines have no ids, so a connection is one caller's at a time.
      const pool = yield* ConnectionPool.make(connector, {
        policy: { sharing: "exclusive", maxConnectionsPerKey: 4, idleTimeout: "1 minute" }
      })
      return {
        define: (word) =>
          pool.use({ host, port }, (connection) => connection.ask(word)).pipe(
            // A question may be asked twice. The pool does not know that: what is repeated is the protocol's own decision.
            Effect.retry({ while: ({ _tag }) => _tag === "SocketError", times: 3 })
          )
      }
    })
  )
}
