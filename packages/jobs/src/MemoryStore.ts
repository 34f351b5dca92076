/**
 * Jobs in memory: they live as long as the layer. For tests, and for programs whose jobs need not outlive them.
 *
 * @example
 * ```ts
 * import { Jobs, MemoryStore } from "@holdfast/jobs"
 * import * as Layer from "effect/Layer"
 *
 * export const layer = Jobs.layer.pipe(Layer.provide(MemoryStore.layer))
 * ```
 */
import * as Layer from "effect/Layer"
import * as LocalEngine from "./internal/local/LocalEngine.ts"
import { makeMemoryStore } from "./internal/memory/memoryStore.ts"
import { JobStore } from "./JobStore.ts"

/** A store of its own each time it is built. Never fails. */
export const layer: Layer.Layer<JobStore> = Layer.sync(JobStore, () => LocalEngine.over(makeMemoryStore()))
