/**
 * Durable transactions that come together share one commit, and so one fsync, which is most of what each of them takes.
 *
 * The first opens a group and commits it, one turn of the event loop later at the soonest; what comes until its transaction has begun joins it. Each has
 * a savepoint of its own, so that one that fails is undone alone, and each is told only after the commit. A group of one is a plain transaction.
 *
 * Gotchas: some failures, as a full disk, make SQLite roll back all of the transaction. Then nothing was committed, and each is done by itself.
 * Interruption of a member would leave the others without an answer: callers are uninterruptible.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import type { JobError } from "../../JobError.ts"
import * as NodeSqlite from "./NodeSqlite.ts"

type Failure = SqlError | JobError

interface Member {
  readonly effect: Effect.Effect<unknown, Failure>
  readonly told: Deferred.Deferred<unknown, Failure>
}

/** So that no member holds up the others, and other programs at the file, for long. */
const mostMembers = 100

/** What commits on this connection. */
export const make = (sql: SqlClient.SqlClient) => {
  let open: Array<Member> | undefined
  const transaction = <A>(effect: Effect.Effect<A, Failure>) => NodeSqlite.durably(sql.withTransaction(effect))

  const commit = Effect.fnUntraced(function*(group: Array<Member>) {
    const close = () => {
      if (open === group) open = undefined
    }
    let isRolledBack = false
    // By hand: what a client nests goes on in no transaction once SQLite has rolled back all of it.
    const part = Effect.fnUntraced(function*({ effect }: Member) {
      yield* sql`SAVEPOINT member`
      const exit = yield* Effect.exit(effect)
      if (Exit.isFailure(exit)) {
        yield* Effect.tapError(sql`ROLLBACK TO member`, () => Effect.sync(() => void (isRolledBack = true)))
      }
      yield* sql`RELEASE member`
      return exit
    })
    yield* Effect.yieldNow
    const committed = yield* Effect.exit(transaction(Effect.suspend(() => {
      close()
      const [first] = group
      return first !== undefined && group.length === 1
        ? Effect.map(first.effect, (value) => [Exit.succeed(value)])
        : Effect.forEach(group, part)
    })))
    close()
    for (const [index, { effect, told }] of group.entries()) {
      const exit = isRolledBack
        ? yield* Effect.exit(transaction(effect))
        : Exit.isSuccess(committed)
        ? committed.value[index] ?? Exit.die(new Error("a transaction has no outcome"))
        : committed
      Deferred.doneUnsafe(told, exit)
    }
  })

  return <A>(effect: Effect.Effect<A, Failure>): Effect.Effect<A, Failure> =>
    Effect.suspend(() => {
      const told = Deferred.makeUnsafe<A, Failure>()
      // It is told the exit of its own effect.
      const member = { effect, told } as Member
      if (open !== undefined && open.length < mostMembers) {
        open.push(member)
        return Deferred.await(told)
      }
      return Effect.andThen(commit(open = [member]), Deferred.await(told))
    })
}
