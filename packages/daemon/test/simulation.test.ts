import { assert, describe, it } from "@effect/vitest"
import { simulateMany } from "./support/simulation.ts"

describe("sessions over servers and daemons that die", () => {
  it("each request of a host is answered exactly once, byte for byte, no call runs twice, and the next server has what was promised", () => {
    const { answered, broken, deaths, lost, recalled } = simulateMany(0, 400)
    assert.deepStrictEqual(broken, [])
    // A simulation in which nothing happens shows nothing.
    assert.isAbove(answered, 2000)
    assert.isAbove(lost, 20)
    assert.isAbove(deaths, 200)
    assert.isAbove(recalled, 150)
  })
})
