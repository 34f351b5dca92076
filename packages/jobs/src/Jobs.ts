/**
 * Jobs as their callers see them: start, look, wait, cancel, by id and from anywhere.
 *
 * A job belongs to the store, not to whoever started it: the caller may go, the process may die, another may ask. Everything
 * but `start` and `result` works for any kind, also for kinds that this process does not run.
 *
 * Gotchas: `owner` is who asks, `local` unless it is given. Jobs of others do not exist for them.
 */
import * as Principal from "@holdfast/protocol/Principal"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { Engine } from "./internal/Engine.ts"
import { JobHost } from "./internal/JobHost.ts"
import * as JsonText from "./internal/JsonText.ts"
import type { Trouble } from "./internal/StoreTrouble.ts"
import type { Job } from "./Job.ts"
import {
  JobCancelled,
  JobDataInvalid,
  JobError,
  JobFailed,
  JobNotFinished,
  JobNotFound,
  type Reason
} from "./JobError.ts"
import { isEnded, type JobState } from "./JobState.ts"
import type { JobStatus } from "./JobStatus.ts"
import type { JobStore, StoredJob } from "./JobStore.ts"

/** Who asks. */
export interface Asker {
  /** Default: `Principal.local`. */
  readonly owner?: Principal.Principal | undefined
}

export interface ListOptions extends Asker {
  readonly kind?: string | undefined
  readonly states?: ReadonlyArray<JobState> | undefined
  /** Default: 100; at most 1000. */
  readonly limit?: number | undefined
}

export interface JobsShape {
  /**
   * Accepts a job and returns its id at once. If the kind has an idempotency key, and the owner a job of that key, it is that
   * job. Fails with `JobDataInvalid`, `JobQueueFull`, or a reason of the store.
   */
  readonly start: <Name extends string, Payload, Success, Failure, Data>(
    job: Job<Name, Payload, Success, Failure, Data>,
    payload: Payload,
    asker?: Asker
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
   * Cancels the job: its running step is interrupted. Returns how it is once it has ended, or after two seconds: a job of
   * another process, or one that cleans up, may take longer. A job that has ended stays as it is.
   */
  readonly cancel: (id: string, asker?: Asker) => Effect.Effect<JobStatus, JobError>
  /** The asker's jobs, the newest first. */
  readonly list: (options?: ListOptions) => Effect.Effect<ReadonlyArray<JobStatus>, JobError>
  /** Forgets an ended job and its key. Fails with `JobNotFinished`. */
  readonly remove: (id: string, asker?: Asker) => Effect.Effect<void, JobError>
  /**
   * What is wrong with the store, if anything is: jobs wait for it then. Seen by what this process does with the store anyway, so
   * that it is known within a few seconds, and over ten seconds after the last trouble (`leaseDuration`). Costs nothing.
   */
  readonly storeTrouble: Effect.Effect<StoreTrouble | undefined>
}

/** A store that is out of order: what is wrong with it, and since when, in milliseconds of the epoch. */
export type StoreTrouble = Trouble

const fail = (reason: Reason) => Effect.fail(new JobError({ reason }))
const ownerOf = (asker: Asker | undefined): string => (asker?.owner ?? Principal.local).id

const make = Effect.gen(function*() {
  const engine = yield* Engine
  const host = yield* JobHost

  const find = Effect.fnUntraced(function*(id: string, asker: Asker | undefined) {
    const job = (yield* engine.read([id]))[0]
    if (job === undefined || job.owner !== ownerOf(asker)) return yield* fail(new JobNotFound({ id }))
    return job
  })

  const jobs: JobsShape = {
    start: Effect.fn("Jobs.start")(function*(job, payload, asker) {
      const text = yield* Effect.catch(
        JsonText.encode(job.payload, payload),
        ({ expected }) => fail(new JobDataInvalid({ kind: job.name, part: "payload", expected }))
      )
      const accepted = yield* engine.start({
        id: host.newId(),
        kind: job.name,
        version: job.version,
        owner: ownerOf(asker),
        key: job.idempotencyKey?.(payload),
        payload: text,
        maxQueued: job.maxQueued
      })
      return accepted.id
    }),
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
        case "succeeded":
          return yield* decode("result", kind.success, (yield* engine.result(id)) ?? "null")
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
    list: Effect.fn("Jobs.list")(function*(options) {
      const jobs = yield* engine.list({
        owner: ownerOf(options),
        kind: options?.kind,
        states: options?.states,
        limit: Math.max(1, Math.min(1000, options?.limit ?? 100))
      })
      return jobs.map(toStatus)
    }),
    remove: Effect.fn("Jobs.remove")(function*(id, asker) {
      const { percent, state } = yield* find(id, asker)
      if (!isEnded(state)) return yield* fail(new JobNotFinished({ id, state, percent }))
      yield* engine.remove(id)
    }),
    storeTrouble: Effect.sync(engine.trouble)
  }
  return jobs
})

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
  createdAt: job.createdAt,
  ...job.startedAt !== undefined && { startedAt: job.startedAt },
  ...job.finishedAt !== undefined && { finishedAt: job.finishedAt },
  updatedAt: job.updatedAt
})

/** The jobs of a program. */
export class Jobs extends Context.Service<Jobs, JobsShape>()("@holdfast/jobs/Jobs") {
  /** Jobs on the store of the program. A kind's `toLayer` provides it too. */
  static readonly layer: Layer.Layer<Jobs, JobError, JobStore> = Layer.effect(this, make).pipe(
    Layer.provide(Engine.layer)
  )
}
