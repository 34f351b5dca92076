import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { Rows } from "./support/Rows.ts"
import { storeContract } from "./support/storeContract.ts"
import { temporaryFile } from "./support/temporaryFile.ts"

const subjects = {
  memory: Rows.layerMemory,
  "an SQLite file": Layer.unwrap(Effect.map(temporaryFile("jobs.db"), Rows.layerSqlite)),
  "SQLite in memory": Rows.layerSqlite(":memory:")
}

for (const [name, layer] of Object.entries(subjects)) {
  storeContract({ name, layer, test: it.effect, elapse: (millis) => TestClock.adjust(millis) })
}
