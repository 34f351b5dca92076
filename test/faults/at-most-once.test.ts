/** Nothing runs twice behind the caller's back: a thousand calls with a side effect, and a server that keeps being killed. */
import { assert, describe, it } from "@effect/vitest"
import { Endpoint, layer, McpConfig, McpConnections } from "@holdfast/mcp"
import { SeededRandom } from "@holdfast/testkit"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"

const calls = 1000
const seed = 20261121
const server = path.join(import.meta.dirname, "writing-server.ts")

/** Runs the calls, 64 at once, while the server is killed at random moments. Returns how each ended and what was written. */
const storm = Effect.fnUntraced(function*(tool: "write" | "put") {
  const directory = yield* Effect.acquireRelease(
    Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "hf-test-"))),
    (directory) => Effect.sync(() => fs.rmSync(directory, { recursive: true }))
  )
  const log = path.join(directory, "written")
  const random = SeededRandom.make(seed)
  const config = yield* McpConfig.make({
    s: {
      endpoint: Endpoint.stdio({ command: process.execPath, args: [server], env: { WRITE_LOG: log } }),
      // It is this test that kills, and often: no crash loop is to be seen in that.
      policy: {
        backoff: { initial: "5 millis", max: "20 millis" },
        minUptime: "1 millis",
        restartIntensity: { limit: 10_000, window: "1 minute" },
        acquireTimeout: "1 minute"
      }
    }
  })
  return yield* Effect.provide(
    Effect.gen(function*() {
      const mcp = yield* McpConnections
      let kills = 0
      const killer = yield* Effect.forkChild(Effect.forever(Effect.gen(function*() {
        yield* Effect.sleep(Duration.millis(random.int(100, 300)))
        yield* mcp.use("s", ({ process: child }) =>
          Effect.sync(() => {
            if (child === undefined) return
            process.kill(child.pid, "SIGKILL")
            kills++
          }))
      })))
      // A breath before each call spreads them over many lives of the server.
      const call = (id: number) =>
        Effect.andThen(
          Effect.sleep(Duration.millis(random.int(0, 200))),
          Effect.match(mcp.callTool("s", { name: tool, arguments: { id } }), {
            onSuccess: () => "answered",
            onFailure: ({ reason }) => reason._tag
          })
        )
      const outcomes = yield* Effect.forEach(Array.from({ length: calls }, (_, id) => id), call, { concurrency: 64 })
      yield* Fiber.interrupt(killer)
      const written = new Map<number, number>()
      for (const line of fs.readFileSync(log, "utf8").split("\n").slice(0, -1)) {
        written.set(Number(line), (written.get(Number(line)) ?? 0) + 1)
      }
      return { outcomes, written, kills }
    }),
    layer(config)
  )
})

const count = (outcomes: ReadonlyArray<string>, outcome: string): number =>
  outcomes.filter((other) => other === outcome).length

describe(`${calls} calls to a server that is killed at random moments`, () => {
  it.live(
    "with a side effect: none runs twice, each is settled, and what was answered was done",
    () =>
      Effect.gen(function*() {
        const { kills, outcomes, written } = yield* storm("write")
        assert.isAtLeast(kills, 5)
        assert.isEmpty([...written].filter(([, times]) => times > 1))
        for (const [id, outcome] of outcomes.entries()) {
          if (outcome === "answered") assert.strictEqual(written.get(id), 1, `call ${id}`)
          else assert.strictEqual(outcome, "OutcomeUnknown", `call ${id}`)
        }
        console.info(
          `${kills} kills: ${count(outcomes, "answered")} answered, ${
            count(outcomes, "OutcomeUnknown")
          } of unknown outcome, ` +
            `0 ran twice`
        )
      }),
    120_000
  )

  it.live("that says it may be repeated: all succeed", () =>
    Effect.gen(function*() {
      const { kills, outcomes, written } = yield* storm("put")
      assert.isAtLeast(kills, 5)
      assert.strictEqual(count(outcomes, "answered"), calls)
      assert.strictEqual(written.size, calls)
      const repeated = [...written.values()].filter((times) => times > 1).length
      console.info(`${kills} kills: ${calls} answered, ${repeated} of them had run before`)
    }), 120_000)
})
