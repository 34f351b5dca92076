/** The benchmarks of `@holdfast/process`, in the order in which they are to run. */
import * as Effect from "effect/Effect"
import { closeCost } from "./CloseCost.ts"
import { reaperCost } from "./ReaperCost.ts"
import { spawnCost } from "./SpawnCost.ts"

export const processBench: Effect.Effect<void, unknown> = Effect.all([spawnCost, closeCost, reaperCost], {
  discard: true
})
