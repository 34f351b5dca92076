/**
 * Loaded before everything else in each process and thread of a run: the state behind the switches, and the mutants in what Node itself
 * loads. What Vitest loads gets them from its plugin.
 */
import { registerHooks } from "node:module"
import { fileURLToPath } from "node:url"
import { install, sourceWithMutants } from "./ActiveMutant.ts"
import { readPlan } from "./Plan.ts"

const plan = readPlan()
install(plan)
registerHooks({
  load: (url, context, nextLoad) => {
    const source = url.startsWith("file:") ? sourceWithMutants(plan, fileURLToPath(url)) : undefined
    if (source === undefined) return nextLoad(url, context)
    return { format: "module-typescript", source, shortCircuit: true }
  }
})
