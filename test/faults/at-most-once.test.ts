/** Nothing runs twice behind the caller's back: a thousand calls with a side effect, and a server that keeps being killed. */
import { assert, describe, it } from "@effect/vitest"
import { Endpoint, McpConfig, McpConnections } from "@holdfast/mcp"
import { SeededRandom } from "@holdfast/testkit"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"

const calls = 1000
const seed = 20261121
const server = path.join(import.meta.dirname, "writing-server.ts")

/**
 * Runs the calls, 16 at once, while the server is killed at random moments: each time so many more have been written, which is more than
 * there are at once. So whatever was lost comes first before the next kill, however slow the machine is. Returns how each ended and what
 * was written.
 */
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
        acquireTimeout: "5 minutes"
      }
    }
  })
  return yield* Effect.provide(
    Effect.gen(function*() {
      const mcp = yield* McpConnections
      let kills = 0
      const lines = (): ReadonlyArray<string> =>
        fs.existsSync(log) ? fs.readFileSync(log, "utf8").split("\n").slice(0, -1) : []
      const killer = yield* Effect.forkChild(Effect.forever(Effect.gen(function*() {
        const moment = lines().length + random.int(40, 100)
        yield* Effect.repeat(Effect.sync(() => lines().length), {
          until: (count) => count >= moment,
          schedule: Schedule.spaced("1 millis")
        })
        yield* mcp.use("s", ({ process: child }) =>
          Effect.sync(() => {
            if (child === undefined) return
            process.kill(child.pid, "SIGKILL")
            kills++
          }))
      })))
      const call = (id: number) =>
        Effect.match(mcp.callTool("s", { name: tool, arguments: { id } }), {
          onSuccess: () => "answered",
          onFailure: ({ reason }) => reason._tag
        })
      const outcomes = yield* Effect.forEach(Array.from({ length: calls }, (_, id) => id), call, { concurrency: 16 })
      yield* Fiber.interrupt(killer)
      const written = new Map<number, number>()
      for (const line of lines()) {
        written.set(Number(line), (written.get(Number(line)) ?? 0) + 1)
      }
      return { outcomes, written, kills }
    }),
    McpConnections.layer(config)
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
      })
  )

  it.live("that says it may be repeated: all succeed", () =>
    Effect.gen(function*() {
      const { kills, outcomes, written } = yield* storm("put")
      assert.isAtLeast(kills, 5)
      assert.strictEqual(count(outcomes, "answered"), calls)
      assert.strictEqual(written.size, calls)
      const repeated = [...written.values()].filter((times) => times > 1).length
      assert.isAbove(repeated, 0, "no kill has hit a call that had run")
      console.info(`${kills} kills: ${calls} answered, ${repeated} of them had run before`)
    }))
})
