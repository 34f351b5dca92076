import { assert, describe, it } from "@effect/vitest"
import * as Job from "@holdfast/jobs/Job"
import * as Jobs from "@holdfast/jobs/Jobs"
import { JobTasks, JobTools } from "@holdfast/jobs/mcp"
import * as MemoryStore from "@holdfast/jobs/MemoryStore"
import * as Runner from "@holdfast/jobs/Runner"
import * as Principal from "@holdfast/protocol/Principal"
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import {
  CallToolResultSchema,
  CancelTaskResultSchema,
  CreateTaskResultSchema,
  type ElicitRequestFormParams,
  ElicitRequestSchema,
  type ElicitResult,
  GetTaskResultSchema,
  ListTasksResultSchema,
  ResultSchema
} from "@modelcontextprotocol/sdk/types.js"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { setTimeout } from "node:timers/promises"

const Scan = Job.make("scan", {
  version: 1,
  payload: { path: Schema.String },
  success: Schema.Struct({ files: Schema.Int })
})

const gate = Deferred.makeUnsafe<void>()
const later = Deferred.makeUnsafe<void>()
const ScanLive = Layer.provide(
  Runner.toLayer(Scan, ({ path }) => {
    if (path === "/broken") return Effect.die(new Error("s3cret"))
    if (path === "/later") return Effect.as(Deferred.await(later), { files: 7 })
    return path === "/gate" ? Effect.as(Deferred.await(gate), { files: 7 }) : Effect.never
  }),
  MemoryStore.layer
)

const connected = (mcp: McpServer) =>
  Effect.gen(function*() {
    const [ours, theirs] = InMemoryTransport.createLinkedPair()
    const client = new Client({ name: "test", version: "1.0.0" }, { capabilities: { tasks: {} } })
    yield* Effect.promise(() => mcp.connect(ours))
    yield* Effect.acquireRelease(
      Effect.promise(() => client.connect(theirs)),
      () => Effect.promise(() => client.close())
    )
    return client
  })

const session = (name: string) =>
  Effect.gen(function*() {
    const principal = Effect.succeed(Principal.make(name))
    const tasks = yield* JobTasks.make({ principal })
    const mcp = new McpServer({ name: "scanner", version: "1.0.0" }, tasks.serverOptions)
    yield* JobTools.register(mcp, Scan, { principal, tasks })
    const client = yield* connected(mcp)
    const start = (path: string) =>
      Effect.promise(() =>
        client.request(
          { method: "tools/call", params: { name: "scan", arguments: { path }, task: {} } },
          CreateTaskResultSchema
        )
      ).pipe(Effect.map(({ task }) => task))
    const get = (taskId: string) =>
      Effect.tryPromise(() => client.request({ method: "tasks/get", params: { taskId } }, GetTaskResultSchema))
    const result = (taskId: string) =>
      Effect.tryPromise(() => client.request({ method: "tasks/result", params: { taskId } }, CallToolResultSchema))
    const cancel = (taskId: string) =>
      Effect.tryPromise(() => client.request({ method: "tasks/cancel", params: { taskId } }, CancelTaskResultSchema))
    const list = Effect.promise(() => client.request({ method: "tasks/list" }, ListTasksResultSchema))
    const call = (name: string, args: Record<string, unknown>) =>
      Effect.promise(() => client.callTool({ name, arguments: args }))
    return { client, start, get, result, cancel, list, call }
  })

describe("a job as a task", () => {
  it.live("is offered by a tool that must be called as one, beside the others", () =>
    Effect.gen(function*() {
      const { client } = yield* session("alice")
      const { tools } = yield* Effect.promise(() => client.listTools())
      assert.strictEqual(tools.find(({ name }) => name === "scan")?.execution?.taskSupport, "required")
      assert.strictEqual(tools.length, 8)
      assert.isDefined(client.getServerCapabilities()?.tasks?.requests?.tools?.call)
    }).pipe(Effect.scoped, Effect.provide(ScanLive)))

  it.live("is the job of the same id: looked at as a task or by its tools, from any session, with the same result", () =>
    Effect.gen(function*() {
      const first = yield* session("alice")
      const { pollInterval, status, taskId } = yield* first.start("/gate")
      assert.strictEqual(status, "working")
      assert.strictEqual(pollInterval, 3000)
      yield* Effect.promise(() => first.client.close())
      const second = yield* session("alice")
      assert.strictEqual((yield* second.get(taskId)).status, "working")
      assert.deepStrictEqual((yield* second.list).tasks.map((task) => task.taskId), [taskId])
      yield* Deferred.succeed(gate, undefined)
      const ended = yield* second.call("get_scan_progress", { id: taskId, wait_seconds: 20 })
      assert.deepInclude(ended.structuredContent, { state: "succeeded" })
      assert.strictEqual((yield* second.get(taskId)).status, "completed")
      const { content, isError } = yield* second.result(taskId)
      assert.notStrictEqual(isError, true)
      assert.deepStrictEqual(content, [{ type: "text", text: `{"files":7}` }])
    }).pipe(Effect.scoped, Effect.provide(ScanLive)))

  it.live("is cancelled with its task, and fails with it without internals", () =>
    Effect.gen(function*() {
      const { cancel, get, result, start } = yield* session("alice")
      const { taskId } = yield* start("/never")
      assert.strictEqual((yield* cancel(taskId)).status, "cancelled")
      assert.strictEqual(
        (yield* (yield* Jobs.Jobs).status(taskId, { owner: Principal.make("alice") })).state,
        "cancelled"
      )
      const broken = yield* start("/broken")
      yield* Effect.flatMap(session("alice"), ({ call }) =>
        call("get_scan_progress", { id: broken.taskId, wait_seconds: 20 }))
      assert.strictEqual((yield* get(broken.taskId)).status, "failed")
      const failed = yield* result(broken.taskId)
      assert.isTrue(failed.isError)
      assert.notInclude(JSON.stringify(failed), "s3cret")
    }).pipe(Effect.scoped, Effect.provide(ScanLive)))

  it.live("has its result told to a client that has waited for it", () =>
    Effect.gen(function*() {
      const { result, start } = yield* session("alice")
      const { taskId } = yield* start("/later")
      const waiting = yield* Effect.forkChild(result(taskId), { startImmediately: true })
      yield* Deferred.succeed(later, undefined)
      assert.deepInclude((yield* Fiber.join(waiting)).content[0], { text: `{"files":7}` })
    }).pipe(Effect.scoped, Effect.provide(ScanLive)))

  it.live("typescript-sdk#1385: is refused in words when its arguments do not fit", () =>
    Effect.gen(function*() {
      const { client, start } = yield* session("alice")
      const wrong = { name: "scan", arguments: { path: 7 }, task: {} }
      const { cause } = yield* Effect.flip(
        Effect.tryPromise(() => client.request({ method: "tools/call", params: wrong }, CreateTaskResultSchema))
      )
      assert.match(String(cause), /-32602: the arguments of scan do not fit: .*path/)
      assert.strictEqual((yield* start("/never")).status, "working")
    }).pipe(Effect.scoped, Effect.provide(ScanLive)))

  it.live("that breaks is answered without what is in there, and logged with it", () =>
    Effect.gen(function*() {
      const logged: Array<string> = []
      const logger = Logger.make(({ cause, message }) => void logged.push(`${String(message)} ${Cause.pretty(cause)}`))
      const principal = () => Effect.die(new Error("s3cret"))
      const tasks = yield* JobTasks.make({ principal }).pipe(Effect.provide(Logger.layer([logger])))
      const mcp = new McpServer({ name: "scanner", version: "1.0.0" }, tasks.serverOptions)
      tasks.offer(mcp, Scan)
      const client = yield* connected(mcp)
      for (const method of ["tasks/get", "tasks/result", "tasks/cancel", "tasks/list"]) {
        const { cause } = yield* Effect.flip(
          Effect.tryPromise(() => client.request({ method, params: { taskId: "x" } }, ResultSchema))
        )
        assert.include(String(cause), `${method} has failed; see the server's log`)
        assert.match(logged.pop() ?? "", /tasks.*has failed[^]*s3cret[^]*mcpTasks\.test/)
      }
    }).pipe(Effect.scoped, Effect.provide(ScanLive)))

  it.live("belongs to whom its tools say it does, though its tasks were told nothing of it", () =>
    Effect.gen(function*() {
      const serverOf = (name: string) =>
        Effect.gen(function*() {
          const tasks = yield* JobTasks.make()
          const mcp = new McpServer({ name: "scanner", version: "1.0.0" }, tasks.serverOptions)
          yield* JobTools.register(mcp, Scan, { principal: Effect.succeed(Principal.make(name)), tasks })
          const client = yield* connected(mcp)
          const ask = (method: string, params: Record<string, unknown> = {}) =>
            Effect.promise(() => client.request({ method, params }, ResultSchema).then(JSON.stringify, String))
          return ask
        })
      const [alice, again, bob] = [yield* serverOf("alice"), yield* serverOf("alice"), yield* serverOf("bob")]
      const created = yield* alice("tools/call", { name: "scan", arguments: { path: "/never" }, task: {} })
      const [taskId = ""] = /[0-9a-f]{8}-[0-9a-f-]{27}/.exec(created) ?? []
      assert.include(yield* again("tasks/get", { taskId }), "working")
      assert.include(yield* again("tools/call", { name: "get_scan_progress", arguments: { id: taskId } }), taskId)
      assert.include(yield* again("tasks/list"), taskId)
      for (const method of ["tasks/get", "tasks/result", "tasks/cancel"]) {
        assert.include(yield* bob(method, { taskId }), "not found")
      }
      assert.notInclude(yield* bob("tasks/list"), taskId)
      // Nor does what belongs to the principal that there is when nothing is said of one.
      const local = yield* (yield* Jobs.Jobs).start(Scan, { path: "/never" })
      assert.include(yield* alice("tasks/get", { taskId: local }), "not found")
      assert.notInclude(yield* alice("tasks/list"), local)
    }).pipe(Effect.scoped, Effect.provide(ScanLive)))

  it.live("does not exist for another principal", () =>
    Effect.gen(function*() {
      const alice = yield* session("alice")
      const bob = yield* session("bob")
      const { taskId } = yield* alice.start("/never")
      for (const attempt of [bob.get(taskId), bob.result(taskId), bob.cancel(taskId)]) {
        const { cause } = yield* Effect.flip(Effect.asVoid<unknown, { readonly cause?: unknown }, never>(attempt))
        assert.include(String(cause), "not found")
      }
      assert.deepStrictEqual((yield* bob.list).tasks, [])
      assert.strictEqual((yield* alice.get(taskId)).status, "working")
    }).pipe(Effect.scoped, Effect.provide(ScanLive)))
})

describe("a job that asks", () => {
  const Order = Job.make("order", { version: 1, payload: {}, success: Schema.String })
  const OrderLive = Runner.toLayer(Order, (_, job) =>
    Effect.gen(function*() {
      const size = yield* job.ask("size", Schema.Struct({ width: Schema.Int }), { message: "How wide?" })
      const isSure = yield* job.ask("sure", Schema.Boolean)
      return `${size.width} ${isSure}`
    })).pipe(Layer.provide(MemoryStore.layer))
  const opened = (elicit?: (params: Record<string, unknown>) => Promise<ElicitResult>) =>
    Effect.gen(function*() {
      const tasks = yield* JobTasks.make()
      const mcp = new McpServer({ name: "shop", version: "1.0.0" }, tasks.serverOptions)
      yield* JobTools.register(mcp, Order, { tasks })
      const [ours, theirs] = InMemoryTransport.createLinkedPair()
      const capabilities = { tasks: {}, ...elicit !== undefined && { elicitation: {} } }
      const client = new Client({ name: "test", version: "1.0.0" }, { capabilities })
      if (elicit !== undefined) client.setRequestHandler(ElicitRequestSchema, ({ params }) => elicit(params))
      yield* Effect.promise(() => mcp.connect(ours))
      yield* Effect.acquireRelease(
        Effect.promise(() => client.connect(theirs)),
        () => Effect.promise(() => client.close())
      )
      const request = { method: "tools/call", params: { name: "order", arguments: {}, task: {} } } as const
      const { task } = yield* Effect.promise(() => client.request(request, CreateTaskResultSchema))
      const { taskId } = task
      const get = Effect.promise(() => client.request({ method: "tasks/get", params: { taskId } }, GetTaskResultSchema))
      const asking = (name: string) =>
        Effect.repeat(get, {
          schedule: Schedule.spaced("20 millis"),
          until: ({ _meta, status }) => status === "input_required" && JSON.stringify(_meta).includes(`"${name}"`)
        })
      return { client, taskId, asking, get }
    })

  it.live("is a task that needs input, with the form; its answers by name go on with it, and others are ignored", () =>
    Effect.gen(function*() {
      const { asking, client, taskId } = yield* opened()
      const update = (inputResponses: Record<string, unknown>) =>
        Effect.promise(() =>
          client.request({ method: "tasks/update", params: { taskId, inputResponses } }, ResultSchema)
        )
      const { _meta } = yield* asking("size")
      // As the protocol has it.
      const requests = _meta?.["dev.holdfast/inputRequests"] as Record<
        string,
        { method: string; params: ElicitRequestFormParams }
      >
      assert.deepStrictEqual(Object.keys(requests), ["size"])
      assert.strictEqual(requests["size"]?.method, "elicitation/create")
      assert.deepInclude(requests["size"]?.params, { mode: "form", message: "How wide?" })
      const { properties, required, type } = requests["size"]?.params.requestedSchema ?? {}
      assert.deepStrictEqual([type, required, properties?.["width"]?.type], ["object", ["width"], "integer"])
      yield* update({ other: { action: "accept", content: { width: 1 } } })
      yield* update({ size: { action: "decline" } })
      yield* asking("size")
      yield* update({ size: { action: "accept", content: { width: 3 } } })
      yield* asking("sure")
      yield* update({ sure: { action: "accept", content: { answer: true } } })
      const result = yield* Effect.promise(() =>
        client.request({ method: "tasks/result", params: { taskId } }, CallToolResultSchema)
      )
      assert.deepStrictEqual(result.content, [{ type: "text", text: `"3 true"` }])
    }).pipe(Effect.scoped, Effect.provide(OrderLive)))

  it.live("asks the client that waits for its result, if it takes questions, and gives people time to answer", () =>
    Effect.gen(function*() {
      const asked: Array<unknown> = []
      const { client, taskId } = yield* opened(async ({ message, requestedSchema }) => {
        asked.push(message)
        await setTimeout(50)
        const isForm = JSON.stringify(requestedSchema).includes("width")
        return { action: "accept", content: isForm ? { width: 5 } : { answer: false } }
      })
      const result = yield* Effect.promise(() =>
        client.request({ method: "tasks/result", params: { taskId } }, CallToolResultSchema)
      )
      assert.deepStrictEqual(result.content, [{ type: "text", text: `"5 false"` }])
      assert.deepStrictEqual(asked, ["How wide?", "sure"])
    }).pipe(Effect.scoped, Effect.provide(OrderLive)))

  it.live("is answered by a tool, which says what does not fit", () =>
    Effect.gen(function*() {
      const { asking, client, taskId } = yield* opened()
      yield* asking("size")
      const call = (name: string, args: Record<string, unknown>) =>
        Effect.promise(() => client.callTool({ name, arguments: { id: taskId, ...args } }))
      const status = yield* call("get_order_progress", {})
      assert.include(JSON.stringify(status.content), "How wide?")
      assert.isTrue((yield* call("answer_order", { question: "size", answer: { width: "wide" } })).isError)
      assert.isTrue((yield* call("answer_order", { question: "sure", answer: true })).isError)
      assert.notStrictEqual((yield* call("answer_order", { question: "size", answer: { width: 2 } })).isError, true)
      yield* asking("sure")
      yield* call("answer_order", { question: "sure", answer: true })
      yield* call("get_order_progress", { wait_seconds: 20 })
      assert.deepInclude((yield* call("get_order_results", {})).structuredContent, { result: "2 true" })
      assert.notStrictEqual((yield* call("remove_order", {})).isError, true)
      assert.isTrue((yield* call("get_order_progress", {})).isError)
    }).pipe(Effect.scoped, Effect.provide(OrderLive)))
})
