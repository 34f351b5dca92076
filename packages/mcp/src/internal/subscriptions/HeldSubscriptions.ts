/**
 * Callers that only listen: their subscriptions are told to the server, and the server is kept connected for it until their Scope closes,
 * as `warm` does.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { Endpoint } from "../../Endpoint.ts"
import { DeadlineExceeded, type McpRuntimeError } from "../../McpRuntimeError.ts"
import type { CallRetries } from "../calls/CallRetries.ts"
import type { WaitOptions } from "../calls/contract.ts"
import type { CallFailure, McpConnection } from "../connection/contract.ts"
import { millisOf } from "../durations.ts"
import type { PooledServer, PooledServers } from "../pool/PooledServer.ts"
import type { KeepOpen } from "./KeepOpen.ts"
import type { Subscriptions } from "./Subscriptions.ts"
import type { LogLevel } from "./SubscriptionSync.ts"

export interface HeldSubscriptionsOptions {
  readonly targets: PooledServers
  readonly subscriptions: Subscriptions
  readonly retries: CallRetries
  readonly keepOpen: KeepOpen
  /** Owns what no caller waits for. */
  readonly scope: Scope.Scope
}

/** A resource or a log level to hear of, as `Subscriptions` knows it. */
interface Subscription {
  readonly method: string
  readonly add: () => void
  readonly tell: (target: PooledServer, connection: McpConnection) => Effect.Effect<void, CallFailure>
  readonly promise: () => void
  readonly remove: () => void
  /** Waits until all connections know of it, or know that it is over. */
  readonly settled: Effect.Effect<void>
}

export class HeldSubscriptions {
  readonly #options: HeldSubscriptionsOptions

  constructor(options: HeldSubscriptionsOptions) {
    this.#options = options
  }

  subscribe(
    server: string | Endpoint,
    uri: string,
    options: WaitOptions
  ): Effect.Effect<void, McpRuntimeError, Scope.Scope> {
    const { subscriptions } = this.#options
    return this.#hold(server, options, {
      method: "resources/subscribe",
      add: () => subscriptions.addResource(server, uri),
      tell: (target, connection) => subscriptions.watch(target, connection, uri),
      promise: () => subscriptions.promiseResource(server, uri),
      remove: () => subscriptions.removeResource(server, uri),
      settled: subscriptions.settled(server, uri)
    })
  }

  logLevel(
    server: string | Endpoint,
    level: LogLevel,
    options: WaitOptions
  ): Effect.Effect<void, McpRuntimeError, Scope.Scope> {
    const { subscriptions } = this.#options
    return this.#hold(server, options, {
      method: "logging/setLevel",
      add: () => subscriptions.addLevel(server, level),
      tell: (target, connection) => subscriptions.log(target, connection),
      promise: () => subscriptions.promiseLevel(server, level),
      remove: () => subscriptions.removeLevel(server, level),
      settled: subscriptions.settled(server)
    })
  }

  /** Until the Scope closes, whatever becomes of the server and of its name. */
  keepConnected(server: string | Endpoint): Effect.Effect<void, never, Scope.Scope> {
    return this.#options.keepOpen.hold(server)
  }

  /** Holds a subscription until the Scope closes. One that could not be told is forgotten. */
  #hold(
    server: string | Endpoint,
    options: WaitOptions,
    subscription: Subscription
  ): Effect.Effect<void, McpRuntimeError, Scope.Scope> {
    const { scope, targets } = this.#options
    const held = Effect.acquireRelease(Effect.sync(subscription.add), () => {
      subscription.remove()
      return subscription.settled
    }).pipe(
      Effect.andThen(this.#tell(server, options, subscription)),
      Effect.andThen(Effect.sync(subscription.promise)),
      Effect.andThen(this.keepConnected(server)),
      // On one connection it is told by now.
      Effect.andThen(subscription.settled)
    )
    return targets.at(server, () =>
      // In a Scope of its own, which ends with it when it fails: the caller's may live on.
      Effect.uninterruptibleMask((restore) =>
        Effect.flatMap(Effect.flatMap(Effect.scope, (callers) => Scope.fork(callers)), (own) =>
          Effect.onExit(restore(Scope.provide(held, own)), (exit) =>
            Exit.isSuccess(exit)
              ? Effect.void
              // The server may have heard of it, which is no reason for its caller to wait.
              : Effect.asVoid(Effect.forkIn(Scope.close(own, exit), scope, { startImmediately: true }))))
      ))
  }

  /** By a connection of the pool's choice, as any request; of another server, if another config gives the name to one meanwhile. */
  #tell(
    server: string | Endpoint,
    { deadline, waitForReady }: WaitOptions,
    { method, tell }: Subscription
  ): Effect.Effect<void, McpRuntimeError> {
    const { retries, targets } = this.#options
    return Effect.suspend(() => {
      const until = retries.deadlines.now() +
        (deadline === undefined ? Number.POSITIVE_INFINITY : millisOf("deadline", deadline))
      const once = targets.at(server, (target) => {
        const isMoved = () => targets.current(server)?.fingerprint !== target.fingerprint
        return retries.run({
          target,
          method,
          limit: target.deadlines.read,
          deadline: deadline && Math.max(0, Math.ceil(until - retries.deadlines.now())),
          waitForReady,
          send: (connection, left) =>
            isMoved() ? Effect.succeed(true) : inTime(Effect.map(tell(target, connection), isMoved), {
              server: connection.server,
              method,
              afterMillis: left()
            }),
          mayRepeat: Effect.succeed(true)
        })
      })
      return Effect.asVoid(Effect.repeat(once, { while: (isMoved) => isMoved }))
    })
  }
}

/** Others may be told before: the time that the server has for a request does not cover that. */
const inTime = <A>(
  telling: Effect.Effect<A, CallFailure>,
  { afterMillis, method, server }: { readonly server: string; readonly method: string; readonly afterMillis: number }
): Effect.Effect<A, CallFailure> =>
  Effect.timeoutOrElse(telling, {
    duration: Duration.millis(afterMillis),
    orElse: () => Effect.fail(new DeadlineExceeded({ server, method, afterMillis, kind: "hard", delivery: "Unknown" }))
  })
