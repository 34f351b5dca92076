import { assert, describe, it } from "@effect/vitest"
import { simulateMany } from "./support/simulation.ts"

describe("sessions over servers and daemons that die", () => {
  it("each request of a host is answered exactly once in ten thousand worlds", () => {
    assert.deepStrictEqual(simulateMany(1_000_000, 10_000).broken, [])
  })
})
