/**
 * A keyed pool of supervised connections, for any protocol.
 *
 * Callers borrow a connection of a key; the pool dials when there is demand, shares or dedicates connections as the policy
 * says, waits out back-off and quarantine, retires what is idle or old, and closes everything it ever opened.
 *
 * What it promises:
 * - one dial serves all callers that wait for a key; a dial goes on when its callers leave, and ends with the pool;
 * - a caller is settled exactly once: with a connection, or with a `PoolError` no later than its deadline;
 * - a caller interrupted anywhere leaves no trace: what it held is given back, what it waited for goes to the next;
 * - waiting is fair, within a key and across keys that wait for a place: no caller overtakes another, and a caller that leaves makes
 *   room;
 * - no dial follows a failure without a pause;
 * - what throws (a connector, a caller, a reader of events, a logger) ends the dial, the connection or the caller it belongs to;
 * - a busy connection is never closed for being idle, old or in the way;
 * - when the Scope of the pool closes, every connection is closed, in parallel, each finalizer exactly once.
 *
 * **Gotchas**: a lease is a right to use the connection, not a promise that it stays up: a connection that is lost while
 * leased fails its users in the terms of its protocol. The pool never interrupts a caller.
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as PubSub from "effect/PubSub"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Connector } from "./Connector.ts"
import * as Deadlines from "./Deadlines.ts"
import { Borrow } from "./internal/connection.ts"
import * as FirstFinalizer from "./internal/firstFinalizer.ts"
import { inspect } from "./internal/inspect.ts"
import { type Ask, Machine } from "./internal/machine.ts"
import { publishMetrics } from "./internal/publishMetrics.ts"
import type { AcquireTimeout, PoolError, PoolPolicyError } from "./PoolError.ts"
import type { PoolEvent } from "./PoolEvent.ts"
import * as PoolPolicy from "./PoolPolicy.ts"
import type { PoolSnapshot } from "./PoolSnapshot.ts"

/** How one caller asks. */
export interface AcquireOptions {
  /** Shortens the policy's `acquireTimeout` for this caller; never extends it. */
  readonly timeout?: Duration.Input | undefined
  /** Overrides the policy's `waitForReady` for this caller. */
  readonly waitForReady?: boolean | undefined
  /** Told, synchronously, when there is no connection at once: what this caller waits for first. */
  readonly onWait?: ((phase: AcquireTimeout<unknown>["phase"]) => void) | undefined
}

/** A pool of connections `C`, opened for keys `K`, whose dials fail with `E`. */
export interface ConnectionPool<in K, out C, out E> {
  /**
   * Borrows a connection while `f` runs, which is told how many milliseconds it waited for it: 0 if it was there. Fails with `PoolError` when
   * there is none in time, and with `f`'s own error.
   */
  readonly use: <A, E2, R>(
    key: K,
    f: (connection: C, waited: number) => Effect.Effect<A, E2, R>,
    options?: AcquireOptions
  ) => Effect.Effect<A, E2 | PoolError<E>, R>
  /** Borrows a connection until the Scope closes. Fails with `PoolError` when there is none in time. */
  readonly lease: (key: K, options?: AcquireOptions) => Effect.Effect<C, PoolError<E>, Scope.Scope>
  /** Opens a connection ahead of demand and keeps it, redialled when lost, until the Scope closes. Does not wait for it. */
  readonly warm: (key: K) => Effect.Effect<void, never, Scope.Scope>
  /** Retires the key's open connections: they are leased no more, and each closes when its last lease is returned. */
  readonly invalidate: (key: K) => Effect.Effect<void>
  /**
   * For a key that is not used again: like `invalidate`, and a connection that is still opened for waiting callers is closed as
   * soon as it is free. The key is as any other once the pool has forgotten it.
   */
  readonly discontinue: (key: K) => Effect.Effect<void>
  /** Forgets the key's back-off and quarantine, and dials at once where a caller waits or the key is kept warm. */
  readonly reset: (key: K) => Effect.Effect<void>
  /**
   * Refuses new leases, waits for the given ones until `timeout` (default: the policy's `drainTimeout`), then closes what
   * is left. The pool cannot be used afterwards.
   */
  readonly drain: (timeout?: Duration.Input) => Effect.Effect<void>
  /** The whole pool at this instant. */
  readonly snapshot: Effect.Effect<PoolSnapshot>
  /**
   * Every transition from now on, told when the move it belongs to is complete. A reader that falls 1024 events behind misses the
   * oldest; the pool never waits.
   */
  readonly events: Stream.Stream<PoolEvent>
}

/** How a pool is made: all optional. */
export interface Options<in K> {
  /** The policy of every key, and of the pool as a whole. */
  readonly policy?: PoolPolicy.PoolPolicyInput | undefined
  /**
   * A policy of its own for a key, made by `PoolPolicy.make`. Limits of the pool as a whole are taken from `policy`. One that makes no
   * sense is the defect of the caller that asked, a `PoolPolicyError`.
   */
  readonly policyFor?: ((key: K) => PoolPolicy.PoolPolicy | undefined) | undefined
  /** The pool's name in metrics. Default: `default`. */
  readonly name?: string | undefined
  /** Shares a sweeper with other users of the same Scope. Default: one of its own. */
  readonly deadlines?: Deadlines.Deadlines | undefined
}

/**
 * Makes a pool that lives as long as the Scope; closing the Scope drains it, but for keys whose policy says otherwise (`drainOnClose`). Fails with `PoolPolicyError` when the policy
 * contradicts itself.
 *
 * Dials and monitors run in the context of this call, never in a caller's.
 *
 * @example
 * ```ts
 * import { ConnectionPool, type Connector } from "@holdfast/core"
 * import * as Effect from "effect/Effect"
 *
 * const connector: Connector.Connector<string, { readonly ask: (q: string) => Effect.Effect<string> }, Error> = {
 *   fingerprint: (host) => host,
 *   classify: () => "retryable",
 *   dial: (host) =>
 *     Effect.succeed({ value: { ask: (q) => Effect.succeed(`${host}: ${q}?`) }, closed: Effect.never })
 * }
 *
 * export const program = Effect.scoped(Effect.gen(function*() {
 *   const pool = yield* ConnectionPool.make(connector, { policy: { idleTimeout: "1 minute" } })
 *   return yield* pool.use("db-1", (connection) => connection.ask("ready"))
 * }))
 * ```
 */
export const make = Effect.fnUntraced(function*<K, C, E, R = never>(
  connector: Connector<K, C, E, R>,
  options: Options<K> = {}
): Effect.fn.Return<ConnectionPool<K, C, E>, PoolPolicyError, Scope.Scope | Exclude<R, Scope.Scope>> {
  const policy = yield* PoolPolicy.make(options.policy)
  const deadlines = options.deadlines ?? (yield* Deadlines.make)
  // The Scope of `make` is not the Scope of a connection: each dial is given its own.
  const context = Context.omit(Scope.Scope)(yield* Effect.context<Exclude<R, Scope.Scope>>())
  const events = yield* PubSub.sliding<PoolEvent>(1024)
  const policyFor = options.policyFor
  const machine = new Machine<K, C, E>({
    // Dials run in `context`, which has all that they require but the Scope they are given.
    connector: connector as Connector<K, C, E>,
    policy,
    policyFor: policyFor === undefined ? () => policy : (key) => policyFor(key) ?? policy,
    deadlines,
    context,
    events
  })
  yield* publishMetrics(machine, {
    name: options.name ?? "default",
    maxConnections: policy.maxConnections,
    context
  })
  // Readers of events are strangers: one that throws at their end does not keep the pool from closing.
  const endEvents = Effect.catchDefect(
    PubSub.shutdown(events),
    (defect) => Effect.sync(() => machine.defects.tell("a reader of the pool's events threw at their end", defect))
  )
  yield* Effect.addFinalizer(() =>
    machine.endScope.pipe(Effect.andThen(machine.drain()), Effect.andThen(endEvents), Effect.andThen(machine.endFibers))
  )

  const wait = (borrow: Borrow<K, C, E>, key: K, ask: Ask): Effect.Effect<C, PoolError<E>> =>
    Effect.withSpan(
      Effect.callback<C, PoolError<E>>((resume) => {
        machine.wait(borrow, key, ask, resume)
        return Effect.sync(() => {
          machine.abandon(borrow)
        })
      }),
      "holdfast.pool.acquire",
      { captureStackTrace: false }
    )

  const isWatchingLeaks = policy.leakWarningThreshold !== Number.POSITIVE_INFINITY
  /** Where in the caller's code `use` or `lease` is called: taken then, since the effect may run anywhere. */
  const signature = (): string | undefined => isWatchingLeaks ? placeOf(new Error("a lease is asked for")) : undefined
  const signed = <A, X, R>(
    borrow: Borrow<K, C, E>,
    place: string | undefined,
    take: Effect.Effect<A, X, R>
  ): Effect.Effect<A, X, R> =>
    place === undefined ? take : Effect.flatMap(Effect.option(Effect.currentSpan), (span) => {
      borrow.holder = Option.isSome(span) ? `span ${span.value.name}, ${place}` : place
      return take
    })

  const leaseCold = (
    scope: Scope.Scope,
    key: K,
    place: string | undefined,
    options: AcquireOptions | undefined
  ): Effect.Effect<C, PoolError<E>> =>
    Effect.uninterruptibleMask((restore) => {
      const borrow = new Borrow<K, C, E>()
      const giveBack = Effect.suspend(() => machine.giveBack(borrow) ?? Effect.void)
      return Effect.onExit(
        restore(signed(
          borrow,
          place,
          Effect.suspend(() => {
            const dialled = machine.take(borrow, key) ? borrow.connection?.dialled : undefined
            return dialled === undefined ? wait(borrow, key, toAsk(options)) : Effect.succeed(dialled.value)
          })
        )),
        (exit) => Exit.isSuccess(exit) ? Scope.addFinalizer(scope, giveBack) : giveBack
      )
    })

  return {
    use: (key, f, options) => {
      const place = signature()
      return Effect.suspend(() => {
        const borrow = new Borrow<K, C, E>()
        return Effect.onExitPrimitive(
          signed(
            borrow,
            place,
            Effect.suspend(() => {
              if (machine.take(borrow, key)) {
                const dialled = borrow.connection?.dialled
                if (dialled !== undefined) return f(dialled.value, 0)
              }
              const since = deadlines.now()
              return Effect.flatMap(
                wait(borrow, key, toAsk(options)),
                (connection) => f(connection, deadlines.now() - since)
              )
            })
          ),
          () => machine.giveBack(borrow)
        )
      })
    },
    lease: (key, options) => {
      const place = signature()
      return Effect.withFiber((fiber) => {
        const scope = Context.getUnsafe(fiber.context, Scope.Scope)
        if (place === undefined && FirstFinalizer.isFree(scope)) {
          const borrow = new Borrow<K, C, E>()
          const dialled = machine.take(borrow, key) ? borrow.connection?.dialled : undefined
          if (dialled === undefined) return leaseCold(scope, key, place, options)
          FirstFinalizer.put(scope, () => machine.giveBack(borrow) ?? Effect.void)
          return Effect.succeed(dialled.value)
        }
        if (place !== undefined || !machine.isWarm(key) || scope.state._tag === "Closed") {
          return leaseCold(scope, key, place, options)
        }
        // The finalizer goes first: a lease cannot fall between the two, and no mask is needed. If the pool or the Scope has
        // changed its mind in between, that finalizer will find nothing to give back, and the lease is taken the other way.
        const borrow = new Borrow<K, C, E>()
        return Effect.flatMap(Scope.addFinalizerExit(scope, () => machine.giveBack(borrow) ?? Effect.void), () => {
          const dialled = scope.state._tag !== "Closed" && machine.take(borrow, key)
            ? borrow.connection?.dialled
            : undefined
          return dialled === undefined ? leaseCold(scope, key, place, options) : Effect.succeed(dialled.value)
        })
      })
    },
    warm: (key) =>
      Effect.asVoid(Effect.acquireRelease(
        Effect.sync(() => machine.warm(key)),
        (cool) => Effect.sync(cool)
      )),
    invalidate: (key) => Effect.sync(() => machine.invalidate(key)),
    discontinue: (key) => Effect.sync(() => machine.discontinue(key)),
    reset: (key) => Effect.sync(() => machine.reset(key)),
    drain: (timeout) =>
      machine.drain(timeout === undefined ? undefined : Duration.toMillis(Duration.fromInputUnsafe(timeout))),
    snapshot: Effect.sync(() => inspect(machine)),
    events: Stream.fromPubSub(events)
  }
})

/**
 * A pool as a service, for a protocol of one's own: a layer that makes it and closes it with the layer's Scope. What dials require
 * becomes the layer's requirement. Fails with `PoolPolicyError` when the policy contradicts itself.
 *
 * @example
 * ```ts
 * import { ConnectionPool, type Connector } from "@holdfast/core"
 * import * as Context from "effect/Context"
 * import * as Effect from "effect/Effect"
 *
 * interface Database {
 *   readonly query: (sql: string) => Effect.Effect<ReadonlyArray<unknown>>
 * }
 *
 * class Databases extends Context.Service<Databases, ConnectionPool.ConnectionPool<string, Database, Error>>()(
 *   "example/Databases"
 * ) {}
 *
 * const connector: Connector.Connector<string, Database, Error> = {
 *   fingerprint: (host) => host,
 *   classify: () => "retryable",
 *   dial: () => Effect.succeed({ value: { query: () => Effect.succeed([1]) }, closed: Effect.never })
 * }
 *
 * export const program = Effect.gen(function*() {
 *   const databases = yield* Databases
 *   return yield* databases.use("db-1", (database) => database.query("select 1"))
 * }).pipe(Effect.provide(ConnectionPool.layer(Databases, connector, { policy: { maxConnectionsPerKey: 4 } })))
 * ```
 */
export const layer = <Self, K, C, E, R = never>(
  service: Context.Key<Self, ConnectionPool<K, C, E>>,
  connector: Connector<K, C, E, R>,
  options: Options<K> = {}
): Layer.Layer<Self, PoolPolicyError, Exclude<R, Scope.Scope>> => Layer.effect(service, make(connector, options))

const toAsk = (options: AcquireOptions | undefined): Ask => ({
  timeout: options?.timeout === undefined
    ? Number.POSITIVE_INFINITY
    : Duration.toMillis(Duration.fromInputUnsafe(options.timeout)),
  waitForReady: options?.waitForReady,
  onWait: options?.onWait
})

/** The first line of a stack that is neither this library's nor Effect's: where the caller's own code asked. */
const placeOf = (error: Error): string => {
  // A program may make of `stack` what it likes.
  const lines = String(error.stack).split("\n").slice(1).map((line) => line.trim())
  const own = lines.find((line) => !/[\\/](effect|core)[\\/](src|dist)[\\/]|node:internal/.test(line))
  return own ?? lines[0] ?? "an unknown place"
}
