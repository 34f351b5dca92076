/**
 * One call, from its first attempt to its one result: borrow, send, and after a loss decide whether to send again.
 *
 * The rule: what certainly did not run is sent again; what may have run only if the caller says that this is harmless; an answer
 * of any kind is never retried. Repeating what may have run is paid from a budget per server, which successes fill, so that an
 * outage is not answered by a storm: three times after a broken connection, and until the deadline where a gateway says that the server
 * is away (502, 503, 504), because it may come back. A server that opens sessions and then knows none of them is not asked for ever: the fifth refusal
 * of one call is its last. All attempts share one deadline, kept by the pool while waiting and by the connection
 * while sent, so that no call needs a timer of its own.
 *
 * What a call knows of itself is in one object, made when it begins: a call that meets an open connection and is answered costs that, four functions
 * and two steps of its fiber.
 */
import type { ConnectionPool, Deadlines, ReplayBudget } from "@holdfast/core"
import type { PoolError } from "@holdfast/core/PoolError"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import type { WaitedFor } from "../../Explanation.ts"
import {
  ConnectionLost,
  type ConnectReason,
  DeadlineExceeded,
  type Delivery,
  type McpRuntimeError,
  OutcomeUnknown,
  type Reason
} from "../../McpRuntimeError.ts"
import { stickiness } from "../connection/connectFailure.ts"
import type { CallFailure, McpConnection } from "../connection/contract.ts"
import { named } from "../connection/naming.ts"
import { millisOf } from "../durations.ts"
import type { CallNote } from "../history/CallNote.ts"
import type { PooledServer } from "../pool/PooledServer.ts"
import * as CallTrace from "./CallTrace.ts"
import type { ClientMetrics } from "./ClientMetrics.ts"
import { isToolError } from "./conventions.ts"
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

/** A server may ask for a breath by `Retry-After`; a longer one is not taken on the caller's time. */
const maxRetryAfterMillis = 60_000

/** What a call needs of the client that it is made by. */
export interface CallCourseServices {
  readonly pool: ConnectionPool.ConnectionPool<PooledServer, McpConnection, ConnectReason>
  readonly deadlines: Deadlines.Deadlines
  readonly metrics: ClientMetrics
  /** How far the dial of a server is, with its own words. */
  readonly progress: (target: PooledServer) => string | undefined
  readonly budgetOf: (target: PooledServer) => ReplayBudget.ReplayBudget
  /** A failure with what went before. */
  readonly failure: (target: PooledServer, reason: Reason) => McpRuntimeError
}

/** Run once. It is what the pool is told of it, too: how long it waits, and what it does meanwhile. */
export class CallCourse<A> implements ConnectionPool.AcquireOptions {
  readonly services: CallCourseServices
  readonly #note: CallNote
  call: Call<A>
  /** What its caller gives for everything, in milliseconds. */
  readonly total: number
  until: number
  /** The number of the attempt. */
  number = 1
  /** How many of them were repetitions of what may have run. */
  repeats = 0
  /** What the attempts before this one have left behind. */
  delivery: Delivery = "NotSent"
  /** How many of them a server refused because it did not know the session. */
  refusals = 0
  #trouble: Trouble | undefined = undefined
  #trace: CallTrace.CallTrace | undefined = undefined
  /** When it was first sent. */
  #firstSentAt: number | undefined = undefined
  // Of the attempt that runs.
  #sentAt: number | undefined = undefined
  #budget = 0
  #used: McpConnection | undefined = undefined
  #isCallersDeadline = false

  constructor(services: CallCourseServices, call: Call<A>, note: CallNote) {
    this.services = services
    this.call = call
    this.#note = note
    this.total = call.deadline === undefined ? Number.POSITIVE_INFINITY : millisOf("deadline", call.deadline)
    // Reading the clock is no small part of a call that has no deadline of its own.
    this.until = this.total === Number.POSITIVE_INFINITY ? this.total : services.deadlines.now() + this.total
  }

  get timeout(): Duration.Input {
    return this.#budget
  }

  get waitForReady(): boolean | undefined {
    return this.call.waitForReady
  }

  get onWait(): (phase: WaitedFor) => void {
    return (phase) => this.#note.waits(phase, this.services.deadlines.now())
  }

  /** In a span of its own, where the fiber has a tracer. */
  run(fiber: Fiber.Fiber<unknown, unknown>): Effect.Effect<A, McpRuntimeError> {
    const run = CallTrace.isOn(fiber)
      ? CallTrace.around(fiber, this.call, (trace) => {
        this.#trace = trace
        return this.attempt()
      })
      : this.attempt()
    return Effect.onExitPrimitive(run, this.#ended)
  }

  readonly #ended = (exit: Exit.Exit<A, McpRuntimeError>): undefined => {
    const { budgetOf, deadlines, metrics } = this.services
    const { method, name, target } = this.call
    const now = deadlines.now()
    if (Exit.isSuccess(exit)) {
      budgetOf(target).deposit()
      this.#note.ended(isToolError(exit.value) ? "tool error" : "answered", now)
    } else {
      const failed = Option.getOrUndefined(Cause.findErrorOption(exit.cause))?.reason
      this.#note.ended(failed === undefined ? "cancelled" : isAnswer(failed) ? "error" : "failed", now, failed)
    }
    const millis = this.#firstSentAt === undefined ? undefined : now - this.#firstSentAt
    metrics.called({ server: target.label, method, name }, exit, millis)
    this.#trace?.ended(exit)
  }

  attempt(): Effect.Effect<A, McpRuntimeError> {
    this.#budget = this.#left()
    if (this.#budget === 0) return Effect.fail(this.#late())
    this.#used = undefined
    this.#isCallersDeadline = false
    return Effect.catch(this.services.pool.use(this.call.target, this.#send, this), this.#failed)
  }

  readonly #send = (connection: McpConnection, waited: number): Effect.Effect<A, CallFailure> => {
    const { call } = this
    this.#used = connection
    if (waited > 0) this.services.metrics.waited(call.target.label, waited)
    this.#trace?.sent(connection, waited)
    this.#note.given(connection, waited)
    this.#isCallersDeadline = this.#left() < call.limit
    this.#sentAt = undefined
    return call.send(connection, this.#remaining)
  }

  readonly #remaining = (now = this.services.deadlines.now()): number => {
    this.#sentAt ??= now
    this.#firstSentAt ??= now
    this.#note.begunAt ??= now
    return Math.max(1, Math.ceil(Math.min(this.until, this.#sentAt + this.call.limit) - now))
  }

  #left(): number {
    const { until } = this
    return until === Number.POSITIVE_INFINITY
      ? until
      : Math.max(0, Math.ceil(until - this.services.deadlines.now()))
  }

  #failure(reason: Reason): McpRuntimeError {
    const { method, name, target } = this.call
    // Many tools are called by one method: which of them was late is what a caller asks first.
    const isLateTool = reason._tag === "DeadlineExceeded" && method === "tools/call" && name !== undefined
    return this.services.failure(target, isLateTool ? new DeadlineExceeded({ ...reason, tool: name }) : reason)
  }

  #late(): McpRuntimeError {
    const { call: { method, target }, delivery, number, total } = this
    const last = this.#trouble?.last
    return this.#failure(
      new DeadlineExceeded({
        server: target.label,
        method,
        afterMillis: total,
        kind: "caller",
        delivery,
        ...(delivery === "Unknown" && { attempts: number - 1 }),
        ...(last !== undefined && { description: last })
      })
    )
  }

  /** Whatever keeps it from being sent again, an attempt before may have run: that is what its caller must know. */
  #end(reason: Reason): Effect.Effect<A, McpRuntimeError> {
    const { call: { method, target }, delivery, number } = this
    const told = delivery === "Unknown"
      ? inDoubt(reason, { server: target.label, method, attempts: number - 1 })
      : reason
    return Effect.fail(this.#failure(told))
  }

  #again(
    reason: Exclude<Reason, { readonly _tag: "DeadlineExceeded" }> & { readonly description: string },
    after: Delivery,
    {
      isPaced = false,
      leastMillis = 0,
      over = this.#end(reason),
      refused = this.refusals,
      repeated = this.repeats
    }: Again<A> = {}
  ): Effect.Effect<A, McpRuntimeError> {
    const { call: { retry } } = this
    const begun = this.#trouble === undefined
      ? this.#begin(reason.description, retry)
      : Effect.succeed({ ...this.#trouble, last: reason.description })
    return Effect.flatMap(begun, (trouble) =>
      Effect.flatMap(trouble.pause(reason), (pause) => {
        if (pause === undefined) return over
        this.#trace?.repeated(reason, after)
        this.#note.repeated(reason, after, this.services.deadlines.now())
        const ended = retry !== undefined || isPaced ? undefined : this.#used
        const breath = Duration.max(pause, Duration.millis(leastMillis))
        return Effect.andThen(
          // What is left then, not when this was written down: a breath may have been taken before.
          Effect.suspend(() => settled(ended, breath, this.#left())),
          Effect.suspend(() => {
            this.number++
            this.repeats = repeated
            this.delivery = after
            this.refusals = refused
            this.#trouble = trouble
            return this.attempt()
          })
        )
      }))
  }

  readonly #failed = (failed: CallFailure | PoolError<ConnectReason>): Effect.Effect<A, McpRuntimeError> => {
    const { call, delivery, number, refusals, total } = this
    const { method, target } = call
    const { budgetOf, deadlines, progress } = this.services
    const server = target.label
    const trouble = this.#trouble
    const isStated = call.retry !== undefined
    if (failed._tag === "PoolError") {
      const callerMillis = this.#budget < target.policy.acquireTimeout ? total : undefined
      return this.#end(
        fromPoolError(failed, {
          server,
          method,
          callerMillis,
          delivery,
          attempts: number - 1,
          progress: progress(target)
        })
      )
    }
    const error = named(failed, server)
    switch (error._tag) {
      case "ConnectionLost": {
        // It did not run, so the deadline alone counts; the pool's back-off and quarantine pace it. A call without one waits for a
        // connection that takes it no longer than for any connection.
        const isOver = !isStated && total === Number.POSITIVE_INFINITY && trouble !== undefined &&
          deadlines.now() - trouble.since >= target.policy.acquireTimeout
        if (error.delivery === "NotSent") return isOver ? this.#end(error) : this.#again(error, delivery)
        const over = this.#end(forgetful(error, refusals + 1))
        return isStated || refusals + 1 < maxRefusals || this.#isUndecided()
          ? this.#again(error, delivery === "Unknown" ? delivery : "Refused", { over, refused: refusals + 1 })
          : over
      }
      case "HttpRejected": {
        const wait = error.retryAfterMillis
        // Waiting longer than this is the caller's decision: it is told how long.
        const isLong = !isStated && this.until === Number.POSITIVE_INFINITY && number > maxRepeats
        if (wait === undefined || isLong || wait > Math.min(this.#left() - 1, maxRetryAfterMillis)) {
          return this.#end(error)
        }
        return isStated
          ? this.#again(error, delivery, { leastMillis: wait })
          : Effect.andThen(
            Effect.sleep(Duration.millis(wait)),
            Effect.suspend(() => this.#again(error, delivery))
          )
      }
      case "OutcomeUnknown": {
        const { description, end: ended, status } = error
        const unknown = (mayRepeat: boolean) =>
          this.#failure(
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
        const isLong = this.until === Number.POSITIVE_INFINITY && trouble !== undefined &&
          deadlines.now() - trouble.since >= target.policy.acquireTimeout
        if (!isStated && (isOutage ? isLong : this.repeats >= maxRepeats)) return Effect.fail(unknown(true))
        // The answer may be on its way to us, which is no reason to be late.
        return Effect.flatMap(
          Effect.timeoutOption(call.mayRepeat, Duration.millis(this.#left())),
          (said) => {
            const mayRepeat = Option.getOrElse(said, () => false)
            return mayRepeat && budgetOf(target).withdraw()
              ? this.#again(error, "Unknown", {
                over: Effect.fail(unknown(true)),
                repeated: isOutage ? this.repeats : this.repeats + 1,
                isPaced: isOutage
              })
              : Effect.fail(unknown(mayRepeat))
          }
        )
      }
      case "DeadlineExceeded":
        return this.#end(error.kind === "hard" && this.#isCallersDeadline ? toldLate(error, total) : error)
      case "TooBusy":
        return this.#end(error)
      // What remains are answers.
      case "ServerError":
      case "InvalidAnswer":
        return Effect.fail(this.#failure(error))
    }
  }

  /** The connection is doubted, and its successor may have to wait for `minUptime`. */
  #isUndecided(): boolean {
    const trouble = this.#trouble
    return this.#used?.doubts?.isRaised() === true && trouble !== undefined &&
      this.services.deadlines.now() - trouble.since < this.call.target.policy.minUptime * patience
  }

  #begin(last: string, retry: Call<unknown>["retry"] = pauses): Effect.Effect<Trouble> {
    const { deadlines } = this.services
    return Effect.map(Schedule.toStep(retry), (step) => ({
      since: deadlines.now(),
      last,
      pause: (reason) =>
        Effect.map(
          Effect.option(step(deadlines.now(), reason)),
          (next) => Option.isSome(next) ? next.value[1] : undefined
        )
    }))
  }
}

/**
 * Waits until the connection that lost the call is out of the pool's hands, or another one is given in its place, or for a pause
 * when it stays: the next attempt must not be given the very same dead connection. Without a connection for a pause, whatever happens.
 */
const settled = (used: McpConnection | undefined, pause: Duration.Duration, left: number): Effect.Effect<void> => {
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

/** The server has answered, well or ill: nothing else has gone wrong. */
export const isAnswer = ({ _tag }: Reason): boolean => _tag === "ServerError" || _tag === "InvalidAnswer"
