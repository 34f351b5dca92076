/**
 * Something between a program and a server that can swallow everything: nothing passes any more, and neither side is told.
 */
import * as Effect from "effect/Effect"
import * as net from "node:net"

export interface BlackHole {
  readonly port: number
  /** From now on nothing passes: not on the connections that are open, nor on new ones. */
  readonly swallow: Effect.Effect<void>
  /** New connections pass, and go there. Those that were open stay swallowed. */
  readonly openTo: (target: net.NetConnectOpts) => Effect.Effect<void>
}

/** Listens on loopback until the Scope closes. */
export const make = (target: net.NetConnectOpts) =>
  Effect.gen(function*() {
    const state = { target, isSwallowing: false }
    const sockets = new Set<net.Socket>()
    const server = net.createServer((client) => {
      let isSwallowed = state.isSwallowing
      sockets.add(client)
      client.on("error", () => undefined).on("close", () => sockets.delete(client))
      if (isSwallowed) return
      const upstream = net.connect(state.target)
      sockets.add(upstream)
      const isOpen = () => {
        isSwallowed ||= swallowed.has(client)
        return !isSwallowed
      }
      client.on("data", (chunk) => isOpen() && upstream.write(chunk))
      upstream.on("data", (chunk) => isOpen() && client.write(chunk))
      client.on("close", () => isOpen() && upstream.destroy())
      upstream.on("error", () => undefined).on("close", () => {
        sockets.delete(upstream)
        if (isOpen()) client.destroy()
      })
    })
    const swallowed = new WeakSet<net.Socket>()
    yield* Effect.acquireRelease(
      Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
      () =>
        Effect.callback<void>((resume) => {
          for (const socket of sockets) socket.destroy()
          server.close(() => resume(Effect.void))
        })
    )
    const address = server.address()
    const hole: BlackHole = {
      port: typeof address === "object" && address !== null ? address.port : 0,
      swallow: Effect.sync(() => {
        state.isSwallowing = true
        for (const socket of sockets) swallowed.add(socket)
      }),
      openTo: (other) =>
        Effect.sync(() => {
          state.target = other
          state.isSwallowing = false
        })
    }
    return hole
  })
