/** What programs read: every word with `--json`. */
import { assert, describe, it } from "@effect/vitest"
import { cases } from "./support/JsonCases.ts"
import { runWords } from "./support/JsonRuns.ts"

describe("--json of every word", () => {
  it("is what its schema says, and so is each failure", async () => {
    assert.strictEqual(await runWords(() => true), cases.size)
  })
})
