/** Rules of one's own: in JSON, and as configurations of gitleaks. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as path from "node:path"
import * as MatchText from "../src/internal/matchText.ts"
import type { RuleSet } from "../src/ScanRule.ts"
import * as ScanRules from "../src/ScanRules.ts"
import { find } from "./support/matching.ts"
import { temporaryFolder } from "./support/temporaryFolder.ts"

const load = (content: unknown, name = "rules.json") =>
  Effect.gen(function*() {
    const folder = yield* temporaryFolder
    const file = path.join(folder, name)
    fs.writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content))
    return yield* ScanRules.load(file)
  }).pipe(Effect.provide(NodeServices.layer))

const rulesOf = (set: RuleSet, text: string, place: MatchText.Place = { path: "a.txt" }) =>
  Effect.map(
    find(text, { matcher: MatchText.make(set, "key"), ...place }),
    ({ found }) => found.map(({ rule }) => rule)
  )

describe("a built-in rule", () => {
  it("is documented by its id, its severity and its name", () => {
    const document = fs.readFileSync(path.join(import.meta.dirname, "../RULES.md"), "utf8")
    const rows = [...document.matchAll(/^\| `(\S+)` +\| (\S+) +\| (.+?) +\|$/gm)]
      .map(([, id, severity, name]) => ({ id, severity, name }))
    const rules = ScanRules.described(ScanRules.builtIn)
      .map(({ id, name, severity }) => ({ id, severity, name }))
      .toSorted((one, other) => one.id < other.id ? -1 : 1)
    assert.deepStrictEqual(rows, rules)
  })
})

describe("a file of rules", () => {
  const own = { id: "house", name: "House", severity: "low", pattern: "HOUSE-(?<secret>[0-9]{6})" }

  it.live("adds to what is there", () =>
    Effect.gen(function*() {
      const set = yield* load({ rules: [own] })
      assert.lengthOf(set.rules, ScanRules.builtIn.rules.length + 1)
      assert.deepStrictEqual(yield* rulesOf(set, "id HOUSE-123456"), ["house"])
      assert.deepStrictEqual(yield* rulesOf(set, "id house-123456"), [])
      for (const severity of ["critical", "high", "medium", "low"] as const) {
        const [rule] = ScanRules.described(yield* load({ rules: [{ ...own, severity }] })).slice(-1)
        assert.deepInclude(rule, { id: "house", severity })
      }
    }))

  it.live("takes the place of a built-in rule of the same id", () =>
    Effect.gen(function*() {
      const set = yield* load({ rules: [{ ...own, id: "jwt" }] })
      assert.lengthOf(set.rules, ScanRules.builtIn.rules.length)
      assert.deepStrictEqual(yield* rulesOf(set, "id HOUSE-123456"), ["jwt"])
    }))

  it.live("has allow lists, for the built-in rules too", () =>
    Effect.gen(function*() {
      const token = `key = AKIA${"Z2J4NQ5RTW6XYABC"}`
      assert.deepStrictEqual(yield* rulesOf(ScanRules.builtIn, token), ["aws-access-key"])
      assert.deepStrictEqual(yield* rulesOf(yield* load({ allow: [{ stopwords: ["nq5rtw"] }] }), token), [])
    }))

  it.live("that cannot be used says where it is wrong", () =>
    Effect.gen(function*() {
      for (
        const [content, words] of [
          ["{", "JSON"],
          [{ rules: [{ ...own, severity: "huge" }] }, "severity"],
          [
            { rules: [{ ...own, pattern: "(" }] },
            "is no regular expression of RE2: error parsing regexp: missing closing ): `(`"
          ],
          [{ rules: [{ ...own, pattern: "x(?!y)" }] }, "no lookahead"],
          [{ rules: [{ ...own, pattern: "x*" }] }, "matches nothing at all"],
          [{ rules: [{ ...own, path: "(" }] }, "no regular expression"],
          [{ rules: [own, own] }, "two rules"],
          [{ allow: [{ regexes: ["["] }] }, "allow list"]
        ] as const
      ) {
        const { _tag, message } = yield* Effect.flip(load(content))
        assert.strictEqual(_tag, "RulesInvalid")
        assert.include(message, words)
        assert.include(message, "rules.json")
        // The engine's advice is for patterns that look around.
        if (words.includes("RE2")) assert.isTrue(message.endsWith(words), message)
      }
    }))

  it.live("that is not there, or cannot be read, is named", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      const problem = (file: string) => Effect.map(Effect.flip(ScanRules.load(file)), ({ message }) => message)
      const missing = path.join(folder, "none.json")
      assert.strictEqual(
        yield* problem(missing),
        `rules ${missing}: there is no such file; name one that is there`
      )
      assert.include(yield* problem(folder), `rules ${folder}: the file cannot be read; see that it is one`)
    }).pipe(Effect.provide(NodeServices.layer)))
})

describe("a configuration of gitleaks", () => {
  const toml = (text: string) => load(text, "gitleaks.toml")
  const rule = `[[rules]]
id = "house-token"
description = "House"
regex = '''(?i)\\bhouse_([a-z0-9]{8})(?:['"\\s]|$)'''
entropy = 2
keywords = ["house_"]
`

  it.live("brings its rules: flags in groups, the secret's group, entropy, keywords, paths", () =>
    Effect.gen(function*() {
      const set = yield* toml(`${rule}
[[rules]]
id = "second-group"
regex = '''(left)-(right)'''
secretGroup = 2
[[rules]]
id = "key-file"
path = '''\\.p12$'''
[[rules]]
id = "in-path"
regex = '''in-path-[0-9]+'''
path = '''\\.cfg$'''
`)
      assert.deepStrictEqual(yield* rulesOf(set, "x = \"HOUSE_a1b2c3d4\""), ["house-token"])
      assert.deepStrictEqual(yield* rulesOf(set, "x = \"house_aaaaaaaa\""), [])
      assert.deepStrictEqual(yield* rulesOf(set, "left-right"), ["second-group"])
      assert.deepStrictEqual(yield* rulesOf(set, "x", { path: "a/b.p12" }), ["key-file"])
      assert.deepStrictEqual(yield* rulesOf(set, "in-path-1"), [])
      assert.deepStrictEqual(yield* rulesOf(set, "in-path-1", { path: "a.cfg" }), ["in-path"])
      const named = ScanRules.described(set).find(({ id }) => id === "house-token")
      assert.deepInclude(named, { name: "House", severity: "high" })
    }))

  it.live("brings its allow lists, of both forms: of a rule, of several, of all", () =>
    Effect.gen(function*() {
      const text = "a house_a1b2c3d4\n"
      const seen = (allow: string) => Effect.flatMap(toml(allow), (set) => rulesOf(set, text, { path: "src/a.txt" }))
      const other = `[[rules]]\nid = "other"\nregex = '''zzzz'''\n`
      for (
        const allow of [
          `${rule}[rules.allowlist]\nstopwords = ["a1b2"]\n`,
          `${rule}[[rules.allowlists]]\nregexes = ['''^a1''']\n`,
          `${rule}[[rules.allowlists]]\nregexTarget = "match"\nregexes = ['''house_''']\n`,
          `${rule}[[rules.allowlists]]\nregexTarget = "line"\nregexes = ['''^a ''']\n`,
          `${rule}[[rules.allowlists]]\ncondition = "AND"\npaths = ['''^src/''']\nstopwords = ["a1b2"]\n`,
          `[allowlist]\npaths = ['''^src/''']\n${rule}`,
          `[[allowlists]]\ntargetRules = ["house-token"]\npaths = ['''^src/''']\n${rule}`
        ]
      ) assert.deepStrictEqual(yield* seen(allow), [], allow)
      for (
        const allow of [
          `${rule}[[rules.allowlists]]\ncondition = "AND"\npaths = ['''^doc/''']\nstopwords = ["a1b2"]\n`,
          `[[allowlists]]\ntargetRules = ["other"]\npaths = ['''^src/''']\n${rule}${other}`,
          `${rule}${other}[[rules.allowlists]]\nstopwords = ["a1b2"]\n`
        ]
      ) assert.deepStrictEqual(yield* seen(allow), ["house-token"], allow)
    }))

  it.live("leaves out the rules that it disables, and may extend the default", () =>
    Effect.gen(function*() {
      const set = yield* toml(`[extend]\nuseDefault = true\ndisabledRules = ["house-token"]\n${rule}`)
      assert.deepStrictEqual(yield* rulesOf(set, "house_a1b2c3d4"), [])
      assert.lengthOf(set.rules, ScanRules.builtIn.rules.length)
    }))

  it.live("that cannot be used says where it is wrong", () =>
    Effect.gen(function*() {
      for (
        const [content, words] of [
          ["[[rules]]\nid = \n", "gitleaks.toml:2:6"],
          ["[[rules]]\nid = 1\n", "id"],
          ["[extend]\npath = \"x.toml\"\n", "extend.path"],
          ["[[rules]]\nid = \"a\"\nregex = '''x'''\n[[rules.required]]\nid = \"b\"\n", "requires others"],
          ["[[rules]]\nid = \"a\"\nregex = '''('''\n", "no regular expression"],
          ["[[rules]]\nid = \"a\"\nregex = '''x'''\n[rules.allowlist]\npaths = ['''(''']\n", "no regular expression"]
        ] as const
      ) {
        const { message } = yield* Effect.flip(toml(content))
        assert.include(message, words)
      }
    }))
})
