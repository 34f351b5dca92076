/**
 * A second protocol for the pool, over real sockets: lines `id command argument`, answered by `id answer` in any order. The
 * server speaks first, with `hello`: a dial has succeeded when that has come.
 *
 * The server knows `echo TEXT`, `slow TEXT` (answered when the test says so), `ping`, `drop` (destroys the socket) and `mute`
 * (answers this, and nothing any more).
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
  /** What came on each socket ever accepted, ids left out. */
  readonly heard: ReadonlyArray<ReadonlyArray<string>>
  /** Answers every `slow` that waits. */
  readonly release: () => void
}

/** How a server meets those who connect: it greets them, hangs up on them, or says nothing for ever. */
export type Manner = "greeting" | "refusing" | "ignoring"

/** A real server on a free loopback port, until the Scope closes. */
export const serve = (manner: Manner): Effect.Effect<LineServer, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(Effect.suspend(() => listen(manner)), (listening) => stop(listening)),
    ({ accepted, heard, held, listener, sockets }) => {
      const address = listener.address()
      if (address === null || typeof address === "string") throw new Error("a server on a port has an address object")
      return {
        port: address.port,
        open: () => sockets.size,
        accepted,
        heard,
        release: () => held.splice(0).forEach((answer) => answer())
      }
    }
  )

/** A server that greets. */
export const server: Effect.Effect<LineServer, never, Scope.Scope> = serve("greeting")

interface Listening {
  readonly listener: net.Server
  readonly sockets: Set<net.Socket>
  readonly accepted: () => number
  readonly heard: Array<Array<string>>
  readonly held: Array<() => void>
}

const listen = (manner: Manner): Effect.Effect<Listening> =>
  Effect.callback((resume) => {
    const listener = net.createServer()
    const sockets = new Set<net.Socket>()
    const heard: Array<Array<string>> = []
    const held: Array<() => void> = []
    listener.on("connection", (socket) => {
      sockets.add(socket)
      socket.on("close", () => sockets.delete(socket))
      socket.on("error", () => socket.destroy())
      const log: Array<string> = []
      heard.push(log)
      if (manner === "refusing") return socket.destroy()
      let isMute = false
      const answer = (id: string, text: string) => {
        if (!isMute && !socket.destroyed) socket.write(`${id} ${text}\n`)
      }
      onLines(socket, (line) => {
        const [id = "", command, ...rest] = line.split(" ")
        const text = rest.join(" ")
        log.push(`${command} ${text}`)
        if (command === "drop") socket.destroy()
        else if (command === "slow") held.push(() => answer(id, text))
        else answer(id, command === "ping" ? "pong" : text)
        if (command === "mute") isMute = true
      })
      return manner === "greeting" && socket.write("hello\n")
    })
    listener.listen(
      0,
      "127.0.0.1",
      () => resume(Effect.succeed({ listener, sockets, accepted: () => heard.length, heard, held }))
    )
  })

const stop = ({ listener, sockets }: Listening): Effect.Effect<void> =>
  Effect.callback((resume) => {
    listener.close(() => resume(Effect.void))
    for (const socket of sockets) socket.destroy()
  })

interface Pending {
  readonly isProbe: boolean
  readonly resume: (answer: Effect.Effect<string, SocketLost>) => void
}

/** Dials a port on the loopback. */
export const connector: Connector.Connector<number, LineConnection, SocketLost> = {
  fingerprint: (port) => `tcp:${port}`,
  classify: () => "retryable",
  dial: Effect.fnUntraced(function*(port) {
    const greeted = Deferred.makeUnsafe<void, SocketLost>()
    const lost = Deferred.makeUnsafe<SocketLost>()
    const pending = new Map<number, Pending>()
    let nextId = 1
    let isClosing = false

    const over = (message: string) => {
      const error = new SocketLost({ message })
      // Who closes a connection has not lost it.
      if (!isClosing) Deferred.doneUnsafe(lost, Effect.succeed(error))
      Deferred.doneUnsafe(greeted, Effect.fail(error))
      const asked = [...pending.values()]
      pending.clear()
      for (const { resume } of asked) resume(Effect.fail(error))
    }
    const onLine = (line: string) => {
      if (line === "hello") return void Deferred.doneUnsafe(greeted, Effect.void)
      const [id = "", ...rest] = line.split(" ")
      const asked = pending.get(Number(id))
      pending.delete(Number(id))
      asked?.resume(Effect.succeed(rest.join(" ")))
    }

    const socket = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const socket = net.connect(port, "127.0.0.1")
        socket.on("error", ({ message }) => over(message))
        socket.on("close", () => over("the socket was closed"))
        onLines(socket, onLine)
        return socket
      }),
      (socket) =>
        Effect.callback<void>((resume) => {
          isClosing = true
          if (socket.closed) return resume(Effect.void)
          socket.once("close", () => resume(Effect.void))
          socket.destroy()
        })
    )
    yield* Deferred.await(greeted)

    const request = (command: string, isProbe: boolean): Effect.Effect<string, SocketLost> =>
      Effect.callback((resume) => {
        if (socket.destroyed) return resume(Effect.fail(new SocketLost({ message: "the socket was closed" })))
        const id = nextId++
        pending.set(id, { isProbe, resume })
        socket.write(`${id} ${command}\n`)
        return Effect.sync(() => {
          pending.delete(id)
        })
      })
    return {
      value: { ask: (command) => request(command, false) },
      closed: Deferred.await(lost),
      probe: Effect.asVoid(request("ping", true)),
      received: () => socket.bytesRead,
      inFlight: () => [...pending.values()].filter(({ isProbe }) => !isProbe).length
    }
  })
}

const onLines = (socket: net.Socket, onLine: (line: string) => void): void => {
  let rest = ""
  socket.setEncoding("utf8").on("data", (text: string) => {
    const parts = (rest + text).split("\n")
    rest = parts.pop() ?? ""
    for (const line of parts) onLine(line)
  })
}
