/**
 * News between the programs on a database, by LISTEN and NOTIFY: a job of a kind waits, a job has changed.
 *
 * News makes things quick, never right: what is told is not stored, and told after it was. A program that hears nothing, or whose news is
 * lost with it, is served by polling. What a program tells goes together, some times a second at most, and apart from the transactions that
 * it tells of: Postgres lets those that notify commit one at a time.
 *
 * A connection that hears nothing for a while is asked to hear something of its own. That also shows a pool between, which gives its
 * connections to others after each transaction: there nothing arrives, which is said once.
 */
import type { Notification, PgConnection } from "@effect/sql-pg/PgConnection"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import type * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { prefix } from "./format.ts"

export interface Options {
  readonly sql: SqlClient.SqlClient
  /** A connection of its own; `undefined` if what is between lends it to others. */
  readonly connect: Effect.Effect<PgConnection, SqlError, Scope.Scope> | undefined
  readonly schema: string | undefined
  /** Tells this program from others. */
  readonly self: string
  /** Of an answer of the database. */
  readonly deadline: Duration.Duration
  /** For messages. */
  readonly store: string
  readonly pollInterval: Duration.Duration
  readonly onWaiting: (kind: string) => void
  readonly onChanged: (id: string) => void
  /** News may have been missed. */
  readonly onBegin: () => void
}

export interface News {
  /** A job of the kind waits. */
  readonly tellWaiting: (kind: string) => void
  readonly tellChanged: (id: string) => void
  /** From now on news is wanted. */
  readonly listen: () => void
}

const Told = Schema.fromJsonString(Schema.Struct({
  by: Schema.String,
  waiting: Schema.Array(Schema.String),
  changed: Schema.Array(Schema.String)
}))

/** A notification has room for less than 8000 bytes; the id of a job and the name of a kind need some 40 each. */
const most = 80

/** After so long without a word a connection is asked for one. */
const silence = Duration.seconds(30)

const betweenTells = Schedule.spaced("25 millis")
const betweenTries = Schedule.spaced("2 seconds").pipe(Schedule.jittered)

/** Nothing arrives, although it was listened for. */
class Unheard {
  readonly _tag = "Unheard"
}

/** Lives as long as the Scope. */
export const make = Effect.fnUntraced(function*(options: Options) {
  const { connect, deadline, self, sql, store } = options
  const channel = options.schema === undefined ? prefix : `${prefix}_${options.schema}`
  const waiting = new Set<string>()
  const changed = new Set<string>()
  const isTold = Latch.makeUnsafe(false)
  const isWanted = Latch.makeUnsafe(false)

  const notify = (told: Omit<typeof Told.Type, "by">) =>
    sql`SELECT pg_notify(${channel}, ${JSON.stringify({ by: self, ...told })})`.pipe(Effect.withTracerEnabled(false))
  const taken = (from: Set<string>) => {
    const some = [...from].slice(0, most)
    for (const one of some) from.delete(one)
    return some
  }
  const tell = Effect.gen(function*() {
    yield* isTold.await
    isTold.closeUnsafe()
    while (waiting.size + changed.size > 0) {
      // What cannot be told is found by polling, and the trouble is told by those who poll.
      yield* Effect.ignore(notify({ waiting: taken(waiting), changed: taken(changed) }))
    }
  })
  yield* Effect.forkScoped(Effect.repeat(tell, betweenTells))

  const hear = ({ payload }: Notification) => {
    const told = Schema.decodeOption(Told)(payload)
    // Of a later version of this package, or of another program: no news.
    if (told._tag === "None" || told.value.by === self) return
    for (const kind of told.value.waiting) options.onWaiting(kind)
    for (const id of told.value.changed) options.onChanged(id)
  }
  /** Until the connection is lost, or nothing arrives on it. */
  const listening = (connection: PgConnection, scope: Scope.Scope) =>
    Effect.gen(function*() {
      const queue = yield* Scope.provide(connection.listen(channel), scope)
      let isAsked = false
      const ask = Effect.suspend(() => {
        isAsked = true
        return notify({ waiting: [], changed: [] })
      })
      yield* ask
      options.onBegin()
      for (;;) {
        const heard = yield* Effect.timeoutOption(Queue.take(queue), isAsked ? deadline : silence)
        if (heard._tag === "Some") {
          isAsked = false
          hear(heard.value)
        } else if (isAsked) return yield* Effect.fail(new Unheard())
        else yield* ask
      }
    })
  const once = (connecting: NonNullable<Options["connect"]>) =>
    Effect.acquireUseRelease(
      Effect.all([Scope.make(), Scope.make()]),
      ([connected, listened]) =>
        Effect.flatMap(Scope.provide(connecting, connected), (connection) => listening(connection, listened)),
      // The connection first: a database that does not answer is not asked to forget the channel.
      ([connected, listened]) => Effect.andThen(Scope.close(connected, Exit.void), Scope.close(listened, Exit.void))
    )
  const sayUnheard = yield* Effect.cached(Effect.logInfo(
    `job store ${store}: notifications do not arrive here, as behind a connection pool in transaction mode; what other programs do is ` +
      `seen when it is looked for, every ${Duration.toMillis(options.pollInterval) / 1000} s`
  ))
  const listen = connect === undefined
    ? sayUnheard
    : once(connect).pipe(
      Effect.catchTag("Unheard", () => sayUnheard),
      // The trouble is told by those who poll.
      Effect.ignore,
      Effect.repeat(betweenTries)
    )
  yield* Effect.forkScoped(Effect.andThen(isWanted.await, listen))

  const news: News = {
    tellWaiting: (kind) => {
      waiting.add(kind)
      isTold.openUnsafe()
    },
    tellChanged: (id) => {
      changed.add(id)
      isTold.openUnsafe()
    },
    listen: () => void isWanted.openUnsafe()
  }
  return news
})
