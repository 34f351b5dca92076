/** The table of calls in flight against a `Map`, which it stands for. */
import { assert, describe, it } from "@effect/vitest"
import * as SeededRandom from "@holdfast/testkit/SeededRandom"
import { CallTable } from "../src/internal/connection/CallTable.ts"

interface Call {
  readonly id: number
}

const addOne = (table: CallTable<Call>): Call => {
  const call = { id: table.nextId() }
  table.add(call)
  return call
}

describe("the table of calls in flight", () => {
  it("holds what a Map holds, after every step of many histories, however long some calls stay", () => {
    for (let seed = 1; seed <= 200; seed++) {
      const random = SeededRandom.make(seed)
      const table = new CallTable<Call>(4)
      const model = new Map<number, Call>()
      let last = 0
      for (let step = 0; step < 300; step++) {
        const living = [...model.keys()]
        // Old calls mostly stay, so that the places of new ones are taken again and again.
        const id = random.int(0, 3) === 0 ? random.int(0, last + 64) : living.at(-1 - random.int(0, 3)) ?? last + 1
        if (random.int(0, 5) < 3) {
          const call = addOne(table)
          assert.isAbove(call.id, last, `seed ${seed}, step ${step}: an id is given once`)
          last = call.id
          model.set(call.id, call)
        } else {
          assert.strictEqual(table.delete(id), model.delete(id), `seed ${seed}, step ${step}`)
        }
        assert.strictEqual(table.get(id), model.get(id), `seed ${seed}, step ${step}`)
        assert.strictEqual(table.size, model.size)
      }
      for (const [id, call] of model) assert.strictEqual(table.get(id), call, `seed ${seed}`)
      assert.sameMembers([...table.values()], [...model.values()])
    }
  })

  it("does not grow with the calls that have gone through it, also beside one that stays", () => {
    const table = new CallTable<Call>(4)
    const first = addOne(table)
    for (let i = 0; i < 1000; i++) table.delete(addOne(table).id)
    assert.strictEqual(table.get(first.id), first)
    // Each time round, the place of the one that stays is left out.
    assert.isAtMost(addOne(table).id, 1 + 1001 * 4 / 3 + 1)
  })

  it("knows none of the ids that were not given", () => {
    const table = new CallTable<Call>()
    for (let count = 0; count < 100; count++) addOne(table)
    for (const id of [-1, -64, 0, 1.5, 101, 2 ** 40, Number.MAX_SAFE_INTEGER, 1e300, Number.NaN]) {
      assert.isUndefined(table.get(id), String(id))
      assert.isFalse(table.delete(id), String(id))
    }
    assert.strictEqual(table.size, 100)
  })
})
