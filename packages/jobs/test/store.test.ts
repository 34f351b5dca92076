import { it } from "@effect/vitest"
import { JobStore } from "@holdfast/jobs"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { storeContract } from "./support/storeContract.ts"
import { temporaryFile } from "./support/temporaryFile.ts"

const subjects = {
  memory: JobStore.layerMemory,
  "an SQLite file": Layer.unwrap(Effect.map(temporaryFile("jobs.db"), JobStore.layerSqlite)),
  "SQLite in memory": JobStore.layerSqlite(":memory:")
}

for (const [name, layer] of Object.entries(subjects)) {
  storeContract({ name, layer, test: it.effect, elapse: (millis) => TestClock.adjust(millis) })
}
