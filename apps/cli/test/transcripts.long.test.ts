/** What the README says that commands print is what they print. */
import { assert, describe, it } from "@effect/vitest"
import * as fs from "node:fs"
import * as path from "node:path"
import * as Generated from "./support/Generated.ts"
import * as Transcript from "./support/Transcript.ts"

const readme = path.resolve(import.meta.dirname, "../README.md")

describe("what commands print", () => {
  it("is what the README says", async () => {
    const document = fs.readFileSync(readme, "utf8")
    const made = await Transcript.rerun(document, { isTranscript: (before) => before === "<!-- transcript -->" })
    const answer = Generated.compared(readme, made, Transcript.comparable)
    assert.strictEqual(answer.found, answer.made, "UPDATE=1 updates it")
  })
})
