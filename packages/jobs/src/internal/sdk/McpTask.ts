/**
 * The tasks of an SDK server (`tasks/*` of revision 2025-11-25, experimental in the SDK), as Effects; and tools that only run as one.
 *
 * The SDK asks a store for tasks, and tells it the session but not the caller. A host that knows its callers by tokens may serve several of them in one
 * session. So the requests are answered here, where the caller is known. The SDK wants a store all the same: this one is empty.
 */
import type { TaskStore } from "@modelcontextprotocol/sdk/experimental/tasks/interfaces.js"
import type { AuthInfo } from "@modelcontextprotocol/sdk/server/auth/types.js"
import type { ServerOptions } from "@modelcontextprotocol/sdk/server/index.js"
import type { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import type { AnySchema } from "@modelcontextprotocol/sdk/server/zod-compat.js"
import type { RequestHandlerExtra } from "@modelcontextprotocol/sdk/shared/protocol.js"
import {
  CallToolRequestSchema,
  type CallToolResult,
  CancelTaskRequestSchema,
  ElicitResultSchema,
  ErrorCode,
  GetTaskPayloadRequestSchema,
  GetTaskRequestSchema,
  ListTasksRequestSchema,
  RELATED_TASK_META_KEY,
  RequestSchema,
  type ServerNotification,
  type ServerRequest,
  type Task,
  type ToolAnnotations
} from "@modelcontextprotocol/sdk/types.js"
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { z } from "zod"

export type { AuthInfo, CallToolResult, McpServer, ServerOptions, Task }

/** Told to the caller as it is. */
export class Refused extends Data.TaggedError("Refused")<{ readonly code: number; readonly message: string }> {}

/** There is no such task, for the caller or at all. */
export const notFound = (id: string): Refused =>
  new Refused({ code: ErrorCode.InvalidParams, message: `Task not found: ${id}` })

export const hasEnded = (kind: string, sentence: string): Refused =>
  new Refused({ code: ErrorCode.InvalidParams, message: `the task cannot be cancelled: the ${kind} ${sentence}` })

export const badArguments = (message: string): Refused => new Refused({ code: ErrorCode.InvalidParams, message })

export const failure = (message: string): Refused => new Refused({ code: ErrorCode.InternalError, message })

/** Asks the client of a request, which shows it to its user: what comes back, or nothing if that fails. */
export type Elicit = (params: Readonly<Record<string, unknown>>) => Effect.Effect<unknown>

/** The answers to `tasks/get`, `tasks/result`, `tasks/update`, `tasks/cancel` and `tasks/list`. */
export interface Tasks {
  readonly get: (id: string, authInfo: AuthInfo | undefined) => Effect.Effect<Task, Refused>
  /** Waits for its end, and asks the client meanwhile what the job asks, if the client takes questions. */
  readonly result: (
    id: string,
    authInfo: AuthInfo | undefined,
    elicit: Elicit | undefined
  ) => Effect.Effect<CallToolResult, Refused>
  /** Answers what the task asks for, by name; what answers nothing is ignored. */
  readonly update: (
    id: string,
    responses: Readonly<Record<string, unknown>>,
    authInfo: AuthInfo | undefined
  ) => Effect.Effect<void, Refused>
  readonly cancel: (id: string, authInfo: AuthInfo | undefined) => Effect.Effect<Task, Refused>
  readonly list: (authInfo: AuthInfo | undefined) => Effect.Effect<Array<Task>, Refused>
}

/** Options for the SDK's `McpServer`, with which it can have tasks. */
export const serverOptions = (): ServerOptions => ({
  taskStore: nothing,
  capabilities: { tasks: { list: {}, cancel: {}, requests: { tools: { call: {} } } } }
})

const unused = (): Promise<never> => Effect.runPromise(Effect.die(new Error("the tasks of this server are jobs")))

const nothing: TaskStore = {
  getTask: () => Effect.runPromise(Effect.succeed(null)),
  listTasks: () => Effect.runPromise(Effect.succeed({ tasks: [] })),
  getTaskResult: unused,
  updateTaskStatus: unused,
  createTask: unused,
  storeTaskResult: unused
}

type Extra = RequestHandlerExtra<ServerRequest, ServerNotification>

/** Answers the requests of a server for its tasks. */
export const serve = ({ server }: McpServer, tasks: Tasks, context: Context.Context<never>): void => {
  const run = running(context)
  server.setRequestHandler(
    GetTaskRequestSchema,
    ({ params }, extra) => run(extra, "tasks/get", tasks.get(params.taskId, extra.authInfo))
  )
  const elicitOf = (taskId: string, { sendRequest }: Pick<Extra, "sendRequest">): Elicit | undefined => {
    if (server.getClientCapabilities()?.elicitation === undefined) return undefined
    return (params) =>
      Effect.tryPromise((signal) =>
        sendRequest(
          {
            method: "elicitation/create",
            params: { ...params, _meta: { [RELATED_TASK_META_KEY]: { taskId } } }
            // Made by `elicitation.paramsOf`; the schema of a question may be more than the SDK's forms.
          } as ServerRequest,
          ElicitResultSchema,
          // A user may take long; the request ends with the one that it belongs to.
          { signal, timeout: longestQuestion }
        )
      ).pipe(
        Effect.catch((error) => Effect.as(Effect.logDebug(`a client was asked in vain: ${String(error)}`), undefined))
      )
  }
  server.setRequestHandler(
    UpdateTaskRequestSchema,
    ({ params }, extra) =>
      run(extra, "tasks/update", Effect.as(tasks.update(params.taskId, params.inputResponses, extra.authInfo), {}))
  )
  server.setRequestHandler(GetTaskPayloadRequestSchema, ({ params: { taskId } }, extra) =>
    run(
      extra,
      "tasks/result",
      Effect.map(tasks.result(taskId, extra.authInfo, elicitOf(taskId, extra)), (result) => ({
        ...result,
        _meta: { ...result._meta, [RELATED_TASK_META_KEY]: { taskId } }
      }))
    ))
  server.setRequestHandler(
    ListTasksRequestSchema,
    (_, extra) => run(extra, "tasks/list", Effect.map(tasks.list(extra.authInfo), (tasks) => ({ tasks })))
  )
  server.setRequestHandler(
    CancelTaskRequestSchema,
    ({ params }, extra) => run(extra, "tasks/cancel", tasks.cancel(params.taskId, extra.authInfo))
  )
}

const longestQuestion = 2_147_483_647

/** Of the tasks extension of 2026-07-28, which the SDK does not know. */
const UpdateTaskRequestSchema = RequestSchema.extend({
  method: z.literal("tasks/update"),
  params: z.looseObject({ taskId: z.string(), inputResponses: z.record(z.string(), z.unknown()) })
})

export interface TaskTool {
  readonly name: string
  readonly title: string
  readonly description: string
  /** For the SDK, which is to let everything through. */
  readonly inputSchema: AnySchema
  readonly annotations: ToolAnnotations
  readonly create: (args: unknown, authInfo: AuthInfo | undefined) => Effect.Effect<Task, Refused>
}

/** Adds a tool that clients call as a task. */
export const register = (mcp: McpServer, tool: TaskTool, tasks: Tasks, context: Context.Context<never>): void => {
  const { annotations, create, description, inputSchema, name, title } = tool
  const run = running(context)
  const createTask: CreateTask = (args, extra) =>
    run(extra, name, Effect.map(create(args, extra.authInfo), (task) => ({ task })))
  const registered = mcp.experimental.tasks.registerToolTask(
    name,
    { title, description, inputSchema, annotations, execution: { taskSupport: "required" } },
    {
      createTask,
      getTask: (_args, extra) => run(extra, name, tasks.get(extra.taskId, extra.authInfo)),
      getTaskResult: (_args, extra) => run(extra, name, tasks.result(extra.taskId, extra.authInfo, undefined))
    }
  )
  creatorsOf(mcp).set(name, (args, extra) => registered.enabled ? createTask(args, extra) : undefined)
}

type CreateTask = (args: unknown, extra: Pick<Extra, "authInfo" | "signal">) => Promise<{ readonly task: Task }>

/** What makes the tasks of a server's tools, as long as they are enabled. */
type Creators = Map<string, (...call: Parameters<CreateTask>) => ReturnType<CreateTask> | undefined>

const creators = new WeakMap<McpServer, Creators>()

/**
 * The SDK makes a tool's answer of why a task is refused, does not find a task in it, and tells the client that (typescript-sdk#1385). So these calls
 * are answered before it looks at them. Its map of handlers is private: without it only the words are lost.
 */
const creatorsOf = (mcp: McpServer): Creators => {
  const known = creators.get(mcp)
  if (known !== undefined) return known
  const made: Creators = new Map()
  creators.set(mcp, made)
  const handlers: unknown = Reflect.get(mcp.server, "_requestHandlers")
  const others: unknown = handlers instanceof Map ? handlers.get("tools/call") : undefined
  if (typeof others !== "function") return made
  mcp.server.setRequestHandler(CallToolRequestSchema, (request, extra) => {
    const { arguments: args = {}, name, task } = request.params
    return (task === undefined ? undefined : made.get(name)?.(args, extra)) ?? others(request, extra)
  })
  return made
}

/** Runs what answers a request. What broke is for the operator of the server, not for the caller. */
const running =
  (context: Context.Context<never>) =>
  <A>({ signal }: Pick<Extra, "signal">, name: string, answer: Effect.Effect<A, Refused>): Promise<A> =>
    Effect.runPromiseWith(context)(
      Effect.catchDefect(answer, (defect) =>
        Effect.andThen(
          Effect.logError(`${name} has failed`, Cause.die(defect)),
          new Refused({ code: ErrorCode.InternalError, message: `${name} has failed; see the server's log` })
        )),
      { signal }
    )
