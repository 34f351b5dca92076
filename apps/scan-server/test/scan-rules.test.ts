/** What each rule finds, and what it leaves alone. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as path from "node:path"
import type { Finding } from "../src/Finding.ts"
import { compile, entropyOf, matchLine } from "../src/internal/matchLines.ts"
import * as ScanRules from "../src/ScanRules.ts"
import { temporaryFolder } from "./support/temporaryFolder.ts"

const find = (line: string, rules = ScanRules.builtIn): ReadonlyArray<Finding> => {
  const found: Array<Finding> = []
  matchLine(compile(rules), "a/b.ts", line, 7, found)
  return found
}

describe("the built-in rules", () => {
  for (const rule of ScanRules.builtIn) {
    it(`${rule.id} finds what it is for, and not what only looks like it`, () => {
      assert.include(find(rule.examples.match).map((finding) => finding.rule), rule.id)
      assert.notInclude(find(rule.examples.noMatch).map((finding) => finding.rule), rule.id)
    })
  }

  it("say where it is, and never what it is", () => {
    const { match } = ScanRules.builtIn.find(({ id }) => id === "github-token")?.examples ?? { match: "" }
    const secret = match.slice(match.indexOf("gh"))
    const [finding] = find(`const x = "${secret}"`)
    assert.deepInclude(finding, { path: "a/b.ts", line: 7, column: 12, severity: "critical" })
    assert.strictEqual(finding?.excerpt, `${secret.slice(0, 4)}… (40 characters)`)
    assert.notInclude(JSON.stringify(finding), secret.slice(0, 12))
  })

  it("find a secret once wherever it lies in a line without end, across the borders of its parts too", () => {
    const { match } = ScanRules.builtIn.find(({ id }) => id === "gitlab-token")?.examples ?? { match: "" }
    for (let at = 0; at < 50_000; at += 997) {
      const line = `${"x ".repeat(at / 2)}${match} ${"y ".repeat(20_000)}`
      const found = find(line).filter(({ rule }) => rule === "gitlab-token")
      assert.lengthOf(found, 1, String(at))
      assert.strictEqual(found[0]?.column, line.indexOf(match) + 1)
    }
  })

  it("take time in proportion to what they read", () => {
    const hostile = ["password=\"", "a".repeat(200_000), "://", "a:".repeat(100_000), "eyJ", "eyJ.".repeat(50_000)]
      .join("")
    const begun = process.cpuUsage()
    find(hostile)
    find(hostile)
    const { user } = process.cpuUsage(begun)
    // A pattern that is not linear takes minutes over this.
    assert.isBelow(user / 1e6, 20)
  })

  it("entropy is that of the characters", () => {
    assert.strictEqual(entropyOf("aaaa"), 0)
    assert.strictEqual(entropyOf("abcd"), 2)
  })
})

describe("a file of rules", () => {
  const load = (content: unknown) =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      const file = path.join(folder, "rules.json")
      fs.writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content))
      return yield* ScanRules.load(file)
    }).pipe(Effect.provide(NodeServices.layer))
  const own = { id: "house", name: "House", severity: "low", pattern: "HOUSE-(?<secret>[0-9]{6})" }

  it.live("adds to what is there", () =>
    Effect.gen(function*() {
      const rules = yield* load({ rules: [own] })
      assert.lengthOf(rules, ScanRules.builtIn.length + 1)
      assert.deepInclude(find("id HOUSE-123456", rules)[0], { rule: "house", column: 10 })
    }))

  it.live("that cannot be used says where it is wrong", () =>
    Effect.gen(function*() {
      for (
        const [content, words] of [
          ["{", "JSON"],
          [{ rules: [{ ...own, severity: "huge" }] }, "severity"],
          [{ rules: [{ ...own, pattern: "(" }] }, "no regular expression"],
          [{ rules: [{ ...own, pattern: "x*" }] }, "matches nothing at all"],
          [{ rules: [{ ...own, pattern: "(a+)+$" }] }, "repeats what already repeats"],
          [{ rules: [own, own] }, "two rules"]
        ] as const
      ) {
        const { message } = yield* Effect.flip(load(content))
        assert.include(message, words)
        assert.include(message, "rules.json")
      }
    }))
})
