import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as path from "node:path"
import { says } from "./support/DataWords.ts"
import * as Generated from "./support/Generated.ts"

const file = path.resolve(import.meta.dirname, "../README.md")

describe("the README", () => {
  it.live("has transcripts of what the words print; UPDATE=1 writes them anew", () =>
    Effect.gen(function*() {
      const text = fs.readFileSync(file, "utf8")
      let made = ""
      let from = 0
      for (const block of text.matchAll(/^```console\n([^]*?)^```$/gm)) {
        const [whole, inner = ""] = block
        const commands = [...inner.matchAll(/^\$ holdfast (.*)$/gm)].map(([, words = ""]) => words)
        const shown: Array<string> = []
        for (const words of commands) {
          const { err, out } = yield* says(words.split(" "))
          shown.push(`$ holdfast ${words}\n${out}${err}`)
        }
        made += `${text.slice(from, block.index)}\`\`\`console\n${shown.join("")}\`\`\``
        from = block.index + whole.length
      }
      const { found, made: compared } = Generated.compared(file, made + text.slice(from))
      assert.strictEqual(found, compared)
    }))
})
