import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"

const root = Path.resolve(import.meta.dirname, "../..")

/** Runs `pnpm mutate` on a package of these files, which is made for it inside of the workspace and removed afterwards. */
const mutate = (files: Readonly<Record<string, string>>, ...options: ReadonlyArray<string>) => {
  Fs.mkdirSync(Path.join(root, ".tmp"), { recursive: true })
  const home = Fs.mkdtempSync(Path.join(root, ".tmp/mutated-"))
  try {
    for (const [name, text] of Object.entries(files)) {
      const path = Path.join(home, name)
      Fs.mkdirSync(Path.dirname(path), { recursive: true })
      Fs.writeFileSync(path, text)
    }
    const { status, stderr, stdout } = spawnSync(
      process.execPath,
      ["scripts/mutate.ts", Path.relative(root, home), ...options],
      { cwd: root, encoding: "utf8" }
    )
    const survivors = [...stdout.matchAll(/\n\S+\/src\/(\S+ {2}.+)\n.+\n {2}- (.+)\n {2}\+ (.+)/g)]
      .map(([, place, from, to]) => `${place}: ${from} -> ${to}`)
    const sources = Object.keys(files).map((name) => [name, Fs.readFileSync(Path.join(home, name), "utf8")])
    return { status, stdout, stderr, survivors, sources: Object.fromEntries(sources) }
  } finally {
    Fs.rmSync(home, { recursive: true, force: true })
    Fs.rmSync(Path.join(root, ".tmp/mutate", Path.basename(home)), { recursive: true, force: true })
  }
}

const files = {
  "src/a.ts": `
export const limit = 3
export const isOver = (n: number): boolean => n > limit
export const untested = (): number => 7
export const count = (to: number): number => {
  let n = 0
  while (n < to) n++
  return n
}
`,
  "src/child.ts": `process.stdout.write(String(process.argv.length > 2))\n`,
  "test/a.test.ts": `
import { assert, it } from "@effect/vitest"
import { count, isOver } from "../src/a.ts"
it("five is over, one is not", () => { assert.isTrue(isOver(5)); assert.isFalse(isOver(1)) })
it("four is over", () => { assert.isTrue(isOver(4)) })
it("counts", () => { assert.deepStrictEqual([count(0), count(2)], [0, 2]) })
`,
  "test/child.integration.test.ts": `
import { assert, it } from "@effect/vitest"
import { execFileSync } from "node:child_process"
import * as Path from "node:path"
const run = (...args: ReadonlyArray<string>) =>
  execFileSync(process.execPath, [Path.join(import.meta.dirname, "../src/child.ts"), ...args], { encoding: "utf8" })
it("tells of an argument", () => { assert.strictEqual(run("a"), "true"); assert.strictEqual(run(), "false") })
`
}

describe("pnpm mutate", () => {
  it("prints the changes that no test notices, whatever process they are in, and leaves the sources alone", () => {
    const { sources, status, stderr, stdout, survivors } = mutate(files)
    assert.deepStrictEqual(
      survivors,
      ["a.ts:3  boundary: n > limit -> … >= …", "a.ts:4  number, not reached: 7 -> 8"],
      stderr
    )
    assert.include(stdout, "12 of 14 killed (85.7 %)")
    assert.strictEqual(status, 0)
    assert.deepStrictEqual(sources, files)
  })

  it("counts what only tests of the system reach as not reached, unless it is to run them", () => {
    const far = {
      ...files,
      "src/far.ts": "export const near = (): number => 2\nexport const far = (): number => 5\n",
      "test/far.system.test.ts": `
import { assert, it } from "@effect/vitest"
import { far, near } from "../src/far.ts"
it("is near", () => { assert.strictEqual(near(), 2) })
it("is far", () => { assert.isAbove(far(), 3) })
`
    }
    const without = mutate(far)
    assert.includeMembers(without.survivors, [
      "far.ts:1  number, not reached: 2 -> 3",
      "far.ts:2  number, not reached: 5 -> 6"
    ])
    const { stderr, stdout, survivors } = mutate(far, "--system")
    assert.deepStrictEqual(survivors.filter((line) => line.startsWith("far.ts")), ["far.ts:2  number: 5 -> 6"], stderr)
    assert.include(stdout, "13 of 16 killed")
  })
})
