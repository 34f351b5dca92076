import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { SqliteStore } from "@holdfast/jobs"
import * as Layer from "effect/Layer"
import { MailingLive } from "./Mailing.ts"

/** The jobs, their place on disk, and what they need. */
export const jobs = MailingLive.pipe(
  Layer.provide(SqliteStore.layer("jobs.db")),
  Layer.provide(NodeFileSystem.layer)
)
