/** Contenders that keep and run jobs, in turn, each in a process of its own, and one Postgres for all of them. */
import * as Effect from "effect/Effect"
import * as path from "node:path"
import * as ContenderProcess from "../ContenderProcess.ts"
import { inTurn, type Options } from "../InTurn.ts"
import * as Report from "../Report.ts"
import * as PostgresServer from "./PostgresServer.ts"

export interface Task {
  readonly jobs: number
  readonly owners: number
  /** A round ends when so many have run. */
  readonly runs: number
  readonly pollers: number
  /** Between two polls of one. */
  readonly pollMillis: number
}

/** What a contender says of a round. */
export interface Round {
  /** Jobs accepted in a second. */
  readonly accepted: number
  /** Jobs run in a second, from the first that was accepted. */
  readonly ended: number
  /** Milliseconds of each poll. */
  readonly polls: ReadonlyArray<number>
  /** Milliseconds of its own for each job that was accepted. */
  readonly processor: number
}

export interface Measured extends Round {
  /** Milliseconds of the database for each job that was accepted. */
  readonly database: number
}

/** A row of all figures. */
export const figure = (rounds: ReadonlyArray<Measured>): string => {
  const median = (of: (one: Measured) => number) => Report.median(rounds.map(of))
  const p99 = Report.percentile(rounds.flatMap(({ polls }) => polls), 0.99)
  return [
    `${Report.round(median(({ ended }) => ended))} jobs/s`,
    `accepted ${Report.round(median(({ accepted }) => accepted))}/s`,
    `p99 of a poll ${Report.round(p99)} ms`,
    `database ${Report.round(median(({ database }) => database))} ms`,
    `own processor ${Report.round(median(({ processor }) => processor))} ms`
  ].join(", ")
}

/** Rounds of the contenders named so. */
export const contest = Effect.fnUntraced(function*(names: ReadonlyArray<string>, task: Task, options: Options) {
  const { folder, processor } = yield* PostgresServer.open
  const contenders = yield* Effect.forEach(names, (name) =>
    Effect.gen(function*() {
      const { ask, end } = yield* ContenderProcess.open(
        process.execPath,
        [path.join(import.meta.dirname, "contender.ts"), name, folder]
      )
      const ready = yield* Effect.cached(ask())
      const round = Effect.gen(function*() {
        yield* ready
        const before = yield* processor
        // What `contender.ts` answers.
        const said = (yield* ask(task)) as Round
        return { ...said, database: ((yield* processor) - before) / task.jobs } satisfies Measured
      })
      return { name, round, end, isForeign: !name.startsWith("holdfast") }
    }))
  return yield* inTurn<Measured>(contenders, options)
})
