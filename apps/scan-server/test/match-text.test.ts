/** The matcher: where secrets are found in texts of any length, and what is left alone. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import { builtInRules } from "../src/BuiltInRules.ts"
import { entropyOf } from "../src/internal/matchText.ts"
import { compile, problemOf } from "../src/internal/pattern.ts"
import * as Secretlint from "../src/internal/secretlintPreset.ts"
import * as WordAutomaton from "../src/internal/wordAutomaton.ts"
import type { ScanRule } from "../src/ScanRule.ts"
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

/** What services document of the tokens that secretlint's preset knows, and the file that one of them must be in. */
const documented: Readonly<Record<string, ReadonlyArray<readonly [form: RegExp, path?: string]>>> = {
  npm: [
    [/npm_[A-Za-z0-9]{36}/],
    [/npm\.example\/:_authToken=(?<secret>npm_[A-Za-z0-9]{36})/, ".npmrc"],
    [/npm\.example\/:_authToken=(?<secret>[0-9a-f]{40})/, ".npmrc"],
    [/git\+https:\/\/(?<secret>[0-9a-f]{40}):x-oauth-basic@github\.com\/a/, "package.json"]
  ],
  slack: [
    [/(?:xox[bpaor]|xapp)-[0-9]{12}-[A-Za-z0-9]{24}/],
    [/https:\/\/hooks\.slack\.com\/services\/T[A-Z0-9]{8}\/B[A-Z0-9]{8}\/[A-Za-z0-9]{24}/]
  ],
  openai: [[/sk-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}/]],
  anthropic: [[/sk-ant-api03-[A-Za-z0-9_-]{93}AA/]],
  groq: [[/gsk_[A-Za-z0-9]{52}/]],
  huggingface: [[/hf_[A-Za-z]{34}/]],
  linear: [[/lin_api_[A-Za-z0-9]{40}/]],
  notion: [[/ntn_[0-9]{11}[A-Za-z0-9]{35}/]],
  sendgrid: [[/SG\.[A-Za-z0-9_]{22}\.[A-Za-z0-9_]{43}/]],
  shopify: [[/shp(?:pa|ca|at|ss)_[0-9a-f]{32}/]],
  stripe: [[/[sr]k_(?:live|test)_[A-Za-z0-9]{24}/]],
  github: [[/gh[pousr]_[A-Za-z0-9]{36}/], [/github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}/]],
  gitlab: [[/glpat-[A-Za-z0-9_-]{20}/]],
  grafana: [[/glc_[A-Za-z0-9+/]{60}/], [/glsa_[A-Za-z0-9]{32}_[0-9a-f]{8}/]],
  "hashicorp-vault": [[/hv[sr]\.[A-Za-z0-9_-]{95}/], [/hvb\.[A-Za-z0-9_-]{140}/]],
  vercel: [[/vc[piark]_[A-Za-z0-9]{24}/]],
  databricks: [[/dapi[0-9a-f]{32}/]],
  docker: [[/dckr_pat_[A-Za-z0-9_-]{27}/]],
  figma: [[/figd_[A-Za-z0-9_-]{40}/]],
  cloudflare: [[/cf(?:k|ut|at)_[A-Za-z0-9]{40}[0-9a-f]{8}/]],
  tailscale: [[/tskey-(?:auth|api)-[A-Za-z0-9]{12}CNTRL-[A-Za-z0-9]{32}/]]
}

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

  it.effect("is told with its own column, though others stand in the same line", () =>
    Effect.gen(function*() {
      const { found } = yield* find("\na HOUSE-123456 b HOUSE-654321 c HOUSE-111111", { matcher: only([rule({})]) })
      assert.deepStrictEqual(found.map(({ column, line }) => [line, column]), [[2, 3], [2, 18], [2, 33]])
    }))

  it.effect("of several lines is found, and one of single lines is not sought across them", () =>
    Effect.gen(function*() {
      const pattern = "BEGIN\\s+END"
      const across = rule({ pattern, keywords: ["begin"], multiline: true })
      const count = (more: Partial<ScanRule>, text: string) =>
        Effect.map(find(text, { matcher: only([{ ...across, ...more }]) }), ({ found }) => found.length)
      assert.strictEqual(yield* count({}, "BEGIN\nEND"), 1)
      assert.strictEqual(yield* count({ multiline: false }, "BEGIN\nEND"), 0)
      // Without keywords, the whole text is tried line by line.
      assert.strictEqual(yield* count({ multiline: false, keywords: [] }, "\nBEGIN\nEND"), 0)
      assert.strictEqual(yield* count({ multiline: false, keywords: [] }, "\nBEGIN END"), 1)
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

  it.effect("is tried in the whole line of its keyword, wherever in it that is and however long it is", () =>
    Effect.gen(function*() {
      const places = Effect.fnUntraced(function*(text: string, more: Partial<ScanRule>) {
        const { found } = yield* find(text, { matcher: only([rule(more)]) })
        return found.map(({ column, line }) => [line, column])
      })
      assert.deepStrictEqual(yield* places("x\n12k\n3", { pattern: "[0-9]+k", keywords: ["k"] }), [[2, 1]])
      // The second keyword stands where what is tried for the first one ends.
      assert.deepStrictEqual(yield* places(`house- ${"x".repeat(16_376)} HOUSE-123456`, {}), [[1, 16_385]])
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

  it("of this server compiles, has a keyword in whatever it matches, and none that is in nothing it matches", () => {
    assert.lengthOf(new Set(builtInRules.map(({ id }) => id)), builtInRules.length)
    const nearOnly = new Set(["discord-token"])
    for (const { id, keywords, pattern = "" } of builtInRules) {
      assert.isUndefined(problemOf(pattern, "find"), id)
      if (nearOnly.has(id)) continue
      // The generator writes JavaScript's patterns, without flags in groups and without the border of a word.
      const plain = pattern.replaceAll("(?P<", "(?<").replaceAll("(?i:", "(?:").replaceAll("\\b", "")
      const texts = fc.stringMatching(new RegExp(plain)).map((text) => text.toLowerCase())
      const unseen = new Set(keywords)
      for (let seed = 1; seed <= 3 || (unseen.size > 0 && seed <= 400); seed++) {
        const [text = ""] = fc.sample(texts, { numRuns: 1, seed })
        const held = keywords.filter((word) => text.includes(word))
        assert.isNotEmpty(held, `${id}: ${JSON.stringify(text)}`)
        for (const word of held) unseen.delete(word)
      }
      assert.deepStrictEqual([...unseen], [], id)
    }
  })

  it("of secretlint's preset is run, or left out for a reason that is said", () => {
    const leftOut = ["aws", "basicauth", "database-connection-string", "filter-comments"]
    assert.sameMembers([...secretlintRules.map(({ rule }) => rule), ...leftOut], [...Secretlint.names])
    for (const { guard = "x" } of secretlintRules) assert.isUndefined(problemOf(guard, "test"))
  })

  it.effect("of secretlint's preset finds what services document in its place, whichever of its words that holds", () =>
    Effect.gen(function*() {
      // The corpus has those that want more than a form.
      const inCorpus = ["gcp", "privatekey", "1password"]
      assert.sameMembers([...Object.keys(documented), ...inCorpus], secretlintRules.map(({ rule }) => rule))
      for (const { id, keywords, rule } of secretlintRules) {
        const unseen = new Set(keywords)
        for (const [form, path = "a.txt"] of documented[rule] ?? []) {
          const texts = fc.stringMatching(new RegExp(`^${form.source}$`))
          for (let seed = 1; seed <= 40; seed++) {
            const [text = ""] = fc.sample(texts, { numRuns: 1, seed })
            const news = keywords.filter((word) => text.toLowerCase().includes(word) && unseen.delete(word))
            if (seed > 1 && news.length === 0) continue
            const secret = form.exec(text)?.groups?.["secret"] ?? text
            const { found } = yield* find(`a ${text}`, { path })
            assert.deepStrictEqual(
              found.map(({ column, excerpt, rule }) => [rule, column, excerpt.slice(4)]),
              [[id, text.indexOf(secret) + 3, `… (${secret.length} characters)`]],
              text
            )
          }
        }
        assert.deepStrictEqual(inCorpus.includes(rule) ? [] : [...unseen], [], id)
      }
    }))

  it.effect("knows a password by each name that people give one, in code, in settings and in YAML, in any case", () =>
    Effect.gen(function*() {
      const keys = ["api", "access", "auth", "private", "encryption", "signing"]
      const names = [
        ...["passwd", "password", "passphrase", "pwd", "secret", "token", "credential", "credentials"],
        ...keys.flatMap((one) => [`${one}key`, `${one}_key`, `${one}-key`])
      ]
      const value = "q8Zt2LmN0pQxW7"
      const forms = [["assigned-secret", "a.ts", ` = "`], ["unquoted-secret", ".env", "="], [
        "yaml-secret",
        "a.yml",
        ": "
      ]]
      for (const [rule = "", path = "", sign = ""] of forms) {
        for (const name of names.flatMap((name) => [name, name.toUpperCase()])) {
          const { found } = yield* find(`${name}${sign}${value}${sign.endsWith("\"") ? "\"" : ""}`, { path })
          assert.deepStrictEqual(
            found.map((one) => [one.rule, one.column]),
            [[rule, name.length + sign.length + 1]],
            `${path}: ${name}`
          )
        }
      }
    }))

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
      assert.deepStrictEqual(yield* lines([{ stopwords: ["House-654"] }]), { lines: [1], allowed: 1 })
      assert.deepStrictEqual(yield* lines([{ regexes: ["^HOUSE-1"] }]), { lines: [2], allowed: 1 })
      assert.deepStrictEqual(yield* lines([{ regexes: ["note$"], target: "line" }]), { lines: [1], allowed: 1 })
      assert.deepStrictEqual(yield* lines([{ stopwords: ["654"], rules: ["other"] }]), { lines: [1, 2], allowed: 0 })
      assert.deepStrictEqual(yield* lines([], { allow: [{ stopwords: ["123"] }] }), { lines: [2], allowed: 1 })
      const atEnd = only([rule({})], [{ regexes: ["note$"], target: "line" }])
      assert.lengthOf((yield* find("HOUSE-123456 # note", { matcher: atEnd })).found, 0)
    }))

  it.effect("is a path or a commit, or with `every` only what all lists name", () =>
    Effect.gen(function*() {
      const commit = "c".repeat(40)
      assert.deepStrictEqual(yield* lines([{ paths: ["^a/"] }]), { lines: [], allowed: 0 })
      assert.deepStrictEqual(yield* lines([{ paths: ["^z/"] }]), { lines: [1, 2], allowed: 0 })
      assert.deepStrictEqual(yield* lines([{ commits: [commit] }], {}, { commit }), { lines: [], allowed: 0 })
      assert.deepStrictEqual(yield* lines([{ commits: ["d"] }], {}, { commit }), { lines: [1, 2], allowed: 0 })
      assert.deepStrictEqual(yield* lines([{ paths: ["^z/"] }], {}, { commit }), { lines: [1, 2], allowed: 0 })
      const both = { every: true, paths: ["^a/"], stopwords: ["654"] }
      assert.deepStrictEqual(yield* lines([both]), { lines: [1], allowed: 1 })
      assert.deepStrictEqual(yield* lines([{ ...both, paths: ["^z/"] }]), { lines: [1, 2], allowed: 0 })
      // Empty lists name nothing.
      assert.deepStrictEqual(yield* lines([{ ...both, paths: [] }]), { lines: [1], allowed: 1 })
      const textOnly = { every: true, stopwords: ["654"], regexes: ["^HOUSE"] }
      assert.deepStrictEqual(yield* lines([textOnly]), { lines: [1], allowed: 1 })
      assert.deepStrictEqual(yield* lines([{ ...textOnly, regexes: ["^GARDEN"] }]), { lines: [1, 2], allowed: 0 })
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
        "password = \"dummy9Value7Q2\"",
        "password = \"main.db:backup/weekly-2\"",
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
    fc.assert(fc.property(words, fc.stringMatching(/^[abcABCxäé]{0,60}$/), (words, text) => {
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
