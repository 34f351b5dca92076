/** The matcher: where secrets are found in texts of any length, and what is left alone. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import { builtInRules } from "../src/BuiltInRules.ts"
import { entropyOf } from "../src/internal/matchText.ts"
import { compile, problemOf } from "../src/internal/pattern.ts"
import * as Secretlint from "../src/internal/secretlintPreset.ts"
import * as WordAutomaton from "../src/internal/wordAutomaton.ts"
import type { ScanRule } from "../src/ScanRules.ts"
import { secretlintRules } from "../src/SecretlintRules.ts"
import { find, npmToken, only } from "./support/matching.ts"

const rule = (more: Partial<ScanRule>): ScanRule => ({
  id: "own",
  name: "Own",
  severity: "low",
  pattern: "HOUSE-[0-9]{6}",
  keywords: ["house-"],
  ...more
})

describe("a secret", () => {
  it.effect("is told by place, and never by what it is", () =>
    Effect.gen(function*() {
      const { found: [finding] } = yield* find(`\nconst x = "${npmToken}"`, { firstLine: 6 })
      assert.deepInclude(finding, { rule: "secretlint-npm", path: "a/b.ts", line: 7, column: 12, severity: "critical" })
      assert.strictEqual(finding?.excerpt, "npm_… (40 characters)")
      assert.notInclude(JSON.stringify(finding), npmToken.slice(0, 8))
      const short = only([rule({ pattern: "pin=([0-9]+)", keywords: ["pin="] })])
      const { found: [pin] } = yield* find("pin=123456", { matcher: short })
      assert.strictEqual(pin?.excerpt, "1… (6 characters)")
    }))

  it.effect("is found once and in its column, wherever the pieces and parts of a text begin", () =>
    Effect.gen(function*() {
      for (const at of [0, 255_000, 262_100, 262_130, 262_144, 262_150, 270_000, 278_520, 524_270, 600_000]) {
        for (const filler of ["x ", "y\n"]) {
          const text = `${filler.repeat(at / 2)} ${npmToken} ${filler.repeat(150_000)}`
          const before = text.slice(0, text.indexOf(npmToken)).split("\n")
          const { found } = yield* find(text, { pieces: 100_003 })
          assert.deepStrictEqual(
            found.map(({ column, line }) => [line, column]),
            [[before.length, (before.at(-1) ?? "").length + 1]],
            `${at} ${JSON.stringify(filler)}`
          )
        }
      }
    }))

  it.effect("that two rules know is told once, by the one that knows better", () =>
    Effect.gen(function*() {
      const generic = rule({
        id: "generic",
        pattern: "token = (\\S+)",
        keywords: ["token"],
        generic: true,
        severity: "critical"
      })
      const { found } = yield* find("token = HOUSE-123456", { matcher: only([generic, rule({})]) })
      assert.deepStrictEqual(found.map(({ rule }) => rule), ["own"])
    }))

  it.effect("of several lines is found, and one of single lines is not sought across them", () =>
    Effect.gen(function*() {
      const pattern = "BEGIN\\s+END"
      const across = rule({ pattern, keywords: ["begin"], multiline: true })
      assert.lengthOf((yield* find("BEGIN\nEND", { matcher: only([across]) })).found, 1)
      assert.lengthOf((yield* find("BEGIN\nEND", { matcher: only([{ ...across, multiline: false }]) })).found, 0)
    }))

  it.effect("of many thousand characters is whole, in a line without end, too", () =>
    Effect.gen(function*() {
      const matcher = only([rule({ pattern: "k-(?P<secret>[a-z]+)", keywords: ["k-"] })])
      const { found } = yield* find(`k-${"a".repeat(9000)} ${"z ".repeat(20_000)}`, { matcher })
      assert.deepStrictEqual(found.map(({ excerpt }) => excerpt), ["aaaa… (9000 characters)"])
    }))

  it.effect("has the same fingerprint for the same key only", () =>
    Effect.gen(function*() {
      const { found: [one] } = yield* find(npmToken)
      const { found: [again] } = yield* find(`\n  ${npmToken}`)
      assert.strictEqual(again?.fingerprint, one?.fingerprint)
      const MatchText = yield* Effect.promise(() => import("../src/internal/matchText.ts"))
      const other = MatchText.make({ rules: [], allow: [] }, "another key")
      assert.notStrictEqual((yield* find(npmToken, { matcher: other })).found[0]?.fingerprint, one?.fingerprint)
    }))
})

describe("a rule", () => {
  it.effect("is tried near its keywords only, in any case, or everywhere without any", () =>
    Effect.gen(function*() {
      const count = (more: Partial<ScanRule>) =>
        Effect.map(find("say HOUSE-123456", { matcher: only([rule(more)]) }), ({ found }) => found.length)
      assert.strictEqual(yield* count({ keywords: ["HoUsE"] }), 1)
      assert.strictEqual(yield* count({ keywords: ["garden"] }), 0)
      assert.strictEqual(yield* count({ keywords: [] }), 1)
      // The automaton knows ASCII: a keyword of other letters must not hide the rule.
      assert.strictEqual(yield* count({ keywords: ["häuser"] }), 1)
    }))

  it.effect("says whether case counts", () =>
    Effect.gen(function*() {
      const count = (more: Partial<ScanRule>) =>
        Effect.map(find("house-123456", { matcher: only([rule(more)]) }), ({ found }) => found.length)
      assert.strictEqual(yield* count({}), 0)
      assert.strictEqual(yield* count({ ignoreCase: false }), 0)
      assert.strictEqual(yield* count({ ignoreCase: true }), 1)
    }))

  it.effect("finds files by their path, and secrets in files of that path only", () =>
    Effect.gen(function*() {
      const byPath = only([rule({ pattern: undefined, path: "\\.p12$", keywords: [] })])
      assert.deepInclude((yield* find("", { matcher: byPath, path: "k/a.p12" })).found[0], {
        rule: "own",
        line: 1,
        column: 1
      })
      assert.lengthOf((yield* find("", { matcher: byPath, path: "k/a.txt" })).found, 0)
      const inPath = only([rule({ path: "\\.txt$" })])
      assert.lengthOf((yield* find("HOUSE-123456", { matcher: inPath, path: "a.txt" })).found, 1)
      assert.lengthOf((yield* find("HOUSE-123456", { matcher: inPath, path: "a.md" })).found, 0)
    }))

  it.effect("takes the group it names, else `secret`, else the first that matched, else the whole", () =>
    Effect.gen(function*() {
      const columns = Effect.fnUntraced(function*(pattern: string, group?: number) {
        const { found } = yield* find("aaa bbb ccc", { matcher: only([rule({ pattern, group, keywords: [] })]) })
        return found.map(({ column }) => column)
      })
      assert.deepStrictEqual(yield* columns("(aaa) (bbb)", 2), [5])
      assert.deepStrictEqual(yield* columns("(aaa) (?P<secret>bbb)"), [5])
      assert.deepStrictEqual(yield* columns("(zzz)?aaa (bbb)"), [5])
      assert.deepStrictEqual(yield* columns("aaa bbb"), [1])
    }))

  it("of this server compiles, and its keywords are in whatever it matches", () => {
    assert.lengthOf(new Set(builtInRules.map(({ id }) => id)), builtInRules.length)
    const nearOnly = new Set(["discord-token"])
    for (const { id, keywords, pattern = "" } of builtInRules) {
      assert.isUndefined(problemOf(pattern, "find"), id)
      if (nearOnly.has(id)) continue
      // The generator writes JavaScript's patterns, without flags in groups and without the border of a word.
      const plain = pattern.replaceAll("(?P<", "(?<").replaceAll("(?i:", "(?:").replaceAll("\\b", "")
      for (const text of fc.sample(fc.stringMatching(new RegExp(plain)), { numRuns: 3, seed: 1 })) {
        assert.isTrue(keywords.some((word) => text.toLowerCase().includes(word)), `${id}: ${JSON.stringify(text)}`)
      }
    }
  })

  it("of secretlint's preset is run, or left out for a reason that is said", () => {
    const leftOut = ["aws", "basicauth", "database-connection-string", "filter-comments"]
    assert.sameMembers([...secretlintRules.map(({ rule }) => rule), ...leftOut], [...Secretlint.names])
    for (const { guard = "x" } of secretlintRules) assert.isUndefined(problemOf(guard, "test"))
  })

  it.effect("takes time in proportion to what it reads, whatever its pattern", () =>
    Effect.gen(function*() {
      const matcher = only([rule({ pattern: "(?:(?:a|aa)*)*b$", keywords: [] })])
      const cost = (length: number) =>
        Effect.gen(function*() {
          const text = `${"a".repeat(1000)}\n`.repeat(length / 1000)
          const begun = process.cpuUsage()
          yield* find(text, { matcher })
          const { user } = process.cpuUsage(begun)
          return user
        })
      yield* cost(20_000)
      const [small, large] = [yield* cost(20_000), yield* cost(200_000)]
      // Ten times the text. A pattern that is not linear would not end.
      assert.isBelow(large, 100 * Math.max(small, 1000))
    }))
})

describe("what is left alone", () => {
  const text = "first = HOUSE-123456\nsecond = HOUSE-654321 # note\n"
  const lines = (allow: Parameters<typeof only>[1], more: Partial<ScanRule> = {}, place = {}) =>
    Effect.map(find(text, { matcher: only([rule(more)], allow), ...place }), ({ allowed, found }) => ({
      lines: found.map(({ line }) => line),
      allowed
    }))

  it.effect("is what an allow list says: of all rules, of some, of one", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* lines([]), { lines: [1, 2], allowed: 0 })
      assert.deepStrictEqual(yield* lines([{ stopwords: ["654"] }]), { lines: [1], allowed: 1 })
      assert.deepStrictEqual(yield* lines([{ regexes: ["^HOUSE-1"] }]), { lines: [2], allowed: 1 })
      assert.deepStrictEqual(yield* lines([{ regexes: ["note$"], target: "line" }]), { lines: [1], allowed: 1 })
      assert.deepStrictEqual(yield* lines([{ stopwords: ["654"], rules: ["other"] }]), { lines: [1, 2], allowed: 0 })
      assert.deepStrictEqual(yield* lines([], { allow: [{ stopwords: ["123"] }] }), { lines: [2], allowed: 1 })
    }))

  it.effect("is a path or a commit, or with `every` only what all lists name", () =>
    Effect.gen(function*() {
      const commit = "c".repeat(40)
      assert.deepStrictEqual(yield* lines([{ paths: ["^a/"] }]), { lines: [], allowed: 0 })
      assert.deepStrictEqual(yield* lines([{ paths: ["^z/"] }]), { lines: [1, 2], allowed: 0 })
      assert.deepStrictEqual(yield* lines([{ commits: [commit] }], {}, { commit }), { lines: [], allowed: 0 })
      const both = { every: true, paths: ["^a/"], stopwords: ["654"] }
      assert.deepStrictEqual(yield* lines([both]), { lines: [1], allowed: 1 })
      assert.deepStrictEqual(yield* lines([{ ...both, paths: ["^z/"] }]), { lines: [1, 2], allowed: 0 })
    }))

  it.effect("is a line with a comment that allows it", () =>
    Effect.gen(function*() {
      for (const comment of ["holdfast-scan:allow", "gitleaks:allow", "secretlint-disable-line"]) {
        const { allowed, found } = yield* find(`a = "${npmToken}" // ${comment}\nb = "${npmToken}"`)
        assert.deepStrictEqual([found.map(({ line }) => line), allowed], [[2], 1], comment)
      }
    }))

  it.effect("is what has less entropy than its rule wants", () =>
    Effect.gen(function*() {
      const matcher = only([rule({ pattern: "HOUSE-([0-9]+)", entropy: 2 })])
      const { found } = yield* find("HOUSE-111111 HOUSE-123456", { matcher })
      assert.deepStrictEqual(found.map(({ column }) => column), [20])
      assert.strictEqual(entropyOf("aaaa"), 0)
      assert.strictEqual(entropyOf("abcd"), 2)
    }))

  it.effect("is an example, a variable, a word", () =>
    Effect.gen(function*() {
      const lines = [
        "password = \"changeme-please-1\"",
        "password = \"${PASSWORD_OF_DATABASE1}\"",
        "const token = \"refresh-token-expired\"",
        `aws = AKIA${"IOSFODNN7EXAMPLE"}`,
        "url: https://user:password1@host.example.org/",
        "secretName: my-database-credentials-2"
      ]
      for (const line of lines) assert.deepStrictEqual((yield* find(line, { path: "a.yaml" })).found, [], line)
    }))
})

describe("the automaton", () => {
  it("finds every occurrence of every word, as a search for each would", () => {
    const words = fc.uniqueArray(fc.stringMatching(/^[abc]{1,4}$/), { minLength: 1, maxLength: 8 })
    fc.assert(fc.property(words, fc.stringMatching(/^[abcABCx]{0,60}$/), (words, text) => {
      const seen: Array<string> = []
      WordAutomaton.make(words).scan(text, (word, end) => seen.push(`${words[word]} ${end}`))
      const expected = words.flatMap((word) =>
        Array.from({ length: text.length }, (_, at) => at)
          .filter((at) => text.slice(at, at + word.length).toLowerCase() === word)
          .map((at) => `${word} ${at + word.length}`)
      )
      assert.sameMembers(seen, expected)
    }))
  })
})

describe("a pattern", () => {
  it("counts in the units of JavaScript's texts", () => {
    const matcher = compile("b").matcher("😀b")
    assert.isTrue(matcher.find())
    assert.strictEqual(matcher.start(), 2)
  })
})
