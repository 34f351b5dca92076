import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"

/** A directory of its own, removed with the Scope. */
export const temporaryDirectory = Effect.acquireRelease(
  Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "holdfast-jobs-"))),
  (directory) => Effect.sync(() => fs.rmSync(directory, { recursive: true, force: true }))
)

/** The path of a file that does not exist yet, in a directory that is removed with the Scope. */
export const temporaryFile = (name: string) => Effect.map(temporaryDirectory, (directory) => path.join(directory, name))
