/** What programs read. All words: `json.long.test.ts`. */
import { assert, describe, it } from "@effect/vitest"
import { cases } from "./support/JsonCases.ts"
import { outputs, runWords } from "./support/JsonRuns.ts"
import * as Outputs from "./support/Outputs.ts"

const often = ["call", "servers", "status", "why", "logs", "daemon unit"]

describe("--json", () => {
  it("is tried of every word", () => {
    const words = [...outputs.keys()].filter((word) => !Outputs.ofEveryWord.includes(word))
    assert.sameMembers([...cases.keys()], words)
  })

  it("is what its schema says, and so is each failure, of words that are used often", async () => {
    assert.strictEqual(await runWords((word) => often.includes(word)), often.length)
  })
})
