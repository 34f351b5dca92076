/**
 * Calls that are tasks of their server, from the answer that says so to their one result.
 *
 * Promises
 * - A task is asked for as often as it says, or the caller does, and no question after it harms it: a lost connection, a server that is restarted, an answer that does
 *   not come are asked again, for as long as the server's hard deadline after its last answer. A server that does not know the task is believed.
 * - What the task asks (elicitation, sampling, roots) the handlers answer: in the legacy era over a `tasks/result` that waits for the end,
 *   in the modern era by `tasks/update`, each question once.
 * - A server that tells of the end, or of a question, is asked at once.
 * - A caller that leaves a call of its own tells the server to cancel the task. One that only waits for a task leaves it as it is.
 * - A connection is not held between two questions, but where the next one would meet another process: there the call keeps its own, for as long as that lives.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks
 * @see https://modelcontextprotocol.io/seps/2663-tasks-extension
 */
import type { Deadlines } from "@holdfast/core"
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as Messages from "@holdfast/protocol/Messages"
import * as Tasks from "@holdfast/protocol/Tasks"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type { ClientHandlers } from "../../ClientHandlers.ts"
import type { Endpoint } from "../../Endpoint.ts"
import {
  DeadlineExceeded,
  McpRuntimeError,
  type Reason,
  ServerError,
  TaskCancelled,
  TaskNotFound
} from "../../McpRuntimeError.ts"
import type { Era, McpConnection } from "../connection/contract.ts"
import { answerTo } from "../connection/inputRounds.ts"
import { named } from "../connection/naming.ts"
import type { PooledServer } from "../pool/PooledServer.ts"
import type { KeepOpen } from "../subscriptions/KeepOpen.ts"
import type { CallRetries } from "./CallRetries.ts"
import type { PollOptions, WaitOptions } from "./contract.ts"
import { invalid, type Oddities } from "./Oddities.ts"
import type { TaskHandle } from "./taskContract.ts"

export interface TaskCallsOptions {
  readonly retries: CallRetries
  readonly deadlines: Deadlines.Deadlines
  readonly keepOpen: KeepOpen
  readonly oddities: Oddities
  readonly handlers: ClientHandlers
  /** For what is still to be said when a caller has left. */
  readonly scope: Scope.Scope
}

/** A task, and the server that it is at. */
export interface TaskAt {
  readonly server: string | Endpoint
  readonly target: PooledServer
  readonly handle: TaskHandle
}

/** Asks the server once, and again where that is harmless. `limit`: milliseconds. */
type Ask = (method: string, params: object, limit: number) => Effect.Effect<Answer, McpRuntimeError>

/** The way to the server. */
interface Line {
  readonly ask: Ask
  /** It is one connection: once that is lost nothing comes over it any more. */
  readonly isHeld: boolean
}

/** The time that a caller gives. */
export interface Deadline {
  readonly afterMillis: number
  /** Milliseconds. */
  readonly left: () => number
}

export interface DriveOptions extends PollOptions {
  readonly deadline?: Deadline | undefined
}

interface Answer {
  /** Of the connection that has brought it. */
  readonly era: Era
  readonly answer: unknown
}

/** Pauses where the server names none. */
const pauses = Schedule.min([Schedule.exponential("500 millis", 1.5), Schedule.spaced("5 seconds")])

/** No server is asked more often, whatever it says; and none is left alone for longer. */
const pollMillis = { least: 100, most: 3_600_000 }

/** So many errors in a row are an answer. */
const mostErrors = 5

/** How long a caller that leaves waits until the server has heard of it. */
const farewell = "2 seconds"

/** What servers say of a task that they do not know, or that cannot be cancelled any more; and those that have no tasks. */
const isUnknown = ({ reason }: McpRuntimeError): boolean =>
  reason._tag === "ServerError" &&
  (reason.code === JsonRpc.errorCode.invalidParams || reason.code === JsonRpc.errorCode.methodNotFound)

export class TaskCalls {
  readonly #options: TaskCallsOptions
  /** By server and task: those that wait for it. */
  readonly #waiting = new Map<string, Set<(status: unknown) => void>>()

  constructor(options: TaskCallsOptions) {
    this.#options = options
  }

  /** Whether another question may meet another process, which does not know the task of this one. */
  static isHeld({ policy }: PooledServer): boolean {
    return !policy.reuse || policy.maxConnectionsPerKey > 1
  }

  /** A notification of the server. */
  heard({ fingerprint }: PooledServer, method: string, params: unknown): void {
    if (method !== "notifications/tasks/status" && method !== "notifications/tasks") return
    const { status, taskId }: { readonly status?: unknown; readonly taskId?: unknown } =
      typeof params === "object" && params !== null ? params : {}
    for (const wake of this.#waiting.get(`${fingerprint} ${String(taskId)}`) ?? []) wake(status)
  }

  /** What the answer to a call says of the task that it is. */
  begun(
    server: string | Endpoint,
    target: PooledServer,
    tool: string,
    answer: object
  ): Effect.Effect<TaskAt & { readonly task: Tasks.Task }, McpRuntimeError> {
    return Effect.flatMap(Clock.currentTimeMillis, (startedAt) =>
      Result.match(Tasks.decodeTask(answer), {
        onFailure: (problem) => fail(invalid(target.label, "tools/call", `its task cannot be read: ${problem}`)),
        onSuccess: (task) => {
          const { taskId, ttl } = task
          const name = typeof server === "string" ? server : target.label
          return Effect.succeed({ server, target, task, handle: { server: name, tool, taskId, startedAt, ttl } })
        }
      }))
  }

  /** What the task is now. */
  get(at: TaskAt, options: WaitOptions): Effect.Effect<Tasks.Task, McpRuntimeError> {
    return this.#look(at, this.#pooled(at.target, options))
  }

  /** Ends the task. One that has ended stays as it is. */
  cancel(at: TaskAt, options: WaitOptions): Effect.Effect<void, McpRuntimeError> {
    return this.#cancel(at, this.#pooled(at.target, options))
  }

  #cancel(at: TaskAt, ask: Ask): Effect.Effect<void, McpRuntimeError> {
    const { handle: { taskId }, target } = at
    return ask("tasks/cancel", { taskId }, target.deadlines.read).pipe(
      Effect.asVoid,
      // Some servers say so of one that has ended; of one that they do not know they say it once more.
      Effect.catchIf(
        isUnknown,
        (error) =>
          Effect.flatMap(this.#look(at, ask), (task) => Tasks.hasEnded(task) ? Effect.void : Effect.fail(error))
      )
    )
  }

  /** Drives the task of a call to its end, as `drive` does, over the connection that it was made on. Succeeds with nothing when that is lost. */
  driveOn(
    connection: McpConnection,
    at: TaskAt,
    first: Tasks.Task,
    options: DriveOptions
  ): Effect.Effect<Exit.Exit<Messages.CallToolResult, McpRuntimeError> | undefined> {
    const { target } = at
    const server = target.label
    const ask: Ask = (method, params, limit) =>
      connection.request(method, params, { hardDeadline: limit, server, takesTasks: true }).pipe(
        Effect.mapBoth({
          onFailure: (failure) => new McpRuntimeError({ reason: named(failure, server) }),
          onSuccess: (answer) => ({ era: connection.era, answer })
        })
      )
    return Effect.map(
      Effect.exit(this.#attached(at, { ask, isHeld: true }, first, options)),
      (exit) => Exit.isFailure(exit) && isLoss(exit) ? undefined : exit
    )
  }

  /** Drives the task of a call to its end: that of a caller that leaves is cancelled. */
  drive(
    at: TaskAt,
    first: Tasks.Task | undefined,
    options: DriveOptions
  ): Effect.Effect<Messages.CallToolResult, McpRuntimeError> {
    return Effect.scoped(Effect.andThen(
      this.#options.keepOpen.hold(at.server),
      this.#attached(at, { ask: this.#pooled(at.target), isHeld: false }, first, options)
    ))
  }

  /** Waits for the end of a task that goes on without its caller. */
  await(at: TaskAt, options: DriveOptions): Effect.Effect<Messages.CallToolResult, McpRuntimeError> {
    const followed = this.#follow(at, { ask: this.#pooled(at.target), isHeld: false }, undefined, options, ignore)
    return Effect.scoped(Effect.andThen(
      this.#options.keepOpen.hold(at.server),
      inTime(followed, options, ({ afterMillis }) => stillWorking(at, afterMillis))
    ))
  }

  #pooled(target: PooledServer, { deadline, waitForReady }: WaitOptions = {}): Ask {
    return (method, params, limit) =>
      this.#options.retries.run({
        target,
        method,
        limit,
        deadline,
        waitForReady,
        send: (connection, left) =>
          Effect.map(
            connection.request(method, params, { hardDeadline: left, server: target.label, takesTasks: true }),
            (answer) => ({ era: connection.era, answer })
          ),
        mayRepeat: Effect.succeed(true)
      })
  }

  #look(at: TaskAt, ask: Ask): Effect.Effect<Tasks.Task, McpRuntimeError> {
    const { handle: { taskId }, target } = at
    return ask("tasks/get", { taskId }, target.deadlines.read).pipe(
      Effect.flatMap(({ answer }) => this.#read(at, answer)),
      Effect.catchIf(isUnknown, (error) => this.#notFound(at, descriptionOf(error), at.handle.ttl))
    )
  }

  #read({ target }: TaskAt, answer: unknown): Effect.Effect<Tasks.Task, McpRuntimeError> {
    return Result.match(Tasks.decodeTask(answer), {
      onFailure: (problem) => fail(invalid(target.label, "tasks/get", problem)),
      onSuccess: (task) => Effect.succeed(task)
    })
  }

  #notFound(
    { handle: { startedAt, taskId, tool }, target }: TaskAt,
    said: string,
    ttl: number | null
  ): Effect.Effect<never, McpRuntimeError> {
    return Effect.flatMap(Clock.currentTimeMillis, (now) =>
      fail(
        new TaskNotFound({
          server: target.label,
          taskId,
          tool,
          description: said,
          ...ttl !== null && now - startedAt >= ttl && { keptMillis: ttl }
        })
      ))
  }

  #attached(
    at: TaskAt,
    line: Line,
    first: Tasks.Task | undefined,
    options: DriveOptions
  ): Effect.Effect<Messages.CallToolResult, McpRuntimeError> {
    let isOver = false
    const followed = this.#follow(at, line, first, options, () => {
      isOver = true
    })
    const { handle: { taskId, tool }, target } = at
    const driven = inTime(
      followed,
      options,
      ({ afterMillis }) =>
        new DeadlineExceeded({
          server: target.label,
          method: "tools/call",
          afterMillis,
          kind: "caller",
          delivery: "Unknown",
          tool
        })
    )
    return Effect.onExit(driven, (exit) => {
      if (isOver || Exit.isSuccess(exit) || (line.isHeld && isLoss(exit))) return Effect.void
      const cancel = Effect.catch(this.#cancel(at, line.ask), ({ message }) =>
        Effect.logWarning(
          `${target.label}: the task ${taskId} of a caller that has left could not be cancelled, and may go on: ${message}`
        )).pipe(Effect.timeoutOption(farewell))
      // A failure is not to wait for this; one that leaves may take the runtime along.
      return Exit.hasInterrupts(exit) ? cancel : Effect.forkIn(cancel, this.#options.scope)
    })
  }

  /** Until there is a result. `onOver` is called when the server has said that the task has ended, or that there is none. */
  #follow(
    at: TaskAt,
    { ask, isHeld }: Line,
    first: Tasks.Task | undefined,
    { onTask, poll }: PollOptions,
    onOver: () => void
  ): Effect.Effect<Messages.CallToolResult, McpRuntimeError> {
    const { deadlines } = this.#options
    const { handle: { taskId, tool }, target } = at
    const { hard, read } = target.deadlines
    const outcome = Deferred.makeUnsafe<Messages.CallToolResult, McpRuntimeError>()
    const news = Latch.makeUnsafe()
    const answered = new Set<string>()
    let resultOnItsWay: Fiber.Fiber<void> | undefined
    let last: Tasks.Task | undefined
    let errors = 0
    const began = deadlines.now()
    let heardAt = began

    const tell = (task: Tasks.Task): void => {
      const isNews = last === undefined || last.status !== task.status || last.statusMessage !== task.statusMessage
      last = task
      if (isNews) onTask?.(task)
    }
    const resultOf = (result: unknown) =>
      this.#options.oddities.read(
        target.label,
        { method: "tools/call", params: { name: tool } },
        result,
        Messages.decodeCallToolResult
      )
    /** Legacy: waits for the end at the server, which may ask meanwhile. */
    const askedOver = ask("tasks/result", { taskId }, hard).pipe(
      Effect.flatMap(({ answer }) => resultOf(answer)),
      Effect.matchEffect({
        // What is no error of the call is met again by the next question after the task.
        onFailure: (error) =>
          error.reason._tag === "ServerError" && !isUnknown(error)
            ? Effect.suspend(() => {
              onOver()
              return Deferred.fail(outcome, ofCall(error))
            })
            : Effect.logDebug(`${target.label}: the result of the task ${taskId} did not come: ${error.message}`),
        onSuccess: (result) =>
          Effect.suspend(() => {
            onOver()
            return Deferred.succeed(outcome, result)
          })
      }),
      Effect.asVoid
    )
    /** Modern. */
    const answerQuestion = ([key, question]: readonly [string, Parameters<typeof answerTo>[0]]) =>
      answerTo(question, { server: target.label, method: "tools/call", handlers: this.#options.handlers }).pipe(
        Effect.mapError((reason) => new McpRuntimeError({ reason })),
        Effect.flatMap((response) =>
          Effect.retry(ask("tasks/update", { taskId, inputResponses: { [key]: response } }, read), {
            while: isPassing,
            schedule: pauses
          })
        ),
        // One that does not know the task says so to the next question after it.
        Effect.catchIf(isUnknown, () => Effect.void),
        Effect.catch((error) => Deferred.fail(outcome, error)),
        Effect.asVoid
      )
    const ended = (task: Tasks.Task, { answer, era }: Answer) => {
      if (task.status === "cancelled") {
        return fail(new TaskCancelled({ server: target.label, taskId, tool, description: task.statusMessage }))
      }
      if (era === "legacy") {
        return ask("tasks/result", { taskId }, read).pipe(
          Effect.mapError(ofCall),
          Effect.flatMap(({ answer }) => resultOf(answer))
        )
      }
      const { error, result }: { readonly error?: unknown; readonly result?: unknown } =
        typeof answer === "object" && answer !== null ? answer : {}
      return task.status === "failed" ? fail(errorOf(target.label, error, task)) : resultOf(result)
    }

    return Effect.scoped(Effect.gen({ self: this }, function*() {
      const scope = yield* Effect.scope
      const fork = (effect: Effect.Effect<void>) => Effect.forkIn(effect, scope)
      yield* this.#listen(at, (status) => {
        if (status !== last?.status && status !== "working") news.openUnsafe()
      })
      const step = yield* Schedule.toStep(poll ?? pauses)
      const pause = Effect.gen(function*() {
        const known = last ?? { taskId, status: "working", ttl: null } satisfies Tasks.Task
        const next = yield* Effect.option(step(deadlines.now(), known))
        if (Option.isNone(next)) {
          const afterMillis = deadlines.now() - began
          const description = "the schedule of its polls is over"
          return yield* fail(stillWorking(at, afterMillis, description))
        }
        const stated = last?.pollInterval
        const millis = poll === undefined && stated !== undefined
          ? stated
          : Math.max(Duration.toMillis(next.value[1]), stated ?? 0)
        yield* Effect.timeoutOption(news.await, Math.min(Math.max(millis, pollMillis.least), pollMillis.most))
        news.closeUnsafe()
      })
      if (first !== undefined) tell(first)
      if (first !== undefined && !Tasks.hasEnded(first)) yield* pause
      const polling = Effect.gen({ self: this }, function*() {
        for (;; yield* pause) {
          const looked = yield* Effect.result(ask("tasks/get", { taskId }, read))
          if (Result.isFailure(looked)) {
            const { failure } = looked
            if (isUnknown(failure)) {
              onOver()
              return yield* this.#notFound(at, descriptionOf(failure), last?.ttl ?? at.handle.ttl)
            }
            const isError = failure.reason._tag === "ServerError" && ++errors < mostErrors
            if (!isError && (!isPassing(failure) || (isHeld && isLost(failure)))) return yield* failure
            if (deadlines.now() - heardAt >= hard) return yield* failure
            yield* Effect.logDebug(
              `${target.label}: no word of the task ${taskId}, which is asked for again: ${failure.message}`
            )
            continue
          }
          heardAt = deadlines.now()
          errors = 0
          const task = yield* this.#read(at, looked.success.answer)
          tell(task)
          if (Tasks.hasEnded(task)) {
            onOver()
            const result = yield* Effect.result(ended(task, looked.success))
            // A result that was lost on its way is fetched again.
            if (Result.isFailure(result) && isPassing(result.failure)) continue
            return yield* Effect.fromResult(result)
          }
          if (task.status !== "input_required") continue
          if (looked.success.era === "legacy") {
            if (resultOnItsWay?.pollUnsafe() !== undefined) resultOnItsWay = undefined
            resultOnItsWay ??= yield* fork(askedOver)
          } else {
            for (const question of Tasks.questionsIn(looked.success.answer)) {
              const [key] = question
              if (answered.has(key)) continue
              answered.add(key)
              yield* fork(answerQuestion(question))
            }
          }
        }
      })
      return yield* Effect.raceFirst(polling, Deferred.await(outcome))
    }))
  }

  #listen(
    { handle: { taskId }, target: { fingerprint } }: TaskAt,
    wake: (status: unknown) => void
  ): Effect.Effect<void, never, Scope.Scope> {
    const key = `${fingerprint} ${taskId}`
    return Effect.asVoid(Effect.acquireRelease(
      Effect.sync(() => {
        const wakes = this.#waiting.get(key) ?? new Set()
        this.#waiting.set(key, wakes.add(wake))
        return wakes
      }),
      (wakes) =>
        Effect.sync(() => {
          wakes.delete(wake)
          if (wakes.size === 0) this.#waiting.delete(key)
        })
    ))
  }
}

/** The deadline of a wait, whose task goes on. */
export const stillWorking = (
  { handle: { taskId, tool }, target }: TaskAt,
  afterMillis: number,
  description?: string
): DeadlineExceeded =>
  new DeadlineExceeded({
    server: target.label,
    method: "tasks/get",
    afterMillis,
    kind: "caller",
    delivery: "Unknown",
    tool,
    taskId,
    description
  })

const ignore = (): void => {}

const fail = (reason: Reason): Effect.Effect<never, McpRuntimeError> => Effect.fail(new McpRuntimeError({ reason }))

const descriptionOf = ({ message, reason }: McpRuntimeError): string =>
  reason._tag === "ServerError" ? reason.description : message

/** What is answered to `tasks/result` with an error was answered to the call. */
const ofCall = (error: McpRuntimeError): McpRuntimeError =>
  error.reason._tag === "ServerError"
    ? new McpRuntimeError({ reason: new ServerError({ ...error.reason, method: "tools/call" }) })
    : error

const errorOf = (server: string, said: unknown, { statusMessage }: Tasks.Task): ServerError => {
  const { code, data, message }: { readonly code?: unknown; readonly data?: unknown; readonly message?: unknown } =
    typeof said === "object" && said !== null ? said : {}
  return new ServerError({
    server,
    method: "tools/call",
    code: typeof code === "number" && Number.isFinite(code) ? code : JsonRpc.errorCode.internalError,
    description: typeof message === "string" ? message : statusMessage ?? "the task has failed, and does not say why",
    data
  })
}

/** Says nothing of the task: it may be asked for again. */
const isPassing = ({ reason }: McpRuntimeError): boolean => {
  switch (reason._tag) {
    case "ConnectionLost":
    case "OutcomeUnknown":
    case "DeadlineExceeded":
    case "Quarantined":
    case "NotReady":
    case "TooBusy":
    case "Unreachable":
    case "ServerExited":
    case "HandshakeTimeout":
      return true
    case "SpawnFailed":
      return reason.retryable
    case "HttpRejected":
      return reason.status >= 500 || [408, 425, 429].includes(reason.status)
    default:
      return false
  }
}

/** A connection cannot say what has become of the task; another one can. */
const isLost = ({ reason }: McpRuntimeError): boolean =>
  reason._tag === "ConnectionLost" || reason._tag === "OutcomeUnknown"

const isLoss = (exit: Exit.Exit<unknown, McpRuntimeError>): boolean => Option.exists(Exit.findErrorOption(exit), isLost)

/** Ends what takes longer than its caller has time. */
const inTime = <A>(
  effect: Effect.Effect<A, McpRuntimeError>,
  { deadline }: DriveOptions,
  late: (deadline: Deadline) => DeadlineExceeded
): Effect.Effect<A, McpRuntimeError> =>
  deadline === undefined
    ? effect
    : Effect.suspend(() =>
      Effect.timeoutOrElse(effect, { duration: Math.max(0, deadline.left()), orElse: () => fail(late(deadline)) })
    )
