import { assert, describe, it } from "@effect/vitest"
import { storm } from "./support/storm.ts"

describe("the daemon in a storm", () => {
  it("runs no call twice, loses none of a program that lives, and leaves nothing, while programs and their server are killed", async () => {
    const { killed, problems, servers } = await storm({ programs: 4, calls: 10, kills: 1, seed: 1 })
    assert.deepStrictEqual([problems, killed, servers], [[], 2, 2])
  })
})
