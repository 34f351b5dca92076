import { assert, describe, it } from "@effect/vitest"
import { PoolSimulation } from "@holdfast/testkit"
import { Keepalive } from "../src/internal/keepalive.ts"
import { Machine } from "../src/internal/machine.ts"
import { plantedBugs } from "./support/plantedBugs.ts"

const seeds = 2000

const firstViolation = (from: number, count: number): PoolSimulation.PoolRun | undefined => {
  for (let seed = from; seed < from + count; seed++) {
    const run = PoolSimulation.run(seed)
    if (run.violations.length > 0) return run
  }
  return undefined
}

describe("simulation", () => {
  it(`no invariant breaks in ${seeds} seeds`, { timeout: 60_000 }, () => {
    const broken = firstViolation(0, seeds)
    if (broken !== undefined) {
      const { run, scenario } = PoolSimulation.shrink(broken)
      assert.fail(
        `seed ${broken.seed}: ${
          JSON.stringify(run.violations[0])
        }\nreplay: pnpm simulate --seeds 1 --from ${broken.seed}` +
          `\nshrunk to ${JSON.stringify(scenario)}`
      )
    }
  })

  it("the same seed gives the same trace, another seed another one", () => {
    const hashes = [1, 2, 3, 4, 5].map((seed) => PoolSimulation.run(seed).hash)
    assert.deepStrictEqual([1, 2, 3, 4, 5].map((seed) => PoolSimulation.run(seed).hash), hashes)
    assert.strictEqual(new Set(hashes).size, 5)
  })

  it("every legal transition but the ones a pool cannot make is exercised", () => {
    const seen = new Set<string>()
    for (let seed = 0; seed < 300; seed++) for (const edge of PoolSimulation.run(seed).transitions) seen.add(edge)
    assert.isAtLeast(seen.size, 21)
  })
})

describe("the simulation finds", () => {
  for (const bug of plantedBugs) {
    it(bug.name, { timeout: 60_000 }, () => {
      const restore = bug.plant(Machine.prototype, Keepalive.prototype)
      try {
        const broken = firstViolation(0, seeds)
        assert.isDefined(broken, `not found in ${seeds} seeds`)
        let found = 0
        for (let seed = 0; seed < 200; seed++) if (PoolSimulation.run(seed).violations.length > 0) found++
        console.info(
          `${bug.name}: first in seed ${broken?.seed}, in ${found} of 200 seeds, as "${
            broken?.violations[0]?.invariant
          }"`
        )
      } finally {
        restore()
      }
      assert.isUndefined(firstViolation(0, 20), "the plant was not removed")
    })
  }
})
