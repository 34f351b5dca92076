/**
 * A stdio server whose tool `work` runs as a task, which it keeps in its memory. `work {asks?}` ends with `done` once the file in TASK_GO is there; one that asks
 * wants to know a name first. It notes in SPY_LOG its start and what was cancelled. `at_once` is a tool as any other.
 */
import { appendFileSync, existsSync } from "node:fs"
import { createInterface } from "node:readline"

const { SPY_LOG = "", TASK_GO = "" } = process.env
const note = (line: string): void => {
  if (SPY_LOG !== "") appendFileSync(SPY_LOG, `${line}\n`)
}
note(`start ${process.pid}`)

const send = (message: object) => process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`)

interface Task {
  readonly taskId: string
  readonly asks: boolean
  readonly ttl: number | null
  readonly createdAt: string
  name: string | undefined
  isCancelled: boolean
  readonly waiting: Set<number | string>
}

const tasks = new Map<string, Task>()

const statusOf = ({ asks, isCancelled, name }: Task): string =>
  isCancelled
    ? "cancelled"
    : asks && name === undefined
    ? "input_required"
    : existsSync(TASK_GO)
    ? "completed"
    : "working"

const told = (task: Task) => ({
  taskId: task.taskId,
  status: statusOf(task),
  statusMessage: `it is ${statusOf(task)}`,
  createdAt: task.createdAt,
  lastUpdatedAt: task.createdAt,
  ttl: task.ttl,
  pollInterval: 100
})

const settle = (task: Task): void => {
  if (!["completed", "cancelled"].includes(statusOf(task))) return
  for (const id of task.waiting) {
    const text = task.isCancelled ? "cancelled" : `done${task.name === undefined ? "" : ` for ${task.name}`}`
    send({ id, result: { content: [{ type: "text", text }], isError: task.isCancelled } })
  }
  task.waiting.clear()
}

// There is nobody who would tell it that the file is there.
setInterval(() => {
  for (const task of tasks.values()) settle(task)
}, 20).unref()

const question = {
  message: "Whose name?",
  requestedSchema: { type: "object", properties: { name: { type: "string" } }, required: ["name"] }
}

interface Said {
  readonly id?: number | string
  readonly method?: string
  readonly params?: {
    readonly name?: string
    readonly arguments?: { readonly asks?: boolean }
    readonly task?: { readonly ttl?: number }
    readonly taskId?: string
    readonly protocolVersion?: string
  }
  readonly result?: { readonly content?: { readonly name?: string } }
}

const answerOf = ({ method, params = {} }: Said): object | { readonly error: object } | undefined => {
  const { taskId = "" } = params
  const task = tasks.get(taskId)
  switch (method) {
    case "initialize":
      return {
        protocolVersion: params.protocolVersion,
        capabilities: { tools: {}, tasks: { list: {}, cancel: {}, requests: { tools: { call: {} } } } },
        serverInfo: { name: "worker", version: "1.0.0" }
      }
    case "tools/list":
      return {
        tools: [
          {
            name: "work",
            inputSchema: { type: "object", properties: { asks: { type: "boolean" } } },
            execution: { taskSupport: "required" }
          },
          { name: "at_once", inputSchema: { type: "object" } }
        ]
      }
    case "tools/call": {
      if (params.name === "at_once") return { content: [{ type: "text", text: "at once" }] }
      if (params.task === undefined) return { isError: true, content: [{ type: "text", text: "work requires a task" }] }
      const made: Task = {
        taskId: `task-${tasks.size + 1}`,
        asks: params.arguments?.asks === true,
        ttl: params.task.ttl ?? null,
        createdAt: new Date().toISOString(),
        name: undefined,
        isCancelled: false,
        waiting: new Set()
      }
      tasks.set(made.taskId, made)
      return { task: told(made) }
    }
    case "tasks/get":
      return task === undefined ? unknown : told(task)
    case "tasks/cancel":
      if (task === undefined) return unknown
      note("cancelled")
      task.isCancelled = true
      return told(task)
    case "ping":
      return {}
    default:
      return { error: { code: -32601, message: `no ${String(method)}` } }
  }
}

const unknown = { error: { code: -32602, message: "Task not found" } }

createInterface({ input: process.stdin }).on("line", (line) => {
  const said: Said = JSON.parse(line)
  const { id, method, params, result } = said
  if (id === undefined) return
  if (method === undefined) {
    for (const task of tasks.values()) if (String(id) === task.taskId) task.name = result?.content?.name
    return
  }
  const task = tasks.get(params?.taskId ?? "")
  if (method === "tasks/result" && task !== undefined) {
    task.waiting.add(id)
    if (statusOf(task) === "input_required") {
      const { taskId } = task
      const _meta = { "io.modelcontextprotocol/related-task": { taskId } }
      send({ id: taskId, method: "elicitation/create", params: { ...question, _meta } })
    }
    return settle(task)
  }
  const answer = answerOf(said) ?? {}
  send("error" in answer ? { id, ...answer } : { id, result: answer })
}).on("close", () => process.exit())
