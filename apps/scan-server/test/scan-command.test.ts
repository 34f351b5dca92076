/** One scan from its command line: what it tells, what it sets aside, and which exit code it asks for. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as CliCommand from "effect/cli/Command"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as fs from "node:fs"
import * as path from "node:path"
import { maxListed } from "../src/Finding.ts"
import { command } from "../src/ScanCommand.ts"
import { git } from "./support/git.ts"
import { npmToken } from "./support/matching.ts"
import { plant, temporaryFolder } from "./support/temporaryFolder.ts"

/** What it has said, and the exit code that it asks for. */
const run = Effect.fnUntraced(function*(
  args: ReadonlyArray<string>,
  environment: Readonly<Record<string, string>> = {}
) {
  const out: Array<string> = []
  const err: Array<string> = []
  const codes: Array<number> = []
  const heard = {
    ...(yield* Console.Console),
    log: (text: string) => void out.push(text),
    error: (text: string) => void err.push(text)
  }
  const exit = yield* CliCommand.runWith(command("1.2.3", (code) => codes.push(code)), { version: "1.2.3" })(args).pipe(
    Effect.provide(Layer.mergeAll(
      NodeServices.layer,
      Layer.succeed(Console.Console, heard),
      ConfigProvider.layer(ConfigProvider.fromUnknown(environment))
    )),
    Effect.exit
  )
  return { code: codes[0], isRefused: exit._tag === "Failure", stdout: out.join("\n"), stderr: err.join("\n") }
})

const planted = Effect.tap(
  temporaryFolder,
  (folder) =>
    Effect.sync(() =>
      plant(folder, { "src/a.ts": `const a = "${npmToken}"\n`, "src/b.ts": "const token = \"q8Zt2LmN0pQxW7\"\n" })
    )
)

describe("holdfast-scan", () => {
  it.live("asks for 0, 1 or 2: nothing as bad as that, something, or not all was read", () =>
    Effect.gen(function*() {
      const folder = yield* planted
      const src = path.join(folder, "src")
      const code = (...args: ReadonlyArray<string>) =>
        Effect.map(run([src, "--threads", "1", ...args]), ({ code }) => code)
      assert.strictEqual(yield* code("--fail-on", "critical"), 1)
      assert.strictEqual(yield* code("--fail-on", "never"), 0)
      assert.strictEqual(yield* code("--rules", "missing.json"), 2)
      fs.rmSync(path.join(src, "a.ts"))
      assert.strictEqual(yield* code("--fail-on", "high"), 0)
      assert.strictEqual(yield* code(), 1)
      const { code: last, stderr, stdout } = yield* run([src, "--history", "--fail-on", "never"])
      assert.match(stderr, /^holdfast-scan: \.git was not read: its history cannot be read/)
      assert.deepStrictEqual([stdout.split("\n").at(-1), last], ["1 files, 1 findings, 1 not read", 2])
    }))

  it.live("tells findings by place, worst first, in lines, in JSON and in SARIF, and never the secret", () =>
    Effect.gen(function*() {
      const folder = yield* planted
      const [lines, json, sarif] = yield* Effect.forEach(
        ["text", "json", "sarif"],
        (format) => run([folder, "--format", format])
      )
      assert.deepStrictEqual(lines?.stdout.split("\n"), [
        "src/a.ts:1:12  critical  secretlint-npm  npm_… (40 characters)",
        "src/b.ts:1:16  medium  assigned-secret  q8Z… (14 characters)",
        "2 files, 2 findings"
      ])
      assert.deepInclude(JSON.parse(json?.stdout ?? ""), { total: 2, isComplete: true })
      assert.strictEqual(JSON.parse(sarif?.stdout ?? "").runs[0].results.length, 2)
      for (const one of [lines, json, sarif]) assert.notInclude(one?.stdout, npmToken.slice(0, 12))
    }))

  it.live("says how many there are if it does not list all, and what was allowed", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      const lines = Array.from({ length: maxListed + 1 }, (_, index) => `house ${index + 10_000}`)
      plant(folder, { "a.txt": `${lines.join("\n")}\nhouse 99999 # gitleaks:allow\n` })
      const rules = path.join(yield* temporaryFolder, "rules.json")
      const house = { id: "house", name: "House", severity: "low", pattern: "house ([0-9]+)", keywords: ["house"] }
      fs.writeFileSync(rules, JSON.stringify({ rules: [house] }))
      const { stdout } = yield* run([folder, "--rules", rules])
      assert.strictEqual(
        stdout.split("\n").at(-1),
        `1 files, ${maxListed + 1} findings, the worst ${maxListed} of them are listed, 1 allowed`
      )
    }))

  it.live("sets aside what a baseline knows, and tells what is new", () =>
    Effect.gen(function*() {
      const folder = yield* planted
      const [src, known, keyFile] = ["src", "known.json", "scan.key"].map((name) => path.join(folder, name))
      assert.isDefined(keyFile)
      const scan = (args: ReadonlyArray<string | undefined>, environment?: Readonly<Record<string, string>>) =>
        run([src, ...args].map(String), environment)
      const made = yield* scan(["--write-baseline", known, "--key", keyFile])
      assert.strictEqual(made.code, 0)
      assert.strictEqual(fs.statSync(keyFile).mode & 0o777, 0o600)
      const baseline = ["--baseline", known, "--key", keyFile]
      // What moved in its file is known.
      plant(folder, { "src/a.ts": `\n\nconst a = "${npmToken}"\n` })
      const again = yield* scan(baseline)
      assert.deepStrictEqual([again.stdout, again.code], ["2 files, 0 findings, 2 known", 0])
      plant(folder, { "src/c.ts": npmToken })
      const fresh = yield* scan(baseline)
      assert.include(fresh.stdout, "c.ts:1:1")
      assert.deepStrictEqual([fresh.code, fresh.stdout.includes("a.ts:")], [1, false])
      // The key may come from the environment; another is refused, as with it nothing is known.
      const key = fs.readFileSync(keyFile, "utf8").trim()
      assert.include((yield* scan(["--baseline", known], { HOLDFAST_SCAN_KEY: key })).stdout, "2 known")
      const other = yield* scan(["--baseline", known], { HOLDFAST_SCAN_KEY: "another key of some length" })
      assert.include(other.stderr, "made with another key")
      assert.strictEqual(other.code, 2)
    }))

  it.live("scans what commits have added, with `--history`", () =>
    Effect.gen(function*() {
      const folder = yield* planted
      git(folder, "init", "-q")
      git(folder, "add", ".")
      git(folder, "commit", "-qm", "first")
      plant(folder, { "src/a.ts": "\n", "src/b.ts": "\n" })
      git(folder, "commit", "-qam", "second")
      const { code, stdout } = yield* run([folder, "--history"])
      assert.match(stdout, /src\/a\.ts:1:12 {2}critical {2}secretlint-npm {2}npm_… \(40 characters\) {2}[0-9a-f]{12}\n/)
      assert.strictEqual(code, 1)
      assert.strictEqual((yield* run([folder])).code, 0)
    }))

  it.live("refuses numbers that make no sense, and says in its help what there is", () =>
    Effect.gen(function*() {
      for (const threads of ["0", "65"]) assert.isTrue((yield* run(["--threads", threads])).isRefused, threads)
      const { code, stdout } = yield* run(["--help"])
      assert.isUndefined(code)
      for (const words of [/folder.+Default: the working directory/, /--rules file .+\.toml/, /--baseline file /]) {
        assert.match(stdout, words)
      }
    }))
})
