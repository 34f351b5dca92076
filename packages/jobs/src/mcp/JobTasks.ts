/**
 * Jobs as MCP tasks (revision 2025-11-25): the same jobs, with the same ids, as the tools have.
 *
 * Gotchas: whose a task is, is decided for each request, as for the tools: see `JobTools`. A task of another principal is answered as one that
 * never was. Cancelling a task cancels the job.
 */
import type { ToolAnnotations } from "@holdfast/protocol/Messages"
import { taskInputKey } from "@holdfast/protocol/ModernEra"
import * as SdkTool from "@holdfast/server/SdkTool"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as JsonText from "../internal/JsonText.ts"
import * as McpTask from "../internal/sdk/McpTask.ts"
import type { Job } from "../Job.ts"
import type { JobError } from "../JobError.ts"
import { Jobs } from "../Jobs.ts"
import { isEnded } from "../JobState.ts"
import type { JobQuestion, JobStatus } from "../JobStatus.ts"
import { type Asker, askerOf, type PrincipalOption } from "./askerOf.ts"
import { answerIn, paramsOf } from "./elicitation.ts"
import { butWaits, orRefused, pollAfterSeconds, resultOf, sentence, spoken, timeOf, waitingFor } from "./jobView.ts"

/** How a kind is told to the model that may call it. */
export interface Description {
  /** What a job of the kind does, in a sentence. */
  readonly description?: string | undefined
  readonly annotations?: ToolAnnotations | undefined
}

/** The tasks of one SDK server. */
export interface JobTasks {
  /** For the constructor of `McpServer`: with these it answers `tasks/get`, `tasks/result`, `tasks/cancel` and `tasks/list`. */
  readonly serverOptions: McpTask.ServerOptions
  /**
   * Adds a tool of the kind's name that clients must call as a task. `JobTools.register` does it when it is given these. `principal`: as in
   * `make`, which goes before it.
   */
  readonly offer: <Name extends string, Payload, Success, Failure, Data>(
    mcp: McpTask.McpServer,
    job: Job<Name, Payload, Success, Failure, Data>,
    options?: Description & { readonly principal?: PrincipalOption<never> | undefined }
  ) => void
}

/**
 * Makes MCP tasks of jobs (revision 2025-11-25): the same jobs, with the same ids, as the tools have.
 *
 * Gotchas: whose a task is, is decided for each request, as for the tools: see `JobTools`. A task of another principal is answered as one that
 * never was. Cancelling a task cancels the job.
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
  options: {
    /** The caller's principal: fixed, or made of the host's `authInfo`. Default: see above. */
    readonly principal?: PrincipalOption<never> | undefined
  } = {}
) {
  const jobs = yield* Jobs
  const context = yield* Effect.context<never>()
  const askerBy = yield* askerOf
  /** The ways to know the caller: the one given here, or those given with the kinds. */
  const askers = new Map([[options.principal, askerBy(options.principal)]])
  /** Of each kind that is offered, how the result of a job is told. */
  const kinds = new Map<string, (id: string, who: Asker) => Effect.Effect<string, JobError>>()
  const told = (status: JobStatus) => Effect.map(waitingFor(jobs, status), (waits) => toTask(status, waits))
  /** A job of the kinds that are offered as tasks, and whose it is. */
  const find = Effect.fnUntraced(function*(id: string, authInfo: SdkTool.AuthInfo | undefined) {
    for (const asker of askers.values()) {
      const who = yield* asker(authInfo)
      const status = yield* Effect.catchReason(jobs.status(id, who), "JobError", "JobNotFound", () => Effect.undefined)
      if (status !== undefined && kinds.has(status.kind)) return { who, status }
    }
    return yield* McpTask.notFound(id)
  })
  /** An answer that comes too late is of no use, and no harm. */
  const respond = (id: string, question: JobQuestion, result: unknown, who: Asker) => {
    const answered = answerIn(question, result)
    if (answered === undefined) return Effect.void
    return Effect.catchReason(
      jobs.answer(id, question.name, answered.answer, who),
      "JobError",
      "JobNotAsking",
      () => Effect.void
    )
  }
  const tasks: McpTask.Tasks = {
    get: Effect.fnUntraced(function*(id, authInfo) {
      const { status } = yield* find(id, authInfo)
      return yield* told(status)
    }, orRefused),
    result: Effect.fnUntraced(function*(id, authInfo, elicit) {
      const { who } = yield* find(id, authInfo)
      let asked: JobQuestion | undefined
      yield* Stream.runForEach(jobs.progress(id, who), ({ question }) => {
        // Once each: a client that declines is not asked for ever.
        if (elicit === undefined || question === undefined || question.name === asked?.name) return Effect.void
        asked = question
        return Effect.flatMap(elicit(paramsOf(question)), (result) => respond(id, question, result, who))
      })
      const { status } = yield* find(id, authInfo)
      const kind = kinds.get(status.kind)
      if (kind === undefined) return yield* McpTask.notFound(id)
      const isError = status.state !== "succeeded"
      const text = isError ? `${status.kind} ${id} ${sentence(status)}.` : yield* kind(id, who)
      return { isError, content: [{ type: "text" as const, text }] }
    }, orRefused),
    update: Effect.fnUntraced(function*(id, responses, authInfo) {
      const { status: { question }, who } = yield* find(id, authInfo)
      if (question !== undefined) yield* respond(id, question, responses[question.name], who)
    }, orRefused),
    cancel: Effect.fnUntraced(function*(id, authInfo) {
      const { status, who } = yield* find(id, authInfo)
      if (isEnded(status.state)) return yield* McpTask.hasEnded(status.kind, sentence(status))
      return toTask(yield* jobs.cancel(id, who))
    }, orRefused),
    list: Effect.fnUntraced(function*(authInfo) {
      const all = new Map<string, JobStatus>()
      for (const asker of askers.values()) {
        const who = yield* asker(authInfo)
        for (const status of yield* jobs.list({ ...who, limit: 1000 })) all.set(status.id, status)
      }
      return [...all.values()].filter(({ kind }) => kinds.has(kind)).map((status) => toTask(status))
    }, orRefused)
  }
  const made: JobTasks = {
    get serverOptions() {
      return McpTask.serverOptions()
    },
    offer: (mcp, job, { annotations, description = `Starts a new ${spoken(job.name)}.`, principal } = {}) => {
      const said = options.principal ?? principal
      const asker = askers.get(said) ?? askerBy(said)
      // A principal that is given for the tools is meant for the tasks, too. The default would be another owner.
      if (said !== undefined) askers.delete(undefined)
      askers.set(said, asker)
      kinds.set(
        job.name,
        (id, who) =>
          Effect.flatMap(resultOf(jobs, job, id, who), (result) => Effect.orDie(JsonText.encode(job.success, result)))
      )
      McpTask.serve(mcp, tasks, context)
      McpTask.register(
        mcp,
        {
          name: job.name,
          title: `New ${spoken(job.name)}, as a task`,
          description: `${description} Runs as a task: it goes on without the caller.`,
          inputSchema: SdkTool.toolSchema(job.payload),
          annotations: { idempotentHint: job.idempotencyKey !== undefined, ...annotations },
          create: Effect.fnUntraced(function*(args, authInfo) {
            const who = yield* asker(authInfo)
            const payload = yield* Effect.mapError(
              SdkTool.decodeArguments({ name: job.name, input: job.payload }, args),
              McpTask.badArguments
            )
            const id = yield* jobs.start(job, payload, who)
            return yield* told(yield* jobs.status(id, who))
          }, orRefused)
        },
        tasks,
        context
      )
    }
  }
  return made
})

const taskStates = {
  queued: "working",
  running: "working",
  succeeded: "completed",
  failed: "failed",
  cancelled: "cancelled"
} as const

const toTask = (status: JobStatus, waits?: string): McpTask.Task & { readonly _meta?: Record<string, unknown> } => ({
  taskId: status.id,
  status: status.question === undefined || status.isCancelling ? taskStates[status.state] : "input_required",
  ...status.question !== undefined && {
    _meta: {
      [taskInputKey]: { [status.question.name]: { method: "elicitation/create", params: paramsOf(status.question) } }
    }
  },
  // Kept until it is cleaned up, which is not for the protocol to count.
  ttl: null,
  createdAt: timeOf(status.createdAt),
  lastUpdatedAt: timeOf(status.updatedAt),
  pollInterval: pollAfterSeconds * 1000,
  statusMessage: `${status.kind} ${sentence(status)}${butWaits(waits)}`
})
