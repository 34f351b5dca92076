import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { SqliteStore } from "@holdfast/jobs"
import * as Layer from "effect/Layer"
import { MailingLive } from "./Mailing.ts"

/** The jobs and their place on disk, and the files that the server needs, too. */
export const jobs = MailingLive.pipe(
  Layer.provide(SqliteStore.layer("jobs.db")),
  Layer.provideMerge(NodeFileSystem.layer)
)
