/** A server that is killed, stays away for as long as a deploy takes, and comes back: a real process, real sockets, real time. */
import { assert, describe, it } from "@effect/vitest"
import { Endpoint } from "@holdfast/mcp/Endpoint"
import { McpConfig } from "@holdfast/mcp/McpConfig"
import * as McpConnections from "@holdfast/mcp/McpConnections"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
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
  it.live(
    "answers within six seconds of its return, and nobody is told that it is quarantined",
    () =>
      Effect.gen(function*() {
        const first = yield* Effect.acquireRelease(Scope.make(), (scope, exit) => Scope.close(scope, exit))
        const port = yield* Scope.provide(start(0), first)
        const endpoint = Endpoint.http({ url: `http://127.0.0.1:${port}/mcp` })
        const mcp = yield* McpConnections.make(yield* McpConfig.make({ docs: { endpoint, era: "legacy" } }))
        const clock = yield* Clock.Clock
        const millis = () => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n)
        const told: Array<{ readonly at: number; readonly outcome: string }> = []
        const call = Effect.gen(function*() {
          const exit = yield* Effect.exit(mcp.request("docs", { method: "ping" }, { deadline: "5 seconds" }))
          const outcome = Exit.isSuccess(exit)
            ? "answered"
            : exit.cause.reasons.map((each) => each._tag === "Fail" ? each.error.reason._tag : each._tag).join()
          told.push({ at: millis(), outcome })
        })
        yield* Effect.forkScoped(
          Effect.forever(Effect.andThen(Effect.forkScoped(call), Effect.sleep("1 second"))),
          { startImmediately: true }
        )
        yield* Effect.sleep("1500 millis")
        assert.deepStrictEqual(told.map(({ outcome }) => outcome), ["answered", "answered"])
        yield* Scope.close(first, Exit.void)
        yield* Effect.sleep("6 seconds")
        yield* start(port)
        const back = millis()
        yield* Effect.sleep("8 seconds")
        const healed = told.find(({ at, outcome }) => at >= back && outcome === "answered")
        assert.isDefined(healed, JSON.stringify(told))
        // Five seconds, a fifth of them for jitter, and what this machine needs.
        assert.isAtMost(healed.at - back, 7500)
        const outcomes = new Set(told.map(({ outcome }) => outcome))
        assert.isEmpty([...outcomes].filter((outcome) => !["answered", "DeadlineExceeded"].includes(outcome)))
      }),
    60_000
  )
})
