/** Calls over the pool: each runs its course, and is remembered. What may be repeated is paid for by the server's own budget. */
import type { ConnectionPool, Deadlines } from "@holdfast/core"
import { ReplayBudget } from "@holdfast/core"
import * as Effect from "effect/Effect"
import { type ConnectReason, McpRuntimeError, type Reason } from "../../McpRuntimeError.ts"
import type { McpConnection } from "../connection/contract.ts"
import { effectOf } from "../connection/guardedHandlers.ts"
import { connectionOf } from "../connection/naming.ts"
import { millisOf } from "../durations.ts"
import type { PooledServer } from "../pool/PooledServer.ts"
import type { ServerMemory } from "../pool/ServerMemory.ts"
import type { FlightRecorder } from "../recording/FlightRecorder.ts"
import { type Call, CallCourse, type CallCourseServices, isAnswer } from "./CallCourse.ts"
import type { ClientMetrics } from "./ClientMetrics.ts"
import { fromPoolError } from "./poolFailure.ts"

export class CallRetries {
  readonly pool: ConnectionPool.ConnectionPool<PooledServer, McpConnection, ConnectReason>
  readonly deadlines: Deadlines.Deadlines
  readonly #memory: ServerMemory
  readonly #services: CallCourseServices
  readonly #progress: (target: PooledServer) => string | undefined
  readonly #recorder: FlightRecorder | undefined

  constructor(
    { deadlines, memory, metrics, pool, progress, recorder }: {
      readonly pool: ConnectionPool.ConnectionPool<PooledServer, McpConnection, ConnectReason>
      readonly deadlines: Deadlines.Deadlines
      readonly memory: ServerMemory
      readonly metrics: ClientMetrics
      /** How far the dial of a server is, with its own words. */
      readonly progress: (target: PooledServer) => string | undefined
      /** Told of calls that have failed. */
      readonly recorder?: FlightRecorder | undefined
    }
  ) {
    this.pool = pool
    this.deadlines = deadlines
    this.#memory = memory
    this.#progress = progress
    this.#recorder = recorder
    this.#services = {
      pool,
      deadlines,
      metrics,
      progress,
      budgetOf: (target) => this.#budgetOf(target),
      failure: (target, reason) => this.#failure(target, reason)
    }
  }

  run<A>(call: Call<A>): Effect.Effect<A, McpRuntimeError> {
    const run = Effect.withFiber((fiber) => {
      const note = this.#memory.of(call.target.fingerprint).history.called(call.method, call.name)
      return new CallCourse(this.#services, call, note).run(fiber)
    })
    const recorder = this.#recorder
    if (recorder === undefined) return run
    const { endpoint, label } = call.target
    return Effect.tapError(run, (error) => Effect.sync(() => recorder.failed(label, endpoint, error)))
  }

  #budgetOf({ fingerprint, policy }: PooledServer): ReplayBudget.ReplayBudget {
    const notes = this.#memory.of(fingerprint)
    notes.budget ??= ReplayBudget.make({ burst: Math.max(100, policy.maxInFlight) })
    return notes.budget
  }

  /** Lends a connection to `f`, whose failures are its own, of whatever class they are: another pool's among them. */
  once<A, E, R>(
    target: PooledServer,
    f: (connection: McpConnection) => Effect.Effect<A, E, R>,
    options: ConnectionPool.AcquireOptions = {}
  ): Effect.Effect<A, E | McpRuntimeError, R> {
    const { timeout } = options
    const callerMillis = timeout === undefined ? undefined : millisOf("timeout", timeout)
    const isCallers = callerMillis !== undefined && callerMillis < target.policy.acquireTimeout
    const own = (connection: McpConnection) =>
      Effect.mapError(effectOf(f(connectionOf(connection, target.label)), "the function"), (error) => new Own(error))
    return Effect.mapError(this.pool.use(target, own, options), (error) =>
      error instanceof Own
        ? error.error
        : this.#failure(
          target,
          fromPoolError(error, {
            server: target.label,
            method: "use",
            callerMillis: isCallers ? callerMillis : undefined,
            delivery: "NotSent",
            progress: this.#progress(target)
          })
        ))
  }

  /** With what went before. An answer of the server has nothing to do with that. */
  #failure({ fingerprint }: PooledServer, reason: Reason): McpRuntimeError {
    const history = isAnswer(reason) ? [] : this.#memory.of(fingerprint).history.lastTries()
    return new McpRuntimeError({ reason, ...(history.length > 0 && { history }) })
  }
}

/** What the caller's own function fails with, kept apart from the pool's failures. */
class Own<out E> {
  readonly error: E
  constructor(error: E) {
    this.error = error
  }
}
