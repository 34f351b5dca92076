/** Calls that wait behind a server which does not read. Whatever it writes meanwhile, their deadlines begin once. */
import { assert, describe, it } from "@effect/vitest"
import type { Deadlines } from "@holdfast/core/Deadlines"
import { Endpoint } from "@holdfast/mcp/Endpoint"
import { McpConnection, type RequestOptions } from "@holdfast/mcp/McpConnection"
import { MemoryServer } from "@holdfast/mcp/testing"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { eventually } from "./support/eventually.ts"

const clientInfo = { name: "test", version: "0.0.0" }

const large = { name: "x", arguments: { text: "y".repeat(1_000_000) } }

const handshake = {
  protocolVersion: "2025-11-25",
  capabilities: { tools: {}, logging: {} },
  serverInfo: { name: "deaf", version: "1" }
}

const chatter = { jsonrpc: "2.0", method: "notifications/message", params: { level: "info", data: "busy" } }

/** A call that settles, and when. */
const timed = (connection: McpConnection, options: RequestOptions) =>
  Effect.forkChild(
    Effect.zip(Effect.flip(connection.request("ping", {}, options)), Clock.currentTimeMillis),
    { startImmediately: true }
  )

describe("a call that waits behind a full pipe", () => {
  it.effect("over a link in memory ends 25 ms after its hard deadline at the latest, however much the server talks", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.script((peer) =>
        Effect.gen(function*() {
          const { id } = JSON.parse(yield* peer.read)
          peer.send({ jsonrpc: "2.0", id, result: handshake })
          yield* peer.read
          return yield* Effect.forever(Effect.andThen(Effect.sleep("10 millis"), Effect.sync(() => peer.send(chatter))))
        })
      )
      let heard = 0
      const connecting = yield* Effect.forkChild(
        McpConnection.connect({
          server: "deaf",
          endpoint: server.endpoint,
          clientInfo,
          era: "legacy",
          onNotification: () => void heard++
        }),
        { startImmediately: true }
      )
      yield* TestClock.adjust("1 millis")
      const connection = yield* Fiber.join(connecting)
      yield* Effect.forkChild(connection.request("tools/call", large), { startImmediately: true })
      const began = yield* Clock.currentTimeMillis
      const waiting = yield* Effect.forEach(
        [
          { hardDeadline: 1000 },
          { hardDeadline: "1 second", idleDeadline: "1 minute" },
          { hardDeadline: () => 1000 }
        ] as const,
        (options) => timed(connection, options)
      )
      yield* TestClock.adjust("1 minute")
      assert.isAbove(heard, 100)
      for (const fiber of waiting) {
        const [failure, at] = yield* Fiber.join(fiber)
        assert.include(failure, { _tag: "DeadlineExceeded", kind: "hard", delivery: "NotSent", afterMillis: 1000 })
        assert.isAtMost(at - began, 1025)
      }
      assert.strictEqual(connection.inFlight(), 1)
    }))

  it.effect("does not get its time anew when the server reads on at last", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.script((peer) =>
        Effect.gen(function*() {
          const { id } = JSON.parse(yield* peer.read)
          peer.send({ jsonrpc: "2.0", id, result: handshake })
          yield* peer.read
          yield* Effect.sleep("600 millis")
          return yield* Effect.forever(peer.read)
        })
      )
      const connecting = yield* Effect.forkChild(
        McpConnection.connect({ server: "deaf", endpoint: server.endpoint, clientInfo, era: "legacy" }),
        { startImmediately: true }
      )
      yield* TestClock.adjust("1 millis")
      const connection = yield* Fiber.join(connecting)
      yield* Effect.forkChild(connection.request("tools/call", large), { startImmediately: true })
      const began = yield* Clock.currentTimeMillis
      const fiber = yield* timed(connection, { hardDeadline: 1000 })
      yield* TestClock.adjust("1 minute")
      const [failure, at] = yield* Fiber.join(fiber)
      assert.include(failure, { _tag: "DeadlineExceeded", kind: "hard", delivery: "Unknown", afterMillis: 1000 })
      assert.isAtMost(at - began, 1025)
    }))

  it.live("over a real pipe has a deadline that begins once, however much the server talks", () =>
    Effect.gen(function*() {
      const script = `
        let text = ""
        const send = (message) => process.stdout.write(JSON.stringify(message) + "\\n")
        process.stdin.on("data", (chunk) => {
          text += chunk
          for (let end; (end = text.indexOf("\\n")) >= 0;) {
            const { id, method } = JSON.parse(text.slice(0, end))
            text = text.slice(end + 1)
            if (method === "initialize") send({ jsonrpc: "2.0", id, result: ${JSON.stringify(handshake)} })
            if (method !== "notifications/initialized") continue
            process.stdin.pause()
            setInterval(() => send(${JSON.stringify(chatter)}), 5)
          }
        })`
      let heard = 0
      const armed: Array<{ readonly millis: number; readonly expire: () => void; isCancelled: boolean }> = []
      const deadlines: Deadlines = {
        arm: (millis, expire) => {
          const deadline = { millis, expire, isCancelled: false }
          armed.push(deadline)
          return {
            cancel: () => {
              deadline.isCancelled = true
            },
            renew: () => {}
          }
        },
        now: () => 0,
        size: () => armed.length,
        queues: () => armed.length
      }
      const connection = yield* McpConnection.connect({
        server: "deaf",
        endpoint: Endpoint.stdio({ command: process.execPath, args: ["-e", script] }),
        clientInfo,
        era: "legacy",
        deadlines,
        onNotification: () => void heard++
      })
      yield* Effect.forkChild(connection.request("tools/call", large), { startImmediately: true })
      const early = yield* Effect.forkChild(Effect.flip(connection.request("ping", {}, { hardDeadline: 1000 })), {
        startImmediately: true
      })
      // Posted inside an event of the link, as calls are that follow upon an answer.
      const late = yield* Effect.forkChild(
        Effect.andThen(
          eventually("it talks", () => heard >= 20),
          Effect.flip(connection.request("ping", {}, { hardDeadline: 2000 }))
        ),
        { startImmediately: true }
      )
      yield* eventually("it goes on talking", () => heard >= 50)
      assert.deepStrictEqual(armed.map(({ millis }) => millis), [1000, 2000])
      assert.isTrue(armed.every(({ isCancelled }) => !isCancelled))
      for (const { expire } of armed) expire()
      for (const fiber of [early, late]) {
        const failure = yield* Fiber.join(fiber)
        assert.include(failure, { _tag: "DeadlineExceeded", kind: "hard", delivery: "NotSent" })
      }
    }))
})
