/** A run of tests with mutants compiled in: see `scripts/mutate.ts`, which writes the plan. */
import * as Path from "node:path"
import { defineConfig } from "vitest/config"
import { sourceWithMutants } from "./ActiveMutant.ts"
import { readPlan } from "./Plan.ts"

const plan = readPlan()
const here = import.meta.dirname

export default defineConfig({
  plugins: [{
    name: "mutants",
    enforce: "pre",
    transform: (_code, id) => sourceWithMutants(plan, id.split("?")[0] ?? id)
  }],
  test: {
    root: plan.root,
    pool: "forks",
    maxWorkers: 1,
    globalSetup: [Path.join(here, "../vitest/LeaveNoTrace.ts")],
    reporters: ["dot"],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    include: [...plan.files],
    // What was compiled for another plan has other mutants in it.
    fsModuleCache: false,
    ...(plan.mode === "whole" ? { bail: 1 } : { runner: Path.join(here, "MutantRunner.ts") })
  }
})
