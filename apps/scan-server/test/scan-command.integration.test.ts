/** One scan as a program: what it tells, what it sets aside, and its exit code. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { git } from "./support/git.ts"
import { npmToken } from "./support/matching.ts"
import { plant, temporaryFolder } from "./support/temporaryFolder.ts"

const program = path.join(import.meta.dirname, "../src/scan.ts")

interface Run {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

const run = (cwd: string, args: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}) =>
  Effect.callback<Run>((resume) => {
    const child = spawn(process.execPath, [program, ...args], {
      cwd,
      env: { PATH: process.env["PATH"], HOME: cwd, ...env },
      stdio: ["ignore", "pipe", "pipe"]
    })
    let stdout = ""
    let stderr = ""
    child.stdout.on("data", (chunk) => stdout += String(chunk))
    child.stderr.on("data", (chunk) => stderr += String(chunk))
    child.once("close", (code) => resume(Effect.succeed({ code, stdout, stderr })))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

const planted = Effect.tap(
  temporaryFolder,
  (folder) =>
    Effect.sync(() =>
      plant(folder, { "src/a.ts": `const a = "${npmToken}"\n`, "src/b.ts": "const token = \"q8Zt2LmN0pQxW7\"\n" })
    )
)

describe("holdfast-scan", () => {
  it.live("ends with 0, 1 or 2: nothing as bad as that, something, or not all was read", () =>
    Effect.gen(function*() {
      const folder = yield* planted
      const outcomes = yield* Effect.forEach([
        ["src"],
        ["src", "--fail-on", "critical"],
        ["src", "--fail-on", "never"],
        ["src", "--history", "--fail-on", "never"],
        ["nowhere"],
        ["--fail-on", "sometimes"],
        ["src", "--rules", "missing.json"]
      ], (args) =>
        run(folder, args), { concurrency: 2 })
      assert.deepStrictEqual(
        outcomes.map(({ code }) =>
          code
        ),
        [1, 1, 0, 2, 2, 2, 2]
      )
      assert.include(outcomes[3]?.stderr, "holdfast-scan: .git was not read: its history cannot be read")
      assert.match(outcomes[4]?.stderr ?? "", /^holdfast-scan: root nowhere: there is no such folder[^\n]+\n$/)
      fs.rmSync(path.join(folder, "src/a.ts"))
      assert.strictEqual((yield* run(folder, ["src", "--fail-on", "high"])).code, 0)
    }))

  it.live("tells findings by place, worst first, in lines, in JSON and in SARIF, and never the secret", () =>
    Effect.gen(function*() {
      const folder = yield* planted
      const [lines, json, sarif] = yield* Effect.forEach(
        ["text", "json", "sarif"],
        (format) => run(folder, ["--format", format]),
        { concurrency: 2 }
      )
      assert.deepStrictEqual(lines?.stdout.split("\n"), [
        "src/a.ts:1:12  critical  secretlint-npm  npm_… (40 characters)",
        "src/b.ts:1:16  medium  assigned-secret  q8Z… (14 characters)",
        "2 files, 2 findings",
        ""
      ])
      assert.deepInclude(JSON.parse(json?.stdout ?? ""), { total: 2, isComplete: true })
      assert.strictEqual(JSON.parse(sarif?.stdout ?? "").runs[0].results.length, 2)
      for (const one of [lines, json, sarif]) assert.notInclude(one?.stdout, npmToken.slice(0, 12))
    }))

  it.live("sets aside what a baseline knows, and tells what is new", () =>
    Effect.gen(function*() {
      const folder = yield* planted
      const made = yield* run(folder, ["src", "--write-baseline", "known.json", "--key", "scan.key"])
      assert.strictEqual(made.code, 0)
      assert.strictEqual(fs.statSync(path.join(folder, "scan.key")).mode & 0o777, 0o600)
      const baseline = ["src", "--baseline", "known.json", "--key", "scan.key"]
      // What moved in its file is known.
      plant(folder, { "src/a.ts": `\n\nconst a = "${npmToken}"\n` })
      const known = yield* run(folder, baseline)
      assert.deepStrictEqual([known.stdout, known.code], ["2 files, 0 findings, 2 known\n", 0])
      plant(folder, { "src/c.ts": npmToken })
      const fresh = yield* run(folder, baseline)
      assert.include(fresh.stdout, "c.ts:1:1")
      assert.deepStrictEqual([fresh.code, fresh.stdout.includes("a.ts:")], [1, false])
      // The key may come from the environment; another is refused, as with it nothing is known.
      const key = fs.readFileSync(path.join(folder, "scan.key"), "utf8").trim()
      const byEnvironment = yield* run(folder, ["src", "--baseline", "known.json"], { HOLDFAST_SCAN_KEY: key })
      assert.include(byEnvironment.stdout, "2 known")
      const other = yield* run(folder, ["src", "--baseline", "known.json"], {
        HOLDFAST_SCAN_KEY: "another key of some length"
      })
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
      const { code, stdout } = yield* run(folder, ["--history"])
      assert.match(stdout, /src\/a\.ts:1:12 {2}critical {2}secretlint-npm {2}npm_… \(40 characters\) {2}[0-9a-f]{12}\n/)
      assert.strictEqual(code, 1)
      assert.strictEqual((yield* run(folder, [])).code, 0)
    }))
})
