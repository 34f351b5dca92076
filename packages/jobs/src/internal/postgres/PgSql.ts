/**
 * Postgres as people operate it, as a `SqlClient`: every statement and every wait for a connection has a deadline, and a connection
 * that missed one, or that says that it is read-only, is not used again.
 *
 * Both sides watch the deadline. This side gives a statement up and drops its connection; the server is told the same limits when the
 * connection is opened, so that it does not go on for a client that is gone. A pool in between, such as PgBouncer, may refuse those
 * parameters or keep them to itself: then statements are not prepared, and the server's side is the operator's.
 *
 * **Gotchas**: a transaction that missed a deadline may have been committed. All that is written here can be written again.
 */
import * as PgClient from "@effect/sql-pg/PgClient"
import * as PgConnection from "@effect/sql-pg/PgConnection"
import * as PgPool from "@effect/sql-pg/PgPool"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as SqlClient from "effect/sql/SqlClient"
import type { Connection } from "effect/sql/SqlConnection"
import { ConnectionError, SqlError } from "effect/sql/SqlError"
import * as Stream from "effect/Stream"
import { isNativeError } from "node:util/types"

export interface Options {
  readonly config: PgClient.PgPoolConfig
  readonly maxConnections: number
  /** Of one statement, and of the wait for a connection. */
  readonly deadline: Duration.Duration
  /** Is told of each statement how it went. */
  readonly observe: (error: SqlError | undefined) => void
}

/** What the server is told when a connection is opened. */
const sessionLimits = (deadline: Duration.Duration): Readonly<Record<string, string>> => {
  const millis = `${Duration.toMillis(deadline)}`
  return {
    default_transaction_isolation: "read committed",
    statement_timeout: millis,
    lock_timeout: millis,
    idle_in_transaction_session_timeout: millis
  }
}

/** SQLSTATE `read_only_sql_transaction`. */
const readOnly = "25006"

export const codeOf = ({ reason: { cause } }: SqlError): string =>
  typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : ""

const late = (what: string, deadline: Duration.Duration) =>
  new SqlError({
    reason: new ConnectionError({
      cause: new Error(`${what} within ${Duration.toMillis(deadline) / 1000} s`),
      operation: "execute"
    })
  })

/** Connects when it is first used; disconnected with the Scope. */
export const make = Effect.fnUntraced(function*({ config, deadline, maxConnections, observe }: Options) {
  const scope = yield* Effect.scope
  const settings = (startupParameters: Readonly<Record<string, string>>, prepare: boolean) => ({
    connectTimeout: deadline,
    connectionTTL: "10 minutes" as const,
    keepAlive: "10 seconds" as const,
    maxMessageSize: 128 * 2 ** 20,
    ...config,
    maxConnections,
    prepare: config.prepare ?? prepare,
    // Leases are times without a zone: all programs write those of one.
    startupParameters: { timezone: "UTC", ...startupParameters, ...config.startupParameters }
  })
  const open = (startupParameters: Readonly<Record<string, string>>, prepare: boolean) =>
    PgPool.make(settings(startupParameters, prepare))
  const limits = sessionLimits(deadline)
  const direct = yield* open(limits, true)
  const isDirect = yield* Effect.scoped(
    Effect.flatMap(
      direct.get,
      (connection) => connection.queryValues("SELECT current_setting('statement_timeout') <> '0'", [], false)
    )
  ).pipe(
    Effect.map(([row]) => row?.[0] === true),
    Effect.catchIf(isUnsupportedParameter, () => Effect.succeed(false)),
    Effect.timeoutOrElse({
      duration: Duration.times(deadline, 2),
      orElse: () => Effect.fail(late("no answer", deadline))
    })
  )
  const pool = isDirect ? direct : yield* open({}, false)

  /** All that are open to a server that turned read-only are of that server. */
  const used = new Set<PgConnection.PgConnection>()
  const dropAll = Effect.suspend(() => {
    const all = [...used]
    used.clear()
    return Effect.forEach(all, pool.invalidate, { discard: true })
  })
  const drop = (connection: PgConnection.PgConnection) =>
    Effect.suspend(() => {
      used.delete(connection)
      return pool.invalidate(connection)
    })

  /** Given up after the deadline, and whatever is left of it then is cleaned up by itself. */
  const bounded = <A>(
    connection: PgConnection.PgConnection,
    statement: Effect.Effect<A, SqlError>
  ): Effect.Effect<A, SqlError> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function*() {
        const fiber = yield* Effect.forkIn(restore(statement), scope, { startImmediately: true })
        const giveUp = Effect.andThen(
          Effect.forkIn(Fiber.interrupt(fiber), scope, { startImmediately: true }),
          Effect.forkIn(drop(connection), scope, { startImmediately: true })
        )
        return yield* restore(Fiber.join(fiber)).pipe(
          Effect.timeoutOrElse({
            duration: deadline,
            orElse: () => Effect.andThen(giveUp, Effect.fail(late("the database has not answered", deadline)))
          }),
          Effect.onInterrupt(() => giveUp)
        )
      })
    ).pipe(
      Effect.tapError((error) =>
        Effect.suspend(() => {
          observe(error)
          return codeOf(error) === readOnly ? Effect.forkIn(dropAll, scope, { startImmediately: true }) : Effect.void
        })
      ),
      Effect.tap(() => Effect.sync(() => observe(undefined)))
    )

  const connectionOf = (connection: PgConnection.PgConnection): Connection => {
    const rows = (sql: string, params: ReadonlyArray<unknown>, isPrepared: boolean) =>
      Effect.map(bounded(connection, connection.query(sql, params, isPrepared)), (result) => result.rows)
    const execute = (isPrepared: boolean): Connection["execute"] => (sql, params, transform) =>
      transform === undefined ? rows(sql, params, isPrepared) : Effect.map(rows(sql, params, isPrepared), transform)
    return {
      execute: execute(true),
      executeUnprepared: execute(false),
      executeRaw: (sql, params) => bounded(connection, connection.query(sql, params)),
      executeValues: (sql, params) => bounded(connection, connection.queryValues(sql, params)),
      executeValuesUnprepared: (sql, params) => bounded(connection, connection.queryValues(sql, params, false)),
      // Nothing here streams: a stream has no deadline.
      executeStream: () => Stream.die(new Error("statements of jobs are not streamed"))
    }
  }
  const within = <A, R>(get: Effect.Effect<A, SqlError, R>) =>
    Effect.timeoutOrElse(get, {
      duration: deadline,
      orElse: () => Effect.fail(late("no connection to the database was free", deadline))
    }).pipe(Effect.tapError((error) => Effect.sync(() => observe(error))))
  const acquire = Effect.map(
    within(pool.get),
    (connection) => {
      used.add(connection)
      return connectionOf(connection)
    }
  )
  const reserve = Effect.map(within(pool.reserve), connectionOf)
  const sql = yield* SqlClient.make({
    driver: "pg",
    acquirer: acquire,
    transactionAcquirer: reserve,
    compiler: PgClient.makeCompiler(),
    spanAttributes: [["db.system.name", "postgresql"]],
    beginTransaction: "BEGIN ISOLATION LEVEL READ COMMITTED",
    prepareTransactionControls: true,
    commit,
    releaseSavepoint: (name) => `RELEASE SAVEPOINT ${name}`
  }).pipe(Effect.provide(Reactivity.layer))
  return {
    sql,
    /** A connection of its own to the server; `undefined` where a pool between would lend it to others. */
    connect: isDirect ? PgConnection.make(settings(limits, true)) : undefined
  }
})

/** A pool between, which knows none of the server's parameters. */
const isUnsupportedParameter = (error: SqlError): boolean =>
  codeOf(error) === "08P01" || /unsupported startup parameter/.test(wordsOf(error))

export const wordsOf = ({ reason }: SqlError): string =>
  isNativeError(reason.cause) ? reason.cause.message : reason.message ?? reason._tag

/** Postgres answers the `COMMIT` of a transaction that failed with `ROLLBACK`. */
const commit = (connection: Connection): Effect.Effect<void, SqlError> =>
  Effect.flatMap(
    connection.executeRaw("COMMIT", []),
    (result) =>
      typeof result === "object" && result !== null && "command" in result && result.command === "ROLLBACK"
        ? Effect.fail(
          new SqlError({
            reason: new ConnectionError({ cause: new Error("the transaction was rolled back"), operation: "commit" })
          })
        )
        : Effect.void
  )
