/**
 * Jobs as MCP tasks (revision 2025-11-25): the same jobs, with the same ids, as the tools have.
 *
 * Gotchas: tasks are of the SDK server they are made for, and so of its session: without `principal` they belong to that of the
 * `Session` around, else to `local`. Cancelling a task cancels the job.
 */
import type * as Principal from "@holdfast/protocol/Principal"
import { Session } from "@holdfast/server/Session"
import * as Effect from "effect/Effect"
import * as JsonText from "../internal/JsonText.ts"
import * as McpTask from "../internal/sdk/McpTask.ts"
import type * as McpTool from "../internal/sdk/McpTool.ts"
import type { Job } from "../Job.ts"
import { JobError, JobNotFound } from "../JobError.ts"
import { Jobs } from "../Jobs.ts"
import type { JobStatus } from "../JobStatus.ts"
import {
  butWaits,
  pollAfterSeconds,
  principalOf,
  resultOf,
  sentence,
  spoken,
  timeOf,
  waitingFor,
  wordsFor
} from "./jobView.ts"

/** How a kind is told to the model that may call it. */
export interface Description {
  /** What a job of the kind does, in a sentence. */
  readonly description?: string | undefined
  readonly annotations?: McpTool.ToolAnnotations | undefined
}

/** The tasks of one SDK server. */
export interface JobTasks {
  /** For the constructor of `McpServer`: with these it answers `tasks/get`, `tasks/result`, `tasks/cancel` and `tasks/list`. */
  readonly serverOptions: McpTask.ServerOptions
  /** Adds a tool of the kind's name that clients must call as a task. `JobTools.register` does it when it is given these. */
  readonly offer: <Name extends string, Payload, Success, Failure, Data>(
    mcp: McpTool.McpServer,
    job: Job<Name, Payload, Success, Failure, Data>,
    description?: Description
  ) => void
}

/**
 * Makes MCP tasks of jobs (revision 2025-11-25): the same jobs, with the same ids, as the tools have.
 *
 * Gotchas: tasks are of the SDK server they are made for, and so of its session: without `principal` they belong to that of the
 * `Session` around, else to `local`. Cancelling a task cancels the job.
 *
 * @example
 * ```ts
 * import { Job } from "@holdfast/jobs"
 * import { JobTasks, JobTools } from "@holdfast/jobs/mcp"
 * import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
 * import * as Effect from "effect/Effect"
 * import * as Schema from "effect/Schema"
 *
 * const Scan = Job.make("scan", { version: 1, payload: { path: Schema.String }, success: Schema.Int })
 *
 * export const server = Effect.gen(function*() {
 *   const tasks = yield* JobTasks.make()
 *   const mcp = new McpServer({ name: "scanner", version: "1.0.0" }, tasks.serverOptions)
 *   yield* JobTools.register(mcp, Scan, { tasks })
 *   return mcp
 * })
 * ```
 */
export const make = Effect.fnUntraced(function*(
  options: { readonly principal?: Effect.Effect<Principal.Principal> | undefined } = {}
) {
  const jobs = yield* Jobs
  const session = yield* Effect.serviceOption(Session)
  const context = yield* Effect.context<never>()
  const principal = options.principal ?? Effect.succeed(principalOf(session, undefined))
  /** Of each kind that is offered, how the result of a job is told. */
  const kinds = new Map<string, (id: string) => Effect.Effect<string, JobError>>()
  const who = Effect.map(principal, (owner) => ({ owner }))
  /** Of the kinds that are offered as tasks. */
  const find = (id: string) =>
    Effect.flatMap(who, (who) =>
      jobs.status(id, who).pipe(
        Effect.map((status) => kinds.has(status.kind) ? status : undefined),
        Effect.catchReason("JobError", "JobNotFound", () => Effect.undefined)
      ))
  const tasks: McpTask.Tasks = {
    get: (id) =>
      orRefused(Effect.gen(function*() {
        const status = yield* find(id)
        return status === undefined ? undefined : toTask(status, yield* waitingFor(jobs, status))
      })),
    result: (id) =>
      orRefused(Effect.gen(function*() {
        const status = yield* find(id)
        const kind = status === undefined ? undefined : kinds.get(status.kind)
        if (status === undefined || kind === undefined) return yield* new JobError({ reason: new JobNotFound({ id }) })
        const isError = status.state !== "succeeded"
        const text = isError ? `${status.kind} ${id} ${sentence(status)}.` : yield* kind(id)
        return { isError, content: [{ type: "text", text }] }
      })),
    cancel: (id) =>
      orRefused(Effect.gen(function*() {
        if ((yield* find(id)) !== undefined) yield* jobs.cancel(id, yield* who)
      })),
    list: orRefused(
      Effect.map(
        Effect.flatMap(who, (who) => jobs.list({ ...who, limit: 1000 })),
        (all) => all.filter(({ kind }) => kinds.has(kind)).map((status) => toTask(status))
      )
    )
  }
  const made: JobTasks = {
    serverOptions: McpTask.serverOptions(tasks, context),
    offer: (mcp, job, { annotations, description = `Starts a new ${spoken(job.name)}.` } = {}) => {
      kinds.set(job.name, (id) =>
        Effect.gen(function*() {
          const result = yield* resultOf(jobs, job, id, yield* who)
          return yield* Effect.orDie(JsonText.encode(job.success, result))
        }))
      McpTask.register(
        mcp,
        {
          name: job.name,
          title: `New ${spoken(job.name)}, as a task`,
          description: `${description} Runs as a task: it goes on without the caller.`,
          input: job.payload,
          annotations: { idempotentHint: job.idempotencyKey !== undefined, ...annotations },
          create: (payload) =>
            orRefused(Effect.gen(function*() {
              const asker = yield* who
              const id = yield* jobs.start(job, payload, asker)
              const status = yield* jobs.status(id, asker)
              return toTask(status, yield* waitingFor(jobs, status))
            }))
        },
        tasks,
        context
      )
    }
  }
  return made
})

const orRefused = <A, R>(effect: Effect.Effect<A, JobError, R>): Effect.Effect<A, McpTask.Refused, R> =>
  Effect.catch(
    effect,
    (error) => Effect.flatMap(wordsFor(error), (message) => Effect.fail(new McpTask.Refused({ message })))
  )

const taskStates = {
  queued: "working",
  running: "working",
  succeeded: "completed",
  failed: "failed",
  cancelled: "cancelled"
} as const

const toTask = (status: JobStatus, waits?: string): McpTask.Task => ({
  taskId: status.id,
  status: taskStates[status.state],
  // Kept until it is cleaned up, which is not for the protocol to count.
  ttl: null,
  createdAt: timeOf(status.createdAt),
  lastUpdatedAt: timeOf(status.updatedAt),
  pollInterval: pollAfterSeconds * 1000,
  statusMessage: `${status.kind} ${sentence(status)}${butWaits(waits)}`
})
