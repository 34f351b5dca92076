/**
 * Jobs as their callers see them: start, look, wait, cancel, by id and from anywhere.
 *
 * A job belongs to the store, not to the program that started it: the caller may go, the process may die, another may ask. Everything
 * but `start` and `result` works for any kind, also for kinds that this process does not run.
 *
 * Gotchas: `owner` is the principal that asks, `local` unless it is given. It sees no jobs of others.
 *
 * @example
 * ```ts
 * import { Job, Jobs, SqliteStore } from "@holdfast/jobs"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 * import * as Schema from "effect/Schema"
 *
 * const Scan = Job.make("scan", { version: 1, payload: { path: Schema.String }, success: Schema.Int })
 *
 * // Starts a job that another process may run.
 * export const program = Effect.flatMap(Jobs, (jobs) => jobs.start(Scan, { path: "/src" })).pipe(
 *   Effect.provide(Jobs.layer.pipe(Layer.provide(SqliteStore.layer("jobs.db"))))
 * )
 * ```
 */
import * as Principal from "@holdfast/protocol/Principal"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Engine } from "./internal/Engine.ts"
import * as JobTrace from "./internal/jobTrace.ts"
import * as JsonText from "./internal/JsonText.ts"
import { layerEngine } from "./internal/layerEngine.ts"
import { ProcessIdentity } from "./internal/ProcessIdentity.ts"
import type { StoredJob } from "./internal/StoredJob.ts"
import type { Trouble } from "./internal/StoreTrouble.ts"
import type { Job } from "./Job.ts"
import {
  JobCancelled,
  JobDataInvalid,
  JobDataTooLarge,
  JobError,
  JobFailed,
  JobNotFinished,
  JobNotFound,
  type Reason
} from "./JobError.ts"
import { isEnded, type JobState } from "./JobState.ts"
import type { JobStatus } from "./JobStatus.ts"
import type { JobStore } from "./JobStore.ts"

/** The principal that asks. */
export interface Asker {
  /** Default: `Principal.local`. */
  readonly owner?: Principal.Principal | undefined
}

/** How a job is started. */
export interface StartOptions extends Asker {
  /** A job of the same idempotency key that failed or was cancelled is run again, as a new job. Default: false. */
  readonly again?: boolean | undefined
  /** It is not begun before this time has passed. Default: none. */
  readonly delay?: Duration.Input | undefined
  /** It fails, and is undone, if it has not ended after this time, the delay included. Default: the kind's. */
  readonly deadline?: Duration.Input | undefined
}

/** Which jobs are listed. */
export interface ListOptions extends Asker {
  readonly kind?: string | undefined
  readonly states?: ReadonlyArray<JobState> | undefined
  /** Default: 100; at most 1000. */
  readonly limit?: number | undefined
}

/** What an operator may do with jobs of all owners. Nothing of it is for what clients ask. */
export interface JobsOperator {
  /** Of all owners, or of one, the newest first. */
  readonly list: (options?: ListOptions) => Effect.Effect<ReadonlyArray<JobStatus>, JobError>
  /** Names of the steps that are done, in their order. None: there is no such job, too. */
  readonly steps: (id: string) => Effect.Effect<ReadonlyArray<string>, JobError>
  /** As `cancel`, of any owner, without waiting for its end. Fails with `JobNotFound`. */
  readonly cancel: (id: string) => Effect.Effect<JobStatus, JobError>
  /**
   * A new job of the same kind, with the same input, for the same owner: from its first step on, whatever has become of the one that ended, which stays
   * as it is. Its id. The new job has no idempotency key: the key goes on to name the first. Fails with `JobNotFound`, or `JobNotFinished` while it has
   * not ended.
   */
  readonly again: (id: string) => Effect.Effect<string, JobError>
}

/** What a program can do with jobs. Every method fails with a reason of the store, too: `JobStoreUnavailable` or `JobStoreTooNew`. */
export interface JobsShape {
  /**
   * Accepts a job and returns its id at once. If the kind has an idempotency key, and the owner a job of that key, it is that
   * job. Fails with `JobDataInvalid`, `JobDataTooLarge`, `JobQueueFull`, or a reason of the store.
   */
  readonly start: <Name extends string, Payload, Success, Failure, Data>(
    job: Job<Name, Payload, Success, Failure, Data>,
    payload: Payload,
    options?: StartOptions
  ) => Effect.Effect<string, JobError>
  /** How the job is. Fails with `JobNotFound`. */
  readonly status: (id: string, asker?: Asker) => Effect.Effect<JobStatus, JobError>
  /** How the job is, now and whenever that changes, to its end. Any number may watch, from any process. */
  readonly progress: (id: string, asker?: Asker) => Stream.Stream<JobStatus, JobError>
  /**
   * What the job returned. Fails with the job's own error if it failed with that, else with `JobNotFinished`, `JobFailed`,
   * `JobCancelled` or `JobNotFound`.
   */
  readonly result: <Name extends string, Payload, Success, Failure, Data>(
    job: Job<Name, Payload, Success, Failure, Data>,
    id: string,
    asker?: Asker
  ) => Effect.Effect<Success, Failure | JobError>
  /**
   * Cancels the job: its running step is interrupted at once, and the steps that are done are undone. Returns how it is once it has ended, or
   * after two seconds: a job of another process, or one that is undone, may take longer. A job that has ended stays as it is.
   */
  readonly cancel: (id: string, asker?: Asker) => Effect.Effect<JobStatus, JobError>
  /**
   * Answers the question of this name that the job asks (`question` of its status), with JSON as the question's schema says. Fails with
   * `JobNotAsking`, `JobDataInvalid` or `JobDataTooLarge`; an answer that does not fit and is taken all the same, by a process that does not run the
   * job, is asked for again.
   */
  readonly answer: (id: string, question: string, value: Schema.Json, asker?: Asker) => Effect.Effect<void, JobError>
  /** The asker's jobs, the newest first. */
  readonly list: (options?: ListOptions) => Effect.Effect<ReadonlyArray<JobStatus>, JobError>
  /**
   * Runs a job again that failed or was cancelled: a new job goes on behind the steps that are done, or at the step `from`. Its id. Fails with
   * `JobNotFinished`.
   */
  readonly retry: (
    id: string,
    options?: Asker & { readonly from?: string | undefined }
  ) => Effect.Effect<string, JobError>
  /** Forgets an ended job and its key. Fails with `JobNotFinished`. */
  readonly remove: (id: string, asker?: Asker) => Effect.Effect<void, JobError>
  /** For programs of operators, such as the admin port of a server. */
  readonly operator: JobsOperator
  /**
   * What is wrong with the store, if anything is: jobs wait for it then. Seen by what this process does with the store anyway, so
   * that it is known within a few seconds, and over ten seconds after the last trouble (on Postgres `leaseDuration`). Costs nothing.
   */
  readonly storeTrouble: Effect.Effect<StoreTrouble | undefined>
}

/** A store that is out of order: what is wrong with it, and since when, in milliseconds of the epoch. */
export type StoreTrouble = Trouble

const fail = (reason: Reason) => Effect.fail(new JobError({ reason }))
const ownerOf = (asker: Asker | undefined): string => (asker?.owner ?? Principal.local).id

const make = Effect.gen(function*() {
  const engine = yield* Engine
  const host = yield* ProcessIdentity

  const findAny = Effect.fnUntraced(function*(id: string) {
    return (yield* engine.read([id]))[0] ?? (yield* fail(new JobNotFound({ id })))
  })

  const find = Effect.fnUntraced(function*(id: string, asker: Asker | undefined) {
    const job = (yield* engine.read([id]))[0]
    if (job === undefined || job.owner !== ownerOf(asker)) return yield* fail(new JobNotFound({ id }))
    return job
  })

  const start = Effect.fn("Jobs.start")(function*<Name extends string, Payload, Success, Failure, Data>(
    job: Job<Name, Payload, Success, Failure, Data>,
    payload: Payload,
    options: StartOptions,
    trace: string | undefined
  ) {
    const text = yield* Effect.catch(
      JsonText.encode(job.payload, payload),
      ({ expected }) => fail(new JobDataInvalid({ kind: job.name, part: "payload", expected }))
    )
    yield* bounded(job, "payload", text)
    const deadline = options.deadline === undefined ? job.deadline : Duration.fromInputUnsafe(options.deadline)
    const accepted = yield* engine.start({
      id: host.newId(),
      kind: job.name,
      version: job.version,
      owner: ownerOf(options),
      key: job.idempotencyKey?.(payload),
      payload: text,
      maxQueued: job.maxQueued,
      again: options.again ?? false,
      delayMillis: Duration.toMillis(Duration.fromInputUnsafe(options.delay ?? 0)),
      deadlineMillis: deadline === undefined ? undefined : Duration.toMillis(deadline),
      trace
    })
    return accepted.id
  })

  const jobs: JobsShape = {
    start: (job, payload, options = {}) =>
      Effect.withFiber((fiber) => start(job, payload, options, JobTrace.here(fiber))),
    status: Effect.fn("Jobs.status")(function*(id, asker) {
      return toStatus(yield* find(id, asker))
    }),
    progress: (id, asker) => Stream.unwrap(Effect.as(find(id, asker), Stream.map(engine.watch(id), toStatus))),
    result: Effect.fn("Jobs.result")(function*(kind, id, asker) {
      const job = yield* find(id, asker)
      // The id of another kind's job is no id of this kind.
      if (job.kind !== kind.name) return yield* fail(new JobNotFound({ id }))
      const decode = <A>(part: "result" | "error", schema: Parameters<typeof JsonText.decode<A>>[0], text: string) =>
        Effect.catch(
          JsonText.decode(schema, text),
          ({ expected }) => fail(new JobDataInvalid({ kind: kind.name, part, expected }))
        )
      switch (job.state) {
        case "succeeded": {
          const text = yield* engine.result(id)
          // It was removed between the two looks.
          if (text === undefined) return yield* fail(new JobNotFound({ id }))
          return yield* decode("result", kind.success, text)
        }
        case "failed": {
          if (job.failure?.error !== undefined) {
            return yield* Effect.flatMap(decode("error", kind.error, job.failure.error), Effect.fail)
          }
          return yield* fail(new JobFailed({ id, failure: job.failure?.message ?? "" }))
        }
        case "cancelled":
          return yield* fail(new JobCancelled({ id }))
        default:
          return yield* fail(new JobNotFinished({ id, state: job.state, percent: job.percent }))
      }
    }),
    cancel: Effect.fn("Jobs.cancel")(function*(id, asker) {
      const job = yield* find(id, asker)
      if (isEnded(job.state)) return toStatus(job)
      yield* engine.cancel(job)
      yield* Effect.timeoutOption(Stream.runDrain(engine.watch(id)), cancelPatience)
      return toStatus(yield* find(id, asker))
    }),
    answer: Effect.fn("Jobs.answer")(function*(id, question, value, asker) {
      const job = yield* find(id, asker)
      const text = JSON.stringify(value)
      yield* bounded({ name: job.kind, maxDataBytes: maxAnswerBytes }, "answer", text)
      yield* engine.answer(job, question, text)
    }),
    list: Effect.fn("Jobs.list")(function*(options) {
      const jobs = yield* engine.list({
        owner: ownerOf(options),
        kind: options?.kind,
        states: options?.states,
        limit: Math.max(1, Math.min(1000, options?.limit ?? 100))
      })
      return jobs.map(toStatus)
    }),
    retry: Effect.fn("Jobs.retry")(function*(id, options) {
      return (yield* engine.retry(yield* find(id, options), host.newId(), options?.from)).id
    }),
    remove: Effect.fn("Jobs.remove")(function*(id, asker) {
      const { percent, state } = yield* find(id, asker)
      if (!isEnded(state)) return yield* fail(new JobNotFinished({ id, state, percent }))
      yield* engine.remove(id)
    }),
    operator: {
      list: Effect.fn("Jobs.operator.list")(function*(options) {
        const jobs = yield* engine.list({
          owner: options?.owner?.id,
          kind: options?.kind,
          states: options?.states,
          limit: Math.max(1, Math.min(1000, options?.limit ?? 100))
        })
        return jobs.map(toStatus)
      }),
      steps: Effect.fn("Jobs.operator.steps")((id) => engine.steps(id)),
      cancel: Effect.fn("Jobs.operator.cancel")(function*(id) {
        const job = yield* findAny(id)
        if (!isEnded(job.state)) yield* engine.cancel(job)
        return toStatus(yield* findAny(id))
      }),
      again: Effect.fn("Jobs.operator.again")(function*(id) {
        const { kind, owner, percent, state, version } = yield* findAny(id)
        if (!isEnded(state)) return yield* fail(new JobNotFinished({ id, state, percent }))
        const payload = yield* engine.payload(id)
        // It was removed between the two looks.
        if (payload === undefined) return yield* fail(new JobNotFound({ id }))
        const accepted = yield* engine.start({
          id: host.newId(),
          kind,
          version,
          owner,
          key: undefined,
          payload,
          // An operator knows that it is one more.
          maxQueued: Number.MAX_SAFE_INTEGER,
          again: false,
          delayMillis: 0,
          deadlineMillis: undefined
        })
        return accepted.id
      })
    },
    storeTrouble: Effect.sync(engine.trouble)
  }
  return jobs
})

const maxAnswerBytes = 1024 * 1024

const bounded = (
  kind: Pick<Job<string, never, never, never, never>, "name" | "maxDataBytes">,
  part: "payload" | "answer",
  text: string
) => {
  const bytes = Buffer.byteLength(text)
  const { maxDataBytes: limit, name } = kind
  return bytes > limit ? fail(new JobDataTooLarge({ kind: name, part, bytes, limit })) : Effect.void
}

const cancelPatience = Duration.seconds(2)

const toStatus = (job: StoredJob): JobStatus => ({
  id: job.id,
  kind: job.kind,
  version: job.version,
  state: job.state,
  owner: job.owner,
  attempt: job.attempt,
  percent: job.percent,
  ...job.message !== undefined && { message: job.message },
  ...job.data !== undefined && { data: JSON.parse(job.data) },
  isCancelling: job.isCancelling,
  ...job.failure !== undefined && { failure: { kind: job.failure.kind, message: job.failure.message } },
  ...job.question !== undefined && {
    question: { name: job.question.name, message: job.question.message, schema: job.question.schema }
  },
  createdAt: job.createdAt,
  ...job.startsAt !== undefined && { startsAt: job.startsAt },
  ...job.deadlineAt !== undefined && { deadlineAt: job.deadlineAt },
  ...job.startedAt !== undefined && { startedAt: job.startedAt },
  ...job.finishedAt !== undefined && { finishedAt: job.finishedAt },
  updatedAt: job.updatedAt
})

/** The jobs of a program. */
export class Jobs extends Context.Service<Jobs, JobsShape>()("@holdfast/jobs/Jobs") {
  /** Jobs on the store of the program. A kind's `toLayer` provides it too. Fails as the store does. */
  static readonly layer: Layer.Layer<Jobs, JobError, JobStore> = Layer.effect(this, make).pipe(
    Layer.provide(layerEngine)
  )
}

/** `Jobs.layer`, for programs that import the module as a namespace. */
export const layer = Jobs.layer
