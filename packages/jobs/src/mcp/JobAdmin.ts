/**
 * The jobs of all principals for the admin port of a server: `AdminOptions.jobs` of `@holdfast/server/Admin`, over whatever store the program has.
 *
 * Reading is bounded: a page of jobs, and of each the steps that are done; those of a job that has ended are read once. Nothing is read while no page
 * is open.
 *
 * **Gotchas**: to run a job again is a new job with the same input, from its first step on: what the first one did outside is done once more.
 *
 * @example
 * ```ts
 * import { JobAdmin } from "@holdfast/jobs/mcp"
 * import * as McpHost from "@holdfast/server/McpHost"
 * import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 *
 * export const layer = Layer.unwrap(Effect.map(JobAdmin.make, (jobs) =>
 *   McpHost.layerHttp({
 *     server: () => new McpServer({ name: "greeter", version: "1.0.0" }),
 *     admin: { jobs }
 *   })))
 * ```
 */
import { AdminJobProblem, type AdminJobs } from "@holdfast/server/AdminJobs"
import * as Effect from "effect/Effect"
import type { JobError } from "../JobError.ts"
import { Jobs } from "../Jobs.ts"
import { isEnded } from "../JobState.ts"
import type { JobStatus } from "../JobStatus.ts"

/** How many stores are asked at once for steps. */
const concurrency = 4

/** Of the jobs of this program. */
export const make: Effect.Effect<AdminJobs, never, Jobs> = Effect.gen(function*() {
  const { operator } = yield* Jobs
  /** Of jobs that have ended: they do not change any more. Only those of the last page are kept. */
  let known: ReadonlyMap<string, ReadonlyArray<string>> = new Map()
  const stepsOf = ({ id, state }: JobStatus): Effect.Effect<ReadonlyArray<string>, JobError> => {
    const steps = known.get(id)
    if (steps !== undefined && isEnded(state)) return Effect.succeed(steps)
    return state === "queued" ? Effect.succeed([]) : operator.steps(id)
  }
  return {
    list: (limit) =>
      Effect.gen(function*() {
        const jobs = yield* operator.list({ limit })
        const all = yield* Effect.forEach(jobs, (job) => Effect.map(stepsOf(job), (steps) => ({ job, steps })), {
          concurrency
        })
        known = new Map(all.flatMap(({ job, steps }) => isEnded(job.state) ? [[job.id, steps]] : []))
        return all.map(({ job, steps }) => ({
          id: job.id,
          kind: job.kind,
          principal: job.owner,
          state: job.state,
          isCancelling: job.isCancelling,
          percent: job.percent,
          message: job.question === undefined ? job.message : `asks: ${job.question.message}`,
          failure: job.failure?.message,
          attempts: job.attempt,
          steps,
          createdAt: job.createdAt,
          startedAt: job.startedAt,
          endedAt: job.finishedAt
        }))
      }).pipe(Effect.mapError(problem)),
    cancel: (id) =>
      operator.cancel(id).pipe(
        Effect.map(({ state }) => isEnded(state) ? `the job is ${state}` : "the job is being cancelled"),
        Effect.mapError(problem)
      ),
    again: (id) =>
      operator.again(id).pipe(
        Effect.map((id) => `started again, as the new job ${id}`),
        Effect.mapError(problem)
      )
  }
})

const problem = ({ message }: JobError): AdminJobProblem => new AdminJobProblem({ message })
