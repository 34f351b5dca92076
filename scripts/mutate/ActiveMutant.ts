/**
 * Which mutant is at work in this process, and which have been reached: the state behind the switches.
 *
 * A mutant that is reached far oftener than its code was without it runs for ever: it is stopped by a throw.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import { switchName, withMutants } from "./MutantSwitch.ts"
import { type FileMutations, mutationsOf } from "./Mutation.ts"
import { fileVariable, mutantVariable, type Plan, say, testVariable } from "./Plan.ts"

export interface ActiveMutant {
  readonly plan: Plan
  /** How often each was reached since the last reset. */
  readonly counts: Float64Array
  active: ReadonlySet<number>
  /** How often an active one may be reached. */
  limit: number
  /** Who reaches something is a test. */
  inTest: boolean
  readonly told: Set<number>
}

declare global {
  // A global of its own name, as the switches in other modules can reach nothing else.
  var __holdfastActiveMutant: ActiveMutant | undefined
}

export const install = (plan: Plan): void => {
  const chosen = process.env[mutantVariable]
  const state: ActiveMutant = {
    plan,
    counts: new Float64Array(plan.mutants.length),
    active: new Set(chosen === undefined ? plan.active : [Number(chosen)]),
    limit: 1e8,
    inTest: false,
    told: new Set()
  }
  globalThis.__holdfastActiveMutant = state
  Reflect.set(globalThis, switchName, (id: number): boolean => {
    const count = (state.counts[id] ?? 0) + 1
    state.counts[id] = count
    if (!state.inTest && plan.mode === "survey" && !state.told.has(id)) {
      state.told.add(id)
      const file = process.env[fileVariable]
      if (file !== undefined) say(plan, { kind: "elsewhere", file, mutant: id, test: process.env[testVariable] })
    }
    if (!state.active.has(id)) return false
    if (count > state.limit) throw new Error("a mutant runs for ever")
    return true
  })
}

/** The source with the plan's mutants, or undefined if it has none. */
export const sourceWithMutants = (plan: Plan, path: string): string | undefined => {
  const file = Path.relative(plan.root, path)
  const ids = new Map<number, number>()
  for (const [id, mutant] of plan.mutants.entries()) if (mutant.file === file) ids.set(mutant.index, id)
  if (ids.size === 0) return undefined
  const text = Fs.readFileSync(path, "utf8")
  const found: FileMutations = mutationsOf(file, text)
  return withMutants(text, found, ids)
}
