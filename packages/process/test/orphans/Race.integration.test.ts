/**
 * The nightly script runs it longer: `HOLDFAST_RACE_TRIALS` and `HOLDFAST_RACE_SEED`.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import process from "node:process"
import * as Race from "./Race.ts"

const number = (name: string, otherwise: number): number => {
  const text = process.env[name] ?? ""
  if (text === "") return otherwise
  if (!/^\d+$/.test(text)) throw new Error(`${name} must be a whole number`)
  return Number(text)
}

const trials = number("HOLDFAST_RACE_TRIALS", 30)
const seed = number("HOLDFAST_RACE_SEED", process.pid)

// Issue 4: the worst time to zero.
const worst = 500

const race = Effect.fnUntraced(function*(options: Race.RaceOptions) {
  const results = yield* Race.run(options)
  const leaks = results.filter((result) => Race.survivorsOf(result) > 0)
  assert.deepStrictEqual(leaks.map(({ outcome, trial }) => ({ trial, survivors: outcome.survivors })), [])
  // The reaper competes with all else on the machine, and so does this test: while it was kept waiting it saw nobody go.
  assert.deepStrictEqual(results.filter(({ outcome }) => outcome.lastSeen - outcome.blindFor > worst), [])
  assert.isAbove(results.filter(({ isDone }) => !isDone).length, options.trials / 3, "most are killed while they spawn")
})

describe("an owner killed at a random moment while it spawns", () => {
  it.live(
    `leaves nothing of children of all kinds, ${trials} times, and nobody is seen alive ${worst} ms later`,
    () => race({ trials, seed }),
    30_000 + trials * 10_000
  )

  const fewer = Math.ceil(trials / 3)
  it.live(
    `leaves nothing of children that all fork while dying, ${fewer} times, and nobody is seen alive ${worst} ms later`,
    () => race({ trials: fewer, seed, kinds: ["forking"] }),
    30_000 + fewer * 10_000
  )
})
