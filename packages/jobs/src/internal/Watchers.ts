/**
 * All watchers of jobs, served by one fiber: it reads all watched jobs at once, when this program changed one or when
 * `pollInterval` has passed, and tells each watcher what is new to it.
 *
 * A watcher that is slow misses what lies between, never the last: its queue slides.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import { JobError, JobNotFound } from "../JobError.ts"
import * as JobPolicy from "../JobPolicy.ts"
import { isEnded } from "../JobState.ts"
import type { Store } from "./local/Store.ts"
import type { StoredJob } from "./StoredJob.ts"

interface Watcher {
  readonly queue: Queue.Queue<StoredJob, JobError | Cause.Done>
  seen: number
}

export interface Watchers {
  /** A job of this process may have changed. */
  readonly nudge: () => void
  readonly isWatched: (id: string) => boolean
  /** The job as it is and whenever it changes, to its end. Fails with `JobNotFound` once it is removed. */
  readonly watch: (id: string) => Stream.Stream<StoredJob, JobError>
}

const buffered = 16
const batch = 500

/** Lives as long as the Scope. */
export const make = Effect.fnUntraced(function*(store: Pick<Store, "read">) {
  const { pollInterval } = yield* JobPolicy.JobPolicy
  const watched = new Map<string, Set<Watcher>>()
  const isWatched = Latch.makeUnsafe(false)
  const isNews = Latch.makeUnsafe(false)

  const tell = (id: string, job: StoredJob | undefined): void => {
    for (const watcher of watched.get(id) ?? []) {
      if (job === undefined) {
        Queue.failCauseUnsafe(watcher.queue, Cause.fail(new JobError({ reason: new JobNotFound({ id }) })))
        continue
      }
      if (job.revision > watcher.seen) {
        watcher.seen = job.revision
        Queue.offerUnsafe(watcher.queue, job)
      }
      if (isEnded(job.state)) Queue.endUnsafe(watcher.queue)
    }
  }
  const look = Effect.gen(function*() {
    const ids = [...watched.keys()]
    for (let at = 0; at < ids.length; at += batch) {
      const some = ids.slice(at, at + batch)
      const jobs = new Map((yield* store.read(some)).map((job) => [job.id, job]))
      for (const id of some) tell(id, jobs.get(id))
    }
  })
  yield* Effect.gen(function*() {
    yield* isWatched.await
    isNews.closeUnsafe()
    // A store that is out of order is told of by the engine; watchers wait, their job is not gone.
    yield* Effect.ignoreCause(look)
    yield* Effect.timeoutOption(isNews.await, pollInterval)
  }).pipe(Effect.forever, Effect.forkScoped)

  const join = (id: string, watcher: Watcher) =>
    Effect.sync(() => {
      const others = watched.get(id)
      if (others === undefined) watched.set(id, new Set([watcher]))
      else others.add(watcher)
      isWatched.openUnsafe()
      isNews.openUnsafe()
    })
  const part = (id: string, watcher: Watcher) =>
    Effect.sync(() => {
      const others = watched.get(id)
      others?.delete(watcher)
      if (others?.size === 0) watched.delete(id)
      if (watched.size === 0) isWatched.closeUnsafe()
    })

  const watchers: Watchers = {
    nudge: () => void isNews.openUnsafe(),
    isWatched: (id) => watched.has(id),
    watch: (id) =>
      Stream.unwrap(Effect.gen(function*() {
        const queue = yield* Queue.sliding<StoredJob, JobError | Cause.Done>(buffered)
        const watcher: Watcher = { queue, seen: 0 }
        yield* Effect.acquireRelease(join(id, watcher), () => part(id, watcher))
        return Stream.fromQueue(queue)
      }))
  }
  return watchers
})
