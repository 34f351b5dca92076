/**
 * Runs the jobs of one kind in this process: a runner of the cluster of that kind, with an address and lanes of its own.
 *
 * It takes jobs from the queue while it has room, binds each to one of its lanes, and tells the workflow engine to run it. What is
 * bound to a lane is run by the runner that holds the lane: this one, until it ends or loses its lease; then the next one, which gets
 * the jobs with their journals.
 *
 * A cluster per kind, because programs have different kinds: a runner must get no job that it has no code for.
 */
import * as Clock from "effect/Clock"
import * as ClusterSchema from "effect/cluster/ClusterSchema"
import * as EntityId from "effect/cluster/EntityId"
import * as ShardId from "effect/cluster/ShardId"
import * as Sharding from "effect/cluster/Sharding"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import type * as SqlClient from "effect/sql/SqlClient"
import * as Workflow from "effect/workflow/Workflow"
import { WorkflowEngine, WorkflowInstance } from "effect/workflow/WorkflowEngine"
import type { Job } from "../../Job.ts"
import type { JobError } from "../../JobError.ts"
import type { Policy } from "../../JobPolicy.ts"
import type { JobRun } from "../../JobRun.ts"
import * as Attempt from "../attempt/Attempt.ts"
import type { AttemptContext } from "../attempt/AttemptContext.ts"
import { conclude } from "../attempt/conclude.ts"
import { execute } from "../attempt/execute.ts"
import { crashed, outdated } from "../attempt/failures.ts"
import type { Outcome, Progress, Unsuccessful } from "../local/Store.ts"
import type { ProcessIdentityShape } from "../ProcessIdentity.ts"
import type { KindNumbers } from "../publishMetrics.ts"
import type { StoreTrouble } from "../StoreTrouble.ts"
import type { Bequest } from "./Bequests.ts"
import { clusterLayer } from "./clusterLayer.ts"
import type { tablesIn } from "./format.ts"
import { kept, type TakenJob } from "./JobRows.ts"
import type { JobTable } from "./JobTable.ts"
import * as keep from "./keep.ts"
import * as Lanes from "./Lanes.ts"
import type { Place, Places } from "./Places.ts"

export interface Surroundings {
  readonly sql: SqlClient.SqlClient
  /** For leases alone. */
  readonly leases: SqlClient.SqlClient
  readonly table: JobTable
  readonly tables: ReturnType<typeof tablesIn>
  readonly trouble: StoreTrouble
  readonly policy: Policy
  readonly host: ProcessIdentityShape
  readonly numbers: KindNumbers
  readonly places: Places
  /** A job may have changed. */
  readonly onChange: () => void
  readonly onProgress: () => void
}

export interface KindRunner {
  readonly priority: number
  readonly running: () => number
  /** Takes jobs from the queue while there is room. False if it has no lane yet: that takes a moment. */
  readonly fill: Effect.Effect<boolean, JobError>
  /** Stops the job if it runs here. The table must know already. */
  readonly cancel: (id: string) => void
  /** Whether the job runs here. */
  readonly runs: (id: string) => boolean
  /** The question of the job that is open, if it runs here. */
  readonly asking: (id: string) => Attempt.Attempt["asking"]
  /** Progress that is not written yet. */
  readonly unwritten: () => ReadonlyArray<Progress>
  /** Looks what the table says of the jobs that run here. */
  readonly reconcile: Effect.Effect<void, JobError>
  /** Hands its jobs back and ends. Has an end itself, whatever the database does. */
  readonly close: (patience: Duration.Duration) => Effect.Effect<void>
}

/** A job that was taken over has its own lane, if it can be: then a dead runner's jobs are taken over by several. */
const mostLanes = 8

/** Taken from the queue, and not begun yet. */
interface Claimed {
  readonly job: TakenJob
  readonly lane: string
  readonly place: Place
  readonly at: number
}

export const make = Effect.fnUntraced(function*<Name extends string, Payload, Success, Failure, Data>(
  kind: Job<Name, Payload, Success, Failure, Data>,
  code: (payload: Payload, job: JobRun<Data>) => Effect.Effect<Success, Failure>,
  { host, leases, numbers, onChange, onProgress, places, policy, sql, table, tables, trouble }: Surroundings
) {
  const { attempted, persist } = trouble
  const clock = yield* Clock.Clock
  const now = () => clock.currentTimeMillisUnsafe()
  const leaseMillis = Duration.toMillis(policy.leaseDuration)
  const runner = host.newId()
  const concurrency = kind.concurrency ?? host.cores
  const isAdopting = Latch.makeUnsafe(false)
  const isIdle = Latch.makeUnsafe(true)
  const claimed = new Map<string, Claimed>()
  const attempts = new Map<string, Attempt.Attempt>()
  /** Jobs that are here, those that wait for a place included. */
  const present = new Set<string>()
  const perLane = new Map<string, number>()
  let adopted: ReadonlyArray<string> = []
  let isClosing = false
  const isToClose = Latch.makeUnsafe(false)

  const entity = Workflow.make(kind.name, {
    payload: { job: Schema.String },
    success: Schema.Void,
    idempotencyKey: ({ job }) => job
  }).annotate(ClusterSchema.ShardGroup, () => kind.name)

  const scope = yield* Scope.make()
  const lanes = yield* Lanes.make({
    sql: leases,
    tables,
    kind: kind.name,
    version: kind.version,
    runner,
    identity: host.identity,
    leaseDuration: policy.leaseDuration,
    wanted: Math.min(concurrency, mostLanes),
    room: () => isClosing ? 0 : Math.max(0, concurrency - present.size),
    onAdopted: (more) => {
      adopted = [...adopted, ...more]
      isAdopting.openUnsafe()
    }
  })
  const cluster = clusterLayer({ sql, tables, kind: kind.name, runner, storage: lanes.storage, policy })
  const services = yield* Layer.buildWithMemoMap(cluster, yield* Layer.makeMemoMap, scope)
  const engine = Context.get(services, WorkflowEngine)
  const sharding = Context.get(services, Sharding.Sharding)

  /** The engine knows each execution once, however often it is told. */
  const dispatch = (job: string, execution: string) =>
    engine.execute(entity, { executionId: execution, payload: { job }, discard: true }).pipe(
      Effect.sandbox,
      Effect.retry(Schedule.spaced("500 millis")),
      Effect.orDie
    )

  const laneOf = (execution: string) => sharding.getShardId(EntityId.make(execution), kind.name).toString()
  const ready = () => [...lanes.held()].filter((lane) => sharding.hasShardId(ShardId.fromString(lane)))
  /** A lane with the fewest jobs, and an execution that cluster places there: it goes by a hash, so that one is sought. */
  const spot = (): Pick<Claimed, "lane"> & { readonly execution: string } | undefined => {
    const lanes = ready()
    const jobsOf = (lane: string) => perLane.get(lane) ?? 0
    const fewest = Math.min(...lanes.map(jobsOf))
    const wanted = new Set(lanes.filter((lane) => jobsOf(lane) === fewest))
    if (wanted.size === 0) return undefined
    const id = host.newId()
    for (let number = 0;; number++) {
      const execution = `${id}-${number}`
      const lane = laneOf(execution)
      if (wanted.has(lane)) return { lane, execution }
    }
  }
  const enter = (execution: string, lane: string) => {
    if (present.has(execution)) return
    present.add(execution)
    perLane.set(lane, (perLane.get(lane) ?? 0) + 1)
    isIdle.closeUnsafe()
  }
  const leave = (execution: string, lane: string) => {
    if (!present.delete(execution)) return
    perLane.set(lane, (perLane.get(lane) ?? 1) - 1)
    if (present.size === 0) isIdle.openUnsafe()
    onChange()
  }

  const tellTakeover = (id: string, { former, isAlone, pauseMillis }: Bequest) =>
    Effect.suspend(() => {
      if (former === undefined) return Effect.void
      numbers.takeovers++
      const { identity, runner } = former
      return Effect.logWarning(
        `job ${id} (${kind.name}) taken over from runner ${runner}` +
          (identity === undefined ? "" : `, process ${identity.pid} of ${identity.machine}`) + ": its lease is over" +
          (isAlone ? ", which may be the job's doing: it is tried alone" : "") +
          (pauseMillis > 0 ? `, in ${Math.ceil(pauseMillis / 1000)} s` : "")
      )
    })

  /** What a job comes to that cannot be run by this code, or as it was begun. */
  const admit = Effect.fnUntraced(function*(job: TakenJob) {
    if (job.crashes >= kind.maxCrashes) return { state: "failed", failure: crashed(job.crashes) } satisfies Unsuccessful
    if (job.version >= kind.version || kind.onOldVersion === "finish" || job.ending !== undefined) return undefined
    if (kind.onOldVersion === "restart" && !(yield* persist(table.isBeyondRestart(job.id)))) return "restart"
    return {
      state: "failed",
      failure: outdated(job, { kind: kind.name, version: kind.version })
    } satisfies Unsuccessful
  })

  const tellLost = ({ job }: Attempt.Attempt) =>
    Effect.suspend(() => {
      numbers.losses++
      return Effect.logWarning(
        `job ${job.id} (${kind.name}) is no longer of this runner, ${runner}: another has taken it or ended it`
      )
    })
  const settle = Effect.fnUntraced(function*(attempt: Attempt.Attempt, outcome: Outcome | "hand back" | "lost") {
    if (outcome === "lost") return yield* tellLost(attempt)
    if (outcome === "hand back") return yield* attempted(Effect.asVoid(table.release(attempt.hold)))
    if (attempt.unwritten !== undefined) {
      const { unwritten } = attempt
      attempt.unwritten = undefined
      yield* attempted(table.report([unwritten]))
    }
    if (!(yield* persist(table.finish(attempt.hold, outcome)))) return yield* tellLost(attempt)
    numbers.finished[outcome.state]++
    if (outcome.state === "failed") {
      yield* Effect.logDebug(`job ${attempt.job.id} (${kind.name}) failed: ${outcome.failure.message}`)
    }
  })

  const contextOf = (
    { crashes, suspicions }: TakenJob,
    services: Context.Context<WorkflowEngine | WorkflowInstance>,
    seeds: ReadonlyMap<string, string | undefined>,
    held: { place: Place }
  ): AttemptContext => {
    const onStep = (attempt: Attempt.Attempt) => {
      numbers.steps++
      attempt.isAlone = false
      held.place.share()
    }
    return {
      store: table,
      clock,
      persist,
      keep: keep.make({ table, seeds, services, persist, onStep, isSuspected: crashes + suspicions > 0 }),
      onProgress,
      onStep,
      onWaiting: () => held.place.leave(),
      place: (attempt) => {
        const place = places.queue(kind.name, concurrency, {
          isAlone: attempt.isAlone,
          onGranted: () => {
            attempt.isWaiting = false
          }
        })
        held.place = place
        return { granted: place.granted, withdraw: place.leave }
      }
    }
  }

  const run = Effect.fnUntraced(function*(taken: TakenJob, held: { place: Place }) {
    const inside = yield* Effect.context<WorkflowEngine | WorkflowInstance>()
    const verdict = yield* admit(taken)
    // Steps that are done are undone, also those of a job that may not go on.
    const isUndone = verdict !== undefined && verdict !== "restart" && taken.hasUndo && taken.ending === undefined
    const job = isUndone ? { ...taken, ending: verdict } : taken
    const attempt = Attempt.make(job)
    if (isUndone && !(yield* persist(table.beginEnding(attempt.hold, verdict)))) return yield* tellLost(attempt)
    if (verdict === "restart") {
      yield* persist(table.restart(attempt.hold, kind.version))
      return verdict
    }
    const isOver = isUndone ? undefined : verdict ?? (job.hasUndo ? undefined : job.ending)
    if (isOver !== undefined) {
      yield* settle(attempt, isOver)
      return isOver
    }
    const seeds = job.isSeeded ? yield* persist(table.seeds(job.id)) : new Map<string, string | undefined>()
    attempts.set(job.id, attempt)
    if (isClosing) Attempt.intend(attempt, "hand back")
    const concluding = yield* conclude(attempt, execute(kind, code, attempt, contextOf(job, inside, seeds, held)), {
      store: table,
      persist,
      now,
      scope: yield* Effect.scope
    }).pipe(Effect.uninterruptible, Effect.forkChild({ startImmediately: true }))
    // Cluster stops what is in a lane that it has lost, and waits for that.
    const outcome = yield* Effect.onInterrupt(Fiber.join(concluding), () => {
      Attempt.intend(attempt, "lost")
      return Fiber.await(concluding)
    })
    yield* settle(attempt, outcome)
    return outcome
  })

  /** What is left of a pause, and whether it is alone then; `undefined` if the job is not there any more. */
  const inherit = Effect.fnUntraced(function*(id: string, execution: string) {
    const bequest = yield* persist(table.inherit(id, execution, runner))
    if (bequest === undefined) return undefined
    yield* tellTakeover(id, bequest)
    if (bequest.pauseMillis > 0) {
      onChange()
      yield* Effect.timeoutOption(isToClose.await, bequest.pauseMillis)
    }
    return bequest
  })
  /** The job, with a place: at once if it comes from the queue, else when it is its turn. */
  const begin = Effect.fnUntraced(function*(id: string, execution: string, entry: Claimed | undefined) {
    // A job that was claimed a while ago may have been another's since.
    const fresh = entry !== undefined && now() - entry.at < leaseMillis / 2 ? entry : undefined
    if (fresh === undefined) entry?.place.leave()
    const bequest = fresh === undefined ? yield* inherit(id, execution) : undefined
    if (fresh === undefined && bequest === undefined) return undefined
    const isAlone = bequest?.isAlone ?? false
    return yield* Effect.acquireUseRelease(
      Effect.sync(() => ({ place: fresh?.place ?? places.queue(kind.name, concurrency, { isAlone }) })),
      (held) =>
        Effect.gen(function*() {
          yield* Effect.raceFirst(Deferred.await(held.place.granted), isToClose.await)
          if (isClosing && fresh === undefined) return "hand back" as const
          const job = fresh?.job ?? (yield* persist(table.take(id, execution, { runner, isAlone })))
          if (job === undefined) return undefined
          numbers.attempts++
          if (job.attempt > 1) numbers.retries++
          onChange()
          return yield* Effect.scoped(run(job, held))
        }),
      (held) => Effect.sync(() => held.place.leave())
    )
  })

  yield* engine.register(entity, ({ job: id }, execution) =>
    Effect.suspend(() => {
      if (isClosing) return Effect.never
      const entry = claimed.get(execution)
      claimed.delete(execution)
      const lane = laneOf(execution)
      enter(execution, lane)
      return Effect.ensuring(
        begin(id, execution, entry),
        Effect.sync(() => {
          attempts.delete(id)
          leave(execution, lane)
        })
      ).pipe(
        // What is handed back is no end of the workflow: the next holder of the lane goes on with it.
        Effect.flatMap((outcome) => outcome === "hand back" ? Effect.never : Effect.void)
      )
    })).pipe(Scope.provide(scope), Effect.provideContext(services))

  /** Taken and remembered, or neither: then it is told to the engine, as often as it takes. */
  const claim = (place: Place) =>
    Effect.uninterruptible(Effect.gen(function*() {
      const chosen = spot()
      const job = chosen === undefined ? undefined : yield* table.claim(kind.name, kind.version, { runner, ...chosen })
      if (chosen === undefined || job === undefined) return undefined
      claimed.set(chosen.execution, { job, lane: chosen.lane, place, at: now() })
      enter(chosen.execution, chosen.lane)
      return { id: job.id, execution: chosen.execution }
    }))
  /** The last look found nothing: the next one is the cheap one. */
  let isQuiet = false
  const fill = Effect.gen(function*() {
    for (;;) {
      if (isClosing) return true
      if (ready().length === 0) return false
      if (isQuiet && !(yield* table.isWaiting(kind.name, kind.version))) return true
      const place = places.take(kind.name, concurrency)
      if (place === undefined) return true
      const taken = yield* Effect.onError(claim(place), () => Effect.sync(place.leave))
      isQuiet = taken === undefined
      if (taken === undefined) {
        place.leave()
        return true
      }
      // The next one need not wait until the engine has this one: it is told as often as it takes.
      yield* Effect.forkIn(dispatch(taken.id, taken.execution), scope, { startImmediately: true })
      onChange()
    }
  })
  /** Their former runner may have died before the engine knew of them. */
  const adopt = Effect.gen(function*() {
    yield* isAdopting.await
    isAdopting.closeUnsafe()
    const some = adopted
    adopted = []
    for (const { execution, id } of yield* persist(table.boundTo(kind.name, some))) {
      if (!present.has(execution)) yield* dispatch(id, execution)
    }
  })
  yield* Effect.forkIn(Effect.forever(adopt), scope)
  /** Claimed, and lost with its lane before it was begun. */
  const forgetLost = () => {
    for (const [execution, { at, lane, place }] of claimed) {
      if (now() - at <= leaseMillis || lanes.held().has(lane)) continue
      claimed.delete(execution)
      place.leave()
      leave(execution, lane)
    }
  }

  /** What runs only to say how its steps are undone is not stopped for that: it would undo nothing. */
  const cancel = (attempt: Attempt.Attempt) => {
    if (attempt.job.ending === undefined) Attempt.intend(attempt, "cancel")
  }

  const kindRunner: KindRunner = {
    priority: kind.priority,
    running: () => places.taken(kind.name),
    fill,
    cancel: (id) => {
      const attempt = attempts.get(id)
      if (attempt !== undefined) cancel(attempt)
    },
    runs: (id) => attempts.has(id),
    asking: (id) => attempts.get(id)?.asking,
    unwritten: () =>
      [...attempts.values()].flatMap((attempt) => {
        const { unwritten } = attempt
        attempt.unwritten = undefined
        return unwritten === undefined ? [] : [unwritten]
      }),
    reconcile: Effect.gen(function*() {
      forgetLost()
      const mine = [...attempts.values()]
      if (mine.length === 0) return
      const holds = new Map((yield* table.holds(mine.map(({ job }) => job.id))).map((hold) => [hold.id, hold]))
      for (const attempt of mine) {
        if (attempts.get(attempt.job.id) !== attempt) continue
        const hold = holds.get(attempt.job.id)
        if (hold?.fence !== attempt.hold.fence) {
          Attempt.intend(attempt, "lost")
          continue
        }
        if (hold.isCancelling) cancel(attempt)
        const { asking } = attempt
        // It is asked before it waits: only an answer takes the question away again.
        if (asking !== undefined && attempt.isWaiting && hold.question !== kept(asking.name)) {
          asking.isAnswered.openUnsafe()
        }
      }
    }),
    close: Effect.fnUntraced(function*(patience) {
      isClosing = true
      isToClose.openUnsafe()
      lanes.close()
      for (const attempt of attempts.values()) Attempt.intend(attempt, "hand back")
      const unbegun = [...claimed]
      claimed.clear()
      const handBack = Effect.gen(function*() {
        for (const [execution, { job, lane, place }] of unbegun) {
          yield* attempted(Effect.asVoid(table.release({ id: job.id, fence: job.fence })))
          place.leave()
          leave(execution, lane)
        }
        yield* isIdle.await
      })
      yield* Effect.timeoutOption(handBack, Duration.times(patience, 0.5))
      // In a fiber of its own, which is told to end and not waited for when the database does not answer: leases end by themselves.
      const closing = yield* Effect.forkDetach(Scope.close(scope, Exit.void), { startImmediately: true })
      yield* Effect.timeoutOption(Fiber.await(closing), Duration.times(patience, 0.5))
      closing.interruptUnsafe()
    })
  }
  return kindRunner
})
