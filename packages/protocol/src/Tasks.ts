/**
 * Calls that go on without their caller: the tasks of revision 2025-11-25 and the tasks extension of 2026-07-28, read as one thing.
 *
 * The two differ in names (`ttl` and `ttlMs`, `pollInterval` and `pollIntervalMs`), in where a new task stands (`task` of the answer, or the
 * answer itself), and in where its result is: there it is fetched by `tasks/result`, here it comes with the task.
 *
 * @example
 * ```ts
 * import * as Tasks from "@holdfast/protocol/Tasks"
 * import * as Result from "effect/Result"
 *
 * // Whether a task is over, by the answer to `tasks/get` in any era.
 * export const isOver = (answer: unknown): boolean =>
 *   Result.match(Tasks.decodeTask(answer), { onFailure: () => false, onSuccess: Tasks.hasEnded })
 * ```
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks
 * @see https://modelcontextprotocol.io/seps/2663-tasks-extension
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { isObject, type Tell, tolerant } from "./internal/tolerant.ts"
import { InputRequest, tasksExtension } from "./ModernEra.ts"

/** `working` and `input_required` may follow each other; the other three are the end. */
export const TaskStatus = Schema.Literals(["working", "input_required", "completed", "failed", "cancelled"])
/** What the schema `TaskStatus` reads. */
export type TaskStatus = typeof TaskStatus.Type

/** What a server says of a task. */
export const Task = Schema.Struct({
  taskId: Schema.String,
  status: TaskStatus,
  /** For people. */
  statusMessage: Schema.optionalKey(Schema.String),
  /** As the server writes it: ISO 8601, by its own clock. */
  createdAt: Schema.optionalKey(Schema.String),
  lastUpdatedAt: Schema.optionalKey(Schema.String),
  /** Milliseconds from its creation, after which the server may forget it. `null`: it says no such time. It may change. */
  ttl: Schema.NullOr(Schema.Finite),
  /** Milliseconds that the server wants between two questions after the task. It may change. */
  pollInterval: Schema.optionalKey(Schema.Finite)
})
/** What the schema `Task` reads. */
export interface Task extends Schema.Schema.Type<typeof Task> {}

/** Whether nothing more will happen to the task. */
export const hasEnded = ({ status }: Pick<Task, "status">): boolean =>
  status !== "working" && status !== "input_required"

const read = tolerant(Task)

/**
 * Reads the answer to `tasks/get`, a new task, or the parameters of a notification about one, in the names of either era. Members beyond those of
 * a task are left out. Fails with a sentence that names the member that is wrong.
 */
export const decodeTask = (said: unknown, tell?: Tell): Result.Result<Task, string> => {
  if (!isObject(said)) return read(said, tell)
  const { createdAt, lastUpdatedAt, pollInterval, pollIntervalMs, status, statusMessage, taskId, ttl, ttlMs } = said
  return read({
    taskId,
    status,
    ttl: millisOf(ttl ?? ttlMs) ?? null,
    ...(pollInterval ?? pollIntervalMs) !== undefined && { pollInterval: pollInterval ?? pollIntervalMs },
    ...statusMessage !== undefined && { statusMessage },
    ...createdAt !== undefined && { createdAt },
    ...lastUpdatedAt !== undefined && { lastUpdatedAt }
  }, tell)
}

/** The task in the answer to a request that has become one; undefined when it is an answer. */
export const newTaskIn = (answer: unknown): object | undefined => {
  if (!isObject(answer)) return undefined
  if (answer["resultType"] === "task") return answer
  const { task } = answer
  return isObject(task) && typeof task["taskId"] === "string" ? task : undefined
}

/** What a task of the extension asks for (`inputRequests`), by the keys that its answers are sent under. What is no question is left out. */
export const questionsIn = (answer: unknown): ReadonlyMap<string, typeof InputRequest.Type> => {
  const { inputRequests }: { readonly inputRequests?: unknown } = isObject(answer) ? answer : {}
  return new Map(
    Object.entries(isObject(inputRequests) ? inputRequests : {}).flatMap(([key, question]) => {
      const decoded = decodeQuestion(question)
      return Result.isSuccess(decoded) ? [[key, decoded.success] as const] : []
    })
  )
}

const decodeQuestion = Schema.decodeUnknownResult(InputRequest)

const ListTasksResult = Schema.Struct({
  tasks: Schema.Array(Schema.Unknown),
  nextCursor: Schema.optionalKey(Schema.String)
})

const readPage = tolerant(ListTasksResult)

/** Reads one page of `tasks/list`. A task that cannot be read is left out and told. */
export const decodeListTasksResult = (
  answer: unknown,
  tell?: Tell
): Result.Result<{ readonly tasks: ReadonlyArray<Task>; readonly nextCursor?: string }, string> =>
  Result.map(readPage(answer, tell), ({ nextCursor, tasks }) => ({
    tasks: tasks.flatMap((each, index) => {
      const task = decodeTask(each)
      if (Result.isSuccess(task)) return [task.success]
      tell?.(`task ${index + 1} is left out: ${task.failure}`)
      return []
    }),
    ...nextCursor !== undefined && { nextCursor }
  }))

/** Whether tool calls of a server of revision 2025-11-25 may be tasks, by its capabilities. */
export const areOffered = (capabilities: object): boolean => {
  const { tasks }: { readonly tasks?: unknown } = capabilities
  const requests = isObject(tasks) ? tasks["requests"] : undefined
  const tools = isObject(requests) ? requests["tools"] : undefined
  return isObject(tools) && isObject(tools["call"])
}

/** Whether a server of revision 2026-07-28 may answer with tasks, by its capabilities. */
export const areExtended = (capabilities: object): boolean => {
  const { extensions }: { readonly extensions?: unknown } = capabilities
  return isObject(extensions) && isObject(extensions[tasksExtension])
}

const millisOf = (said: unknown): number | undefined => {
  const millis = typeof said === "string" && said.trim() !== "" ? Number(said) : said
  return typeof millis === "number" && Number.isFinite(millis) ? millis : undefined
}
