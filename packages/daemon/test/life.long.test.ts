import { assert, describe, it } from "@effect/vitest"
import { startedBy } from "./support/startedBy.ts"

describe("the daemon", () => {
  it("is started exactly once by a hundred programs at once", async () => {
    assert.deepStrictEqual(await startedBy(100), { refusals: [], served: [true], starts: 1 })
  })
})
