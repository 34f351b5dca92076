/**
 * The runner of this process: it takes jobs from the store, runs them, and keeps the store told that it lives.
 *
 * Five fibers, however many jobs there are: one looks for work, for runners that are dead and for what happened to our jobs
 * (cancelled, taken by others), one renews the lease, one writes progress, one counts what waits, one cleans up. Each is woken by
 * what happens in this process and else looks now and then. A store that is out of order stops none of them: see `StoreTrouble`.
 *
 * Why nothing is lost or done twice: a job is *ours* exactly while the store has it running under our fence. What we do about
 * it is written together with the check of that fence; if it fails, the attempt is interrupted and leaves no trace. A job that
 * the store holds for us and we know nothing of (its outcome could not be written) is put back into the queue.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Scope from "effect/Scope"
import { JobError, JobNotAsking } from "../../JobError.ts"
import { JobPolicy } from "../../JobPolicy.ts"
import type { JobStoreShape } from "../../JobStore.ts"
import type { EngineShape } from "../Engine.ts"
import { JobHost } from "../JobHost.ts"
import { publishMetrics } from "../publishMetrics.ts"
import * as StoreTrouble from "../StoreTrouble.ts"
import * as Watchers from "../Watchers.ts"
import * as Attempt from "./Attempt.ts"
import { notHere } from "./Attempt.ts"
import { execute, outcomeOf } from "./execute.ts"
import type { Claim, ClaimedJob, Outcome, Store } from "./LeaseStore.ts"
import * as OtherRunners from "./OtherRunners.ts"

interface Kind {
  readonly name: string
  readonly version: number
  readonly concurrency: number
  readonly maxCrashes: number
  readonly onOldVersion: "finish" | "restart" | "fail"
  readonly run: (attempt: Attempt.Attempt) => Effect.Effect<Outcome>
}

const make = Effect.fnUntraced(function*(store: Store) {
  const host = yield* JobHost
  const policy = yield* JobPolicy
  const runner = { id: host.newId(), identity: host.identity }
  const watchers = yield* Watchers.make(store)
  const kinds = new Map<string, Kind>()
  const attempts = new Map<string, Attempt.Attempt>()
  const isWork = Latch.makeUnsafe(true)
  const isProgress = Latch.makeUnsafe(false)
  const jobs = yield* Scope.make("parallel")
  const clock = yield* Clock.Clock
  const leaseMillis = Duration.toMillis(policy.leaseDuration)
  const renewMillis = Duration.toMillis(policy.renewInterval)
  const lookMillis = Math.min(renewMillis, Duration.toMillis(policy.pollInterval)) / 2
  const state = { isClosing: false, renewedAt: 0, mayTakeFrom: 0, lookedAt: 0, gap: { millis: 0, at: 0 } }
  const now = () => clock.currentTimeMillisUnsafe()
  const trouble = yield* StoreTrouble.make(store.name, leaseMillis)
  const { attempted, persist } = trouble
  const others = yield* OtherRunners.make(store, host, runner.id, leaseMillis)
  let silent: ReadonlyArray<string> = []
  const runningOf = (kind: string) => {
    let running = 0
    for (const { job } of attempts.values()) if (job.kind === kind) running++
    return running
  }
  const metrics = yield* publishMetrics(policy.name, {
    running: runningOf,
    isTroubled: () => trouble.present() !== undefined
  })

  /**
   * Who finds its lease long over was asleep, as after a laptop's suspend, or without its store: the others may have been too,
   * and are given the time to renew theirs before anything is taken from them.
   */
  const renewLease = Effect.suspend(() => {
    const at = now()
    return Effect.tap(store.renew(runner, leaseMillis), () =>
      Effect.sync(() => {
        if (at - state.renewedAt > leaseMillis && state.renewedAt > 0) {
          state.mayTakeFrom = at + renewMillis
          state.gap = { millis: at - state.renewedAt, at }
        }
        state.renewedAt = at
      }))
  })

  const surroundings: Attempt.Surroundings = {
    store,
    persist,
    onProgress: () => void isProgress.openUnsafe(),
    onStep: ({ job }) => void metrics.of(job.kind).steps++
  }

  const interrupt = (attempt: Attempt.Attempt, intent: "cancel" | "hand back" | "lost"): void => {
    Attempt.intend(attempt, intent)
    const { fiber } = attempt
    if (fiber !== undefined) fiber.interruptUnsafe()
  }

  /** Writes the outcome, or nothing if the job is not ours any more. */
  const settle = Effect.fnUntraced(function*(attempt: Attempt.Attempt, outcome: Outcome | "hand back") {
    if (attempt.unwritten !== undefined) {
      const { unwritten } = attempt
      attempt.unwritten = undefined
      yield* attempted(store.report([unwritten]))
    }
    const write = Effect.uninterruptible(Effect.tap(
      outcome === "hand back" ? store.release(attempt.hold) : store.finish(attempt.hold, outcome),
      (isOurs) =>
        Effect.sync(() => {
          attempt.isWritten = isOurs
          if (isOurs && outcome !== "hand back") metrics.of(attempt.job.kind).finished[outcome.state]++
        })
    )).pipe(Effect.tapError(() => Effect.sync(() => void (attempt.isUncertain = true))))
    // For an attempt that is told to end one try must do: a job of ours without an attempt is found and put back.
    yield* attempt.intent === "run" ? Effect.interruptible(persist(write)) : attempted(Effect.asVoid(write))
    if (outcome !== "hand back" && outcome.state === "failed" && attempt.isWritten === true) {
      yield* Effect.logDebug(`job ${attempt.job.id} (${attempt.job.kind}) failed: ${outcome.failure.message}`)
    }
  })

  /** What this runner may say of why: whether it kept its lease, by its own clock. */
  const tellLost = ({ isUncertain, job }: Attempt.Attempt) =>
    Effect.suspend(() => {
      metrics.of(job.kind).losses++
      const gap = Math.max(now() - state.renewedAt, now() - state.gap.at < 2 * leaseMillis ? state.gap.millis : 0)
      const why = isUncertain
        ? "the store failed when its end was to be stored, which may have been stored all the same"
        : gap > leaseMillis
        ? `its lease of ${seconds(leaseMillis)} was not renewed for ${
          seconds(gap)
        }: was this process asleep, or kept from its store?`
        : "this process has renewed its lease in time: is a clock wrong?"
      return Effect.logWarning(
        `job ${job.id} (${job.kind}) is no longer of this runner, ${runner.id}: another has taken it or ended it; ${why}`
      )
    })

  const launch = Effect.fnUntraced(function*(kind: Kind, job: ClaimedJob) {
    const attempt = Attempt.make(job)
    // Taken in the moment in which the process began to end: it goes back as it came.
    if (state.isClosing) Attempt.intend(attempt, "hand back")
    attempts.set(job.id, attempt)
    const program = Effect.uninterruptibleMask((interruptible) =>
      Effect.gen(function*() {
        const exit = yield* Effect.exit(interruptible(kind.run(attempt)))
        if (attempt.intent === "lost") return
        yield* settle(attempt, Exit.isSuccess(exit) ? exit.value : outcomeOf(attempt, exit.cause))
      }).pipe(
        Effect.exit,
        Effect.andThen(Effect.suspend(() => {
          attempts.delete(job.id)
          isWork.openUnsafe()
          watchers.nudge()
          return Attempt.isLost(attempt) ? tellLost(attempt) : Effect.void
        }))
      )
    )
    attempt.fiber = yield* Effect.forkIn(program, jobs)
    if (attempt.intent !== "run") attempt.fiber.interruptUnsafe()
  })

  const reconcile = Effect.gen(function*() {
    const held = new Map((yield* store.held(runner.id)).map((hold) => [hold.id, hold]))
    for (const attempt of attempts.values()) {
      const hold = held.get(attempt.job.id)
      if (hold?.fence !== attempt.hold.fence) interrupt(attempt, "lost")
      else if (hold.isCancelling) interrupt(attempt, "cancel")
    }
    for (const hold of held.values()) {
      if (!attempts.has(hold.id)) yield* store.release(hold)
    }
  })

  const account = (kind: string, claim: Exclude<Claim, { readonly _tag: "Nothing" }>) =>
    Effect.suspend(() => {
      const numbers = metrics.of(kind)
      const { former } = claim
      const isSettled = claim._tag === "Settled"
      if (isSettled) numbers.finished[claim.state]++
      else numbers.attempts++
      if (!isSettled && claim.job.attempt > 1) numbers.retries++
      if (former === undefined) return Effect.void
      numbers.takeovers++
      const then = isSettled ? `it was ${claim.state}` : `this is attempt ${claim.job.attempt}`
      return Effect.logWarning(
        `job ${isSettled ? claim.id : claim.job.id} (${kind}) taken over from runner ${former.runner}: ` +
          `${others.describe(former)}; ${then}`
      )
    })
  const fill = Effect.fnUntraced(function*(kind: Kind) {
    let isFull = runningOf(kind.name) >= kind.concurrency
    while (!isFull && !state.isClosing && kinds.get(kind.name) === kind) {
      const claim = yield* store.claim({
        runner: runner.id,
        kind: kind.name,
        version: kind.version,
        onOldVersion: kind.onOldVersion,
        maxCrashes: kind.maxCrashes,
        silent
      })
      if (claim._tag === "Nothing") return
      yield* account(kind.name, claim)
      if (claim._tag === "Claimed") yield* launch(kind, claim.job)
      watchers.nudge()
      isFull = runningOf(kind.name) >= kind.concurrency
    }
  })
  /** What a runner without a lease took would be taken from it at once. */
  const stayAwake = Effect.gen(function*() {
    if (now() - state.renewedAt > leaseMillis / 2) yield* renewLease
    // Bounded: the clock may have been set back meanwhile.
    const wait = Math.min(state.mayTakeFrom - now(), renewMillis)
    if (wait > 0) yield* Effect.sleep(wait)
  })
  const lookAround = Effect.gen(function*() {
    const elapsed = now() - state.lookedAt
    if (elapsed >= 0 && elapsed < lookMillis) return
    silent = yield* others.look
    state.lookedAt = now()
  })
  const findWork = Effect.gen(function*() {
    isWork.closeUnsafe()
    yield* attempted(Effect.gen(function*() {
      yield* reconcile
      yield* stayAwake
      yield* lookAround
      for (const kind of kinds.values()) yield* Effect.uninterruptible(fill(kind))
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

  const clean = Effect.gen(function*() {
    let removed = 0
    do removed = yield* store.clean(Duration.toMillis(policy.retention))
    while (removed > 0)
  })

  const countWaiting = Effect.gen(function*() {
    const begun = now()
    yield* attempted(Effect.gen(function*() {
      for (const kind of metrics.kinds()) {
        const backlog = yield* store.backlog(kind)
        metrics.of(kind).backlog = { ...backlog, at: now() }
      }
    }))
    // However many wait, counting them is one fiftieth of what the store does.
    yield* Effect.sleep(Math.min(60_000, Math.max(renewMillis, (now() - begun) * 50)))
  })

  yield* renewLease
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(attempted(renewLease), Effect.sleep(policy.renewInterval))))
  yield* Effect.forkScoped(Effect.forever(countWaiting))
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(attempted(clean), Effect.sleep(policy.cleanInterval))))
  yield* Effect.forkScoped(Effect.forever(writeProgress))
  yield* Effect.forkScoped(Effect.forever(findWork))
  yield* Effect.addFinalizer(() =>
    Effect.gen(function*() {
      state.isClosing = true
      for (const attempt of attempts.values()) Attempt.intend(attempt, "hand back")
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
    result: store.result,
    list: store.list,
    remove: store.remove,
    cancel: Effect.fnUntraced(function*({ id, kind }) {
      if (yield* store.requestCancel(id)) metrics.of(kind).finished.cancelled++
      const attempt = attempts.get(id)
      if (attempt !== undefined) interrupt(attempt, "cancel")
      watchers.nudge()
    }),
    answer: ({ id }, question) => Effect.fail(new JobError({ reason: new JobNotAsking({ id, question }) })),
    retry: () => notHere("runs no ended job again"),
    steps: () => notHere("tells no steps"),
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
            onOldVersion: job.onOldVersion,
            run: (attempt) => execute(job, run, attempt, surroundings)
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
            for (const attempt of mine) interrupt(attempt, "hand back")
            const fibers = mine.flatMap(({ fiber }) => fiber === undefined ? [] : [fiber])
            return Effect.asVoid(Fiber.awaitAll(fibers))
          })
      ).pipe(Effect.asVoid)
  }
  return engine
})

const seconds = (millis: number): string => `${Math.round(millis / 100) / 10} s`

/** A store whose jobs are run by this engine. */
export const over = (store: Store): JobStoreShape => ({ name: store.name, engine: make(store) })
