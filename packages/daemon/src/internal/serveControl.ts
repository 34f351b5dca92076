/**
 * A session with the daemon itself. The server is loaded when the first client asks for it: most daemons never meet one.
 */
import * as StdioHost from "@holdfast/server/StdioHost"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import type * as net from "node:net"
import type { ControlOptions } from "./sdk/controlServer.ts"
import * as SocketLines from "./socketLines.ts"

/** What it does is done in fibers of the session: with the daemon's services, and no longer than the client is there. */
export const serveControl = (socket: net.Socket, options: ControlOptions): Effect.Effect<void> =>
  Effect.scoped(Effect.gen(function*() {
    const { make } = yield* Effect.promise(() => import("./sdk/controlServer.ts"))
    const fibers = yield* FiberSet.make<unknown, unknown>()
    const fork = yield* FiberSet.runtime(fibers)()
    const promise = yield* FiberSet.runtimePromise(fibers)()
    const server = () =>
      make(options, {
        promise,
        call: (effect) => Effect.acquireUseRelease(Effect.sync(() => fork(effect)), Fiber.join, Fiber.interrupt)
      })
    yield* Effect.orDie(StdioHost.over({ server }, SocketLines.make(socket)))
  }))
