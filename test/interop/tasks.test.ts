/** Calls of ours that are tasks of servers of ours. */
import { assert, describe, it } from "@effect/vitest"
import { Job, JobStore, Runner } from "@holdfast/jobs"
import { JobTasks, JobTools } from "@holdfast/jobs/mcp"
import { Endpoint, McpConfig, type McpConfig as Config, McpConnections, TaskHandle } from "@holdfast/mcp"
import { type MemoryPeer, MemoryServer } from "@holdfast/mcp/testing"
import * as StdioHost from "@holdfast/server/StdioHost"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { TestClock } from "effect/testing"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { setImmediate } from "node:timers/promises"

const Order = Job.make("order", { version: 1, payload: { what: Schema.String }, success: Schema.String })

/** `never` is never done; `ask` asks for a name; the rest is done at once. */
const OrderLive = Runner.toLayer(Order, ({ what }, job) => {
  if (what === "never") return Effect.never
  if (what !== "ask") return Effect.succeed(`${what} is here`)
  const question = job.ask("name", Schema.Struct({ name: Schema.String }), { message: "For whom?" })
  return Effect.map(question, ({ name }) => `for ${name}`)
}).pipe(Layer.provideMerge(JobStore.layerMemory))

/** The host of ours over a link in memory. */
const hosted = Effect.gen(function*() {
  const context = yield* Effect.context<Layer.Success<typeof OrderLive>>()
  const server = Effect.gen(function*() {
    const tasks = yield* JobTasks.make()
    const mcp = new McpServer({ name: "orders", version: "1.0.0" }, tasks.serverOptions)
    yield* JobTools.register(mcp, Order, { tasks })
    return mcp
  })
  const lines = (peer: MemoryPeer): Effect.Effect<StdioHost.Lines> =>
    Effect.succeed({
      read: ({ onLine }) => Effect.asVoid(Effect.forkScoped(Effect.forever(Effect.map(peer.read, onLine)))),
      write: (text) => peer.write(text),
      ended: Effect.never,
      flushed: Effect.void
    })
  return yield* MemoryServer.script((peer) =>
    StdioHost.over({ server }, lines(peer)).pipe(Effect.provideContext(context), Effect.orDie, Effect.asVoid)
  )
})

/** Lets the test's time go by, and what the SDK's promises do in between, until this is so. */
const passing = (what: string, isTrue: () => boolean) =>
  Effect.gen(function*() {
    for (let left = 1000; left > 0; left--) {
      if (isTrue()) return
      yield* Effect.promise(() => setImmediate())
      yield* TestClock.adjust("50 millis")
    }
    return yield* Effect.die(new Error(`never happened: ${what}`))
  })

const inTime = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
    yield* passing("its end", () => fiber.pollUnsafe() !== undefined)
    return yield* Fiber.join(fiber)
  })

for (const era of ["legacy", "modern"] as const) {
  describe(`a job that is a task of the ${era} era`, () => {
    it.effect("is called as any tool is, answers what it is asked, and is cancelled with its call", () =>
      Effect.gen(function*() {
        const { endpoint } = yield* hosted
        const asked: Array<unknown> = []
        const config: Config = yield* McpConfig.make({ s: { endpoint, era } })
        const mcp = yield* McpConnections.make(config, {
          handlers: {
            elicitation: (params) =>
              Effect.sync(() => {
                asked.push(params)
                return { action: "accept", content: { name: "Ada" } }
              })
          }
        })
        const call = (what: string) => mcp.callTool("s", { name: "order", arguments: { what } })
        assert.deepStrictEqual((yield* inTime(call("tea"))).content, [{ type: "text", text: "\"tea is here\"" }])
        const { content } = yield* inTime(call("ask"))
        assert.deepStrictEqual(content, [{ type: "text", text: "\"for Ada\"" }])
        assert.strictEqual(asked.length, 1)
        assert.deepInclude(asked[0], { message: "For whom?" })

        const statuses: Array<string> = []
        const left = yield* Effect.forkChild(
          mcp.callTool("s", { name: "order", arguments: { what: "never" } }, {
            onTask: ({ status }) => statuses.push(status)
          }),
          { startImmediately: true }
        )
        yield* passing("a task", () => statuses.length > 0)
        const leaving = yield* Effect.forkChild(Fiber.interrupt(left), { startImmediately: true })
        yield* passing("its end", () => leaving.pollUnsafe() !== undefined)
        const jobs = yield* inTime(mcp.callTool("s", { name: "list_orders" }))
        const { structuredContent } = jobs
        assert.include(JSON.stringify(structuredContent), "cancelled")
        assert.notInclude(JSON.stringify(structuredContent), "running")
      }).pipe(Effect.provide(OrderLive)))
  })
}

describe("a call that is a task", () => {
  it.live("ends with its result although its server is killed in the middle of it", () =>
    Effect.gen(function*() {
      const folder = yield* Effect.acquireRelease(
        Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "hf-test-tasks-"))),
        (folder) => Effect.sync(() => fs.rmSync(folder, { recursive: true, force: true }))
      )
      const program = path.join(import.meta.dirname, "support/taskServer.ts")
      const args = [program, path.join(folder, "jobs.db"), folder]
      const endpoint = Endpoint.stdio({ command: process.execPath, args })
      const mcp = yield* McpConnections.make(yield* McpConfig.make({ s: endpoint }))
      const pidOf = mcp.use("s", ({ process }) => Effect.succeed(process?.pid ?? 0))
      const text = Schema.fromJsonString(TaskHandle)
      const saved = yield* Effect.flatMap(mcp.startTask("s", { name: "build" }), Schema.encodeEffect(text))
      const handle = yield* Schema.decodeEffect(text)(saved)
      const isTask = Deferred.makeUnsafe<void>()
      const onTask = () => Deferred.doneUnsafe(isTask, Effect.void)
      const call = yield* Effect.forkChild(mcp.callTool("s", { name: "build" }, { onTask }), { startImmediately: true })
      yield* Deferred.await(isTask)
      const isBegun = Effect.sync(() => fs.existsSync(path.join(folder, `begun-${handle.taskId}`)))
      yield* Effect.repeat(isBegun, { until: (isThere) => isThere, schedule: Schedule.spaced("20 millis") })
      const first = yield* pidOf
      const killed = Deferred.makeUnsafe<void>()
      yield* Effect.forkChild(
        mcp.use("s", ({ closed }) => Effect.andThen(Effect.asVoid(closed), Deferred.succeed(killed, undefined))),
        { startImmediately: true }
      )
      yield* Effect.sync(() => process.kill(first, "SIGKILL"))
      yield* Deferred.await(killed)
      const second = yield* pidOf
      assert.notStrictEqual(second, first)
      fs.writeFileSync(path.join(folder, "go"), "")
      assert.match(JSON.stringify((yield* Fiber.join(call)).content), new RegExp(`${second}\\]`))
      assert.deepStrictEqual((yield* mcp.awaitTask(handle)).content, [{
        type: "text",
        text: JSON.stringify([first, second])
      }])
    }))
})
