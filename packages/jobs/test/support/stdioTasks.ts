/** A server of ours on stdin and stdout, in both eras, with jobs and tasks in an SQLite file: `stdioTasks.ts <database>`. */
import * as Jobs from "@holdfast/jobs/Jobs"
import * as SqliteStore from "@holdfast/jobs/SqliteStore"
import * as StdioHost from "@holdfast/server/StdioHost"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { server } from "./tenants.ts"

const [database = ""] = process.argv.slice(2)

StdioHost.runMain(
  StdioHost.run({ server }).pipe(Effect.provide(Jobs.layer.pipe(Layer.provideMerge(SqliteStore.layer(database)))))
)
