/**
 * The engine of the store of this program, begun once however many layers ask for it: all that is provided by this one value share a runner.
 */
import * as Layer from "effect/Layer"
import type { JobError } from "../JobError.ts"
import { JobStore } from "../JobStore.ts"
import { Engine } from "./Engine.ts"

export const layerEngine: Layer.Layer<Engine, JobError, JobStore> = Layer.effect(
  Engine,
  JobStore.use(({ engine }) => engine)
)
