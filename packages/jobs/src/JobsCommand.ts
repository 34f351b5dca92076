/**
 * The command `holdfast-jobs`: an operator's hands on a store of jobs of all owners, whether or not a program runs them.
 *
 * Results go to stdout, as lines for people or as JSON. What a program that runs should do (cancel, begin a job that is tried again) it does at its next
 * look at the store.
 *
 * Gotchas: a store is never made by this command.
 *
 * @example
 * ```ts
 * import * as NodeServices from "@effect/platform-node/NodeServices"
 * import * as JobsCommand from "@holdfast/jobs/JobsCommand"
 * import * as Command from "effect/cli/Command"
 * import * as Effect from "effect/Effect"
 *
 * const program = Command.run(JobsCommand.command, { version: "1.0.0" }).pipe(Effect.provide(NodeServices.layer))
 * Effect.runFork(program)
 * ```
 */
import * as Argument from "effect/cli/Argument"
import * as CliCommand from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import { Engine } from "./internal/Engine.ts"
import { layerEngine } from "./internal/layerEngine.ts"
import { ProcessIdentity } from "./internal/ProcessIdentity.ts"
import type { StoredJob } from "./internal/StoredJob.ts"
import { JobError, JobNotFinished, JobNotFound, JobStoreUnavailable } from "./JobError.ts"
import { isEnded, JobState } from "./JobState.ts"
import * as PostgresStore from "./PostgresStore.ts"
import * as SqliteStore from "./SqliteStore.ts"

/** What was asked could not be done, for a reason that was told: the process ends with 1. */
class NotDone extends Data.TaggedError("NotDone")<{ readonly reason: { readonly message: string } }> {
  override readonly [Runtime.errorReported] = false
  override get message(): string {
    return this.reason.message
  }
}

const file = Flag.String("store").pipe(
  Flag.withAlias("s"),
  Flag.withMetavar("file"),
  Flag.withDescription("The SQLite file of the jobs. Default: Postgres, at the url that HOLDFAST_JOBS_URL says"),
  Flag.optional
)
const json = Flag.Boolean("json").pipe(
  Flag.withDescription("JSON instead of lines for people"),
  Flag.withDefault(false)
)
const id = Argument.String("id").pipe(Argument.withDescription("The id of a job"))

const storeAt = (file: Option.Option<string>) =>
  Layer.unwrap(Effect.gen(function*() {
    if (Option.isNone(file)) {
      const url = yield* Config.Redacted("HOLDFAST_JOBS_URL")
      return PostgresStore.layer({ url, migrate: false })
    }
    const files = yield* FileSystem.FileSystem
    if (!(yield* files.exists(file.value))) {
      const detail = "there is no such file, and none is made"
      return yield* new JobError({
        reason: new JobStoreUnavailable({ store: file.value, operation: "open it", problem: "unreachable", detail })
      })
    }
    return SqliteStore.layer(file.value)
  }))

const act = <A, E extends { readonly message: string }, R>(
  file: Option.Option<string>,
  effect: Effect.Effect<A, E, R | Engine>
) =>
  Effect.provide(effect, layerEngine.pipe(Layer.provide(storeAt(file)))).pipe(
    Effect.catch((reason) =>
      Effect.andThen(Console.error(`holdfast-jobs: ${reason.message}`), Effect.fail(new NotDone({ reason })))
    )
  )

const find = Effect.fnUntraced(function*(id: string) {
  const [job] = yield* (yield* Engine).read([id])
  return job ?? (yield* new JobError({ reason: new JobNotFound({ id }) }))
})

const time = (millis: number | undefined): string => millis === undefined ? "" : new Date(millis).toISOString()

const lineOf = ({ attempt, createdAt, failure, id, kind, owner, percent, question, state }: StoredJob): string => {
  const more = question !== undefined
    ? `asks: ${question.message}`
    : failure !== undefined
    ? failure.message
    : state === "running"
    ? `${Math.floor(percent)} %, attempt ${attempt}`
    : ""
  return [id, kind, state, time(createdAt), owner, more].join("  ").trimEnd()
}

const list = CliCommand.make(
  "list",
  {
    file,
    json,
    kind: Flag.String("kind").pipe(Flag.withDescription("Only of this kind"), Flag.optional),
    owner: Flag.String("owner").pipe(Flag.withDescription("Only of this principal"), Flag.optional),
    state: Flag.Literals("state", JobState.literals).pipe(
      Flag.withDescription("Only in this state; may be said several times"),
      Flag.between(0, JobState.literals.length)
    ),
    limit: Flag.Int("limit").pipe(Flag.withDescription("At most so many. Default: 50"), Flag.withDefault(50))
  },
  ({ file, json, kind, limit, owner, state }) =>
    act(
      file,
      Effect.gen(function*() {
        const jobs = yield* (yield* Engine).list({
          owner: Option.getOrUndefined(owner),
          kind: Option.getOrUndefined(kind),
          states: state,
          limit: Math.max(1, limit)
        })
        yield* Console.log(json ? JSON.stringify(jobs) : jobs.length === 0 ? "no jobs" : jobs.map(lineOf).join("\n"))
      })
    )
).pipe(CliCommand.withDescription("The jobs, the newest first"))

const show = CliCommand.make("show", { file, json, id }, ({ file, id, json }) =>
  act(
    file,
    Effect.gen(function*() {
      const job = yield* find(id)
      const steps = yield* (yield* Engine).steps(id)
      if (json) return yield* Console.log(JSON.stringify({ ...job, steps }))
      yield* Console.log([
        lineOf(job),
        ...job.message === undefined ? [] : [`said last: ${job.message}`],
        ...job.startsAt === undefined ? [] : [`begins at: ${time(job.startsAt)}`],
        ...job.deadlineAt === undefined ? [] : [`deadline: ${time(job.deadlineAt)}`],
        ...job.finishedAt === undefined ? [] : [`ended: ${time(job.finishedAt)}`],
        ...job.failure?.cause === undefined ? [] : [`cause: ${job.failure.cause}`],
        ...steps.map((step) => `done: ${step}`)
      ].join("\n"))
    })
  )).pipe(CliCommand.withDescription("One job, with its steps that are done and why it failed"))

const retry = CliCommand.make(
  "retry",
  {
    file,
    id,
    from: Flag.String("from").pipe(
      Flag.withMetavar("step"),
      Flag.withDescription("Do this step and those behind it again. Default: go on behind the steps that are done"),
      Flag.optional
    )
  },
  ({ file, from, id }) =>
    act(
      file,
      Effect.gen(function*() {
        const engine = yield* Engine
        const job = yield* find(id)
        const again = yield* engine.retry(job, (yield* ProcessIdentity).newId(), Option.getOrUndefined(from))
        yield* Console.log(again.id)
      })
    )
).pipe(CliCommand.withDescription("Runs a job again that failed or was cancelled, as a new job, and prints its id"))

const cancel = CliCommand.make("cancel", { file, id }, ({ file, id }) =>
  act(
    file,
    Effect.gen(function*() {
      const job = yield* find(id)
      if (!isEnded(job.state)) yield* (yield* Engine).cancel(job)
      const after = yield* find(id)
      yield* Console.log(isEnded(after.state) ? after.state : "is being cancelled")
    })
  )).pipe(CliCommand.withDescription("Cancels a job: its steps that are done are undone, where it has said how"))

const remove = CliCommand.make("remove", { file, id }, ({ file, id }) =>
  act(
    file,
    Effect.gen(function*() {
      const { percent, state } = yield* find(id)
      if (!isEnded(state)) return yield* new JobError({ reason: new JobNotFinished({ id, state, percent }) })
      yield* (yield* Engine).remove(id)
      yield* Console.log("removed")
    })
  )).pipe(CliCommand.withDescription("Forgets a job that has ended, with its result and its key"))

/** The command, with its words `list`, `show`, `retry`, `cancel` and `remove`. */
export const command = CliCommand.make("holdfast-jobs").pipe(
  CliCommand.withDescription("Looks after the jobs in a store of @holdfast/jobs"),
  CliCommand.withSubcommands([list, show, retry, cancel, remove])
)
