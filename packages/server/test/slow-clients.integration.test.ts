/** Clients that take their time: over what they say, to hold the sockets of all others; and between requests, as balancers do. */
import { assert, describe, it } from "@effect/vitest"
import * as McpHost from "@holdfast/server/McpHost"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as net from "node:net"
import * as NodeServer from "../src/internal/http/nodeServer.ts"
import { eventually } from "./support/eventually.ts"
import { open } from "./support/hosted.ts"
import { hurried } from "./support/hurriedClock.ts"
import { RawClient } from "./support/rawClient.ts"
import { converse, request } from "./support/rawSocket.ts"

/** A connection that says this and no more. Done when the server has ended it; returns what it said last. */
const dawdle = (port: number, beginning: string) =>
  Effect.callback<string>((resume) => {
    let said = ""
    const socket = net.connect(port, "127.0.0.1", () => void socket.write(beginning))
    socket.setEncoding("latin1").on("data", (text: string) => void (said += text))
    socket.once("error", () => {}).once("close", () => resume(Effect.succeed(said)))
    return Effect.sync(() => socket.destroy())
  })

const headOf = (port: number): string =>
  `POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/json\r\n`

/** A connection that is kept, as a balancer keeps it. */
const keep = (port: number) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      let answers = ""
      let isOver = false
      const socket = net.connect(port, "127.0.0.1")
      socket.setEncoding("latin1").on("data", (text: string) => void (answers += text))
      socket.once("error", () => {}).once("close", () => void (isOver = true))
      const count = (): number => answers.split("HTTP/1.1 ").length - 1
      return {
        socket,
        isOver: () => isOver,
        ask: Effect.suspend(() => {
          const before = count()
          socket.write(request("OPTIONS", "/mcp", [`Host: 127.0.0.1:${port}`]))
          return Effect.map(
            eventually("an answer or the end", () => isOver || count() > before),
            () => count() > before ? Number(answers.split("HTTP/1.1 ").at(-1)?.slice(0, 3)) : 0
          )
        })
      }
    }),
    ({ socket }) => Effect.sync(() => socket.destroy())
  )

describe("a hundred clients that never finish what they say", () => {
  it.live("are sent away in seconds, and others are served meanwhile", () =>
    Effect.gen(function*() {
      const { port, registry, url } = yield* open({}, "Warn", hurried)
      const slow = yield* Effect.forkChild(
        Effect.all(Array.from({ length: 100 }, () => dawdle(port, `${headOf(port)}X-Slow: `)), {
          concurrency: "unbounded"
        })
      )
      const client = new RawClient(url)
      yield* client.initialize()
      assert.strictEqual((yield* client.call("echo", { text: "hi" })).status, 200)
      const said = yield* Fiber.join(slow)
      assert.isTrue(said.every((text) => text.startsWith("HTTP/1.1 408")))
      assert.strictEqual((yield* registry.snapshot).opened, 1)
    }))

  it.live("are sent away in their body, too, and on a connection that has served a request", () =>
    Effect.gen(function*() {
      const { port } = yield* open({}, "Warn", hurried)
      yield* dawdle(port, `${headOf(port)}Content-Length: 100\r\n\r\n{"jsonrpc"`)
      const { ask, isOver, socket } = yield* keep(port)
      yield* ask
      socket.write(`${headOf(port)}X-Slow: `)
      yield* eventually("it was sent away", isOver)
    }))
})

describe("a connection that nobody uses", () => {
  it.live("outlives what is sent away for being slow, whether it was used before or never", () =>
    Effect.gen(function*() {
      const { port } = yield* open({}, "Warn", hurried)
      const [used, unused] = [yield* keep(port), yield* keep(port)]
      assert.strictEqual(yield* used.ask, 204)
      // By then they were idle for longer than a slow head and a slow body may take.
      yield* dawdle(port, `${headOf(port)}Content-Length: 100\r\n\r\n{"jsonrpc"`)
      assert.deepStrictEqual([yield* used.ask, yield* unused.ask], [204, 204])
    }))

  it.live("is kept for longer than a minute, as balancers do, or for as long as is said; the operators' port too", () =>
    Effect.gen(function*() {
      const keptBy = (port: number) =>
        Effect.map(
          converse(port, request("GET", "/healthz", [`Host: 127.0.0.1:${port}`])),
          ({ text }) => Number(/keep-alive: timeout=(\d+)/i.exec(text)?.[1])
        )
      let admin = 0
      const { port } = yield* open({ admin: { port: 0, onListen: (bound) => void (admin = bound) } })
      assert.isAbove(yield* keptBy(port), 60)
      assert.isAbove(yield* keptBy(admin), 60)
      const longer = yield* open({ keepAliveTimeout: "620 seconds" })
      assert.strictEqual(yield* keptBy(longer.port), 620)
      const short = yield* open({ keepAliveTimeout: "1 millis" })
      const { ask, isOver } = yield* keep(short.port)
      assert.strictEqual(yield* ask, 204)
      yield* eventually("it was closed", isOver)
    }))

  it.live("may be opened before it is needed: Node's own limits begin with the connection, and are longer than it is kept", () =>
    Effect.gen(function*() {
      for (const kept of ["75 seconds", "620 seconds", "24 days"] as const) {
        const { server } = yield* NodeServer.make(kept)
        assert.isAbove(server.headersTimeout, server.keepAliveTimeout)
        assert.isAtLeast(server.requestTimeout, server.headersTimeout)
      }
    }))

  it.live("is not kept for no time, nor for longer than a timer runs: that is refused at the start", () =>
    Effect.gen(function*() {
      const server = () => ({ connect: () => Promise.resolve(), close: () => Promise.resolve() })
      for (const keepAliveTimeout of [0, Number.POSITIVE_INFINITY, "25 days"] as const) {
        const error = yield* Effect.flip(Layer.build(McpHost.layerHttp({ server, port: 0, keepAliveTimeout })))
        assert.include(error.message, "keepAliveTimeout")
      }
    }))
})
