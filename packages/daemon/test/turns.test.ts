import { assert, describe, it } from "@effect/vitest"
import { Turns } from "../src/internal/Turns.ts"

describe("turns", () => {
  it("are fair by program, and in order within one", () => {
    const turns = new Turns<string>()
    for (const one of ["a1", "a2", "a3", "b1", "c1", "b2"]) turns.add(one.charAt(0), one)
    const taken = Array.from({ length: 4 }, () => turns.next())
    // One that comes later is behind those that wait for their first turn, not behind everything of a busy program.
    turns.add("d", "d1")
    while (turns.size > 0) taken.push(turns.next())
    assert.deepStrictEqual(taken, ["a1", "b1", "c1", "a2", "b2", "a3", "d1"])
    assert.isUndefined(turns.next())
  })

  it("are given up without a trace", () => {
    const turns = new Turns<number>()
    const [first, , third] = [1, 2, 3].map((one) => turns.add("a", one))
    first?.()
    assert.strictEqual(turns.next(), 2)
    third?.()
    third?.()
    assert.strictEqual(turns.size, 0)
    assert.isUndefined(turns.next())
  })
})
