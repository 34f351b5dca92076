/**
 * Jobs in Postgres, for processes on several machines: a table of ours, and `effect/workflow` on `effect/cluster` to run them.
 *
 * What is asked about jobs is answered from the table, by every process, whether it runs jobs or not. The clock is the database's.
 */
import type { PgPoolConfig } from "@effect/sql-pg/PgClient"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import type * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import {
  JobDataInvalid,
  JobError,
  JobNotAsking,
  JobNotFinished,
  JobStoreTooNew,
  JobStoreUnavailable,
  type StoreProblem
} from "../../JobError.ts"
import { JobPolicy } from "../../JobPolicy.ts"
import type { JobStoreShape } from "../../JobStore.ts"
import type { EngineShape } from "../Engine.ts"
import * as JsonText from "../JsonText.ts"
import { ProcessIdentity } from "../ProcessIdentity.ts"
import { publishMetrics } from "../publishMetrics.ts"
import * as StoreTrouble from "../StoreTrouble.ts"
import * as Watchers from "../Watchers.ts"
import { announced } from "./announced.ts"
import * as Bequests from "./Bequests.ts"
import { statements, supported, tablesIn, upgrade } from "./format.ts"
import * as JobTable from "./JobTable.ts"
import * as KindRunner from "./KindRunner.ts"
import * as News from "./News.ts"
import * as PgSql from "./PgSql.ts"
import * as Places from "./Places.ts"
import type { PostgresConfig } from "./PostgresConfig.ts"

/** Any number, the same in all programs that make the tables. */
const formatLock = 4_817_203_311

/** Of a statement of jobs, and of one that renews a lease: that one must fail while there is still time to stop. */
const deadline = Duration.seconds(5)

/** Opens the store; closed with the Scope. */
export const make = Effect.fnUntraced(function*({ migrate = true, schema, ...config }: PostgresConfig) {
  const name = nameOf(config)
  if (schema !== undefined && !/^[a-z_][a-z0-9_]*$/.test(schema)) {
    return yield* unusable(name, `"${schema}" is no name for a schema: lower case letters, digits and underscores`)
  }
  const tables = tablesIn(schema)
  /** Told of each statement that failed, once there is an engine. */
  const observers = new Set<(error: SqlError) => void>()
  const observe = (error: SqlError | undefined) => {
    if (error !== undefined) { for (const told of observers) told(error) }
  }
  const unavailable = (operation: string) => (error: SqlError) =>
    Effect.fail(new JobError({ reason: new JobStoreUnavailable({ store: name, operation, ...problemOf(error) }) }))
  const { connect, sql } = yield* Effect.catchTag(
    PgSql.make({ config, maxConnections: config.maxConnections ?? 10, deadline, observe }),
    "SqlError",
    unavailable("open it")
  )
  yield* Effect.catchTag(prepare(sql, { name, schema, migrate }), "SqlError", unavailable("prepare its tables"))

  const store: JobStoreShape = {
    name,
    engine: Effect.gen(function*() {
      const policy = yield* JobPolicy
      const host = yield* ProcessIdentity
      const clock = yield* Clock.Clock
      const trouble = yield* StoreTrouble.make(name, Duration.toMillis(policy.leaseDuration))
      const bequests = Bequests.make(sql, { tables, identity: host.identity, leaseDuration: policy.leaseDuration })
      const kinds = new Map<string, KindRunner.KindRunner>()
      const isWork = Latch.makeUnsafe(true)
      const isNews = Latch.makeUnsafe(false)
      const news = yield* News.make({
        sql,
        connect,
        schema,
        deadline,
        self: host.newId(),
        store: name,
        pollInterval: policy.pollInterval,
        onWaiting: (kind) => kinds.has(kind) ? isWork.openUnsafe() : undefined,
        onChanged: (id) => {
          if (watchers.isWatched(id)) watchers.nudge()
          if ([...kinds.values()].some((kind) => kind.runs(id))) isNews.openUnsafe()
        },
        onBegin: () => {
          isWork.openUnsafe()
          isNews.openUnsafe()
          watchers.nudge()
        }
      })
      const table = announced(JobTable.make(sql, { name, tables, bequests, problemOf }), news)
      const watchers = yield* Watchers.make(table)
      const metrics = yield* publishMetrics(policy.name, {
        running: (kind) => kinds.get(kind)?.running() ?? 0,
        isTroubled: () => trouble.present() !== undefined
      })
      const places = Places.make({
        most: policy.concurrency,
        now: () => clock.currentTimeMillisUnsafe(),
        onFree: () => void isWork.openUnsafe()
      })
      const isProgress = Latch.makeUnsafe(false)
      const isTrouble = Latch.makeUnsafe(false)
      let met: SqlError | undefined
      const onError = (error: SqlError) => {
        if (problemOf(error).problem === "failed") return
        met = error
        isTrouble.openUnsafe()
      }
      yield* Effect.acquireRelease(
        Effect.sync(() => void observers.add(onError)),
        () => Effect.sync(() => observers.delete(onError))
      )
      // The leases of all kinds, apart from what else is done: they must not wait for it.
      const leases = yield* Effect.catchTag(
        PgSql.make({ config, maxConnections: 2, deadline: Duration.min(deadline, policy.renewInterval), observe }),
        "SqlError",
        unavailable("open it")
      )

      const tellTrouble = Effect.gen(function*() {
        yield* isTrouble.await
        isTrouble.closeUnsafe()
        if (met !== undefined) yield* trouble.attempted(unavailable("use it")(met))
      })
      const writeProgress = Effect.gen(function*() {
        yield* isProgress.await
        isProgress.closeUnsafe()
        const reports = [...kinds.values()].flatMap((kind) => kind.unwritten())
        // A report that is lost is followed by a newer one, or by the end of the job.
        if (reports.length > 0) yield* trouble.attempted(table.report(reports))
        watchers.nudge()
        yield* Effect.sleep(policy.progressInterval)
      })
      const beats = Effect.asVoid(leases.sql`SELECT 1`).pipe(Effect.catchTag("SqlError", unavailable("reach it")))
      /** Also what shows that all is well, or is not, when nothing else is asked of the database. */
      let isBeat = true
      const reconcile = Effect.gen(function*() {
        isNews.closeUnsafe()
        places.look()
        for (const kind of kinds.values()) yield* trouble.attempted(kind.reconcile)
        if (isBeat) yield* trouble.attempted(beats)
        isBeat = !isBeat
        yield* Effect.timeoutOption(isNews.await, yield* jittered(Duration.times(policy.pollInterval, 0.5)))
      })
      /** Kinds of a higher priority first. */
      const findWork = Effect.gen(function*() {
        isWork.closeUnsafe()
        let hasLanes = true
        for (const kind of [...kinds.values()].toSorted((a, b) => b.priority - a.priority)) {
          yield* trouble.attempted(Effect.map(kind.fill, (isReady) => {
            hasLanes &&= isReady
          }))
        }
        // The first lanes of a runner take a moment only.
        yield* Effect.timeoutOption(isWork.await, hasLanes ? yield* jittered(policy.pollInterval) : "50 millis")
      })
      const lookAtClock = Effect.gen(function*() {
        yield* trouble.attempted(Effect.map(table.awaken, ({ begun, ended }) => {
          for (const kind of ended) metrics.of(kind).finished.failed++
          if (begun.length > 0) isWork.openUnsafe()
          if (begun.length + ended.length > 0) watchers.nudge()
        }))
        yield* Effect.sleep(yield* jittered(policy.pollInterval))
      })
      const clean = Effect.gen(function*() {
        let removed = 0
        do {
          removed = yield* table.clean(policy.retention)
          yield* Effect.sleep("50 millis")
        } while (removed > 0)
      })
      const countWaiting = Effect.gen(function*() {
        const begun = clock.currentTimeMillisUnsafe()
        yield* trouble.attempted(Effect.gen(function*() {
          for (const kind of metrics.kinds()) {
            const backlog = yield* table.backlog(kind)
            metrics.of(kind).backlog = { ...backlog, at: clock.currentTimeMillisUnsafe() }
          }
        }))
        // However many owners wait, counting them is one fiftieth of what this program does.
        const least = 2 * Duration.toMillis(policy.pollInterval)
        yield* Effect.sleep(Math.min(60_000, Math.max(least, (clock.currentTimeMillisUnsafe() - begun) * 50)))
      })
      yield* Effect.forkScoped(Effect.forever(tellTrouble))
      yield* Effect.forkScoped(Effect.forever(writeProgress))
      yield* Effect.forkScoped(Effect.forever(reconcile))
      yield* Effect.forkScoped(Effect.forever(findWork))
      yield* Effect.forkScoped(Effect.forever(lookAtClock))
      yield* Effect.forkScoped(Effect.forever(countWaiting))
      yield* Effect.forkScoped(
        Effect.forever(Effect.andThen(trouble.attempted(clean), Effect.sleep(policy.cleanInterval)))
      )

      let closingSince = 0
      /** Of all kinds together, one after the other: a program ends within seconds. */
      const patience = () => {
        const now = clock.currentTimeMillisUnsafe()
        if (now - closingSince > 60_000) closingSince = now
        return Duration.millis(Math.max(500, 10_000 - (now - closingSince)))
      }

      const engine: EngineShape = {
        start: (job) =>
          Effect.map(table.insert(job), (accepted) => {
            if (accepted.isNew) {
              metrics.of(job.kind)
              isWork.openUnsafe()
            }
            return accepted.job
          }),
        read: table.read,
        payload: table.payload,
        result: table.result,
        list: table.list,
        remove: table.remove,
        steps: table.steps,
        retry: Effect.fnUntraced(function*({ id, kind, percent, state }, newId, from) {
          const job = yield* table.retry(id, newId, from)
          if (job === undefined) return yield* new JobError({ reason: new JobNotFinished({ id, state, percent }) })
          metrics.of(kind)
          isWork.openUnsafe()
          return job
        }),
        watch: (id) => {
          news.listen()
          return watchers.watch(id)
        },
        trouble: trouble.present,
        cancel: Effect.fnUntraced(function*({ id, kind }) {
          const ended = yield* table.requestCancel(id)
          if (ended !== undefined) metrics.of(kind).finished[ended]++
          kinds.get(kind)?.cancel(id)
          watchers.nudge()
        }),
        answer: Effect.fnUntraced(function*({ id, kind }, question, value) {
          const asking = kinds.get(kind)?.asking(id)
          if (asking?.name === question) {
            yield* Effect.mapError(
              JsonText.decode(asking.schema, value),
              ({ expected }) => new JobError({ reason: new JobDataInvalid({ kind, part: "answer", expected }) })
            )
          }
          if (!(yield* table.answer(id, question, value))) {
            return yield* new JobError({ reason: new JobNotAsking({ id, question }) })
          }
          if (asking?.name === question) asking.isAnswered.openUnsafe()
          watchers.nudge()
        }),
        register: (kind, run) =>
          Effect.acquireRelease(
            Effect.gen(function*() {
              if (kinds.has(kind.name)) {
                return yield* Effect.die(new Error(`job kind "${kind.name}" has two layers that run it; provide one`))
              }
              const runner = yield* KindRunner.make(kind, run, {
                sql,
                leases: leases.sql,
                table,
                tables,
                trouble,
                policy,
                host,
                numbers: metrics.of(kind.name),
                places,
                onChange: () => {
                  isWork.openUnsafe()
                  watchers.nudge()
                },
                onProgress: () => void isProgress.openUnsafe()
              })
              kinds.set(kind.name, runner)
              news.listen()
              isWork.openUnsafe()
              return runner
            }),
            (runner) =>
              Effect.andThen(
                Effect.suspend(() => runner.close(patience())),
                Effect.sync(() => void kinds.delete(kind.name))
              )
          ).pipe(Effect.asVoid)
      }
      return engine
    })
  }
  return store
})

/** Up to a fifth sooner: many programs do not look all at once. */
const jittered = (interval: Duration.Duration) =>
  Effect.map(Random.nextBetween(0.8, 1), (share) => Duration.times(interval, share))

/** Finds the tables in the present format, or makes them. */
const prepare = (
  sql: SqlClient.SqlClient,
  { migrate, name, schema }: { readonly name: string; readonly schema: string | undefined; readonly migrate: boolean }
): Effect.Effect<void, SqlError | JobError> => {
  const tables = tablesIn(schema)
  const quoted = tables.format.split(".").map((part) => `"${part}"`).join(".")
  const found = Effect.gen(function*() {
    // From a table, whose lock makes Postgres look again at what it knew of names: another program may have made the tables just now.
    const [table] = yield* sql<{ readonly is_there: boolean }>`SELECT to_regclass(${quoted}) IS NOT NULL AS is_there
      FROM pg_catalog.pg_class LIMIT 1`
    if (table?.is_there !== true) return 0
    const [row] = yield* sql<{ readonly format: number }>`SELECT format FROM ${sql(tables.format)}`
    return row?.format ?? 0
  })
  const before = upgrade(schema)
  /** What is to be run to have them in the present format. */
  const missing = (format: number) =>
    Effect.gen(function*() {
      if (format === supported) return []
      if (format > supported) {
        return yield* new JobError({ reason: new JobStoreTooNew({ store: name, found: format, supported }) })
      }
      if (format === 0) return statements(schema)
      if (format === before.from) return before.statements
      return yield* unusable(name, "its tables are of a preview of this package; give it an empty schema")
    })
  return Effect.gen(function*() {
    // Without a lock and without writing: a role that may do neither can use tables that are there.
    const format = yield* found
    if ((yield* missing(format)).length === 0) return
    if (!migrate) {
      return yield* unusable(
        name,
        format === 0
          ? "its tables are not there, and `migrate` is false: have them made with the SQL of `PostgresStore.sql`, docs/postgres.md"
          : `its tables are of format ${format}, and \`migrate\` is false: have this run: ${
            before.statements.join("; ")
          }`
      )
    }
    yield* sql.withTransaction(Effect.gen(function*() {
      yield* sql`SELECT pg_advisory_xact_lock(${formatLock})`
      for (const statement of yield* missing(yield* found)) yield* sql.unsafe(statement)
    }))
  })
}

const unusable = (store: string, detail: string) =>
  new JobError({ reason: new JobStoreUnavailable({ store, operation: "open it", problem: "failed", detail }) })

/** Where it is, without user and password. */
const nameOf = ({ database, host, path, port, url }: PgPoolConfig): string => {
  const parsed = url === undefined ? undefined : URL.parse(Redacted.value(url))
  const place = parsed?.host ?? path ?? `${host ?? "localhost"}:${port ?? 5432}`
  return `postgres ${place}/${parsed?.pathname.slice(1) || (database ?? "")}`
}

/** SQLSTATEs. https://www.postgresql.org/docs/current/errcodes-appendix.html */
const problems: Readonly<Record<string, StoreProblem>> = {
  "25006": "read-only",
  "42501": "unreachable",
  "53100": "full",
  "57014": "locked",
  XX001: "corrupt",
  XX002: "corrupt"
}

const kindsOfError: Readonly<Record<string, StoreProblem>> = {
  ConnectionError: "unreachable",
  AuthenticationError: "unreachable",
  AuthorizationError: "unreachable",
  LockTimeoutError: "locked",
  DeadlockError: "locked",
  SerializationError: "locked"
}

const problemOf = (error: SqlError): { readonly problem: StoreProblem; readonly detail: string } => ({
  problem: problems[PgSql.codeOf(error)] ?? kindsOfError[error.reason._tag] ?? "failed",
  detail: PgSql.wordsOf(error)
})
