import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { bundleCli } from "../build/bundleCli.ts"

const root = Path.resolve(import.meta.dirname, "../..")

/** What a program loads from outside of itself. */
const loadedBy = (file: string): ReadonlyArray<string> => {
  const code = Fs.readFileSync(file, "utf8")
  return [...code.matchAll(/\b(?:require|import)\(["`]([^"`]+)["`]\)/g)].map(([, id = ""]) => id).toSorted()
}

describe("the published holdfast", () => {
  it("is one file that loads a few modules of Node, and the rest where it is needed", async () => {
    const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "hf-bundle-"))
    try {
      const [main = "", tools = "", shim = "", completion = ""] = await bundleCli(root, folder)
      assert.deepStrictEqual(loadedBy(main), [
        "./completion.cjs",
        "./completion.cjs",
        "./hot/unwritable.js",
        "./internal/nodeMain.js",
        "./shim.cjs",
        "./tools.cjs",
        "node:fs",
        "node:path",
        "node:process",
        "node:util/types"
      ])
      assert.deepStrictEqual(loadedBy(tools), [
        "./hot/unwritable.js",
        "node:fs",
        "node:path",
        "node:process",
        "node:util/types"
      ])
      assert.deepStrictEqual(loadedBy(shim), [
        "#jsonc-parser",
        "@holdfast/daemon/DaemonStart",
        "node:buffer",
        "node:fs",
        "node:net",
        "node:path",
        "node:process",
        "node:util",
        "node:util/types"
      ])
      assert.deepStrictEqual(loadedBy(completion), [
        "#jsonc-parser",
        "node:fs",
        "node:path",
        "node:process",
        "node:util/types"
      ])
      const asked = spawnSync(process.execPath, [main, "__complete", "compl"], { encoding: "utf8" })
      assert.deepStrictEqual([asked.status, asked.stdout, asked.stderr], [0, "complete\ncompletion\n", ""])
      const { status, stderr, stdout } = spawnSync(process.execPath, [main, "--version"], { encoding: "utf8" })
      assert.deepStrictEqual([status, stderr], [0, ""])
      assert.match(stdout, /^\d+\.\d+\.\d+\n$/)
      const wrong = spawnSync(process.execPath, [main, "wrap", "cat"], { encoding: "utf8" })
      assert.deepStrictEqual([wrong.status, wrong.stdout], [2, ""])
      assert.match(wrong.stderr, /say which command/)
    } finally {
      Fs.rmSync(folder, { recursive: true })
    }
  })
})
