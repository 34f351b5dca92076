/**
 * The table of jobs, telling other programs of what it has written.
 */
import * as Effect from "effect/Effect"
import type { JobError } from "../../JobError.ts"
import type { Hold } from "../local/Store.ts"
import type { JobTable } from "./JobTable.ts"
import type { News } from "./News.ts"

export const announced = (table: JobTable, { tellChanged, tellWaiting }: News): JobTable => {
  const changing = <First, Rest extends ReadonlyArray<unknown>, A>(
    idOf: (first: First) => string,
    write: (first: First, ...rest: Rest) => Effect.Effect<A, JobError>
  ) =>
  (first: First, ...rest: Rest) => Effect.tap(write(first, ...rest), () => Effect.sync(() => tellChanged(idOf(first))))
  const idOf = (job: string) => job
  const held = ({ id }: Hold) => id
  return {
    ...table,
    insert: (job) =>
      Effect.tap(table.insert(job), ({ isNew }) => Effect.sync(() => isNew ? tellWaiting(job.kind) : undefined)),
    retry: (id, newId, from) =>
      Effect.tap(
        table.retry(id, newId, from),
        (job) => Effect.sync(() => job === undefined ? undefined : tellWaiting(job.kind))
      ),
    awaken: Effect.tap(table.awaken, ({ begun }) =>
      Effect.sync(() => {
        for (const kind of begun) tellWaiting(kind)
      })),
    claim: (kind, version, taking) =>
      Effect.tap(
        table.claim(kind, version, taking),
        (job) => Effect.sync(() => job === undefined ? undefined : tellChanged(job.id))
      ),
    take: changing(idOf, table.take),
    restart: changing(held, table.restart),
    release: changing(held, table.release),
    ask: changing(held, table.ask),
    answer: changing(idOf, table.answer),
    beginEnding: changing(held, table.beginEnding),
    finish: changing(held, table.finish),
    report: (reports) =>
      Effect.tap(table.report(reports), () =>
        Effect.sync(() => {
          for (const { id } of reports) tellChanged(id)
        })),
    requestCancel: changing(idOf, table.requestCancel),
    remove: changing(idOf, table.remove)
  }
}
