/**
 * Whether the files of an open database are still the ones that have its name.
 *
 * SQLite does not notice when its file is removed or another one takes its name (a restore from a backup, `git clean`): it goes on in files that
 * no other program finds. So the files are compared before an operation and after one that promised something.
 *
 * Gotchas: a file that is overwritten in place keeps its identity. Copying a backup over the file of a running program is not noticed,
 * and SQLite forbids it: https://sqlite.org/howtocorrupt.html. Rename it into place, or stop the program.
 */
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import { JobError, JobStoreUnavailable } from "../../JobError.ts"

export interface StoreFile {
  /** Fails if the file was removed or replaced since it was opened. */
  readonly check: (operation: string) => Effect.Effect<void, JobError>
}

const identityOf = (path: string): string => {
  const stat = fs.statSync(path, { throwIfNoEntry: false, bigint: true })
  return stat === undefined ? "" : `${stat.dev} ${stat.ino}`
}

/** The files as they are now: `filename` is open. */
export const make = (filename: string): StoreFile => {
  // What is in memory has no file. The log belongs to the database: without it what was accepted is lost, too.
  const files = filename === ":memory:" ? [] : [filename, `${filename}-wal`]
  const opened = files.map(identityOf)
  return {
    check: (operation) =>
      Effect.suspend(() => {
        const index = files.findIndex((file, index) => identityOf(file) !== opened[index])
        const file = files[index]
        if (file === undefined) return Effect.void
        const detail = `${file} was ${identityOf(file) === "" ? "removed" : "replaced"} while it was open`
        return Effect.fail(
          new JobError({ reason: new JobStoreUnavailable({ store: filename, operation, problem: "replaced", detail }) })
        )
      })
  }
}
