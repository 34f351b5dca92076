/**
 * A kind of job as tools of an MCP server: start, look, fetch, cancel, list, remove; and answer, if its jobs ask.
 *
 * Starting returns the id at once; any later session of the same principal goes on with it: after a disconnect, from another
 * client, after a restart of the server. Looking may wait for news up to half a minute, and then tells the caller by progress
 * notifications if it asked for them.
 *
 * Gotchas: the caller's principal is what `principal` says; else the `Session` of `@holdfast/server` in which the SDK server was made; else
 * the SDK's `authInfo`: its client id, and its `extra.sub` if that is a text; else it is `local`, which is right for stdio and for loopback,
 * where there is one user. Tasks go by the same.
 */
import type { ToolAnnotations } from "@holdfast/protocol/Messages"
import * as SdkTool from "@holdfast/server/SdkTool"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as JsonText from "../internal/JsonText.ts"
import * as McpTask from "../internal/sdk/McpTask.ts"
import type { Job } from "../Job.ts"
import { JobError, JobNotFound } from "../JobError.ts"
import { Jobs, type JobsShape } from "../Jobs.ts"
import { isEnded, JobState } from "../JobState.ts"
import { JobQuestion, type JobStatus } from "../JobStatus.ts"
import { type Asker, askerOf, type PrincipalOption } from "./askerOf.ts"
import type * as JobTasks from "./JobTasks.ts"
import { butWaits, orRefused, pollAfterSeconds, resultOf, sentence, spoken, timeOf, waitingFor } from "./jobView.ts"

/** How the tools of a kind differ from the default. */
export interface Options<R> {
  /** The caller's principal: fixed, or made of the host's `authInfo`. Default: see above. */
  readonly principal?: PrincipalOption<R> | undefined
  /** What a job of the kind does, in a sentence: it begins the description of the tool that starts one. */
  readonly description?: string | undefined
  /** Offers the job as an MCP task too: by a tool of the kind's name, which clients must call as a task. */
  readonly tasks?: JobTasks.JobTasks | undefined
  /** Hints for the tool that starts a job, such as `readOnlyHint` and `destructiveHint`. */
  readonly annotations?: ToolAnnotations | undefined
  /** Whether there is a tool for results. `false` for a kind whose results need one of its own (pages, filters) under the same name. Default: `true`. */
  readonly results?: boolean | undefined
  /** Whether there is a tool that answers questions of a job. `false` for a kind that never asks. Default: `true`. */
  readonly answer?: boolean | undefined
}

const longestWaitSeconds = 30

const Id = Schema.String.annotate({ description: "The id that the job was started with." })
const Time = Schema.String.annotate({ description: "ISO 8601, UTC." })

/** A job as callers see it. */
const Status = Schema.Struct({
  id: Schema.String,
  state: JobState,
  percent: Schema.Finite.annotate({ description: "0 to 100; never goes back." }),
  message: Schema.optionalKey(Schema.String),
  data: Schema.optionalKey(Schema.Json),
  isCancelling: Schema.Boolean,
  question: Schema.optionalKey(JobQuestion.annotate({ description: "The job waits for the answer to this." })),
  startsAt: Schema.optionalKey(Time),
  deadlineAt: Schema.optionalKey(Time),
  failure: Schema.optionalKey(Schema.String),
  attempt: Schema.Int,
  createdAt: Time,
  startedAt: Schema.optionalKey(Time),
  finishedAt: Schema.optionalKey(Time)
})
type Status = typeof Status.Type

/** Started or looked at: while it is unfinished, when to look again. */
const Polled = Schema.Struct({
  ...Status.fields,
  waits: Schema.optionalKey(
    Schema.String.annotate({ description: "Why it does not get on, while the server's store of jobs is out of order." })
  ),
  pollAfterSeconds: Schema.optionalKey(Schema.Int)
})

/**
 * Registers the tools of a kind on an SDK server, on which they run in the context of this call. By default they are called
 * `run_x`, `get_x_progress`, `get_x_results`, `cancel_x`, `remove_x`, `answer_x` and `list_` with the kind's plural; the kind may name them
 * otherwise.
 *
 * @example
 * ```ts
 * import { Job } from "@holdfast/jobs"
 * import { JobTools } from "@holdfast/jobs/mcp"
 * import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
 * import * as Effect from "effect/Effect"
 * import * as Schema from "effect/Schema"
 *
 * const Scan = Job.make("scan", { version: 1, payload: { path: Schema.String }, success: Schema.Int })
 *
 * export const server = Effect.gen(function*() {
 *   const mcp = new McpServer({ name: "scanner", version: "1.0.0" })
 *   yield* JobTools.register(mcp, Scan, { description: "Scans a folder for secrets." })
 *   return mcp
 * })
 * ```
 */
export const register = Effect.fnUntraced(function*<Name extends string, Payload, Success, Failure, Data, R = never>(
  mcp: McpTask.McpServer,
  job: Job<Name, Payload, Success, Failure, Data>,
  options: Options<R> = {}
) {
  const jobs = yield* Jobs
  const context = yield* Effect.context<R>()
  const asker = (yield* askerOf)(options.principal)
  const { toolNames: names } = job
  const words = spoken(job.name)
  const { hasAgain, input } = startInput(job)
  type Results = Status & { readonly isFinished: boolean; readonly result?: Success }
  const advice = `Ask ${names.progress} every ${pollAfterSeconds} seconds or so, or let it wait for you.`

  /** The id of a job of another kind is no id of this one. */
  const statusOf = (id: string, who: Asker) =>
    Effect.filterOrFail(
      jobs.status(id, who),
      ({ kind }) => kind === job.name,
      () => new JobError({ reason: new JobNotFound({ id }) })
    )

  const add = <Input, Output>(
    tool: Omit<SdkTool.Tool<Input, McpTask.Refused, R>, "handler" | "output"> & {
      readonly output: Schema.Codec<Output, unknown>
      readonly handler: (
        input: Input,
        call: SdkTool.ToolCall
      ) => Effect.Effect<Answer<Output>, JobError | McpTask.Refused, R>
    }
  ): void => {
    const encode = Schema.encodeUnknownEffect(Schema.toCodecJson(tool.output))
    const handler = Effect.fnUntraced(function*(input: Input, call: SdkTool.ToolCall) {
      const { text, value } = yield* tool.handler(input, call)
      // What a struct is encoded as.
      const structuredContent = (yield* Effect.orDie(encode(value))) as Readonly<Record<string, unknown>>
      return { content: [{ type: "text", text }], structuredContent }
    })
    SdkTool.register(
      mcp,
      { ...tool, handler: (input, call) => orRefused(handler(input, call)) },
      Effect.provideContext(context)
    )
  }

  add({
    name: names.run,
    title: `Start a new ${words}`,
    description:
      `${options.description ?? `Starts a new ${words}.`} Returns the id of the job at once; the job goes on without ` +
      `the caller, whatever happens to the connection. ${advice} ${names.results} has the results when it is done.` +
      (job.idempotencyKey === undefined
        ? ""
        : " The same arguments give the same job, so that it is safe to ask again; one that failed or was cancelled is run again."),
    input,
    output: Polled,
    annotations: { idempotentHint: job.idempotencyKey !== undefined, ...options.annotations },
    handler: (start, call) =>
      Effect.gen(function*() {
        const who = yield* asker(call.authInfo)
        const { again = true, ...payload } = start
        // Without `again` it is what the schema of the payload has.
        const id = yield* jobs.start(job, (hasAgain ? payload : start) as Payload, { ...who, again: hasAgain && again })
        const status = yield* jobs.status(id, who)
        return yield* polled(jobs, status, (says) => `${says}. ${isEnded(status.state) ? "" : advice}`)
      })
  })

  add({
    name: names.progress,
    title: `Progress of one ${words}`,
    description:
      `How far the ${words} of this id is. It costs little: ask every ${pollAfterSeconds} seconds or so, from any session. ` +
      `With wait_seconds it answers as soon as the job has ended, or after that time.`,
    input: Schema.Struct({
      id: Id,
      wait_seconds: Schema.optionalKey(
        Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: longestWaitSeconds })).annotate({
          description: `Wait up to so many seconds for the end of the job. Default: 0, at most ${longestWaitSeconds}.`
        })
      )
    }),
    output: Polled,
    annotations: { readOnlyHint: true, idempotentHint: true, openWorldHint: false },
    handler: ({ id, wait_seconds = 0 }, call) =>
      Effect.gen(function*() {
        const who = yield* asker(call.authInfo)
        const before = yield* statusOf(id, who)
        yield* call.progress(reportOf(before))
        if (!isEnded(before.state) && wait_seconds > 0) {
          let told = before.percent
          yield* jobs.progress(id, who).pipe(
            Stream.runForEach((status) => {
              // The protocol wants progress to increase.
              if (status.percent <= told) return Effect.void
              told = status.percent
              return call.progress(reportOf(status))
            }),
            Effect.timeoutOption(`${wait_seconds} seconds`)
          )
        }
        const status = yield* statusOf(id, who)
        const next = isEnded(status.state) ? `Ask ${names.results} for what came of it.` : advice
        return yield* polled(jobs, status, (says) => `${says}. ${next}`)
      })
  })

  if (options.results !== false) {
    add({
      name: names.results,
      title: `Results of one ${words}`,
      description:
        `What the ${words} of this id came to, once it has succeeded; the same each time. Before that it says how far the job ` +
        `is, and is no error; an error is a job that failed or was cancelled.`,
      input: Schema.Struct({ id: Id }),
      output: Schema.Struct({
        ...Status.fields,
        isFinished: Schema.Boolean,
        result: Schema.optionalKey(Schema.toCodecJson(job.success))
      }),
      annotations: { readOnlyHint: true, idempotentHint: true, openWorldHint: false },
      handler: ({ id }, call) =>
        Effect.gen(function*() {
          const who = yield* asker(call.authInfo)
          const status = yield* statusOf(id, who)
          if (status.state === "failed" || status.state === "cancelled") {
            return yield* McpTask.failure(`${job.name} ${id} ${sentence(status)}.`)
          }
          if (status.state !== "succeeded") {
            const waits = butWaits(yield* waitingFor(jobs, status))
            const text = `${job.name} ${id} has no results yet: it ${sentence(status)}${waits}. ${advice}`
            return answered<Results>(text, { ...toStatus(status), isFinished: false })
          }
          const result = yield* resultOf(jobs, job, id, who)
          const text = yield* Effect.orDie(JsonText.encode(job.success, result))
          return answered<Results>(text, { ...toStatus(status), isFinished: true, result })
        })
    })
  }

  add({
    name: names.cancel,
    title: `Cancel one ${words}`,
    description: `Cancels the ${words} of this id: what it is doing is interrupted. One that has ended stays as it is.`,
    input: Schema.Struct({ id: Id }),
    output: Polled,
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
    handler: ({ id }, call) =>
      Effect.gen(function*() {
        const who = yield* asker(call.authInfo)
        yield* statusOf(id, who)
        const status = yield* jobs.cancel(id, who)
        return yield* polled(jobs, status, (says) => `${says}.`)
      })
  })

  add({
    name: names.list,
    title: `List every ${words}`,
    description: `Every ${words} of the caller, the newest first; ended ones are kept for some days.`,
    input: Schema.Struct({
      states: Schema.optionalKey(Schema.Array(JobState).annotate({ description: "Only these. Default: all." })),
      limit: Schema.optionalKey(
        Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1000 })).annotate({ description: "Default: 20." })
      )
    }),
    output: Schema.Struct({ jobs: Schema.Array(Status) }),
    annotations: { readOnlyHint: true, idempotentHint: true, openWorldHint: false },
    handler: ({ limit = 20, states }, call) =>
      Effect.gen(function*() {
        const who = yield* asker(call.authInfo)
        const all = yield* jobs.list({ ...who, kind: job.name, states, limit })
        const lines = all.map((status) => `${status.id}  ${sentence(status)}, started ${timeOf(status.createdAt)}`)
        const text = lines.length === 0 ? `no ${job.name} yet` : lines.join("\n")
        return { text, value: { jobs: all.map(toStatus) } }
      })
  })

  add({
    name: names.remove,
    title: `Remove one ${words}`,
    description:
      `Forgets the ${words} of this id, which has ended, with its results. One that has not ended is to be cancelled before.`,
    input: Schema.Struct({ id: Id }),
    output: Schema.Struct({ id: Schema.String, isRemoved: Schema.Boolean }),
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: false },
    handler: ({ id }, call) =>
      Effect.gen(function*() {
        const who = yield* asker(call.authInfo)
        yield* statusOf(id, who)
        yield* jobs.remove(id, who)
        return { text: `${job.name} ${id} is removed.`, value: { id, isRemoved: true } }
      })
  })

  if (options.answer !== false) {
    add({
      name: names.answer,
      title: `Answer a question of one ${words}`,
      description:
        `Answers what the ${words} of this id asks; ${names.progress} tells the question, its name and the JSON schema of an answer.`,
      input: Schema.Struct({
        id: Id,
        question: Schema.String.annotate({ description: "The name of the question." }),
        answer: Schema.Json.annotate({ description: "As the schema of the question says." })
      }),
      output: Polled,
      annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
      handler: ({ answer, id, question }, call) =>
        Effect.gen(function*() {
          const who = yield* asker(call.authInfo)
          yield* statusOf(id, who)
          yield* jobs.answer(id, question, answer, who)
          return yield* polled(jobs, yield* statusOf(id, who), (says) => `${says}. ${advice}`)
        })
    })
  }

  const { annotations, description, principal, tasks } = options
  tasks?.offer(mcp, job, {
    annotations,
    description,
    // Tasks and tools go by the same, whatever it needs.
    principal: principal &&
      ((authInfo) => Effect.provideContext(Effect.map(asker(authInfo), ({ owner }) => owner), context))
  })
})

/** What the tool that starts a job is called with. */
type Start<Payload> = Payload & { readonly again?: boolean }

/** The payload, and beside its fields whether a job that did not succeed is run again, if there is a key by which it is known. */
const startInput = <Payload>(
  { idempotencyKey, payload }: Pick<Job<string, Payload, unknown, unknown, unknown>, "idempotencyKey" | "payload">
): { readonly hasAgain: boolean; readonly input: Schema.Codec<Start<Payload>, unknown> } => {
  // A payload that has a field of this name keeps it.
  if (idempotencyKey === undefined || "again" in payload.fields) {
    // Nothing is said of `again` by such a payload.
    return { hasAgain: false, input: payload as Schema.Codec<Start<Payload>, unknown> }
  }
  const again = Schema.Boolean.annotate({
    description: "Whether a job of the same arguments that failed or was cancelled is run again. Default: true."
  })
  const input = Schema.Struct({ ...payload.fields, again: Schema.optionalKey(again) })
  // The fields of the payload and one more.
  return { hasAgain: true, input: input as unknown as Schema.Codec<Start<Payload>, unknown> }
}

/** What a call comes to: `value` goes by the tool's `output`. */
interface Answer<A> {
  readonly text: string
  readonly value: A
}

const answered = <A>(text: string, value: A): Answer<A> => ({ text, value })

const polled = (jobs: JobsShape, status: JobStatus, text: (says: string) => string) =>
  Effect.map(waitingFor(jobs, status), (waits): Answer<typeof Polled.Type> => ({
    text: text(`${status.kind} ${status.id} ${sentence(status)}${butWaits(waits)}`).trim(),
    value: {
      ...toStatus(status),
      ...waits !== undefined && { waits },
      ...!isEnded(status.state) && { pollAfterSeconds }
    }
  }))

const reportOf = ({ message, percent }: JobStatus): SdkTool.Progress => ({
  progress: percent,
  total: 100,
  ...message !== undefined && { message }
})

const toStatus = (status: JobStatus): Status => ({
  id: status.id,
  state: status.state,
  percent: status.percent,
  ...status.message !== undefined && { message: status.message },
  ...status.data !== undefined && { data: status.data },
  isCancelling: status.isCancelling,
  ...status.question !== undefined && { question: status.question },
  ...status.startsAt !== undefined && { startsAt: timeOf(status.startsAt) },
  ...status.deadlineAt !== undefined && { deadlineAt: timeOf(status.deadlineAt) },
  ...status.failure !== undefined && { failure: status.failure.message },
  attempt: status.attempt,
  createdAt: timeOf(status.createdAt),
  ...status.startedAt !== undefined && { startedAt: timeOf(status.startedAt) },
  ...status.finishedAt !== undefined && { finishedAt: timeOf(status.finishedAt) }
})
