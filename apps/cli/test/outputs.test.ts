import { assert, describe, it } from "@effect/vitest"
import * as path from "node:path"
import * as Generated from "./support/Generated.ts"
import { plain } from "./support/JsonCases.ts"
import * as JsonPage from "./support/JsonPage.ts"
import * as Outputs from "./support/Outputs.ts"
import * as Words from "./support/Words.ts"

const outputs = await Outputs.load()

describe("--json", () => {
  it("has a schema for every word that prints a result, and no other", () => {
    const words = Words.all.filter(({ hasWordsBelow }) => !hasWordsBelow).map(({ words }) => words.join(" "))
    assert.deepStrictEqual(
      outputs.map(({ words }) => words).filter((each) => !Outputs.ofEveryWord.includes(each)).toSorted(),
      words.filter((each) => !plain.has(each)).toSorted()
    )
  })

  it("is described by a page that is made from the schemas", () => {
    const page = path.resolve(import.meta.dirname, "../../../docs/cli-json.md")
    const { found, made } = Generated.compared(page, JsonPage.page(outputs))
    assert.strictEqual(found, made, "UPDATE=1 updates it")
  })
})
