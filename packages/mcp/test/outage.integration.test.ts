/**
 * A server that is killed, stays away for as long as a deploy takes, and comes back: a real process and real sockets. The time is the
 * test's: each second begins when all that the one before has brought about has happened, however long the machine takes over it.
 */
import { assert, describe, it } from "@effect/vitest"
import { Endpoint } from "@holdfast/mcp/Endpoint"
import { McpConfig } from "@holdfast/mcp/McpConfig"
import { McpConnections } from "@holdfast/mcp/McpConnections"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import { spawn } from "node:child_process"

const program = new URL("./support/mortalHttpProgram.ts", import.meta.url).pathname

/** Succeeds with its port once it listens. Killed, without a word, and waited for, when the Scope closes. */
const start = (port: number): Effect.Effect<number, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<{ readonly port: number; readonly kill: (done: () => void) => void }>((resume) => {
        const child = spawn(process.execPath, [program, String(port)], { stdio: ["ignore", "pipe", "inherit"] })
        const kill = (done: () => void): void => {
          if (child.exitCode !== null || child.signalCode !== null) return done()
          child.once("exit", done)
          child.kill("SIGKILL")
        }
        child.stdout.once("data", (line) => resume(Effect.succeed({ port: Number(String(line)), kill })))
        child.once("exit", (code) => resume(Effect.die(new Error(`the server ended with ${code}`))))
      }),
      ({ kill }) => Effect.callback<void>((resume) => kill(() => resume(Effect.void)))
    ),
    (running) => running.port
  )

describe("an http server that is killed for six seconds, called once a second", () => {
  it.effect("answers within six seconds of its return, and nobody is told that it is quarantined", () =>
    Effect.gen(function*() {
      const first = yield* Effect.acquireRelease(Scope.make(), (scope, exit) => Scope.close(scope, exit))
      const port = yield* Scope.provide(start(0), first)
      const endpoint = Endpoint.http({ url: `http://127.0.0.1:${port}/mcp` })
      const mcp = yield* McpConnections.make(yield* McpConfig.make({ docs: { endpoint, era: "legacy" } }))
      const told: Array<string> = []
      const call = Effect.gen(function*() {
        const exit = yield* Effect.exit(mcp.request("docs", { method: "ping" }, { deadline: "5 seconds" }))
        told.push(
          Exit.isSuccess(exit)
            ? "answered"
            : exit.cause.reasons.map((each) => each._tag === "Fail" ? each.error.reason._tag : each._tag).join()
        )
      })
      // No dial is under way, and no request.
      const isSettled = Effect.map(
        mcp.snapshot,
        ({ keys }) =>
          keys.flatMap(({ slots }) => slots).every(({ connection, state }) =>
            state !== "Connecting" && (connection?.leases ?? 0) === 0
          )
      )
      const settled = TestClock.withLive(
        Effect.repeat(isSettled, { until: (is) => is, schedule: Schedule.spaced("5 millis") })
      )
      const callFor = (seconds: number) =>
        Effect.forEach(Array.from({ length: seconds }), () =>
          Effect.gen(function*() {
            yield* Effect.forkScoped(call, { startImmediately: true })
            yield* settled
            yield* TestClock.adjust("1 second")
            yield* settled
          }), { discard: true })
      yield* callFor(2)
      assert.deepStrictEqual(told, ["answered", "answered"])
      yield* Scope.close(first, Exit.void)
      yield* callFor(6)
      assert.deepStrictEqual([...new Set(told.slice(2))], ["DeadlineExceeded"])
      yield* start(port)
      const before = told.length
      yield* callFor(6)
      // The last ones to wait are answered, and all that come after them.
      assert.include(told.slice(before), "answered")
      assert.isEmpty(told.filter((outcome) => !["answered", "DeadlineExceeded"].includes(outcome)))
    }))
})
