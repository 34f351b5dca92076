/**
 * A `SqlClient` on `node:sqlite`: one connection, statements prepared once, the event loop never blocked.
 *
 * SQLite's own waiting is synchronous, so a statement waits at most 5 ms for another process's lock; after that the fiber
 * sleeps and tries again, for five seconds in all. Only what opens a transaction can meet a lock: BEGIN IMMEDIATE takes it.
 *
 * How durable a transaction is, is chosen by how it begins. In WAL mode both survive the death of the process at any moment.
 * `durably` (synchronous=FULL) also survives a power cut, at the price of an fsync: for what was promised to a caller, that a
 * job is accepted, a step done, a job ended. The rest (leases, progress, claims) is of no worth once the machine is down, and
 * is written with synchronous=NORMAL; the next durable commit syncs it too, since it comes later in the same log.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as Semaphore from "effect/Semaphore"
import * as SqlClient from "effect/sql/SqlClient"
import type { Connection } from "effect/sql/SqlConnection"
import { classifySqliteError, SqlError } from "effect/sql/SqlError"
import * as Statement from "effect/sql/Statement"
import * as Stream from "effect/Stream"
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite"

const begin = "BEGIN IMMEDIATE"
const beginDurably = "BEGIN IMMEDIATE TRANSACTION"

/** The transaction in it survives a power cut once it has returned. */
export const durably = Effect.provideService(SqlClient.BeginTransaction, beginDurably)

const statementWaitMillis = 5
const patienceMillis = 5000
const maxStatements = 200
/** The log may grow while another program reads for long; when it is used again from its beginning, it is cut to this. */
const maxLogBytes = 4 * 1024 * 1024

/** Opens the file, which is made if it does not exist; `:memory:` is a database of its own. Closed with the Scope. */
export const make = Effect.fnUntraced(function*(filename: string) {
  const database = yield* Effect.acquireRelease(
    attempt("open it", () => new DatabaseSync(filename, { timeout: statementWaitMillis })),
    (database) => Effect.sync(() => database.close())
  )
  const setUp = (sql: string) => patiently(attempt("open it", () => database.exec(sql)), () => true)
  yield* setUp("PRAGMA auto_vacuum = INCREMENTAL")
  yield* setUp("PRAGMA journal_mode = WAL")
  yield* setUp("PRAGMA synchronous = NORMAL")
  yield* setUp(`PRAGMA journal_size_limit = ${maxLogBytes}`)

  const statements = new Map<string, StatementSync>()
  const prepare = (sql: string): StatementSync => {
    const known = statements.get(sql)
    if (known !== undefined) return known
    if (statements.size >= maxStatements) statements.clear()
    const statement = database.prepare(sql)
    statements.set(sql, statement)
    return statement
  }
  let isDurable = false
  const chooseDurability = (sql: string): void => {
    if (sql !== begin && sql !== beginDurably || isDurable === (sql === beginDurably)) return
    isDurable = !isDurable
    database.exec(`PRAGMA synchronous = ${isDurable ? "FULL" : "NORMAL"}`)
  }
  // What a client hands to its driver are the values of its own queries: numbers, strings and null.
  const values = (params: ReadonlyArray<unknown>) => params as Array<SQLInputValue>
  const run = (sql: string, params: ReadonlyArray<unknown>, asArrays: boolean) =>
    patiently(
      attempt("use it", () => {
        chooseDurability(sql)
        const statement = prepare(sql)
        statement.setReturnArrays(asArrays)
        if (statement.columns().length > 0) return statement.all(...values(params))
        statement.run(...values(params))
        return []
      }),
      () => !database.isTransaction
    )
  // With arrays asked for, rows are arrays.
  const arrays = (sql: string, params: ReadonlyArray<unknown>) =>
    Effect.map(run(sql, params, true), (rows) => rows as unknown as ReadonlyArray<ReadonlyArray<unknown>>)
  const rows: Connection["execute"] = (sql, params, transform) =>
    Effect.map(run(sql, params, false), (found) => transform === undefined ? found : transform(found))
  const connection: Connection = {
    execute: rows,
    executeUnprepared: rows,
    executeRaw: (sql, params) => run(sql, params, false),
    executeValues: arrays,
    executeValuesUnprepared: arrays,
    executeStream: () => Stream.die("this driver has no streams")
  }
  const semaphore = yield* Semaphore.make(1)
  return yield* SqlClient.make({
    ...SqlClient.makeSqliteAcquirers({
      connection: Effect.succeed(connection),
      semaphore,
      isTransaction: () => database.isTransaction
    }),
    compiler: Statement.makeCompilerSqlite(),
    driver: "node-sqlite",
    beginTransaction: begin,
    prepareTransactionControls: true,
    spanAttributes: [["db.system.name", "sqlite"]]
  }).pipe(Effect.provide(Reactivity.layer))
})

const attempt = <A>(operation: string, f: () => A): Effect.Effect<A, SqlError> =>
  Effect.try({
    try: f,
    catch: (cause) => {
      // node:sqlite says `errcode`; the classifier reads `errno`.
      const error = typeof cause === "object" && cause !== null && "errcode" in cause
        ? Object.assign(cause, { errno: cause.errcode })
        : cause
      return new SqlError({ reason: classifySqliteError(error, { message: `Failed to ${operation}`, operation }) })
    }
  })

/** Again while another process holds the lock, if nothing is held while waiting. */
const patiently = <A>(effect: Effect.Effect<A, SqlError>, mayWait: () => boolean): Effect.Effect<A, SqlError> =>
  Effect.catchIf(effect, (error) => isLocked(error) && mayWait(), (first) =>
    Effect.gen(function*() {
      const clock = yield* Clock.Clock
      const until = clock.currentTimeMillisUnsafe() + patienceMillis
      let error = first
      for (let pause = 5; clock.currentTimeMillisUnsafe() < until && isLocked(error); pause = Math.min(50, pause * 2)) {
        yield* Effect.sleep(pause)
        const result = yield* Effect.result(effect)
        if (result._tag === "Success") return result.success
        error = result.failure
      }
      return yield* error
    }))

const isLocked = ({ reason }: SqlError): boolean => reason._tag === "LockTimeoutError"
