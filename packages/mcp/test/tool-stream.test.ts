/** A call as a stream, for readers that are slower than the server. */
import { assert, describe, it } from "@effect/vitest"
import { McpConfig } from "@holdfast/mcp/McpConfig"
import { McpConnections, type ToolEvent } from "@holdfast/mcp/McpConnections"
import { MemoryServer } from "@holdfast/mcp/testing"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { inTime, passing } from "./support/memoryTime.ts"

/** A server whose tool reports so often at once, and then does as it is told. */
const reporting = (
  reports: number,
  after: Effect.Effect<string, { readonly code: number; readonly message: string }>
) =>
  Effect.gen(function*() {
    const server = yield* MemoryServer.make({
      tools: {
        work: {
          run: (_, call) =>
            Effect.andThen(
              Effect.forEach(
                Array.from({ length: reports }, (_, i) => i + 1),
                (progress) => call.progress({ progress })
              ),
              after
            )
        }
      }
    })
    const mcp = yield* McpConnections.make(yield* McpConfig.make({ it: server.endpoint }))
    return { server, stream: mcp.callToolStream("it", { name: "work" }) }
  })

interface Seen {
  readonly progress: Array<number>
  skipped: number
  results: number
}

/** Reads, 5 ms for each event. */
const slowly = (seen: Seen) => (event: ToolEvent) =>
  Effect.andThen(
    Effect.sync(() => {
      if (event._tag === "Result") return void seen.results++
      seen.progress.push(event.progress.progress)
      seen.skipped += event.skipped ?? 0
    }),
    Effect.sleep("5 millis")
  )

const upTo = (last: number) => Array.from({ length: last }, (_, i) => i + 1)

describe("a call as a stream", () => {
  it.effect("brings a slow reader every report, in order, then the result", () =>
    Effect.gen(function*() {
      const { stream } = yield* reporting(500, Effect.succeed("done"))
      const seen: Seen = { progress: [], skipped: 0, results: 0 }
      yield* inTime(Stream.runForEach(stream, slowly(seen)))
      assert.deepStrictEqual(seen, { progress: upTo(500), skipped: 0, results: 1 })
    }))

  it.effect("keeps 1024 reports for a reader that is behind, and of the rest the newest, which says what it stands for", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const { server, stream } = yield* reporting(5000, Effect.succeed("done"))
      const seen: Seen = { progress: [], skipped: 0, results: 0 }
      const reading = yield* Effect.forkChild(
        // Nothing is read before all has been said.
        Stream.runForEach(stream, (event) => Effect.andThen(Deferred.await(gate), slowly(seen)(event))),
        { startImmediately: true }
      )
      yield* passing("all is said", () => server.calls("work").length === 1)
      yield* TestClock.adjust("1 second")
      yield* Deferred.succeed(gate, undefined)
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(reading)
      assert.strictEqual(seen.results, 1)
      assert.strictEqual(seen.progress.at(-1), 5000)
      assert.strictEqual(seen.progress.length + seen.skipped, 5000)
      assert.isAtLeast(seen.progress.length, 1024)
      // What it held when it began to wait, 1024 after that.
      assert.isAtMost(seen.progress.length, 2 * 1024)
      assert.deepStrictEqual(seen.progress, [...seen.progress].toSorted((a, b) => a - b))
      assert.deepStrictEqual(seen.progress.slice(0, 1023), upTo(1023))
    }))

  it.effect("shows the newest report as soon as its reader has caught up, while the call goes on", () =>
    Effect.gen(function*() {
      const { stream } = yield* reporting(3000, Effect.never)
      const seen: Seen = { progress: [], skipped: 0, results: 0 }
      const reading = yield* Effect.forkChild(Stream.runForEach(stream, slowly(seen)), { startImmediately: true })
      yield* passing("the first is seen", () => seen.progress.length > 0)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(seen.progress.at(-1), 3000)
      assert.strictEqual(seen.results, 0)
      yield* Fiber.interrupt(reading)
    }))

  it.effect("delivers what was reported before a failure, and then the failure", () =>
    Effect.gen(function*() {
      const { stream } = yield* reporting(10, Effect.fail({ code: -1, message: "broken" }))
      const seen: Seen = { progress: [], skipped: 0, results: 0 }
      const failure = yield* inTime(Effect.flip(Stream.runForEach(stream, slowly(seen))))
      assert.strictEqual(failure.reason._tag, "ServerError")
      assert.deepStrictEqual(seen.progress, upTo(10))
    }))

  it.effect("that is left interrupts its call, whatever still waits", () =>
    Effect.gen(function*() {
      const { server, stream } = yield* reporting(100, Effect.never)
      const first = yield* Stream.runCollect(Stream.take(stream, 1))
      assert.deepStrictEqual(first.map(({ _tag }) => _tag), ["Progress"])
      yield* passing("it is cancelled", () =>
        server.received().some((frame) =>
          frame._tag === "Notification" && frame.method === "notifications/cancelled"
        ))
    }))
})
