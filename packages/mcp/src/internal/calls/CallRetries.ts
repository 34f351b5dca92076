/**
 * One call, from its first attempt to its one result: borrow, send, and after a loss decide whether to send again.
 *
 * The rule: what certainly did not run is sent again; what may have run only if the caller says that this is harmless; an answer
 * of any kind is never retried. Repeating what may have run is paid from a budget per server, which successes fill, so that an
 * outage is not answered by a storm: three times after a broken connection, and until the deadline where a gateway says that the server
 * is away (502, 503, 504), because it may come back. A server that opens sessions and then knows none of them is not asked for ever: the fifth refusal
 * of one call is its last. All attempts share one deadline, kept by the pool while waiting and by the connection
 * while sent, so that no call needs a timer of its own.
 */
import type { ConnectionPool, Deadlines } from "@holdfast/core"
import { ReplayBudget } from "@holdfast/core"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import type { WaitedFor } from "../../Explanation.ts"
import {
  ConnectionLost,
  type ConnectReason,
  DeadlineExceeded,
  type Delivery,
  McpRuntimeError,
  OutcomeUnknown,
  type Reason
} from "../../McpRuntimeError.ts"
import { stickiness } from "../connection/connectFailure.ts"
import type { CallFailure, McpConnection } from "../connection/contract.ts"
import { effectOf } from "../connection/guardedHandlers.ts"
import { connectionOf, named } from "../connection/naming.ts"
import { millisOf } from "../durations.ts"
import type { CallNote } from "../history/CallNote.ts"
import type { PooledServer } from "../pool/PooledServer.ts"
import type { ServerMemory } from "../pool/ServerMemory.ts"
import type { FlightRecorder } from "../recording/FlightRecorder.ts"
import * as CallTrace from "./CallTrace.ts"
import type { ClientMetrics } from "./ClientMetrics.ts"
import { fromPoolError } from "./poolFailure.ts"

export interface Call<A> {
  readonly target: PooledServer
  readonly method: string
  /** The tool or prompt, for the trace. */
  readonly name?: string | undefined
  /** What one attempt may take once it is sent, in milliseconds. */
  readonly limit: number
  /** What the caller gives for everything. */
  readonly deadline: Duration.Input | undefined
  readonly waitForReady: boolean | undefined
  /** The caller's own pauses and end of the repetitions. Default: those of this module. */
  readonly retry?: Schedule.Schedule<unknown, Reason> | undefined
  /** Sends it once. `left` says at any time how many milliseconds remain; what is sent begins when it is asked first. */
  readonly send: (connection: McpConnection, left: (now?: number) => number) => Effect.Effect<A, CallFailure>
  /** Asked when it may have run: whether running it again does no harm. */
  readonly mayRepeat: Effect.Effect<boolean>
}

/** Repetitions per call of what may have run. More would hide a server that dies of this very call. */
const maxRepeats = 3

/** Sessions that one call is refused on. A server that forgets so many in a row will not know the next one. */
const maxRefusals = 5

/** A connection that refuses calls but stays open is given a breath before it is asked again. Callers of one outage do not come together. */
const pauses = Schedule.min([Schedule.exponential("250 millis"), Schedule.spaced("5 seconds")]).pipe(Schedule.jittered)

/** How many times `minUptime` a call that a doubted connection refuses is asked again. */
const patience = 1.5

/** What a gateway says of a server that it cannot reach. */
const isAway = (status: number | undefined): boolean => status === 502 || status === 503 || status === 504

/** What the attempts of a call share once the first of them has failed. */
interface Trouble {
  /** When that was. */
  readonly since: number
  /** What was said of the last of them. */
  readonly last?: string | undefined
  /** The next pause before a repetition for this reason; `undefined` when the schedule is over. */
  readonly pause: (reason: Reason) => Effect.Effect<Duration.Duration | undefined>
}

/** What is noted of a call while it runs. */
interface Seen {
  readonly trace: CallTrace.CallTrace | undefined
  readonly note: CallNote
  /** When it was first sent. */
  sentAt: number | undefined
}

/** A server may ask for a breath by `Retry-After`; a longer one is not taken on the caller's time. */
const maxRetryAfterMillis = 60_000

export class CallRetries {
  readonly pool: ConnectionPool.ConnectionPool<PooledServer, McpConnection, ConnectReason>
  readonly deadlines: Deadlines.Deadlines
  readonly #memory: ServerMemory
  readonly #metrics: ClientMetrics
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
    this.#metrics = metrics
    this.#progress = progress
    this.#recorder = recorder
  }

  run<A>(call: Call<A>): Effect.Effect<A, McpRuntimeError> {
    const run = Effect.withFiber((fiber) =>
      CallTrace.isOn(fiber)
        ? CallTrace.around(call, (trace) => this.#run(call, trace))
        : this.#run(call, undefined)
    )
    const recorder = this.#recorder
    if (recorder === undefined) return run
    const { endpoint, label } = call.target
    return Effect.tapError(run, (error) => Effect.sync(() => recorder.failed(label, endpoint, error)))
  }

  #run<A>(call: Call<A>, trace: CallTrace.CallTrace | undefined): Effect.Effect<A, McpRuntimeError> {
    const total = call.deadline === undefined
      ? Number.POSITIVE_INFINITY
      : millisOf("deadline", call.deadline)
    const { history } = this.#memory.of(call.target.fingerprint)
    const budget = this.#budgetOf(call.target)
    const note = history.called(call.method, call.name)
    // Reading the clock is no small part of a call that has no deadline of its own.
    const until = total === Number.POSITIVE_INFINITY ? total : this.deadlines.now() + total
    const seen: Seen = { trace, note, sentAt: undefined }
    return Effect.onExitPrimitive(this.attempt(call, total, until, 1, 0, "NotSent", 0, undefined, seen), (exit) => {
      const now = this.deadlines.now()
      if (Exit.isSuccess(exit)) {
        budget.deposit()
        note.ended(isToolError(exit.value) ? "tool error" : "answered", now)
      } else {
        const failed = Option.getOrUndefined(Cause.findErrorOption(exit.cause))?.reason
        note.ended(failed === undefined ? "cancelled" : isAnswer(failed) ? "error" : "failed", now, failed)
      }
      const { method, name, target } = call
      const millis = seen.sentAt === undefined ? undefined : now - seen.sentAt
      this.#metrics.called({ server: target.label, method, name }, exit, millis)
      return undefined
    })
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

  private attempt<A>(
    call: Call<A>,
    total: number,
    until: number,
    number: number,
    /** How many of them were repetitions of what may have run. */
    repeats: number,
    /** What the attempts before this one have left behind. */
    delivery: Delivery,
    /** How many of them a server refused because it did not know the session. */
    refusals: number,
    trouble: Trouble | undefined,
    seen: Seen
  ): Effect.Effect<A, McpRuntimeError> {
    const { method, target } = call
    const failure = (reason: Reason) => this.#failure(target, reason)
    const server = target.label
    const left = () => until === Number.POSITIVE_INFINITY ? until : Math.max(0, Math.ceil(until - this.deadlines.now()))
    const budget = left()
    const late = (after: Delivery) =>
      failure(
        new DeadlineExceeded({
          server,
          method,
          afterMillis: total,
          kind: "caller",
          delivery: after,
          ...(after === "Unknown" && { attempts: number - 1 }),
          ...(trouble?.last !== undefined && { description: trouble.last })
        })
      )
    if (budget === 0) return Effect.fail(late(delivery))

    let used: McpConnection | undefined
    let isCallersDeadline = false
    const send = (connection: McpConnection, waited: number) => {
      used = connection
      if (waited > 0) this.#metrics.waited(server, waited)
      seen.trace?.sent(connection)
      seen.note.given(connection, waited)
      isCallersDeadline = left() < call.limit
      let sentAt: number | undefined
      const remaining = (now = this.deadlines.now()) => {
        sentAt ??= now
        seen.sentAt ??= now
        seen.note.begunAt ??= now
        return Math.max(1, Math.ceil(Math.min(until, sentAt + call.limit) - now))
      }
      return call.send(connection, remaining)
    }
    // Whatever keeps it from being sent again, an attempt before may have run: that is what its caller must know.
    const end = (reason: Reason): Effect.Effect<A, McpRuntimeError> =>
      Effect.fail(failure(delivery === "Unknown" ? inDoubt(reason, { server, method, attempts: number - 1 }) : reason))
    const isStated = call.retry !== undefined
    const again = (
      reason: Exclude<Reason, { readonly _tag: "DeadlineExceeded" }> & { readonly description: string },
      after: Delivery,
      { isPaced = false, leastMillis = 0, over = end(reason), refused = refusals, repeated = repeats }: Again<A> = {}
    ): Effect.Effect<A, McpRuntimeError> =>
      Effect.flatMap(
        trouble === undefined
          ? this.begin(reason.description, call.retry)
          : Effect.succeed({ ...trouble, last: reason.description }),
        (trouble) =>
          Effect.flatMap(trouble.pause(reason), (pause) => {
            if (pause === undefined) return over
            seen.trace?.repeated(reason, after)
            seen.note.repeated(reason, after, this.deadlines.now())
            const ended = isStated || isPaced ? undefined : used
            const breath = Duration.max(pause, Duration.millis(leastMillis))
            return Effect.andThen(
              // What is left then, not when this was written down: a breath may have been taken before.
              Effect.suspend(() => this.settle(ended, breath, left())),
              Effect.suspend(() =>
                this.attempt(call, total, until, number + 1, repeated, after, refused, trouble, seen)
              )
            )
          })
      )
    const acquire = {
      timeout: Duration.millis(budget),
      waitForReady: call.waitForReady,
      onWait: (phase: WaitedFor) => seen.note.waits(phase, this.deadlines.now())
    }
    return Effect.catch(this.pool.use(target, send, acquire), (failed): Effect.Effect<A, McpRuntimeError> => {
      if (failed._tag === "PoolError") {
        const callerMillis = budget < target.policy.acquireTimeout ? total : undefined
        return end(
          fromPoolError(failed, {
            server,
            method,
            callerMillis,
            delivery,
            attempts: number - 1,
            progress: this.#progress(target)
          })
        )
      }
      const error = named(failed, server)
      switch (error._tag) {
        case "ConnectionLost": {
          // It did not run, so the deadline alone counts; the pool's back-off and quarantine pace it. A call without one waits for a
          // connection that takes it no longer than for any connection.
          const isOver = !isStated && total === Number.POSITIVE_INFINITY && trouble !== undefined &&
            this.deadlines.now() - trouble.since >= target.policy.acquireTimeout
          if (error.delivery === "NotSent") return isOver ? end(error) : again(error, delivery)
          const over = end(forgetful(error, refusals + 1))
          return isStated || refusals + 1 < maxRefusals || this.isUndecided(used, trouble, target)
            ? again(error, delivery === "Unknown" ? delivery : "Refused", { over, refused: refusals + 1 })
            : over
        }
        case "HttpRejected": {
          const wait = error.retryAfterMillis
          // Waiting longer than this is the caller's decision: it is told how long.
          const isLong = !isStated && until === Number.POSITIVE_INFINITY && number > maxRepeats
          if (wait === undefined || isLong || wait > Math.min(left() - 1, maxRetryAfterMillis)) {
            return end(error)
          }
          return isStated
            ? again(error, delivery, { leastMillis: wait })
            : Effect.andThen(Effect.sleep(Duration.millis(wait)), Effect.suspend(() => again(error, delivery)))
        }
        case "OutcomeUnknown": {
          const { description, end: ended, status } = error
          const unknown = (mayRepeat: boolean) =>
            failure(
              new OutcomeUnknown({
                server,
                method,
                description,
                attempts: number,
                ...(ended && { end: ended }),
                ...(status !== undefined && { status }),
                ...(mayRepeat && { mayRepeat })
              })
            )
          const isOutage = isAway(status)
          // Without a deadline of its own a call is ridden through an outage as long as it would wait for a connection.
          const isLong = until === Number.POSITIVE_INFINITY && trouble !== undefined &&
            this.deadlines.now() - trouble.since >= target.policy.acquireTimeout
          if (!isStated && (isOutage ? isLong : repeats >= maxRepeats)) return Effect.fail(unknown(true))
          // The answer may be on its way to us, which is no reason to be late.
          return Effect.flatMap(
            Effect.timeoutOption(call.mayRepeat, Duration.millis(left())),
            (said) => {
              const mayRepeat = Option.getOrElse(said, () => false)
              return mayRepeat && this.#budgetOf(target).withdraw()
                ? again(error, "Unknown", {
                  over: Effect.fail(unknown(true)),
                  repeated: isOutage ? repeats : repeats + 1,
                  isPaced: isOutage
                })
                : Effect.fail(unknown(mayRepeat))
            }
          )
        }
        case "DeadlineExceeded":
          return end(error.kind === "hard" && isCallersDeadline ? toldLate(error, total) : error)
        case "TooBusy":
          return end(error)
        // What remains are answers.
        case "ServerError":
        case "InvalidAnswer":
          return Effect.fail(failure(error))
      }
    })
  }

  /** The connection is doubted, and its successor may have to wait for `minUptime`. */
  private isUndecided(
    used: McpConnection | undefined,
    trouble: Trouble | undefined,
    { policy }: PooledServer
  ): boolean {
    return used?.doubts?.isRaised() === true && trouble !== undefined &&
      this.deadlines.now() - trouble.since < policy.minUptime * patience
  }

  private begin(last: string, retry: Call<unknown>["retry"] = pauses): Effect.Effect<Trouble> {
    return Effect.map(Schedule.toStep(retry), (step) => ({
      since: this.deadlines.now(),
      last,
      pause: (reason) =>
        Effect.map(
          Effect.option(step(this.deadlines.now(), reason)),
          (next) => Option.isSome(next) ? next.value[1] : undefined
        )
    }))
  }

  /**
   * Waits until the connection that lost the call is out of the pool's hands, or another one is given in its place, or for a pause
   * when it stays: the next attempt must not be given the very same dead connection. Without a connection for a pause, whatever happens.
   */
  private settle(used: McpConnection | undefined, pause: Duration.Duration, left: number): Effect.Effect<void> {
    const breath = Effect.sleep(Duration.min(pause, Duration.millis(left)))
    const settled = used === undefined
      ? breath
      : Effect.raceFirst(
        breath,
        used.doubts === undefined ? used.closed : Effect.raceFirst(used.closed, used.doubts.passed)
      )
    // The pool heard of the loss before us, but acts on it in a fiber of its own: let it run first.
    return Effect.andThen(settled, Effect.yieldNow)
  }
}

/** What a repetition is told besides. */
interface Again<A> {
  /** A pause is taken whatever becomes of the connection. */
  readonly isPaced?: boolean
  /** The server has asked for it. */
  readonly leastMillis?: number
  /** The end of the call when its schedule is over. */
  readonly over?: Effect.Effect<A, McpRuntimeError>
  /** Refusals for a lost session, this one included. */
  readonly refused?: number
  /** Repetitions of what may have run, this one included. */
  readonly repeated?: number
}

/** A deadline of the connection's that was the caller's: the server was told. */
const toldLate = (
  { delivery, description, method, server }: DeadlineExceeded,
  afterMillis: number
): DeadlineExceeded => new DeadlineExceeded({ server, method, afterMillis, kind: "caller", delivery, description })

/** What is known of a call that an attempt before has left in doubt. */
const inDoubt = (
  reason: Reason,
  call: { readonly server: string; readonly method: string; readonly attempts: number }
): Reason => {
  if (reason._tag !== "DeadlineExceeded") {
    return new OutcomeUnknown({ ...call, description: reason.message, mayRepeat: true })
  }
  const { afterMillis, delivery, description, kind, method, server } = reason
  // A connection's own deadline has told the server of the last attempt; one that passed in between had no request to cancel.
  const told = delivery === "Unknown" && reason.attempts === undefined ? {} : { attempts: call.attempts }
  return new DeadlineExceeded({ server, method, afterMillis, kind, description, delivery: "Unknown", ...told })
}

/** The last refusal of a call, which tells of all. */
const forgetful = ({ description, method, server }: ConnectionLost, times: number): ConnectionLost =>
  new ConnectionLost({
    server,
    method,
    delivery: "Refused",
    description: `${description}; it was refused ${times} times in a row, on new connections as well. ${stickiness}`
  })

const isAnswer = ({ _tag }: Reason): boolean => _tag === "ServerError" || _tag === "InvalidAnswer"

const isToolError = (answer: unknown): boolean =>
  typeof answer === "object" && answer !== null && "isError" in answer && answer.isError === true

/** What the caller's own function fails with, kept apart from the pool's failures. */
class Own<out E> {
  readonly error: E
  constructor(error: E) {
    this.error = error
  }
}
