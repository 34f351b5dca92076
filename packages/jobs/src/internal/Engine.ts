/**
 * The runner of this process: it takes jobs from the store, runs them, and keeps the store told that it lives.
 *
 * Four fibers, however many jobs there are: one looks for work and for what happened to ours (cancelled, taken by others), one
 * renews the lease and finds dead runners of this machine, one writes progress, one cleans up. Each is woken by what happens in
 * this process and else looks now and then. A store that is out of order stops none of them: it is told once, and tried again.
 *
 * Why nothing is lost or done twice: a job is *ours* exactly while the store has it running under our fence. What we do about
 * it is written together with the check of that fence; if it fails, the attempt is interrupted and leaves no trace. A job that
 * the store holds for us and we know nothing of (its outcome could not be written) is put back into the queue.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import type { Job } from "../Job.ts"
import type { JobError } from "../JobError.ts"
import { JobPolicy } from "../JobPolicy.ts"
import type { JobRun } from "../JobRun.ts"
import { type ClaimedJob, JobStore, type Outcome, type StoredFailure } from "../JobStore.ts"
import * as Attempt from "./Attempt.ts"
import { JobHost } from "./JobHost.ts"
import * as JsonText from "./JsonText.ts"
import * as Watchers from "./Watchers.ts"

interface Kind {
  readonly name: string
  readonly version: number
  readonly concurrency: number
  readonly maxCrashes: number
  readonly onOldVersion: "finish" | "restart" | "fail"
  readonly run: (attempt: Attempt.Attempt) => Effect.Effect<Outcome>
}

interface EngineShape {
  /** Runs jobs of the kind until the Scope closes, then hands them back. */
  readonly register: <Name extends string, Payload, Success, Failure, Data>(
    kind: Job<Name, Payload, Success, Failure, Data>,
    run: (payload: Payload, job: JobRun<Data>) => Effect.Effect<Success, Failure>
  ) => Effect.Effect<void, never, Scope.Scope>
  /** There may be a job to run. */
  readonly nudge: () => void
  /** Interrupts the job if it runs here. The store must know already. */
  readonly cancel: (id: string) => void
  readonly watchers: Watchers.Watchers
}

const make = Effect.gen(function*() {
  const store = yield* JobStore
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
  const state = { isClosing: false, isOutOfOrder: false, troubledAt: 0, renewedAt: 0, mayTakeFrom: 0 }
  const now = () => clock.currentTimeMillisUnsafe()

  /**
   * Who finds its lease long over was asleep, as after a laptop's suspend, or without its store: the others may have been too,
   * and are given the time to renew theirs before anything is taken from them.
   */
  const renewLease = Effect.suspend(() => {
    const at = now()
    return Effect.tap(store.renew(runner, leaseMillis), () =>
      Effect.sync(() => {
        if (at - state.renewedAt > leaseMillis && state.renewedAt > 0) state.mayTakeFrom = at + renewMillis
        state.renewedAt = at
      }))
  })

  const troubled = (message: string) =>
    Effect.suspend(() => {
      state.troubledAt = now()
      if (state.isOutOfOrder) return Effect.void
      state.isOutOfOrder = true
      return Effect.logWarning(`${message}; it is tried again until it works`)
    })
  /** Some things work while others do not, as reads on a full disk: it is told when all has gone well for a while. */
  const healed = Effect.suspend(() => {
    if (!state.isOutOfOrder || now() - state.troubledAt < leaseMillis) return Effect.void
    state.isOutOfOrder = false
    return Effect.logInfo(`job store ${store.name} works again`)
  })
  /** For what the engine does again anyway: nothing ends it. */
  const attempted = (effect: Effect.Effect<void, JobError>): Effect.Effect<void> =>
    Effect.matchEffect(effect, { onFailure: ({ message }) => troubled(message), onSuccess: () => healed }).pipe(
      Effect.catchDefect((defect) => troubled(`job store ${store.name} has broken: ${String(defect)}`))
    )
  const persist = <A>(effect: Effect.Effect<A, JobError>): Effect.Effect<A> =>
    effect.pipe(
      Effect.tapError(({ message }) => troubled(message)),
      Effect.retry({ schedule: backOff, while: isTransient }),
      Effect.tap(() => healed),
      Effect.orDie
    )

  const surroundings: Attempt.Surroundings = { store, persist, onProgress: () => void isProgress.openUnsafe() }

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
    const write = outcome === "hand back" ? store.release(attempt.hold) : store.finish(attempt.hold, outcome)
    // For an attempt that is told to end one try must do: a job of ours without an attempt is found and put back.
    yield* attempt.intent === "run" ? Effect.interruptible(persist(write)) : attempted(Effect.asVoid(write))
    if (outcome !== "hand back" && outcome.state === "failed") {
      yield* Effect.logDebug(`job ${attempt.job.id} (${attempt.job.kind}) failed: ${outcome.failure.message}`)
    }
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
        Effect.andThen(Effect.sync(() => {
          attempts.delete(job.id)
          isWork.openUnsafe()
          watchers.nudge()
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

  const runningOf = (kind: string) => {
    let running = 0
    for (const { job } of attempts.values()) if (job.kind === kind) running++
    return running
  }
  const fill = Effect.fnUntraced(function*(kind: Kind) {
    let isFull = runningOf(kind.name) >= kind.concurrency
    while (!isFull && !state.isClosing && kinds.get(kind.name) === kind) {
      const claim = yield* store.claim({
        runner: runner.id,
        kind: kind.name,
        version: kind.version,
        onOldVersion: kind.onOldVersion,
        maxCrashes: kind.maxCrashes
      })
      if (claim._tag === "Nothing") return
      if (claim._tag === "Claimed") yield* launch(kind, claim.job)
      watchers.nudge()
      isFull = runningOf(kind.name) >= kind.concurrency
    }
  })
  /** What a runner without a lease took would be taken from it at once. */
  const stayAwake = Effect.gen(function*() {
    if (now() - state.renewedAt > leaseMillis / 2) yield* renewLease
    const wait = state.mayTakeFrom - now()
    if (wait > 0) yield* Effect.sleep(wait)
  })
  const findWork = Effect.gen(function*() {
    isWork.closeUnsafe()
    yield* attempted(Effect.gen(function*() {
      yield* reconcile
      yield* stayAwake
      for (const kind of kinds.values()) yield* Effect.uninterruptible(fill(kind))
    }))
    yield* Effect.timeoutOption(isWork.await, policy.pollInterval)
  })

  const renew = Effect.gen(function*() {
    yield* renewLease
    for (const other of yield* store.runners) {
      if (other.id === runner.id || !host.isDead(other.identity)) continue
      yield* store.retire(other.id)
      isWork.openUnsafe()
    }
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

  yield* renewLease
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(attempted(renew), Effect.sleep(policy.renewInterval))))
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
    watchers,
    nudge: () => void isWork.openUnsafe(),
    cancel: (id) => {
      const attempt = attempts.get(id)
      if (attempt !== undefined) interrupt(attempt, "cancel")
    },
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

/** The code of the job, from payload to outcome. */
const execute = Effect.fnUntraced(function*<Name extends string, Payload, Success, Failure, Data>(
  kind: Job<Name, Payload, Success, Failure, Data>,
  run: (payload: Payload, job: JobRun<Data>) => Effect.Effect<Success, Failure>,
  attempt: Attempt.Attempt,
  surroundings: Attempt.Surroundings
): Effect.fn.Return<Outcome> {
  const payload = yield* Effect.result(JsonText.decode(kind.payload, attempt.job.payload))
  if (payload._tag === "Failure") {
    return failed({ kind: "version", message: `its payload does not fit any more: ${payload.failure.expected}` })
  }
  const exit = yield* Effect.exit(run(payload.success, Attempt.toRun(attempt, kind, surroundings)))
  if (Exit.isSuccess(exit)) {
    const text = yield* Effect.result(JsonText.encode(kind.success, exit.value))
    if (text._tag === "Success") return { state: "succeeded", result: text.success }
    return failed({
      kind: "defect",
      message: broken,
      cause: `the result does not fit its schema: ${text.failure.expected}`
    })
  }
  const error = Cause.findErrorOption(exit.cause)
  if (Option.isNone(error)) return yield* Effect.failCause(Cause.fromReasons(exit.cause.reasons.filter(isNoFailure)))
  const text = yield* Effect.result(JsonText.encode(kind.error, error.value))
  return failed({
    kind: "error",
    message: wordsOf(error.value, text._tag === "Success" ? text.success : kind.name),
    error: text._tag === "Success" ? text.success : undefined,
    cause: Cause.pretty(exit.cause)
  })
})

/** What an error of a job says of itself: its message, if it has one, else what it is made of. */
const wordsOf = (error: unknown, text: string): string => {
  if (typeof error === "string") return error
  const isWorded = typeof error === "object" && error !== null && "message" in error &&
    typeof error.message === "string"
  return isWorded && error.message !== "" ? String(error.message) : text
}

const isNoFailure = (reason: Cause.Reason<unknown>): reason is Cause.Reason<never> => !Cause.isFailReason(reason)

/** What a job comes to whose code ended neither with a result nor with an error of its own. */
const outcomeOf = (attempt: Attempt.Attempt, cause: Cause.Cause<never>): Outcome | "hand back" => {
  for (const reason of cause.reasons) {
    if (Cause.isDieReason(reason) && reason.defect instanceof Attempt.EngineFailure) {
      return failed(reason.defect.failure)
    }
  }
  if (attempt.intent === "cancel") return { state: "cancelled" }
  if (attempt.intent === "hand back") return "hand back"
  return failed({ kind: "defect", message: broken, cause: Cause.pretty(cause) })
}

const broken = "its code broke; the cause is kept with the job, for the operator of the server"

const failed = (failure: StoredFailure): Outcome => ({ state: "failed", failure })

const isTransient = ({ reason }: JobError): boolean =>
  reason._tag === "JobStoreUnavailable" && reason.problem !== "corrupt"

const backOff = Schedule.exponential("100 millis").pipe(
  Schedule.modifyDelay(({ duration }) => Effect.succeed(Duration.min(duration, Duration.seconds(5)))),
  Schedule.jittered
)

export class Engine extends Context.Service<Engine, EngineShape>()("@holdfast/jobs/Engine") {
  static readonly layer: Layer.Layer<Engine, JobError, JobStore> = Layer.effect(this, make)
}
