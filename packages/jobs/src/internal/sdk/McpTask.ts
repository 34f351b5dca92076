/**
 * The SDK's store of tasks (`tasks/*` of revision 2025-11-25, experimental in the SDK), as Effects; and tools that only run as one.
 *
 * The SDK asks a store for tasks and their results, and for nothing else here: tasks are made by the tool itself.
 */
import type { TaskStore } from "@modelcontextprotocol/sdk/experimental/tasks/interfaces.js"
import type { ServerOptions } from "@modelcontextprotocol/sdk/server/index.js"
import type { CallToolResult, Task } from "@modelcontextprotocol/sdk/types.js"
import type * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import { decodeArguments, type McpServer, showing, type ToolAnnotations } from "./McpTool.ts"

export type { CallToolResult, ServerOptions, Task }

/** What is behind `tasks/get`, `tasks/result`, `tasks/cancel` and `tasks/list`. Refusals are the caller's, so they are plain words. */
export interface Tasks {
  readonly get: (id: string) => Effect.Effect<Task | undefined, Refused>
  readonly result: (id: string) => Effect.Effect<CallToolResult, Refused>
  readonly cancel: (id: string) => Effect.Effect<void, Refused>
  readonly list: Effect.Effect<Array<Task>, Refused>
}

/** Told to the caller as it is. */
export class Refused extends Data.TaggedError("Refused")<{ readonly message: string }> {}

/** Options for the SDK's `McpServer`, with which it has tasks. */
export const serverOptions = (tasks: Tasks, context: Context.Context<never>): ServerOptions => {
  const run = Effect.runPromiseWith(context)
  const taskStore: TaskStore = {
    getTask: (id) => run(Effect.map(tasks.get(id), (task) => task ?? null)),
    getTaskResult: (id) => run(tasks.result(id)),
    listTasks: () => run(Effect.map(tasks.list, (tasks) => ({ tasks }))),
    updateTaskStatus: (id, status) =>
      run(
        status === "cancelled" ? tasks.cancel(id) : Effect.die(new Error(`a job is not made ${status} from outside`))
      ),
    createTask: () => run(Effect.die(new Error("tools make their tasks themselves"))),
    storeTaskResult: () => run(Effect.die(new Error("jobs store their results themselves")))
  }
  return { taskStore, capabilities: { tasks: { list: {}, cancel: {}, requests: { tools: { call: {} } } } } }
}

export interface TaskTool<Input, R> {
  readonly name: string
  readonly title: string
  readonly description: string
  readonly input: Schema.Codec<Input, unknown>
  readonly annotations: ToolAnnotations
  readonly create: (input: Input) => Effect.Effect<Task, Refused, R>
}

/** Adds a tool that clients call as a task. */
export const register = <Input, R>(
  mcp: McpServer,
  tool: TaskTool<Input, R>,
  tasks: Tasks,
  context: Context.Context<R>
): void => {
  const run = Effect.runPromiseWith(context)
  const get = (id: string) =>
    Effect.filterOrFail(tasks.get(id), (task) => task !== undefined, () => new Refused({ message: "no such task" }))
  mcp.experimental.tasks.registerToolTask(tool.name, {
    title: tool.title,
    description: tool.description,
    inputSchema: showing(tool.input),
    annotations: tool.annotations,
    execution: { taskSupport: "required" }
  }, {
    createTask: (args, { signal }) =>
      run(
        decodeArguments(tool, args).pipe(
          Effect.mapError((message) => new Refused({ message })),
          Effect.flatMap(tool.create),
          Effect.map((task) => ({ task }))
        ),
        { signal }
      ),
    getTask: (_args, { signal, taskId }) => run(get(taskId), { signal }),
    getTaskResult: (_args, { signal, taskId }) => run(tasks.result(taskId), { signal })
  })
}
