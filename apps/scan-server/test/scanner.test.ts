/** Scans of real trees, in real threads. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as fs from "node:fs"
import * as path from "node:path"
import { countBy, inOrder, type Report } from "../src/Finding.ts"
import * as Sarif from "../src/Sarif.ts"
import * as Scanner from "../src/Scanner.ts"
import * as ScanRules from "../src/ScanRules.ts"
import { plant, temporaryFolder } from "./support/temporaryFolder.ts"

const example = (id: string): string => ScanRules.builtIn.find((rule) => rule.id === id)?.examples.match ?? ""
const secret = example("npm-token")

const scanning = (
  files: Readonly<Record<string, string | Uint8Array>>,
  options: Partial<Scanner.ScannerOptions> = {}
) =>
  Effect.gen(function*() {
    const folder = yield* temporaryFolder
    const root = path.join(folder, "tree")
    plant(root, files)
    const scanner = yield* Scanner.make({ roots: [root], rules: ScanRules.builtIn, threads: 1, ...options })
    const whole = Effect.gen(function*() {
      const real = yield* scanner.resolve(".")
      const batches = yield* scanner.plan(real)
      const results = yield* Effect.forEach(batches, (batch) => scanner.scan(real, batch), {
        concurrency: scanner.threads
      })
      return {
        paths: batches.flatMap(({ paths }) => paths),
        findings: inOrder(results.flatMap(({ findings }) => findings)),
        skipped: results.reduce((sum, { skipped }) => sum + skipped, 0)
      }
    })
    return { folder, root, scanner, whole }
  })

const live = (name: string, test: () => Effect.Effect<void, unknown, NodeServices.NodeServices | Scope.Scope>) =>
  it.live(name, () => Effect.provide(test(), NodeServices.layer))

describe("a scan", () => {
  live("reads what git would keep, in order, and leaves out the rest", () =>
    Effect.gen(function*() {
      const { whole } = yield* scanning({
        ".gitignore": "/dist\n*.log\n!keep.log\n",
        ".git/config": secret,
        "dist/out.js": secret,
        "a.log": secret,
        "keep.log": secret,
        "src/.gitignore": "generated/\n",
        "src/generated/x.ts": secret,
        "src/b.ts": `const token = "${secret}"\n`,
        "src/a.ts": "nothing\n",
        "logo.png": new Uint8Array([0, 1, 2, ...Buffer.from(secret)])
      })
      const { findings, paths, skipped } = yield* whole
      assert.deepStrictEqual(paths, [".gitignore", "keep.log", "logo.png", "src/.gitignore", "src/a.ts", "src/b.ts"])
      assert.deepStrictEqual(findings.filter(({ rule }) => rule === "npm-token").map((one) => one.path), [
        "keep.log",
        "src/b.ts"
      ])
      assert.strictEqual(skipped, 1)
    }))

  live("stays within its roots, whatever is asked for and wherever links lead", () =>
    Effect.gen(function*() {
      const { folder, root, scanner, whole } = yield* scanning({ "in/a.ts": "fine" })
      plant(folder, { "outside/b.ts": secret, "tree2/c.ts": secret })
      fs.symlinkSync(path.join(folder, "outside"), path.join(root, "link"))
      fs.symlinkSync(path.join(folder, "outside/b.ts"), path.join(root, "file.ts"))
      for (const asked of ["..", "link", "../tree2", `${root}2`, "/", "in/../../outside", "in/a.ts", "missing"]) {
        const error = yield* Effect.flip(scanner.resolve(asked))
        assert.strictEqual(error._tag, "RootNotAllowed", asked)
      }
      assert.strictEqual(yield* scanner.resolve("in"), path.join(root, "in"))
      assert.deepStrictEqual((yield* whole).paths, ["in/a.ts"])
    }))

  live("finds what lies across the parts that a large file is read in", () =>
    Effect.gen(function*() {
      const parts = Array.from({ length: 6 }, (_, i) => `${"x".repeat(256 * 1024 - 20 + i * 7)}\n${secret}\n`)
      const { whole } = yield* scanning({ "big.txt": parts.join(""), "line.txt": `${"z ".repeat(6_000_000)}${secret}` })
      const { findings } = yield* whole
      assert.deepStrictEqual(countBy(findings, "rule"), { "npm-token": 7 })
      assert.deepStrictEqual(findings.map(({ line }) => line), [2, 4, 6, 8, 10, 12, 1])
    }))

  live(
    "leaves out a file over which a pattern takes for ever, and goes on with the others",
    () =>
      Effect.gen(function*() {
        const slow = {
          id: "slow",
          name: "Slow",
          severity: "low",
          pattern: "(?:a|aa)*b$",
          keywords: [],
          examples: { match: "", noMatch: "" }
        } as const
        const { whole } = yield* scanning(
          { "1.ts": secret, "2.ts": "a".repeat(60), "3.ts": secret },
          { rules: [...ScanRules.builtIn, slow], fileTimeout: "300 millis" }
        )
        const { findings, skipped } = yield* whole
        assert.deepStrictEqual(findings.map((one) => one.path), ["1.ts", "3.ts"])
        assert.strictEqual(skipped, 1)
      })
  )

  live("that is interrupted leaves its threads to the next one", () =>
    Effect.gen(function*() {
      const { scanner, whole } = yield* scanning({ "a.ts": secret })
      const real = yield* scanner.resolve(".")
      for (let i = 0; i < 3; i++) {
        const batch = { paths: Array.from({ length: 50 }, () => "a.ts"), bytes: 0 }
        const running = yield* Effect.forkChild(scanner.scan(real, batch), { startImmediately: true })
        yield* Effect.yieldNow
        yield* Fiber.interrupt(running)
      }
      assert.lengthOf((yield* whole).findings, 1)
    }))

  live("is told in SARIF as code hosts want it", () =>
    Effect.gen(function*() {
      const { root, whole } = yield* scanning({ "src/sp ace.ts": `\n  ${secret}`, "b.sh": example("shell-download") })
      const { findings } = yield* whole
      const report: Report = {
        root,
        files: 2,
        bytes: 0,
        skipped: 0,
        bySeverity: countBy(findings, "severity"),
        byRule: countBy(findings, "rule"),
        findings,
        total: findings.length
      }
      const document = JSON.parse(JSON.stringify(Sarif.fromReport(report, ScanRules.builtIn)))
      assert.strictEqual(document.version, "2.1.0")
      const [{ results, tool }] = document.runs
      assert.deepStrictEqual(tool.driver.rules.map(({ id }: { id: string }) => id), ["npm-token", "shell-download"])
      assert.lengthOf(results, findings.length)
      for (const result of results) {
        assert.strictEqual(tool.driver.rules[result.ruleIndex].id, result.ruleId)
        assert.include(["error", "warning", "note"], result.level)
        assert.match(result.partialFingerprints["secret/v1"], /^[0-9a-f]{32}$/)
      }
      const { artifactLocation, region } = results[0].locations[0].physicalLocation
      assert.deepStrictEqual([artifactLocation.uri, region.startLine], ["src/sp%20ace.ts", 2])
      assert.notInclude(JSON.stringify(document), secret.slice(-20))
    }))
})
