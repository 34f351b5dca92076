import { afterAll, beforeAll, it } from "@effect/vitest"
import type { JobError } from "@holdfast/jobs/JobError"
import { JobStore } from "@holdfast/jobs/JobStore"
import * as PostgresStore from "@holdfast/jobs/PostgresStore"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { jobsContract } from "./support/jobsContract.ts"
import * as Postgres from "./support/Postgres.ts"

const scope = Scope.makeUnsafe()
let running: Effect.Success<typeof Postgres.start> | undefined
beforeAll(() => Effect.runPromise(Effect.map(Scope.provide(Postgres.start, scope), (it) => void (running = it))))
afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

let databases = 0
/** A database of its own in the one server. */
const fresh: Layer.Layer<JobStore, JobError> = Layer.unwrap(Effect.gen(function*() {
  if (running === undefined) throw new Error("Postgres does not run")
  const database = `contract_${++databases}`
  yield* Effect.orDie(running.admin(`CREATE DATABASE ${database}`))
  return PostgresStore.layer({ path: running.socket, username: "jobs", database, maxConnections: 4 })
}))

jobsContract({ name: "Postgres", layer: fresh, test: it.live, elapse: (millis) => Effect.sleep(millis) })
