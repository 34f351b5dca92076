/** What a check remembers of fast tests that have passed, on a repository of its own. */
import { assert, describe, it } from "@effect/vitest"
import { execFileSync, spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { havePassed } from "../vitest/FastTests.ts"

const root = Path.resolve(import.meta.dirname, "../..")

const planted = (use: (repository: ReturnType<typeof repositoryIn>) => void): void => {
  const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "fast-tests-"))
  try {
    use(repositoryIn(folder))
  } finally {
    Fs.rmSync(folder, { recursive: true })
  }
}

const repositoryIn = (folder: string) => {
  const write = (file: string, text: string) => Fs.writeFileSync(Path.join(folder, file), text)
  const project = (name: string, include: string) => ({ test: { name, globals: true, include: [include] } })
  const reporters = [Path.join(root, "scripts/vitest/FastTests.ts")]
  const config = { test: { reporters, projects: [project("unit", "*.test.ts"), project("other", "*.other.ts")] } }
  execFileSync("git", ["init", "-q", folder])
  write(".gitignore", ".tmp/\nnode_modules/\n")
  write("vitest.config.mjs", `export default ${JSON.stringify(config)}`)
  write("a.test.ts", "it(\"is\", () => {})")
  write("b.test.ts", "it(\"is\", () => {})")
  write("c.other.ts", "it(\"is\", () => {})")
  const vitest = Path.join(root, "node_modules/vitest/vitest.mjs")
  return {
    write,
    run: (...args: ReadonlyArray<string>): void =>
      void spawnSync(process.execPath, [vitest, "run", "--root", folder, ...args]),
    havePassed: (): boolean => havePassed(folder)
  }
}

describe("fast tests that have passed", () => {
  it("are remembered until a file changes, is added or goes, and again when it is as it was", () =>
    planted(({ havePassed, run, write }) => {
      assert.isFalse(havePassed())
      run()
      assert.isTrue(havePassed())
      write("source.ts", "export {}")
      assert.isFalse(havePassed())
      run("--project", "unit")
      assert.isTrue(havePassed())
      write("source.ts", "export const one = 1")
      assert.isFalse(havePassed())
      write("source.ts", "export {}")
      assert.isTrue(havePassed())
    }))

  it("are not remembered when one did not run, failed, or changed what they are about", () =>
    planted(({ havePassed, run, write }) => {
      run("a.test.ts")
      assert.isFalse(havePassed(), "one file of two")
      write("b.test.ts", "it(\"is\", () => { throw new Error(\"no\") })")
      run()
      assert.isFalse(havePassed(), "one failed")
      write("b.test.ts", "it(\"is\", () => require(\"node:fs\").writeFileSync(`${import.meta.dirname}/made.ts`, \"\"))")
      run()
      assert.isFalse(havePassed(), "one wrote a file")
    }))
})
