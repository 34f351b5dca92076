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
  const makeTasks = () => {
    // Of all requests: a task outlives the one that began it.
    const store = new InMemoryTaskStore()
    const begun: Array<unknown> = []
    const asked: Array<string> = []
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
        return { ...task }
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
