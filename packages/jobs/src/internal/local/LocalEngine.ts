/**
 * The runner of this process on a store of this machine: it takes jobs from the store, runs them, and undoes what did not succeed.
 *
 * Four fibers, however many jobs there are: one looks for work, for runners that are dead and for what happened to our jobs
 * (cancelled, answered), one writes progress, one counts what waits, one cleans up. Each is woken by what happens in this process and
 * else looks now and then. A store that is out of order stops none of them: see `StoreTrouble`.
 *
 * Why nothing is lost or done twice: a job is *ours* exactly while the store has it running under our fence. What we do about
 * it is written together with the check of that fence; if it fails, the attempt is interrupted and leaves no trace. A job that
 * the store holds for us and we know nothing of (its outcome could not be written) is put back into the queue.
 *
 * A job that may have killed its process is tried alone: the runner takes nothing else until what it runs has ended, then runs
 * that job by itself until it has completed a step. Both have an end (`patienceMillis`), as jobs may wait for each other.
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { JobDataInvalid, JobError, JobNotAsking, JobNotFinished } from "../../JobError.ts"
import { JobPolicy } from "../../JobPolicy.ts"
import type { JobStoreShape } from "../../JobStore.ts"
import * as Attempt from "../attempt/Attempt.ts"
import type { AttemptContext } from "../attempt/AttemptContext.ts"
import { conclude } from "../attempt/conclude.ts"
import { execute } from "../attempt/execute.ts"
import { unstorable } from "../attempt/failures.ts"
import type { EngineShape } from "../Engine.ts"
import * as JsonText from "../JsonText.ts"
import { ProcessIdentity } from "../ProcessIdentity.ts"
import { publishMetrics } from "../publishMetrics.ts"
import * as StoreTrouble from "../StoreTrouble.ts"
import * as Watchers from "../Watchers.ts"
import type { ClaimedJob, ClaimRequest, Outcome, Store } from "./Store.ts"

interface Kind {
  readonly name: string
  readonly version: number
  readonly concurrency: number
  readonly maxCrashes: number
  readonly priority: number
  readonly onOldVersion: "finish" | "restart" | "fail"
  readonly run: (attempt: Attempt.Attempt) => Effect.Effect<Outcome>
}

/** How long others wait for a job that is to be tried alone: until it begins, and while it runs. */
const patienceMillis = 30_000
/** Trouble with the store is over when there was none for so long. */
const calmMillis = 10_000
/** Between two parts of a removal, so that others get at the store. */
const betweenRemovals = Schedule.spaced("20 millis")

const make = Effect.fnUntraced(function*(store: Store) {
  const host = yield* ProcessIdentity
  const policy = yield* JobPolicy
  const runner = { id: host.newId(), identity: host.identity }
  const watchers = yield* Watchers.make(store)
  const kinds = new Map<string, Kind>()
  const attempts = new Map<string, Attempt.Attempt>()
  /** Attempts that have waited and want their places back, the first come first. */
  const returning = new Map<Attempt.Attempt, Deferred.Deferred<void>>()
  const isWork = Latch.makeUnsafe()
  const isProgress = Latch.makeUnsafe(false)
  const jobs = yield* Scope.make("parallel")
  const clock = yield* Clock.Clock
  const state: { isClosing: boolean; aloneSince: number; makingRoomSince: number | undefined } = {
    isClosing: false,
    aloneSince: 0,
    makingRoomSince: undefined
  }
  const now = () => clock.currentTimeMillisUnsafe()
  const trouble = yield* StoreTrouble.make(store.name, calmMillis)
  const { attempted, persist } = trouble
  const busy = () => [...attempts.values()].filter(({ isWaiting }) => !isWaiting)
  const runningOf = (kind: string) => busy().filter(({ job }) => job.kind === kind).length
  const hasRoom = (kind: Kind) => runningOf(kind.name) < kind.concurrency && busy().length < policy.concurrency
  const metrics = yield* publishMetrics(policy.name, {
    running: runningOf,
    isTroubled: () => trouble.present() !== undefined
  })

  const attemptContext: AttemptContext = {
    store,
    clock,
    persist,
    onProgress: () => void isProgress.openUnsafe(),
    onStep: ({ job }) => {
      metrics.of(job.kind).steps++
      // It may have been alone until now.
      isWork.openUnsafe()
    },
    onWaiting: () => void isWork.openUnsafe(),
    place: (attempt) => {
      const granted = Deferred.makeUnsafe<void>()
      returning.set(attempt, granted)
      isWork.openUnsafe()
      return { granted, withdraw: () => void returning.delete(attempt) }
    }
  }

  const write = (attempt: Attempt.Attempt, outcome: Outcome | "hand back") =>
    Effect.uninterruptible(Effect.tap(
      outcome === "hand back" ? store.release(attempt.hold) : store.finish(attempt.hold, outcome),
      (isOurs) =>
        Effect.sync(() => {
          attempt.isWritten = isOurs
          if (isOurs && outcome !== "hand back") metrics.of(attempt.job.kind).finished[outcome.state]++
        })
    )).pipe(Effect.tapError(() => Effect.sync(() => void (attempt.isUncertain = true))))

  /** Writes the outcome, or nothing if the job is not ours any more. */
  const settle = Effect.fnUntraced(function*(attempt: Attempt.Attempt, outcome: Outcome | "hand back") {
    if (attempt.unwritten !== undefined) {
      const { unwritten } = attempt
      attempt.unwritten = undefined
      yield* attempted(store.report([unwritten]))
    }
    // For an attempt that is told to end one try must do: a job of ours without an attempt is found and put back.
    yield* attempt.intent === "run"
      ? Effect.interruptible(persist(write(attempt, outcome))).pipe(
        // The store can never take it: that it says.
        Effect.catchDefect((defect) =>
          defect instanceof JobError
            ? persist(write(attempt, { state: "failed", failure: unstorable(defect.message) }))
            : Effect.die(defect)
        )
      )
      : attempted(Effect.asVoid(write(attempt, outcome)))
    if (outcome !== "hand back" && outcome.state === "failed" && attempt.isWritten === true) {
      yield* Effect.logDebug(`job ${attempt.job.id} (${attempt.job.kind}) failed: ${outcome.failure.message}`)
    }
  })

  const tellLost = ({ isUncertain, job }: Attempt.Attempt) =>
    Effect.suspend(() => {
      metrics.of(job.kind).losses++
      return Effect.logWarning(
        `job ${job.id} (${job.kind}) is no longer of this runner, ${runner.id}: another has taken it or ended it` +
          (isUncertain
            ? "; the store failed when its end was to be stored, which may have been stored all the same"
            : "; was the store restored from a backup?")
      )
    })

  const launch = Effect.fnUntraced(function*(kind: Kind, job: ClaimedJob) {
    const attempt = Attempt.make(job)
    // Taken in the moment in which the process began to end: it goes back as it came.
    if (state.isClosing) Attempt.intend(attempt, "hand back")
    if (job.isAlone) state.aloneSince = now()
    attempts.set(job.id, attempt)
    const program = Effect.gen(function*() {
      const last = yield* conclude(attempt, kind.run(attempt), { store, persist, now, scope: jobs })
      if (last !== "lost") yield* settle(attempt, last)
    }).pipe(
      Effect.exit,
      Effect.andThen(Effect.suspend(() => {
        attempts.delete(job.id)
        isWork.openUnsafe()
        watchers.nudge()
        return Attempt.isLost(attempt) ? tellLost(attempt) : Effect.void
      }))
    )
    attempt.fiber = yield* Effect.forkIn(Effect.uninterruptible(program), jobs)
  })

  const reconcile = Effect.gen(function*() {
    const held = new Map((yield* store.held(runner.id)).map((hold) => [hold.id, hold]))
    for (const attempt of attempts.values()) {
      const hold = held.get(attempt.job.id)
      if (hold?.fence !== attempt.hold.fence) {
        Attempt.intend(attempt, "lost")
        continue
      }
      if (hold.isCancelling) Attempt.intend(attempt, "cancel")
      const { asking } = attempt
      // It is asked before it is stored: only an answer takes it away again.
      if (asking !== undefined && attempt.isWaiting && hold.question !== asking.name) asking.isAnswered.openUnsafe()
    }
    for (const hold of held.values()) {
      if (!attempts.has(hold.id)) yield* store.release(hold)
    }
  })

  /** Takes over from runners that the kernel says are dead. */
  const takeOver = Effect.gen(function*() {
    for (const other of yield* store.runners) {
      if (other.id === runner.id || !(yield* store.isDead(other))) continue
      for (const { attempt, id, isCharged, kind, state } of yield* store.bury(other.id)) {
        metrics.of(kind).takeovers++
        if (state === "cancelled") metrics.of(kind).finished.cancelled++
        yield* Effect.logWarning(
          `job ${id} (${kind}) taken over from runner ${other.id}: its process, ${other.identity.pid}, has died over attempt ${attempt}` +
            (isCharged ? ", which may be the job's doing: it is tried alone, after a pause" : "") +
            `; the job is ${state}`
        )
      }
    }
  })
  const awaken = Effect.gen(function*() {
    for (const { kind } of yield* store.awaken) metrics.of(kind).finished.failed++
  })

  /** Whether nothing may begin now, for the sake of one that is tried alone. */
  const isKept = (): boolean => {
    const isAlone = busy().some(({ isAlone }) => isAlone) && now() - state.aloneSince < patienceMillis
    const { makingRoomSince } = state
    return isAlone || makingRoomSince !== undefined && busy().length > 0 && now() - makingRoomSince < patienceMillis
  }
  const suspects = (): ClaimRequest["suspects"] => {
    if (busy().length === 0) return "take"
    // Others have waited for it in vain: they go first for once.
    return state.makingRoomSince === undefined ? "wait for" : "pass over"
  }
  const fill = Effect.fnUntraced(function*(kind: Kind) {
    while (hasRoom(kind) && !isKept() && !state.isClosing && kinds.get(kind.name) === kind) {
      const claim = yield* store.claim({
        runner: runner.id,
        kind: kind.name,
        version: kind.version,
        onOldVersion: kind.onOldVersion,
        maxCrashes: kind.maxCrashes,
        suspects: suspects()
      })
      if (claim._tag === "Nothing") return
      if (claim._tag === "Suspect") {
        state.makingRoomSince = now()
        return
      }
      const numbers = metrics.of(kind.name)
      if (claim._tag === "Settled") numbers.finished[claim.state]++
      else {
        numbers.attempts++
        if (claim.job.attempt > 1) numbers.retries++
        if (claim.job.isAlone) state.makingRoomSince = undefined
        yield* launch(kind, claim.job)
      }
      watchers.nudge()
    }
  })
  /** Attempts that have waited go on before others begin. */
  const giveBack = (): void => {
    for (const [attempt, granted] of returning) {
      const kind = kinds.get(attempt.job.kind)
      if (kind !== undefined && (!hasRoom(kind) || isKept())) continue
      returning.delete(attempt)
      attempt.isWaiting = false
      Deferred.doneUnsafe(granted, Effect.void)
    }
  }
  const findWork = Effect.gen(function*() {
    isWork.closeUnsafe()
    yield* attempted(Effect.gen(function*() {
      yield* reconcile
      yield* takeOver
      yield* awaken
      const { makingRoomSince } = state
      if (makingRoomSince !== undefined && now() - makingRoomSince > 2 * patienceMillis) {
        state.makingRoomSince = undefined
      }
      giveBack()
      const ordered = [...kinds.values()].toSorted((a, b) => b.priority - a.priority)
      for (const kind of ordered) yield* Effect.uninterruptible(fill(kind))
    }))
    yield* Effect.timeoutOption(isWork.await, policy.pollInterval)
  })

  const writeProgress = Effect.gen(function*() {
    yield* isProgress.await
    isProgress.closeUnsafe()
    const reports = [...attempts.values()].flatMap((attempt) => {
      const { unwritten } = attempt
      attempt.unwritten = undefined
      return unwritten === undefined ? [] : [unwritten]
    })
    // A report that is lost is followed by a newer one, or by the end of the job.
    if (reports.length > 0) yield* attempted(store.report(reports))
    watchers.nudge()
    yield* Effect.sleep(policy.progressInterval)
  })

  const clean = store.clean(Duration.toMillis(policy.retention)).pipe(
    Effect.repeat({ schedule: betweenRemovals, while: (isMore) => isMore }),
    Effect.asVoid
  )

  const countWaiting = Effect.gen(function*() {
    const begun = now()
    yield* attempted(Effect.gen(function*() {
      for (const kind of metrics.kinds()) {
        const backlog = yield* store.backlog(kind)
        metrics.of(kind).backlog = { ...backlog, at: now() }
      }
    }))
    // However many wait, counting them is one fiftieth of what the store does.
    const least = 2 * Duration.toMillis(policy.pollInterval)
    yield* Effect.sleep(Math.min(60_000, Math.max(least, (now() - begun) * 50)))
  })

  yield* store.enroll(runner)
  yield* Effect.forkScoped(Effect.forever(countWaiting))
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(attempted(clean), Effect.sleep(policy.cleanInterval))))
  yield* Effect.forkScoped(Effect.forever(writeProgress))
  yield* Effect.forkScoped(Effect.forever(findWork))
  yield* Effect.addFinalizer(() =>
    Effect.gen(function*() {
      state.isClosing = true
      const fibers = [...attempts.values()].flatMap((attempt) => {
        Attempt.intend(attempt, "hand back")
        return attempt.fiber === undefined ? [] : [attempt.fiber]
      })
      yield* Fiber.awaitAll(fibers)
      yield* Scope.close(jobs, Exit.void)
      yield* attempted(store.leave(runner.id))
    })
  )

  const engine: EngineShape = {
    start: (job) =>
      Effect.tap(store.insert(job), ({ isNew }) =>
        Effect.sync(() => {
          if (!isNew) return
          metrics.of(job.kind)
          isWork.openUnsafe()
        })).pipe(Effect.map((accepted) => accepted.job)),
    read: store.read,
    payload: store.payload,
    result: store.result,
    list: store.list,
    remove: store.remove,
    steps: store.steps,
    retry: Effect.fnUntraced(function*({ id, kind, percent, state }, newId, from) {
      const job = yield* store.retry(id, newId, from)
      if (job === undefined) return yield* new JobError({ reason: new JobNotFinished({ id, state, percent }) })
      metrics.of(kind)
      isWork.openUnsafe()
      return job
    }),
    cancel: Effect.fnUntraced(function*({ id, kind }) {
      if (yield* store.requestCancel(id)) metrics.of(kind).finished.cancelled++
      const attempt = attempts.get(id)
      if (attempt !== undefined) Attempt.intend(attempt, "cancel")
      isWork.openUnsafe()
      watchers.nudge()
    }),
    answer: Effect.fnUntraced(function*({ id, kind }, question, value) {
      const asking = attempts.get(id)?.asking
      if (asking?.name === question) {
        yield* Effect.mapError(
          JsonText.decode(asking.schema, value),
          ({ expected }) => new JobError({ reason: new JobDataInvalid({ kind, part: "answer", expected }) })
        )
      }
      if (!(yield* store.answer(id, question, value))) {
        return yield* new JobError({ reason: new JobNotAsking({ id, question }) })
      }
      if (asking?.name === question) asking.isAnswered.openUnsafe()
      watchers.nudge()
    }),
    watch: watchers.watch,
    trouble: trouble.present,
    register: (job, run) =>
      Effect.acquireRelease(
        Effect.suspend(() => {
          if (kinds.has(job.name)) {
            return Effect.die(new Error(`job kind "${job.name}" has two layers that run it; provide one`))
          }
          const kind: Kind = {
            name: job.name,
            version: job.version,
            concurrency: job.concurrency ?? host.cores,
            maxCrashes: job.maxCrashes,
            priority: job.priority,
            onOldVersion: job.onOldVersion,
            run: (attempt) => execute(job, run, attempt, attemptContext)
          }
          kinds.set(job.name, kind)
          metrics.of(job.name)
          isWork.openUnsafe()
          return Effect.succeed(kind)
        }),
        (kind) =>
          Effect.suspend(() => {
            kinds.delete(kind.name)
            const mine = [...attempts.values()].filter(({ job }) => job.kind === kind.name)
            for (const attempt of mine) Attempt.intend(attempt, "hand back")
            const fibers = mine.flatMap(({ fiber }) => fiber === undefined ? [] : [fiber])
            return Effect.asVoid(Fiber.awaitAll(fibers))
          })
      ).pipe(Effect.asVoid)
  }
  return engine
})

/** A store whose jobs are run by this engine. */
export const over = (store: Store): JobStoreShape => ({ name: store.name, engine: make(store) })
