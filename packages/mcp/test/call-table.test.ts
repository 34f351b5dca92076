/** The table of calls in flight against a `Map`, which it stands for. */
import { assert, describe, it } from "@effect/vitest"
import * as SeededRandom from "@holdfast/testkit/SeededRandom"
import { CallTable } from "../src/internal/connection/CallTable.ts"

describe("the table of calls in flight", () => {
  it("holds what a Map holds, after every step of many histories, however far ids and calls are apart", () => {
    for (let seed = 1; seed <= 200; seed++) {
      const random = SeededRandom.make(seed)
      const table = new CallTable<string>(4)
      const model = new Map<number, string>()
      // Ids count up; now and then they leap, as when others use the same counter, and meet in one place of the table.
      let next = random.int(0, 2 ** 31)
      for (let step = 0; step < 300; step++) {
        const living = [...model.keys()]
        const id = random.int(0, 3) === 0 ? next - 1 - random.int(0, 64) : living[random.int(0, living.length)] ?? next
        if (random.int(0, 2) === 0) {
          table.set(next, `${next}`)
          model.set(next, `${next}`)
          next += random.int(0, 10) === 0 ? 2 ** random.int(1, 12) : 1
        } else {
          assert.strictEqual(table.delete(id), model.delete(id), `seed ${seed}, step ${step}`)
        }
        assert.strictEqual(table.get(id), model.get(id), `seed ${seed}, step ${step}`)
        assert.strictEqual(table.size, model.size)
      }
      for (const [id, call] of model) assert.strictEqual(table.get(id), call, `seed ${seed}`)
      assert.deepStrictEqual([...table.values()].toSorted(), [...model.values()].toSorted())
    }
  })

  it("knows none of the ids that nobody was given", () => {
    const table = new CallTable<string>()
    for (let id = 0; id < 100; id++) table.set(id, "call")
    for (const id of [-1, -64, 1.5, 100, 2 ** 40, Number.MAX_SAFE_INTEGER, 1e300, Number.NaN]) {
      assert.isUndefined(table.get(id), String(id))
      assert.isFalse(table.delete(id), String(id))
    }
    assert.strictEqual(table.size, 100)
  })
})
