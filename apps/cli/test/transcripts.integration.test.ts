/** What the page for agents says that commands print is what they print. The README: `transcripts.long.test.ts`. */
import { assert, describe, it } from "@effect/vitest"
import * as fs from "node:fs"
import * as path from "node:path"
import { agentsGuide } from "../src/AgentsGuide.ts"
import * as Generated from "./support/Generated.ts"
import * as Transcript from "./support/Transcript.ts"

const sources = path.resolve(import.meta.dirname, "../src")

/** The page as the source that it is in. */
const asSource = (page: string): string => page.replaceAll("\\", "\\\\").replaceAll("`", "\\`").replaceAll("${", "\\${")

describe("what commands print", () => {
  it("is what the page for agents says", async () => {
    const file = path.join(sources, "AgentsGuide.ts")
    const source = fs.readFileSync(file, "utf8")
    const now = await Transcript.rerun(agentsGuide, { indent: "    ", isTranscript: () => true })
    const made = source.replace(asSource(agentsGuide), () => asSource(now))
    const answer = Generated.compared(file, made, Transcript.comparable)
    assert.strictEqual(answer.found, answer.made, "UPDATE=1 updates it")
  })
})
