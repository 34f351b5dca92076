/**
 * Runs the jobs of one kind in this process: a runner of the cluster of that kind, with an address and lanes of its own.
 *
 * It takes jobs from the queue while it has room, binds each to one of its lanes, and tells the workflow engine to run it. What is
 * bound to a lane is run by the runner that holds the lane: this one, until it ends or loses its lease; then the next one, which gets
 * the jobs with their journals.
 *
 * A cluster per kind, because programs have different kinds: a runner must get no job that it has no code for.
 */
import * as NodeCrypto from "@effect/platform-node/NodeCrypto"
import * as ClusterSchema from "effect/cluster/ClusterSchema"
import * as ClusterWorkflowEngine from "effect/cluster/ClusterWorkflowEngine"
import * as EntityId from "effect/cluster/EntityId"
import { MessageStorage } from "effect/cluster/MessageStorage"
import * as RunnerHealth from "effect/cluster/RunnerHealth"
import * as Runners from "effect/cluster/Runners"
import { RunnerStorage } from "effect/cluster/RunnerStorage"
import * as ShardId from "effect/cluster/ShardId"
import * as Sharding from "effect/cluster/Sharding"
import * as ShardingConfig from "effect/cluster/ShardingConfig"
import * as Snowflake from "effect/cluster/Snowflake"
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
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as SqlClient from "effect/sql/SqlClient"
import * as Workflow from "effect/workflow/Workflow"
import { WorkflowEngine, WorkflowInstance } from "effect/workflow/WorkflowEngine"
import type { Job } from "../../Job.ts"
import type { JobError } from "../../JobError.ts"
import type { JobRun } from "../../JobRun.ts"
import type { Policy } from "../../JobPolicy.ts"
import { crashed, outdated } from "../failures.ts"
import type { Host, Identity } from "../JobHost.ts"
import type { KindNumbers } from "../publishMetrics.ts"
import type { Outcome, Progress } from "../Store.ts"
import type { StoreTrouble } from "../StoreTrouble.ts"
import * as FencedMessages from "./FencedMessages.ts"
import type { tablesIn } from "./format.ts"
import type { JobTable, TakenJob } from "./JobTable.ts"
import * as Lanes from "./Lanes.ts"
import { outcomeOf } from "./outcomeOf.ts"
import * as Run from "./Run.ts"

export interface Surroundings {
  readonly sql: SqlClient.SqlClient
  /** For leases alone. */
  readonly leases: SqlClient.SqlClient
  readonly table: JobTable
  readonly tables: ReturnType<typeof tablesIn>
  readonly trouble: StoreTrouble
  readonly policy: Policy
  readonly host: Host
  readonly numbers: KindNumbers
  /** A job may have changed. */
  readonly onChange: () => void
  readonly onProgress: () => void
}

export interface KindRunner {
  readonly running: () => number
  /** There may be a job to take. */
  readonly nudge: () => void
  /** Stops the job if it runs here. The table must know already. */
  readonly cancel: (id: string) => void
  /** Progress that is not written yet. */
  readonly unwritten: () => ReadonlyArray<Progress>
  /** Looks what the table says of the jobs that run here. */
  readonly reconcile: Effect.Effect<void, JobError>
  /** Hands its jobs back and ends. Has an end itself, whatever the database does. */
  readonly close: Effect.Effect<void>
}

/** A job that was taken over has its own lane; more than these would make a takeover lumpy, not faster. */
const mostLanes = 8

/** The runner that had a job before. */
interface Former {
  readonly runner: string
  readonly identity: Identity | undefined
}

interface Claimed {
  readonly job: TakenJob
  readonly lane: string
  readonly at: number
}

export const make = Effect.fnUntraced(function*<Name extends string, Payload, Success, Failure, Data>(
  kind: Job<Name, Payload, Success, Failure, Data>,
  code: (payload: Payload, job: JobRun<Data>) => Effect.Effect<Success, Failure>,
  { host, leases, numbers, onChange, onProgress, policy, sql, table, tables, trouble }: Surroundings
) {
  const { attempted, persist } = trouble
  const clock = yield* Clock.Clock
  const now = () => clock.currentTimeMillisUnsafe()
  const leaseMillis = Duration.toMillis(policy.leaseDuration)
  const runner = host.newId()
  const concurrency = kind.concurrency ?? host.cores
  const slots = Semaphore.makeUnsafe(concurrency)
  const isWork = Latch.makeUnsafe(true)
  const isAdopting = Latch.makeUnsafe(false)
  /** Taken from the queue here, and not begun yet. */
  const claimed = new Map<string, Claimed>()
  const runs = new Map<string, Run.Run>()
  const perLane = new Map<string, number>()
  let adopted: ReadonlyArray<string> = []
  /** Jobs that were begun, and those that wait for room to be. */
  let present = 0
  let isClosing = false
  const isIdle = Latch.makeUnsafe(true)

  const entity = Workflow.make(kind.name, {
    payload: { job: Schema.String },
    success: Schema.Void,
    idempotencyKey: ({ job }) => job
  }).annotate(ClusterSchema.ShardGroup, () => kind.name)

  const scope = yield* Scope.make()
  const config: ShardingConfig.ShardingConfig["Service"] = {
    ...ShardingConfig.defaults,
    runnerAddress: Option.some(Lanes.addressOf(runner)),
    shardsPerGroup: Lanes.lanesOfKind,
    availableShardGroups: [kind.name],
    assignedShardGroups: [kind.name],
    shardLockDisableAdvisory: true,
    shardLockExpiration: policy.leaseDuration,
    shardLockRefreshInterval: policy.renewInterval,
    entityMessagePollInterval: policy.pollInterval,
    refreshAssignmentsInterval: policy.pollInterval,
    entityRegistrationTimeout: "1 hour",
    entityTerminationTimeout: "1 second",
    maxResidentEntities: "unbounded",
    simulateRemoteSerialization: false
  }
  const lanes = yield* Lanes.make({
    sql: leases,
    tables,
    kind: kind.name,
    version: kind.version,
    runner,
    identity: host.identity,
    leaseDuration: policy.leaseDuration,
    wanted: Math.min(concurrency, mostLanes),
    room: () => isClosing ? 0 : concurrency - present,
    onAdopted: (more) => {
      adopted = [...adopted, ...more]
      isAdopting.openUnsafe()
    }
  })
  const cluster = ClusterWorkflowEngine.layer.pipe(
    Layer.provideMerge(Sharding.layer),
    Layer.provideMerge(Runners.layerNoop),
    Layer.provideMerge(
      Layer.effect(
        MessageStorage,
        FencedMessages.make({ sql, tables, runner, leaseDuration: policy.leaseDuration })
      ).pipe(Layer.provide(Snowflake.layerGenerator))
    ),
    Layer.provideMerge(Layer.succeed(RunnerStorage, lanes.storage)),
    Layer.provide([RunnerHealth.layerNoop, NodeCrypto.layerDigest]),
    Layer.provide(Layer.succeed(SqlClient.SqlClient, sql)),
    Layer.provideMerge(Layer.succeed(ShardingConfig.ShardingConfig, config))
  )
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
  /** The lane with the fewest jobs, and an execution that cluster places there. */
  const place = (): { readonly lane: string; readonly execution: string } | undefined => {
    const free = [...lanes.held()].filter((lane) => sharding.hasShardId(ShardId.fromString(lane))).toSorted((a, b) => (perLane.get(a) ?? 0) - (perLane.get(b) ?? 0))
    const [lane] = free
    if (lane === undefined) return undefined
    for (;;) {
      const execution = host.newId()
      if (laneOf(execution) === lane) return { lane, execution }
    }
  }

  const account = (job: TakenJob, former: Former | undefined) =>
    Effect.suspend(() => {
      numbers.attempts++
      if (job.attempt > 1) numbers.retries++
      if (former === undefined) return Effect.void
      numbers.takeovers++
      const where = former.identity === undefined ? "" : `, process ${former.identity.pid} of ${former.identity.machine}`
      return Effect.logWarning(
        `job ${job.id} (${kind.name}) taken over from runner ${former.runner}${where}: its lease is over; ` +
          `this is attempt ${job.attempt}`
      )
    })

  /** Whether a job that was taken over can be run by this code. */
  const admit = Effect.fnUntraced(function*(job: TakenJob) {
    if (job.crashes >= kind.maxCrashes) return { state: "failed", failure: crashed(job.crashes) } satisfies Outcome
    if (job.version >= kind.version || kind.onOldVersion === "finish") return undefined
    const isUnsafe = kind.onOldVersion === "restart" && (yield* persist(table.hasUnsafeSteps(job.id)))
    if (kind.onOldVersion === "fail" || isUnsafe) {
      return { state: "failed", failure: outdated(job, { kind: kind.name, version: kind.version }) } satisfies Outcome
    }
    return "restart"
  })

  const tellLost = ({ job }: Run.Run) =>
    Effect.suspend(() => {
      numbers.losses++
      return Effect.logWarning(
        `job ${job.id} (${kind.name}) is no longer of this runner, ${runner}: another has taken it or ended it`
      )
    })
  const settle = Effect.fnUntraced(function*(run: Run.Run, outcome: Outcome | "hand back" | "lost") {
    if (outcome === "lost") return yield* tellLost(run)
    if (outcome === "hand back") {
      yield* attempted(Effect.asVoid(table.release(run.hold)))
      return
    }
    if (run.unwritten !== undefined) {
      const { unwritten } = run
      run.unwritten = undefined
      yield* attempted(table.report([unwritten]))
    }
    if (!(yield* persist(table.finish(run.hold, outcome)))) return yield* tellLost(run)
    numbers.finished[outcome.state]++
    if (outcome.state === "failed") {
      yield* Effect.logDebug(`job ${run.job.id} (${kind.name}) failed: ${outcome.failure.message}`)
    }
  })

  const body = Effect.fnUntraced(function*(job: TakenJob, execution: string) {
    const run = Run.make(job, execution)
    const inside = yield* Effect.context<WorkflowEngine | WorkflowInstance>()
    runs.set(job.id, run)
    // What a run of a former version's job comes to is known without running it.
    const verdict = yield* admit(job)
    if (verdict === "restart") {
      yield* persist(table.restart(run.hold, kind.version))
      isWork.openUnsafe()
      return verdict
    }
    const known = verdict ?? (job.isCancelling ? cancelled : undefined)
    if (known !== undefined) {
      yield* settle(run, known)
      return known
    }
    const surroundings: Run.Surroundings = {
      table,
      persist,
      services: inside,
      onProgress,
      onStep: () => void numbers.steps++
    }
    const fiber = yield* Effect.forkChild(
      outcomeOf(kind, job.payload, (payload) => code(payload, Run.toJobRun(run, kind, surroundings)), () => run.intent),
      { startImmediately: true }
    )
    run.fiber = fiber
    if (run.intent !== "run") fiber.interruptUnsafe()
    const exit = yield* Effect.onInterrupt(Fiber.await(fiber), () => Fiber.interrupt(fiber))
    // Stopped before its first line.
    const outcome = Exit.isSuccess(exit) ? exit.value : run.intent === "cancel" ? cancelled : "hand back"
    yield* settle(run, outcome)
    return outcome
  })

  /** Room for one job more, and the job again if it is not the queue that it came from. */
  const begin = (id: string, execution: string, entry: Claimed | undefined) =>
    Effect.gen(function*() {
      if (entry === undefined) yield* slots.take(1)
      // A job that was claimed a while ago may have been another's since.
      const isFresh = entry !== undefined && now() - entry.at < leaseMillis / 2
      return yield* Effect.gen(function*() {
        const taken = isFresh ? { ...entry.job, former: undefined } : yield* persist(table.take(id, execution, runner))
        if (taken === undefined) return undefined
        yield* account(taken, taken.former)
        onChange()
        return yield* body(taken, execution)
      }).pipe(Effect.ensuring(slots.release(1)))
    })
  const leave = (lane: string) => {
    present--
    perLane.set(lane, (perLane.get(lane) ?? 1) - 1)
    if (present === 0) isIdle.openUnsafe()
    isWork.openUnsafe()
    onChange()
  }
  const enter = (lane: string) => {
    present++
    perLane.set(lane, (perLane.get(lane) ?? 0) + 1)
    isIdle.closeUnsafe()
  }
  yield* engine.register(entity, ({ job: id }, execution) =>
    Effect.suspend(() => {
      if (isClosing) return Effect.never
      const entry = claimed.get(execution)
      claimed.delete(execution)
      const lane = laneOf(execution)
      if (entry === undefined) enter(lane)
      return Effect.ensuring(
        begin(id, execution, entry),
        Effect.sync(() => {
          const run = runs.get(id)
          if (run?.execution === execution) runs.delete(id)
          leave(lane)
        })
      ).pipe(
        // What is handed back is no end of the workflow: the next holder of the lane goes on with it.
        Effect.flatMap((outcome) => outcome === "hand back" ? Effect.never : Effect.void)
      )
    })).pipe(Scope.provide(scope), Effect.provideContext(services))

  /** Taken and remembered, or neither: then it is told to the engine, as often as it takes. */
  const claim = Effect.uninterruptible(Effect.gen(function*() {
    const spot = place()
    const job = spot === undefined ? undefined : yield* table.claim(kind.name, kind.version, { runner, ...spot })
    if (spot === undefined || job === undefined) return undefined
    claimed.set(spot.execution, { job, lane: spot.lane, at: now() })
    enter(spot.lane)
    return { id: job.id, execution: spot.execution }
  }))
  const takeWork = Effect.gen(function*() {
    isWork.closeUnsafe()
    yield* attempted(Effect.gen(function*() {
      while (!isClosing && (yield* slots.takeIfAvailable(1))) {
        const taken = yield* Effect.onError(claim, () => slots.release(1))
        if (taken === undefined) {
          yield* slots.release(1)
          return
        }
        yield* dispatch(taken.id, taken.execution)
        onChange()
      }
    }))
    // Until the first lanes are its own it looks more often: that takes a moment only.
    yield* Effect.timeoutOption(isWork.await, place() === undefined ? "50 millis" : policy.pollInterval)
  })
  /** Their former runner may have died before the engine knew of them. */
  const adopt = Effect.gen(function*() {
    yield* isAdopting.await
    isAdopting.closeUnsafe()
    const some = adopted
    adopted = []
    for (const { execution, id } of yield* persist(table.boundTo(kind.name, some))) {
      if (!runs.has(id)) yield* dispatch(id, execution)
    }
  })
  /** Claimed, and lost with its lane before it was begun. */
  const forgetLost = Effect.suspend(() => {
    const lost = [...claimed].filter(([, { at, lane }]) => now() - at > leaseMillis && !lanes.held().has(lane))
    for (const [execution, { lane }] of lost) {
      claimed.delete(execution)
      leave(lane)
    }
    return slots.release(lost.length)
  })
  const inScope = Effect.forkIn(scope)
  yield* inScope(Effect.forever(takeWork))
  yield* inScope(Effect.forever(adopt))

  const kindRunner: KindRunner = {
    running: () => runs.size,
    nudge: () => void isWork.openUnsafe(),
    cancel: (id) => {
      const run = runs.get(id)
      if (run !== undefined) Run.stop(run, "cancel")
    },
    unwritten: () =>
      [...runs.values()].flatMap((run) => {
        const { unwritten } = run
        run.unwritten = undefined
        return unwritten === undefined ? [] : [unwritten]
      }),
    reconcile: Effect.gen(function*() {
      yield* forgetLost
      const mine = [...runs.values()]
      if (mine.length === 0) return
      const holds = new Map((yield* table.holds(mine.map(({ job }) => job.id))).map((hold) => [hold.id, hold]))
      for (const run of mine) {
        const hold = holds.get(run.job.id)
        if (runs.get(run.job.id) !== run) continue
        if (hold?.fence !== run.hold.fence) Run.stop(run, "lost")
        else if (hold.isCancelling) Run.stop(run, "cancel")
      }
    }),
    close: Effect.gen(function*() {
      isClosing = true
      lanes.close()
      for (const run of runs.values()) Run.stop(run, "hand back")
      for (const { job } of claimed.values()) yield* attempted(Effect.asVoid(table.release({ id: job.id, fence: job.fence })))
      yield* Effect.timeoutOption(isIdle.await, handBackPatience)
      // What the database does not answer by then is left behind: leases end by themselves.
      const closing = yield* Effect.forkDetach(Scope.close(scope, Exit.void), { startImmediately: true })
      yield* Effect.timeoutOption(Fiber.await(closing), closePatience)
    })
  }
  return kindRunner
})

const cancelled: Outcome = { state: "cancelled" }
const handBackPatience = Duration.seconds(5)
const closePatience = Duration.seconds(5)
