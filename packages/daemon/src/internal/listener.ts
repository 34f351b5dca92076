/**
 * Wraps the platform: the socket that the daemon listens on.
 *
 * Only the holder of the daemon's lock calls this, so that a socket that is there already is stale.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as fs from "node:fs"
import * as net from "node:net"
import { isNativeError } from "node:util/types"
import { DaemonRefusal } from "../DaemonRefusal.ts"
import { identityOf } from "./identityOf.ts"

export interface ListenOptions {
  readonly onConnection: (socket: net.Socket) => void
  /** A client could not be let in, for want of descriptors perhaps. The others are not concerned. */
  readonly onFault: (error: Error) => void
}

export interface Listener {
  /** Whether the file is still the socket that is listened on. */
  readonly isThere: () => boolean
}

/** Listens until the Scope closes. The socket's mode is 0600. */
export const listen = (
  file: string,
  { onConnection, onFault }: ListenOptions
): Effect.Effect<Listener, DaemonRefusal, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<net.Server, DaemonRefusal>((resume) => {
        const server = net.createServer((socket) => {
          // A client that has gone is told by `close`.
          socket.on("error", () => {})
          onConnection(socket)
        })
        const refuse = (error: Error): void =>
          resume(Effect.fail(new DaemonRefusal("NoPlace", `the daemon cannot listen on ${file}: ${error.message}`)))
        server.once("error", refuse)
        try {
          fs.rmSync(file, { force: true })
          server.listen({ path: file, backlog: 511 }, () => {
            // Before this no other user could come near it either: the directory is 0700.
            fs.chmodSync(file, 0o600)
            server.off("error", refuse).on("error", onFault)
            resume(Effect.succeed(server))
          })
        } catch (error) {
          refuse(isNativeError(error) ? error : new Error(String(error)))
        }
      }),
      // Those who have connected have been given to their sessions. Node removes the socket's file.
      (server) => Effect.sync(() => server.close())
    ),
    () => ({ isThere: identityOf(file) })
  )
