/**
 * A session with the daemon itself. The server is loaded when the first client asks for it: most daemons never meet one.
 */
import * as StdioHost from "@holdfast/server/StdioHost"
import * as Effect from "effect/Effect"
import type * as net from "node:net"
import type { ControlOptions } from "./sdk/controlServer.ts"
import * as SocketLines from "./socketLines.ts"

export const serveControl = (socket: net.Socket, options: ControlOptions): Effect.Effect<void> =>
  Effect.gen(function*() {
    const { make } = yield* Effect.promise(() => import("./sdk/controlServer.ts"))
    yield* Effect.orDie(StdioHost.over({ server: () => make(options) }, SocketLines.make(socket)))
  })
