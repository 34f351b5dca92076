/** What the official conformance suite wants a server of 2026-07-28 to have, on an SDK server of version 1. */
import { InMemoryTaskStore } from "@modelcontextprotocol/sdk/experimental/tasks/stores/in-memory.js"
import type { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import type { RequestHandlerExtra } from "@modelcontextprotocol/sdk/shared/protocol.js"
import {
  CreateMessageResultSchema,
  ElicitResultSchema,
  ListRootsResultSchema,
  type ServerNotification,
  type ServerRequest
} from "@modelcontextprotocol/sdk/types.js"
import { z } from "zod"

type Extra = RequestHandlerExtra<ServerRequest, ServerNotification>

const text = (words: string) => ({ content: [{ type: "text" as const, text: words }] })

/** Asks the user, under the name that the suite looks for. */
const elicit = (key: string, message: string, property: string, { sendRequest }: Extra) =>
  sendRequest({
    method: "elicitation/create",
    params: {
      _meta: { "holdfast/inputKey": key },
      message,
      requestedSchema: { type: "object", properties: { [property]: { type: "string" } }, required: [property] }
    }
  }, ElicitResultSchema)

const sample = ({ sendRequest }: Extra) =>
  sendRequest({
    method: "sampling/createMessage",
    params: { messages: [{ role: "user", content: { type: "text", text: "What is it?" } }], maxTokens: 50 }
  }, CreateMessageResultSchema)

const roots = ({ sendRequest }: Extra) => sendRequest({ method: "roots/list" }, ListRootsResultSchema)

const names: Record<string, (extra: Extra) => Promise<unknown>> = {
  test_missing_capability: sample,
  test_streaming_elicitation: async (extra) => {
    await extra.sendNotification({ method: "notifications/message", params: { level: "info", data: "on the way" } })
    return elicit("go_on", "Go on?", "ok", extra)
  },
  test_logging_tool: ({ sendNotification }) =>
    sendNotification({ method: "notifications/message", params: { level: "info", data: "words" } }),
  test_input_required_result_elicitation: (extra) => elicit("user_name", "What is your name?", "name", extra),
  test_input_required_result_sampling: sample,
  test_input_required_result_list_roots: roots,
  test_input_required_result_request_state: (extra) => elicit("confirm", "Please confirm", "ok", extra),
  test_input_required_result_tampered_state: (extra) => elicit("confirm", "Please confirm", "ok", extra),
  test_input_required_result_capabilities: sample,
  test_input_required_result_multiple_inputs: (extra) =>
    Promise.all([elicit("user_name", "What is your name?", "name", extra), sample(extra), roots(extra)]),
  test_input_required_result_multi_round: async (extra) => [
    await elicit("step1", "What is your name?", "name", extra),
    await elicit("step2", "What is your favourite colour?", "colour", extra)
  ]
}

/** Of all servers: a task outlives the request that began it. */
const store = new InMemoryTaskStore()

export const taskOptions = {
  taskStore: store,
  capabilities: { logging: {}, tasks: { list: {}, cancel: {}, requests: { tools: { call: {} } } } }
}

/** A tool whose calls are tasks: begins one, and ends it later. */
const addTask = (
  mcp: McpServer,
  name: string,
  taskSupport: "optional" | "required",
  work: (seconds: number, extra: Extra) => Promise<{ readonly after: number; readonly words: string }>,
  kind: "completed" | "failed" | "broken" = "completed"
) =>
  mcp.experimental.tasks.registerToolTask(name, {
    description: "A task",
    inputSchema: { seconds: z.number().default(0), label: z.string().optional() },
    execution: { taskSupport }
  }, {
    createTask: async ({ seconds }, extra) => {
      const { after, words } = await work(seconds, extra)
      const task = await store.createTask({ ttl: 60_000 }, extra.requestId, { method: "tools/call", params: { name } })
      setTimeout(() => {
        const result = kind === "failed" ? { ...text(words), isError: true } : text(words)
        // One that was cancelled meanwhile takes no result.
        store.storeTaskResult(task.taskId, kind === "completed" ? "completed" : "failed", result).catch(() => undefined)
        if (kind === "broken") broken.add(task.taskId)
      }, after).unref()
      return { task }
    },
    getTask: async (_, { taskId }) => {
      const task = await store.getTask(taskId)
      if (task === null) throw new Error("no such task")
      return task
    },
    getTaskResult: async (_, { taskId }) => {
      const result = await store.getTaskResult(taskId)
      return z.object({ content: z.array(z.any()), isError: z.boolean().optional() }).parse(result)
    }
  })

const broken = new Set<string>()
const resultOf = store.getTaskResult.bind(store)
store.getTaskResult = (taskId) => broken.has(taskId) ? Promise.reject(new Error("it broke")) : resultOf(taskId)

export const addStatelessFixtures = (mcp: McpServer): void => {
  for (const [name, ask] of Object.entries(names)) {
    mcp.registerTool(name, { description: "Asks" }, async (extra) => text(JSON.stringify(await ask(extra) ?? "done")))
  }
  mcp.registerTool("test_trigger_tool_change", { description: "Changes tools" }, () => {
    mcp.sendToolListChanged()
    return text("changed")
  })
  mcp.registerTool("test_trigger_prompt_change", { description: "Changes prompts" }, () => {
    mcp.sendPromptListChanged()
    return text("changed")
  })
  mcp.registerTool("test_header", {
    description: "Has an argument in a header",
    inputSchema: { region: z.string().meta({ "x-mcp-header": "Region" }) }
  }, ({ region }) => text(region))
  mcp.registerPrompt("test_input_required_result_prompt", { description: "Asks", argsSchema: {} }, async (_, extra) => {
    const { content } = await elicit("user_context", "What context should the prompt use?", "context", extra)
    return { messages: [{ role: "user", content: { type: "text", text: JSON.stringify(content) } }] }
  })
  mcp.registerResource("note", "test://note", {}, ({ href }) => ({ contents: [{ uri: href, text: "a note" }] }))
  mcp.registerTool(
    "greet",
    { description: "Greets", inputSchema: { name: z.string() } },
    ({ name }) => text(`Hello, ${name}!`)
  )
  addTask(mcp, "slow_compute", "optional", async (seconds) => ({ after: seconds * 1000, words: "computed" }))
  addTask(mcp, "failing_job", "required", async () => ({ after: 100, words: "it failed" }), "failed")
  addTask(mcp, "protocol_error_job", "required", async () => ({ after: 100, words: "" }), "broken")
  addTask(mcp, "test_tool_with_task", "required", async (_, extra) => {
    const { content } = await elicit("user_name", "What is your name?", "name", extra)
    return { after: 100, words: `for ${JSON.stringify(content)}` }
  })
}
