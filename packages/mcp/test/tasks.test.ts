/** Calls that are tasks of their server: driven to their end, started and left, asked for again. */
import { assert, describe, it } from "@effect/vitest"
import { type ClientHandlers, McpConfig, TaskHandle, Unreachable } from "@holdfast/mcp"
import { type CallOptions, type LayerOptions, McpConnections, type Task } from "@holdfast/mcp/McpConnections"
import { type MemoryCall, MemoryServer, type MemoryServerOptions } from "@holdfast/mcp/testing"
import type { Request } from "@holdfast/protocol/JsonRpc"
import { tasksExtension } from "@holdfast/protocol/ModernEra"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { TestClock } from "effect/testing"
import { passing, settled } from "./support/memoryTime.ts"

type Era = "legacy" | "modern"
const eras: ReadonlyArray<Era> = ["legacy", "modern"]

/** A task as its server has it. */
interface Kept {
  status: Task["status"]
  statusMessage?: string
  result?: object
  error?: { readonly code: number; readonly message: string }
  /** What it asks, by key. */
  questions?: Record<string, object>
  answers: Record<string, unknown>
  ttl: number | null
  pollInterval?: number
}

interface Said {
  readonly era: Era
  readonly support?: "optional" | "required" | "forbidden"
  readonly pollInterval?: number
  readonly ttl?: number
  /** By a legacy server: told that the tools have tasks. Default: true. */
  readonly offers?: boolean
  readonly server?: Partial<MemoryServerOptions>
  /** A server that forgets its tasks with its connection. */
  readonly forgets?: boolean
  /** What becomes of `tasks/result`, before it is answered. */
  readonly onResult?: (call: MemoryCall) => Effect.Effect<void>
}

const done = { content: [{ type: "text" as const, text: "done" }] }
const unknownTask = { code: -32602, message: "Failed to retrieve task: Task not found" }

/** A server with one tool, `work`. Its tasks outlive its connections, unless it forgets them. */
const working = ({ era, forgets, offers = true, onResult, pollInterval, server, support = "required", ttl }: Said) =>
  Effect.gen(function*() {
    const tasks = new Map<string, Kept>()
    const owners = new Map<string, unknown>()
    const changed = new Set<() => void>()
    let count = 0
    const spoken = (taskId: string, task: Kept) => {
      const { error, pollInterval, questions, result, status, statusMessage, ttl } = task
      const at = "2026-01-01T00:00:00Z"
      const words = statusMessage === undefined ? {} : { statusMessage }
      const common = { taskId, status, createdAt: at, lastUpdatedAt: at, ...words }
      return era === "legacy"
        ? { ...common, ttl, ...(pollInterval !== undefined && { pollInterval }) }
        : {
          ...common,
          ttlMs: ttl,
          ...(pollInterval !== undefined && { pollIntervalMs: pollInterval }),
          ...(questions && task.status === "input_required" && { inputRequests: questions }),
          ...(result && { result }),
          ...(error && { error })
        }
    }
    const found = (call: MemoryCall): Effect.Effect<readonly [string, Kept], typeof unknownTask> => {
      const taskId = String(call.params["taskId"])
      const task = tasks.get(taskId)
      const isForeign = forgets === true && owners.get(taskId) !== call.connection
      return task === undefined || isForeign ? Effect.fail(unknownTask) : Effect.succeed([taskId, task])
    }
    const hasEnded = ({ status }: Kept) => status !== "working" && status !== "input_required"
    const until = (isTrue: () => boolean) =>
      Effect.callback<void>((resume) => {
        const look = () => {
          if (isTrue()) resume(Effect.void)
        }
        changed.add(look)
        look()
        return Effect.sync(() => changed.delete(look))
      })
    const memory = yield* MemoryServer.make({
      era,
      capabilities: era === "legacy"
        ? { tools: {}, ...(offers && { tasks: { requests: { tools: { call: {} } }, cancel: {}, list: {} } }) }
        : { tools: {}, ...(offers && { extensions: { [tasksExtension]: {} } }) },
      ...server,
      handlers: {
        "tools/list": () =>
          Effect.succeed({
            tools: [{ name: "work", inputSchema: { type: "object" }, execution: { taskSupport: support } }]
          }),
        "tools/call": (params, call) => {
          const isTask = era === "legacy"
            ? "task" in params
            : offers && support !== "forbidden" && JSON.stringify(params).includes(tasksExtension)
          if (!isTask) return Effect.succeed({ content: [{ type: "text", text: "at once" }] })
          const taskId = `t${++count}`
          const asked = "task" in params ? (params["task"] as { readonly ttl?: number }) : {}
          const task: Kept = {
            status: "working",
            answers: {},
            ttl: ttl ?? asked.ttl ?? null,
            ...(pollInterval !== undefined && { pollInterval })
          }
          tasks.set(taskId, task)
          owners.set(taskId, call.connection)
          const told = spoken(taskId, task)
          return Effect.succeed(era === "legacy" ? { task: told } : { resultType: "task", ...told })
        },
        "tasks/get": (_, call) => Effect.map(found(call), ([taskId, task]) => spoken(taskId, task)),
        "tasks/cancel": (_, call) =>
          Effect.flatMap(found(call), ([taskId, task]) => {
            if (hasEnded(task)) {
              return era === "legacy"
                ? Effect.fail({ code: -32602, message: "Cannot cancel task in terminal status" })
                : Effect.succeed({ resultType: "complete" })
            }
            task.status = "cancelled"
            for (const look of changed) look()
            return Effect.succeed(era === "legacy" ? spoken(taskId, task) : { resultType: "complete" })
          }),
        "tasks/list": () => Effect.succeed({ tasks: [...tasks].map(([taskId, task]) => spoken(taskId, task)) }),
        ...(era === "legacy" && {
          "tasks/result": (_: unknown, call: MemoryCall) =>
            Effect.flatMap(found(call), ([taskId, task]) => {
              for (const question of Object.values(task.questions ?? {})) {
                call.connection.send({ jsonrpc: "2.0", id: `q-${taskId}`, ...question })
              }
              return Effect.gen(function*() {
                yield* until(() => hasEnded(task))
                yield* onResult?.(call) ?? Effect.void
                return task.error === undefined
                  ? { ...task.result, _meta: { "io.modelcontextprotocol/related-task": { taskId } } }
                  : yield* Effect.fail(task.error)
              })
            })
        }),
        ...(era === "modern" && {
          "tasks/update": (params: Readonly<Record<string, unknown>>, call: MemoryCall) =>
            Effect.map(found(call), ([, task]) => {
              Object.assign(task.answers, params["inputResponses"])
              return { resultType: "complete" }
            })
        })
      }
    })
    const asked = (method: string): ReadonlyArray<Request> =>
      memory.received().filter((each): each is Request => each._tag === "Request" && each.method === method)
    return {
      memory,
      tasks,
      asked,
      /** How many questions after tasks there were. */
      polls: () => asked("tasks/get").length,
      end: (taskId: string, end: Partial<Kept>) =>
        Effect.sync(() => {
          Object.assign(tasks.get(taskId) ?? {}, end)
          for (const look of changed) look()
        })
    }
  })

const connectedTo = (
  { memory }: Effect.Success<ReturnType<typeof working>>,
  options: LayerOptions = {},
  policy: object = {}
) =>
  Effect.flatMap(
    McpConfig.make({ s: { endpoint: memory.endpoint, policy } }),
    (config) => McpConnections.make(config, options)
  )

const begin = <A, E>(effect: Effect.Effect<A, E>) => Effect.forkChild(effect, { startImmediately: true })

/** A task that has been begun by a call of `work`. */
const calling = Effect.fnUntraced(function*(
  said: Said,
  options: CallOptions = {},
  handlers: ClientHandlers = {},
  policy: object = {}
) {
  const server = yield* working({ pollInterval: 1000, ...said })
  const mcp = yield* connectedTo(server, { handlers }, policy)
  const call = yield* begin(mcp.callTool("s", { name: "work" }, options))
  yield* settled
  yield* settled
  assert.strictEqual(server.tasks.size, 1)
  return { server, mcp, call }
})

for (const era of eras) {
  describe(`a call that is a task of a ${era} server`, () => {
    // agentic-os-org/ANOLISA#2645: a tool that must be a task was called without one.
    it.effect("ends with the tool's result, asked for no sooner than the server says", () =>
      Effect.gen(function*() {
        const told: Array<string> = []
        const { call, server } = yield* calling({ era }, { onTask: ({ status }) => told.push(status) })
        assert.strictEqual("task" in Object(server.asked("tools/call")[0]?.params), era === "legacy")
        yield* TestClock.adjust("999 millis")
        assert.strictEqual(server.polls(), 0)
        yield* TestClock.adjust("1 millis")
        assert.strictEqual(server.polls(), 1)
        yield* server.end("t1", { status: "completed", result: done })
        yield* TestClock.adjust("999 millis")
        assert.isUndefined(call.pollUnsafe())
        yield* TestClock.adjust("1 millis")
        assert.deepStrictEqual((yield* Fiber.join(call)).content, done.content)
        assert.deepStrictEqual(told, ["working", "completed"])
        assert.strictEqual(server.asked("tools/call").length, 1)
        assert.strictEqual(server.asked("tasks/result").length, era === "legacy" ? 1 : 0)
        assert.strictEqual(server.asked("tasks/cancel").length, 0)
      }))

    it.effect("keeps its own pace by a schedule, but is never asked for sooner than the server says", () =>
      Effect.gen(function*() {
        const slow = yield* calling({ era }, { poll: Schedule.spaced("5 seconds") })
        yield* TestClock.adjust("4999 millis")
        assert.strictEqual(slow.server.polls(), 0)
        yield* TestClock.adjust("1 millis")
        assert.strictEqual(slow.server.polls(), 1)
        const fast = yield* calling({ era, pollInterval: 60_000 }, { poll: Schedule.spaced("1 millis") })
        yield* TestClock.adjust("59999 millis")
        assert.strictEqual(fast.server.polls(), 0)
        yield* TestClock.adjust("1 millis")
        assert.strictEqual(fast.server.polls(), 1)
      }))

    it.effect("is not asked for without a pause, whatever the server says", () =>
      Effect.gen(function*() {
        const { server } = yield* calling({ era, pollInterval: 0 })
        yield* TestClock.adjust("99 millis")
        assert.strictEqual(server.polls(), 0)
        yield* TestClock.adjust("1 second")
        assert.isAtMost(server.polls(), 10)
      }))

    it.effect("ends with its schedule, and its task with it", () =>
      Effect.gen(function*() {
        const poll = Schedule.spaced("1 second").pipe(Schedule.upTo({ times: 3 }))
        const { call, server } = yield* calling({ era }, { poll })
        yield* TestClock.adjust("3 seconds")
        yield* settled
        const { reason } = yield* Effect.flip(Fiber.join(call))
        assert.deepInclude(reason, { _tag: "DeadlineExceeded", kind: "caller", taskId: "t1", afterMillis: 3000 })
        yield* settled
        assert.strictEqual(server.tasks.get("t1")?.status, "cancelled")
      }))

    it.effect("is cancelled at the server when its caller is interrupted, and only then", () =>
      Effect.gen(function*() {
        const { call, server } = yield* calling({ era })
        yield* TestClock.adjust("1 second")
        yield* Fiber.interrupt(call)
        assert.strictEqual(server.tasks.get("t1")?.status, "cancelled")
        assert.strictEqual(server.asked("tasks/cancel").length, 1)
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(server.polls(), 1)
      }))

    it.effect("ends at its deadline, and its task with it", () =>
      Effect.gen(function*() {
        const { call, server } = yield* calling({ era }, { deadline: "2500 millis" })
        yield* TestClock.adjust("2499 millis")
        assert.isUndefined(call.pollUnsafe())
        yield* TestClock.adjust("1 millis")
        const { reason } = yield* Effect.flip(Fiber.join(call))
        assert.deepInclude(reason, { _tag: "DeadlineExceeded", method: "tools/call", tool: "work", afterMillis: 2500 })
        yield* settled
        assert.strictEqual(server.tasks.get("t1")?.status, "cancelled")
      }))

    it.effect("goes on over a connection that is lost, with the same task", () =>
      Effect.gen(function*() {
        const { call, server } = yield* calling({ era })
        yield* TestClock.adjust("1 second")
        for (let losses = 1; losses <= 3; losses++) {
          yield* server.memory.kill
          yield* TestClock.adjust("30 seconds")
        }
        assert.isUndefined(call.pollUnsafe())
        yield* server.end("t1", { status: "completed", result: done })
        yield* passing("its end", () => call.pollUnsafe() !== undefined)
        assert.deepStrictEqual((yield* Fiber.join(call)).content, done.content)
        assert.strictEqual(server.asked("tools/call").length, 1)
        assert.isAtLeast(server.memory.opened(), 4)
      }))

    it.effect("waits for a server that is away, and gives it up after half an hour without a word", () =>
      Effect.gen(function*() {
        let isAway = false
        const gone = (server: string) =>
          Effect.fail(new Unreachable({ server, url: "memory:", description: "it is away" }))
        const { call, server } = yield* calling({
          era,
          server: { onDial: (server) => isAway ? gone(server) : Effect.void }
        })
        for (const minutes of [20, 40]) {
          isAway = true
          yield* server.memory.kill
          yield* TestClock.adjust(`${minutes} minutes`)
          if (minutes === 40) break
          assert.isUndefined(call.pollUnsafe())
          isAway = false
          yield* TestClock.adjust("1 minute")
          assert.strictEqual(server.memory.connections().length, 1)
        }
        assert.include(["Unreachable", "DeadlineExceeded"], (yield* Effect.flip(Fiber.join(call))).reason._tag)
        assert.strictEqual(server.asked("tools/call").length, 1)
      }))

    it.effect("says that a restarted server does not know its task", () =>
      Effect.gen(function*() {
        const { call, server } = yield* calling({ era, forgets: true })
        yield* server.memory.kill
        yield* TestClock.adjust("30 seconds")
        const error = yield* Effect.flip(Fiber.join(call))
        assert.deepInclude(error.reason, { _tag: "TaskNotFound", server: "s", taskId: "t1", tool: "work" })
        assert.include(error.message, "It may have been restarted")
        assert.strictEqual(server.asked("tasks/cancel").length, 0)
      }))

    it.effect("is kept on the connection of a server whose next one would not know it, and lost with that", () =>
      Effect.gen(function*() {
        const policy = { sharing: "exclusive" }
        const { call, mcp, server } = yield* calling({ era, forgets: true }, {}, {}, policy)
        const other = yield* begin(mcp.callTool("s", { name: "work" }))
        yield* passing("another task", () => server.tasks.size === 2)
        yield* TestClock.adjust("3 seconds")
        assert.strictEqual(server.memory.opened(), 2)
        yield* server.end("t2", { status: "completed", result: done })
        yield* passing("its end", () => other.pollUnsafe() !== undefined)
        assert.deepStrictEqual((yield* Fiber.join(other)).content, done.content)
        yield* server.memory.kill
        yield* TestClock.adjust("1 minute")
        yield* passing("the end of the first", () => call.pollUnsafe() !== undefined)
        assert.deepInclude((yield* Effect.flip(Fiber.join(call))).reason, { _tag: "TaskNotFound" })
        assert.strictEqual(server.asked("tools/call").length, 2)
      }))

    it.effect("ends as cancelled when another program cancels it", () =>
      Effect.gen(function*() {
        const { call, server } = yield* calling({ era })
        yield* server.end("t1", { status: "cancelled", statusMessage: "by hand" })
        yield* TestClock.adjust("1 second")
        const { reason } = yield* Effect.flip(Fiber.join(call))
        assert.deepInclude(reason, { _tag: "TaskCancelled", taskId: "t1", tool: "work", description: "by hand" })
        assert.strictEqual(server.asked("tasks/cancel").length, 0)
      }))

    it.effect("fails with the server's error, and answers with a tool's own failure", () =>
      Effect.gen(function*() {
        const first = yield* calling({ era })
        yield* first.server.end("t1", { status: "failed", error: { code: -32050, message: "no disk" } })
        yield* TestClock.adjust("1 second")
        assert.deepInclude((yield* Effect.flip(Fiber.join(first.call))).reason, {
          _tag: "ServerError",
          method: "tools/call",
          code: -32050,
          description: "no disk"
        })
        const second = yield* calling({ era })
        // The legacy era calls such a task failed, the modern one completed.
        const status = era === "legacy" ? "failed" : "completed"
        yield* second.server.end("t1", { status, result: { ...done, isError: true } })
        yield* TestClock.adjust("1 second")
        assert.deepInclude(yield* Fiber.join(second.call), { isError: true })
      }))

    it.effect("has its questions answered by the handlers, each once", () =>
      Effect.gen(function*() {
        let asked = 0
        const answer = Deferred.makeUnsafe<object>()
        const { call, server } = yield* calling({ era }, {}, {
          elicitation: () =>
            Effect.suspend(() => {
              asked++
              return Deferred.await(answer)
            })
        })
        const questions = { who: { method: "elicitation/create", params: { message: "who?" } } }
        yield* server.end("t1", { status: "input_required", questions })
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual(asked, 1)
        assert.isAtLeast(server.polls(), 5)
        yield* Deferred.succeed(answer, { action: "accept", content: { name: "Ada" } })
        yield* settled
        if (era === "modern") {
          assert.deepStrictEqual(server.tasks.get("t1")?.answers, {
            who: { action: "accept", content: { name: "Ada" } }
          })
          assert.strictEqual(server.asked("tasks/update").length, 1)
        } else {
          const answer = server.memory.received().find(({ _tag }) => _tag === "Success")
          assert.deepInclude(answer, { id: "q-t1", result: { action: "accept", content: { name: "Ada" } } })
          assert.strictEqual(server.asked("tasks/result").length, 1)
        }
        yield* server.end("t1", { status: "completed", result: done })
        yield* passing("its end", () => call.pollUnsafe() !== undefined)
        assert.deepStrictEqual((yield* Fiber.join(call)).content, done.content)
      }))

    it.effect("is asked for at once when the server says that it has ended", () =>
      Effect.gen(function*() {
        const { call, server } = yield* calling({ era, pollInterval: 600_000 })
        yield* server.end("t1", { status: "completed", result: done })
        const method = era === "legacy" ? "notifications/tasks/status" : "notifications/tasks"
        yield* server.memory.notify(method, { taskId: "other", status: "completed" })
        yield* server.memory.notify(method, { taskId: "t1", status: "working" })
        yield* settled
        assert.strictEqual(server.polls(), 0)
        yield* server.memory.notify(method, { taskId: "t1", status: "completed" })
        yield* settled
        assert.deepStrictEqual((yield* Fiber.join(call)).content, done.content)
      }))
  })

  describe(`a task that is started at a ${era} server`, () => {
    it.effect("is data, from which another program gets the result", () =>
      Effect.gen(function*() {
        const server = yield* working({ era, pollInterval: 1000 })
        const text = Schema.fromJsonString(TaskHandle)
        const saved = yield* Effect.scoped(Effect.gen(function*() {
          const mcp = yield* connectedTo(server)
          const handle = yield* mcp.startTask("s", { name: "work" }, { ttl: "1 hour" })
          assert.deepInclude(handle, { server: "s", tool: "work", taskId: "t1" })
          if (era === "legacy") assert.strictEqual(handle.ttl, 3_600_000)
          return yield* Schema.encodeEffect(text)(handle)
        }))
        assert.strictEqual(server.memory.connections().length, 0)
        const handle = yield* Schema.decodeEffect(text)(saved)
        const mcp = yield* connectedTo(server)
        assert.deepInclude(yield* mcp.getTask(handle), { taskId: "t1", status: "working", pollInterval: 1000 })
        const waiting = yield* begin(mcp.awaitTask(handle))
        yield* TestClock.adjust("1 second")
        yield* server.end("t1", { status: "completed", result: done })
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual((yield* Fiber.join(waiting)).content, done.content)
        // The server keeps it, and so it can be had again.
        assert.deepStrictEqual((yield* mcp.awaitTask(handle)).content, done.content)
        assert.strictEqual(server.asked("tools/call").length, 1)
      }))

    it.effect("goes on when the one that waits for it leaves, or has no more time", () =>
      Effect.gen(function*() {
        const server = yield* working({ era, pollInterval: 1000 })
        const mcp = yield* connectedTo(server)
        const handle = yield* mcp.startTask("s", { name: "work" })
        const waiting = yield* begin(mcp.awaitTask(handle))
        yield* settled
        yield* Fiber.interrupt(waiting)
        const late = yield* begin(mcp.awaitTask(handle, { deadline: "5 seconds" }))
        yield* TestClock.adjust("5 seconds")
        const error = yield* Effect.flip(Fiber.join(late))
        assert.deepInclude(error.reason, { _tag: "DeadlineExceeded", taskId: "t1", afterMillis: 5000 })
        assert.include(error.message, "it goes on at the server")
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(server.tasks.get("t1")?.status, "working")
      }))

    it.effect("is cancelled once; one that has ended stays as it is, and one that is not known is told", () =>
      Effect.gen(function*() {
        const server = yield* working({ era, pollInterval: 1000, ttl: 60_000 })
        const mcp = yield* connectedTo(server)
        const handle = yield* mcp.startTask("s", { name: "work" })
        yield* mcp.cancelTask(handle)
        yield* mcp.cancelTask(handle)
        assert.strictEqual(server.tasks.get("t1")?.status, "cancelled")
        server.tasks.clear()
        const lost = yield* Effect.flip(mcp.cancelTask(handle))
        assert.deepInclude(lost.reason, { _tag: "TaskNotFound", description: unknownTask.message })
        assert.notInclude(Object.keys(lost.reason), "keptMillis")
        yield* TestClock.adjust("60 seconds")
        const expired = yield* Effect.flip(mcp.awaitTask(handle))
        assert.deepInclude(expired.reason, { _tag: "TaskNotFound", keptMillis: 60_000 })
        assert.include(expired.message, "has kept it for 60 s, as it said")
      }))

    it.effect("is none where the tool has no tasks, which is said before or with its answer", () =>
      Effect.gen(function*() {
        const without = yield* working({ era, offers: false })
        const mcp = yield* connectedTo(without)
        const refused = yield* Effect.flip(mcp.startTask("s", { name: "work" }))
        assert.deepInclude(refused.reason, { _tag: "NotATask", tool: "work" })
        assert.strictEqual(without.asked("tools/call").length, 0)
        assert.deepInclude((yield* mcp.callTool("s", { name: "work" })).content[0], { text: "at once" })
        const forbidden = yield* working({ era, support: "forbidden" })
        const { reason } = yield* Effect.flip((yield* connectedTo(forbidden)).startTask("s", { name: "work" }))
        assert.strictEqual(reason._tag, "NotATask")
        // A legacy server says it of the tool. A modern one decides by the call, which has run.
        if (era === "legacy") assert.strictEqual(forbidden.asked("tools/call").length, 0)
        else assert.deepInclude(reason, { result: { content: [{ type: "text", text: "at once" }] } })
      }))
  })
}

describe("a tool that may be a task", () => {
  it.effect("is called as one where the caller says so, and for as long as that is asked for", () =>
    Effect.gen(function*() {
      const server = yield* working({ era: "legacy", support: "optional" })
      const mcp = yield* connectedTo(server)
      assert.deepInclude((yield* mcp.callTool("s", { name: "work" })).content[0], { text: "at once" })
      const call = yield* begin(mcp.callTool("s", { name: "work" }, { task: { ttl: "10 minutes" } }))
      yield* settled
      assert.deepInclude(server.asked("tools/call")[1]?.params, { task: { ttl: 600_000 } })
      yield* Fiber.interrupt(call)
    }))

  it.effect("is never one by a plain request, whose answer is the server's own", () =>
    Effect.gen(function*() {
      const server = yield* working({ era: "modern" })
      const mcp = yield* connectedTo(server)
      const answer = yield* mcp.request("s", { method: "tools/call", params: { name: "work", arguments: {} } })
      assert.deepStrictEqual(answer, { content: [{ type: "text", text: "at once" }] })
    }))
})

describe("the progress of a task", () => {
  it.effect("is told after the answer that has begun it, until its call ends", () =>
    Effect.gen(function*() {
      const told: Array<number> = []
      const { call, server } = yield* calling({ era: "legacy" }, { onProgress: ({ progress }) => told.push(progress) })
      const { progressToken } = Object(Object(server.asked("tools/call")[0]?.params)["_meta"])
      const say = (progress: number) => server.memory.notify("notifications/progress", { progressToken, progress })
      yield* say(1)
      yield* TestClock.adjust("1 second")
      yield* say(2)
      yield* settled
      assert.deepStrictEqual(told, [1, 2])
      yield* Fiber.interrupt(call)
      yield* say(3)
      yield* settled
      assert.deepStrictEqual(told, [1, 2])
    }))
})

describe("the result of a legacy task", () => {
  // microsoft/agent-framework#6319: a connection that was lost during `tasks/result`.
  it.effect("is fetched again when it was lost on its way", () =>
    Effect.gen(function*() {
      let losses = 0
      const { call, server } = yield* calling({
        era: "legacy",
        onResult: ({ connection }) =>
          losses++ < 5 ? Effect.sync(() => connection.exit({ signal: "SIGKILL" })) : Effect.void
      })
      yield* server.end("t1", { status: "completed", result: done })
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual((yield* Fiber.join(call)).content, done.content)
      assert.strictEqual(server.asked("tasks/result").length, 6)
      assert.strictEqual(server.asked("tools/call").length, 1)
    }))
})

describe("a question that no handler takes", () => {
  it.effect("ends the call of a modern task, and the task with it", () =>
    Effect.gen(function*() {
      const { call, server } = yield* calling({ era: "modern" })
      yield* server.end("t1", { status: "input_required", questions: { who: { method: "elicitation/create" } } })
      yield* TestClock.adjust("1 second")
      const { message } = yield* Effect.flip(Fiber.join(call))
      assert.include(message, "elicitation/create")
      yield* settled
      assert.strictEqual(server.tasks.get("t1")?.status, "cancelled")
    }))
})

describe("the list of a server's tasks", () => {
  it.effect("is what a legacy server lists, and empty where there is none", () =>
    Effect.gen(function*() {
      const server = yield* working({ era: "legacy" })
      const mcp = yield* connectedTo(server)
      yield* mcp.startTask("s", { name: "work" })
      assert.deepInclude((yield* mcp.listTasks("s"))[0], { taskId: "t1", status: "working" })
      const plain = yield* MemoryServer.make({ tools: {} })
      assert.deepStrictEqual(yield* mcp.listTasks(plain.endpoint), [])
    }))
})
