import { assert, describe, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { promisify } from "node:util"
import * as PageBlock from "./PageBlock.ts"

describe("pnpm demo", () => {
  it("ends by itself, and what it measured is what the project promises", async () => {
    const main = path.join(import.meta.dirname, "main.ts")
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "hf-test-demo-"))
    const starts = path.join(folder, "starts")
    const { started, stderr, stdout } = await promisify(execFile)(process.execPath, [main], {
      env: { ...process.env, HOLDFAST_DEMO_STARTS: starts }
    }).then((said) => ({ ...said, started: fs.readFileSync(starts, "utf8") })).finally(() =>
      fs.rmSync(folder, { recursive: true })
    )
    assert.strictEqual(stderr, "")
    const row = (pattern: RegExp): ReadonlyArray<number> => {
      const match = pattern.exec(stdout)
      assert.isNotNull(match, `${pattern} in\n${stdout}`)
      return (match ?? []).slice(1).map(Number)
    }
    assert.deepStrictEqual(row(/stdio, processes started +(\d+) +(\d+)/), [20, 1])
    assert.deepStrictEqual(row(/HTTP, sessions opened +(\d+) +(\d+)/), [20, 1])
    assert.isAbove(row(/stdio, 20 calls .* (\d+) x/)[0] ?? 0, 1)
    assert.deepStrictEqual(row(/(\d+) of 10 answered .* processes started: (\d+)/), [10, 1])
    const [killed, heir] = row(/kill -9 (\d+); the next call succeeded in .* on process (\d+)/)
    assert.notStrictEqual(killed, heir)
    assert.deepStrictEqual(row(/received (\d+) cancellation/), [1])
    assert.deepStrictEqual(row(/(\d+) of 5 neighbours answered/), [5])
    // 20 and 1 for the calls, 1 cold and its successor for the files, 1 HTTP server.
    assert.deepStrictEqual(row(/servers started in all +(\d+)/), [24], started)
    assert.deepStrictEqual(row(/reapers, which end with this program +(\d+)/), [1])
    assert.deepStrictEqual(row(/alive after shutdown +(\d+)/), [0])
    for (const turn of ["client B is killed", "client B comes back", "the server is killed", "the scan is complete"]) {
      assert.include(stdout, turn)
    }
    assert.isAbove(row(/(\d+) files, \d+ MB read/)[0] ?? 0, 1000)
    assert.deepStrictEqual(row(/progress went back: (\d+); polls that failed: (\d+)/), [0, 0])
    assert.deepStrictEqual(row(/server processes started +(\d+) +(\d+)/), [5, 1])
    assert.deepStrictEqual(row(/alive when the daemon has ended +(\d+)/), [0])
    // Plain lines, for a terminal of 80 columns and for none.
    for (const line of stdout.split("\n")) assert.isAtMost(line.length, 80, line)
    assert.notMatch(stdout, / $/m)
    assert.notInclude(stdout, "\u001B")
    assert.notInclude(stdout, "\r")
    assert.deepStrictEqual(
      PageBlock.wording(PageBlock.read()),
      PageBlock.wording(stdout),
      "docs/demo.md shows another output; node test/demo/PageBlock.ts writes it anew"
    )
  })
})
