/**
 * A second protocol for the pool, over real sockets: lines `id command argument`, answered by `id answer` in any order.
 *
 * The server knows `echo TEXT`, `ping`, `drop` (destroys the socket) and `mute` (answers this, and nothing any more).
 */
import type { Connector } from "@holdfast/core"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as net from "node:net"

export class SocketLost extends Data.TaggedError("SocketLost")<{ readonly message: string }> {}

export interface LineConnection {
  readonly ask: (command: string) => Effect.Effect<string, SocketLost>
}

export interface LineServer {
  readonly port: number
  /** Sockets open right now, and ever. */
  readonly open: () => number
  readonly accepted: () => number
}

/** A real server on a free loopback port, until the Scope closes. */
export const server: Effect.Effect<LineServer, never, Scope.Scope> = Effect.map(
  Effect.acquireRelease(
    Effect.callback<{ readonly server: net.Server; readonly sockets: Set<net.Socket>; accepted: number }>((resume) => {
      const state = { server: net.createServer(), sockets: new Set<net.Socket>(), accepted: 0 }
      state.server.on("connection", (socket) => {
        state.accepted++
        state.sockets.add(socket)
        let isMute = false
        socket.on("close", () => state.sockets.delete(socket))
        socket.on("error", () => socket.destroy())
        lines(socket, (line) => {
          const [id = "", command, ...rest] = line.split(" ")
          if (command === "drop") {
            socket.destroy()
            return
          }
          if (!isMute) socket.write(`${id} ${command === "ping" ? "pong" : rest.join(" ")}\n`)
          if (command === "mute") isMute = true
        })
      })
      state.server.listen(0, "127.0.0.1", () => resume(Effect.succeed(state)))
    }),
    ({ server, sockets }) =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        for (const socket of sockets) socket.destroy()
      })
  ),
  (state) => {
    const address = state.server.address()
    if (address === null || typeof address === "string") throw new Error("a server on a port has an address object")
    return { port: address.port, open: () => state.sockets.size, accepted: () => state.accepted }
  }
)

/** Dials a port on the loopback. */
export const connector: Connector.Connector<number, LineConnection, SocketLost> = {
  fingerprint: (port) => `tcp:${port}`,
  classify: () => "retryable",
  dial: Effect.fnUntraced(function*(port) {
    const lost = Deferred.makeUnsafe<SocketLost>()
    const pending = new Map<number, (answer: Effect.Effect<string, SocketLost>) => void>()
    let received = 0
    let probing = 0
    let nextId = 1
    const socket = yield* Effect.acquireRelease(
      Effect.sync(() => net.connect(port, "127.0.0.1")),
      (socket) =>
        Effect.callback<void>((resume) => {
          if (socket.closed) return resume(Effect.void)
          socket.once("close", () => resume(Effect.void))
          socket.destroy()
        })
    )
    const lose = (message: string) => {
      const error = new SocketLost({ message })
      Deferred.doneUnsafe(lost, Effect.succeed(error))
      for (const resume of pending.values()) resume(Effect.fail(error))
      pending.clear()
    }
    yield* Effect.callback<void, SocketLost>((resume) => {
      socket.once("connect", () => resume(Effect.void))
      socket.once("error", ({ message }) => resume(Effect.fail(new SocketLost({ message }))))
    })
    socket.on("error", ({ message }) => lose(message))
    socket.on("close", () => lose("the socket was closed"))
    lines(socket, (line) => {
      received += line.length + 1
      const [id = "", ...rest] = line.split(" ")
      const resume = pending.get(Number(id))
      pending.delete(Number(id))
      resume?.(Effect.succeed(rest.join(" ")))
    })
    const ask = (command: string): Effect.Effect<string, SocketLost> =>
      Effect.callback((resume) => {
        if (socket.destroyed) return resume(Effect.fail(new SocketLost({ message: "the socket was closed" })))
        const id = nextId++
        pending.set(id, resume)
        socket.write(`${id} ${command}\n`)
        return Effect.sync(() => {
          pending.delete(id)
        })
      })
    return {
      value: { ask },
      closed: Deferred.await(lost),
      probe: Effect.acquireUseRelease(
        Effect.sync(() => probing++),
        () => Effect.asVoid(ask("ping")),
        () => Effect.sync(() => probing--)
      ),
      received: () => received,
      inFlight: () => pending.size - probing
    }
  })
}

const lines = (socket: net.Socket, onLine: (line: string) => void): void => {
  let rest = ""
  socket.setEncoding("utf8").on("data", (text: string) => {
    const parts = (rest + text).split("\n")
    rest = parts.pop() ?? ""
    for (const line of parts) onLine(line)
  })
}
