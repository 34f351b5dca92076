/** What callers of a server that is still starting are told: its own words and the usual cause, while they wait and when they give up. */
import { assert, describe, it } from "@effect/vitest"
import { McpConfig } from "@holdfast/mcp/McpConfig"
import { McpConnections } from "@holdfast/mcp/McpConnections"
import { ConnectionLost } from "@holdfast/mcp/McpRuntimeError"
import { MemoryServer } from "@holdfast/mcp/testing"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import { TestClock } from "effect/testing"

/** A server that writes this to stderr and never answers. */
const silent = (words: string, name: string) =>
  MemoryServer.script((peer) => Effect.andThen(Effect.sync(() => peer.warn(words)), Effect.never), { name })

/** What a caller with a deadline of 12 s is told in the end, and what is logged meanwhile. */
const told = (words: string, name: string) =>
  Effect.gen(function*() {
    const lines: Array<string> = []
    const logger = Logger.make<unknown, void>(({ logLevel, message }) => {
      if (logLevel !== "Debug") lines.push(`${logLevel} ${String(message)}`)
    })
    const { endpoint } = yield* silent(words, name)
    return yield* Effect.gen(function*() {
      const mcp = yield* McpConnections.make(yield* McpConfig.make({ fs: endpoint }))
      const call = yield* Effect.forkChild(Effect.flip(mcp.listTools("fs", { deadline: "12 seconds" })), {
        startImmediately: true
      })
      for (let second = 0; second < 12; second++) yield* TestClock.adjust("1 second")
      return { lines, error: yield* Fiber.join(call) }
    }).pipe(Effect.provide(Logger.layer([logger])))
  })

describe("a caller that gives up while its server starts", () => {
  it.effect("is told what the server has said, and no counts of connections", () =>
    Effect.gen(function*() {
      const { error, lines } = yield* told("waiting for the database at db:5432\n", "node")
      assert.strictEqual(
        error.message,
        "fs: tools/list got no answer in 12 s (the caller's deadline); it was not sent (it has not answered the handshake yet " +
          "(stderr: \"waiting for the database at db:5432\"))"
      )
      assert.deepInclude(error.reason, { _tag: "DeadlineExceeded", delivery: "NotSent", kind: "caller" })
      assert.deepStrictEqual(lines, [
        "Info fs: it has not answered the handshake yet (stderr: \"waiting for the database at db:5432\")"
      ])
    }))

  it.effect("is told that a launcher may be downloading, once while it waits and at the end", () =>
    Effect.gen(function*() {
      const { error, lines } = yield* told("", "npx")
      assert.include(error.message, "it has not answered the handshake yet; npx may still be downloading")
      assert.deepStrictEqual(lines, ["Info fs: it has not answered the handshake yet; npx may still be downloading"])
    }))

  it.effect("is told why the attempt before failed, if there was one", () =>
    Effect.gen(function*() {
      let dials = 0
      const lost = new ConnectionLost({ server: "fs", delivery: "NotSent", description: "it fell over" })
      const server = yield* MemoryServer.script(() => Effect.never, {
        onDial: () => Effect.suspend(() => dials++ === 0 ? Effect.fail(lost) : Effect.void)
      })
      const mcp = yield* McpConnections.make(yield* McpConfig.make({ fs: server.endpoint }))
      const call = yield* Effect.forkChild(Effect.flip(mcp.listTools("fs", { deadline: "5 seconds" })), {
        startImmediately: true
      })
      for (let second = 0; second < 5; second++) yield* TestClock.adjust("1 second")
      assert.include(
        (yield* Fiber.join(call)).message,
        "(it has not answered the handshake yet; before: connection lost: it fell over.)"
      )
    }))
})
