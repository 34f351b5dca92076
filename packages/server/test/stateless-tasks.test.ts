/** Tasks of a server that knows them by sessions, for clients that have none. */
import { assert, describe, it } from "@effect/vitest"
import { InMemoryTaskStore } from "@modelcontextprotocol/sdk/experimental/tasks/stores/in-memory.js"
import { McpError } from "@modelcontextprotocol/sdk/types.js"
import * as Effect from "effect/Effect"
import { answering, type Handle, infoOf, text } from "./support/answering.ts"
import { isEmpty, open } from "./support/hosted.ts"
import { StatelessClient, textOf } from "./support/statelessClient.ts"

describe("tasks of a server with sessions", () => {
  const extension = { extensions: { "io.modelcontextprotocol/tasks": {} } }
  const makeTasks = (questions: Map<string, unknown> = new Map()) => {
    // Of all requests: a task outlives the one that began it.
    const store = new InMemoryTaskStore()
    const begun: Array<unknown> = []
    const asked: Array<string> = []
    const answers: Array<unknown> = []
    const handle: Handle = async ({ method, params }, { requestId }) => {
      if (method === "tools/list") {
        const tool = (name: string, taskSupport?: string) => ({
          name,
          inputSchema: { type: "object" },
          ...(taskSupport !== undefined && { execution: { taskSupport } })
        })
        return { tools: [tool("job", "optional"), tool("must", "required"), tool("plain"), tool("odd", "maybe")] }
      }
      const taskId = String(params?.["taskId"])
      if (method.startsWith("tasks/")) asked.push(method)
      if (method === "tasks/get") {
        const task = await store.getTask(taskId)
        if (task === null) throw new McpError(-32602, "no such task")
        const question = questions.get(taskId)
        if (question === undefined) return { ...task }
        return { ...task, status: "input_required", _meta: { own: 1, "dev.holdfast/inputRequests": question } }
      }
      if (method === "tasks/update") {
        questions.delete(taskId)
        answers.push(params?.["inputResponses"])
        return {}
      }
      if (method === "tasks/cancel") {
        await store.updateTaskStatus(taskId, "cancelled")
        return {}
      }
      if (method === "tasks/result") {
        const result = await store.getTaskResult(taskId)
        if ("broken" in result) throw new McpError(-32603, "it broke")
        return { ...result, _meta: { own: 1, "io.modelcontextprotocol/related-task": { taskId } } }
      }
      begun.push(params?.["task"])
      if (params?.["task"] === undefined) return text("at once")
      const task = await store.createTask({ ttl: 60_000, pollInterval: 7 }, requestId, { method, params: {} })
      return { task }
    }
    return {
      store,
      begun,
      asked,
      answers,
      server: answering({ tools: {}, tasks: { cancel: {}, requests: { tools: { call: {} } } } }, handle)
    }
  }

  it.live("are begun by a client that knows them, of tools that can be one, whatever the client says of the call", () =>
    Effect.gen(function*() {
      const { begun, server, store } = makeTasks()
      yield* Effect.addFinalizer(() => Effect.sync(() => store.cleanup()))
      const host = yield* open({ server })
      const client = new StatelessClient(host.url)
      const more = { task: { ttl: 1 } }
      const task = (yield* client.call("job", {}, { capabilities: extension, more })).message.result ?? {}
      assert.deepInclude(task, { resultType: "task", status: "working", ttlMs: 60_000, pollIntervalMs: 7 })
      assert.notProperty(task, "task")
      assert.notProperty(task, "ttl")
      assert.strictEqual(
        (yield* client.call("must", {}, { capabilities: extension })).message.result?.["resultType"],
        "task"
      )
      for (const name of ["plain", "odd"]) {
        assert.strictEqual(textOf(yield* client.call(name, {}, { capabilities: extension, more })), "at once")
      }
      const others = { extensions: { "test/other": {} } }
      assert.strictEqual(textOf(yield* client.call("job", {}, { capabilities: others, more })), "at once")
      const { message, status } = yield* client.call("must", {}, { capabilities: others })
      assert.deepStrictEqual([status, message.error?.code], [400, -32021])
      assert.deepStrictEqual(message.error?.data, { requiredCapabilities: extension })
      assert.deepStrictEqual(begun, [{}, {}, undefined, undefined, undefined])
      yield* isEmpty(host)
    }))

  it.live("that ask say what for, and get the answers; those that do not ask are not bothered with any", () =>
    Effect.gen(function*() {
      const questions = new Map<string, unknown>()
      const { answers, server, store } = makeTasks(questions)
      yield* Effect.addFinalizer(() => Effect.sync(() => store.cleanup()))
      const host = yield* open({ server })
      const client = new StatelessClient(host.url)
      const { message } = yield* client.call("job", {}, { capabilities: extension })
      const taskId = String(message.result?.["taskId"])
      const request = (method: string, more: Record<string, unknown> = {}) =>
        Effect.map(
          client.outcome(method, { taskId, ...more }, { capabilities: extension }),
          ({ message }) => message.result ?? message.error
        )
      const inputResponses = { size: { action: "accept", content: { width: 1 } } }
      yield* request("tasks/update", { inputResponses })
      assert.deepStrictEqual(answers, [])
      const inputRequests = { size: { method: "elicitation/create", params: { message: "How wide?" } } }
      questions.set(taskId, inputRequests)
      const asking = yield* request("tasks/get")
      assert.deepInclude(asking, { status: "input_required", inputRequests })
      assert.notInclude(JSON.stringify(asking), "dev.holdfast")
      yield* request("tasks/update")
      assert.deepStrictEqual(answers, [])
      assert.deepStrictEqual(yield* request("tasks/update", { inputResponses }), {
        resultType: "complete",
        _meta: infoOf("bare")
      })
      assert.deepStrictEqual(answers, [inputResponses])
      const later = yield* request("tasks/get")
      assert.deepInclude(later, { status: "working" })
      assert.notProperty(later, "inputRequests")
      yield* isEmpty(host)
    }))

  it.live("are told with their results, cancelled once, and unknown to who has not declared them", () =>
    Effect.gen(function*() {
      const { asked, server, store } = makeTasks()
      yield* Effect.addFinalizer(() => Effect.sync(() => store.cleanup()))
      const host = yield* open({ server })
      const client = new StatelessClient(host.url)
      const begin = Effect.map(
        client.call("job", {}, { capabilities: extension }),
        ({ message }) => String(message.result?.["taskId"])
      )
      const request = (method: string, taskId: string) =>
        Effect.map(
          client.outcome(method, { taskId }, { capabilities: extension }),
          ({ message }) => message.result ?? message.error
        )
      const [done, failed, broken, cancelled] = [yield* begin, yield* begin, yield* begin, yield* begin]
      assert.deepInclude(yield* request("tasks/get", done), {
        resultType: "complete",
        status: "working",
        ttlMs: 60_000
      })
      yield* Effect.promise(() => store.storeTaskResult(done, "completed", text("done")))
      yield* Effect.promise(() => store.storeTaskResult(failed, "failed", { ...text("failed"), isError: true }))
      yield* Effect.promise(() => store.storeTaskResult(broken, "completed", { broken: true }))
      const own = { _meta: { own: 1 } }
      assert.deepInclude(yield* request("tasks/get", done), {
        status: "completed",
        result: { ...text("done"), ...own }
      })
      // A tool that says that it has failed has an answer all the same.
      const answered = { status: "completed", result: { ...text("failed"), isError: true, ...own } }
      assert.deepInclude(yield* request("tasks/get", failed), answered)
      const failure = yield* request("tasks/get", broken)
      assert.deepInclude(failure, { status: "failed" })
      assert.nestedPropertyVal(failure, "error.code", -32603)
      assert.deepStrictEqual(asked, [
        "tasks/get",
        ...[done, failed, broken].flatMap(() => ["tasks/get", "tasks/result"])
      ])
      asked.length = 0
      for (const taskId of [cancelled, cancelled, done]) {
        assert.deepStrictEqual(yield* request("tasks/cancel", taskId), {
          resultType: "complete",
          _meta: infoOf("bare")
        })
      }
      assert.deepInclude(yield* request("tasks/get", cancelled), { status: "cancelled" })
      assert.deepStrictEqual(asked, ["tasks/get", "tasks/cancel", "tasks/get", "tasks/get", "tasks/get"])
      assert.deepStrictEqual(yield* request("tasks/update", done), { resultType: "complete", _meta: infoOf("bare") })
      assert.deepInclude(yield* request("tasks/get", "none"), { code: -32602 })
      for (const method of ["tasks/get", "tasks/cancel", "tasks/update"]) {
        const { message, status } = yield* client.outcome(method, { taskId: done })
        assert.deepStrictEqual([status, message.error?.code], [400, -32021], method)
      }
      yield* isEmpty(host)
      assert.strictEqual((yield* host.registry.snapshot).inFlight, 0)
    }))
})
