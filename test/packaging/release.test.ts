import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { inject } from "vitest"
import * as Contents from "./release/Contents.ts"
import * as Licenses from "./release/Licenses.ts"
import { Rows } from "./release/Rows.ts"
import { treeProblems, waiting } from "./release/Versions.ts"
import { brokenLinks, repositoryUrl, withWholeLinks } from "./Stamp.ts"
import { root, type Tarball } from "./Tarballs.ts"

const { folder, tarballs } = inject("installation")

const temporary = (onTestFinished: (remove: () => void) => void): string => {
  const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "release-test-"))
  onTestFinished(() => Fs.rmSync(folder, { recursive: true, force: true }))
  return folder
}

describe("a packed page", () => {
  const isPacked = (file: string) => file === "RULES.md"

  it("leads to the repository with what is not packed, and to what is packed as it did", () => {
    const page =
      "[a](../../docs/config.md#place) [b](RULES.md) [c](#here) [d](https://example.org) [e](../core/README.md)"
    const url = `${repositoryUrl()}/blob/main`
    assert.strictEqual(
      withWholeLinks(page, "packages/mcp", isPacked),
      `[a](${url}/docs/config.md#place) [b](RULES.md) [c](#here) [d](https://example.org) [e](${url}/packages/core/README.md)`
    )
  })

  it("that leads to nothing is found: a relative link, and one to a file that the repository does not have", () => {
    const page = `[a](../../docs/config.md) [b](RULES.md) [c](${repositoryUrl()}/blob/main/docs/none.md)`
    assert.deepStrictEqual(brokenLinks(page, isPacked), [
      "../../docs/config.md",
      `${repositoryUrl()}/blob/main/docs/none.md`
    ])
  })
})

describe("what a package says of itself", () => {
  it("is complete, with access and provenance, and all from one address", () => {
    assert.include(Contents.fields(tarballs), repositoryUrl())
    assert.include(Contents.links(tarballs, (name) => Path.join(folder, "node_modules", name)), "pages")
    assert.include(Contents.security(), "SECURITY.md")
    assert.include(Contents.onlyWhatIsMeant(tarballs), "files")
  })

  it("that lacks something, or ships something for developers, is told by its name", () => {
    const [first] = tarballs
    assert.isDefined(first)
    const bad: Tarball = {
      ...first,
      files: [...first.files, "src/x.test.ts", ".env"],
      manifest: { ...first.manifest, bugs: "https://example.org", publishConfig: { access: "public" } }
    }
    const { name } = first.manifest
    assert.throws(() => Contents.fields([bad]), `${name}: publishConfig.provenance is not on`)
    assert.throws(() => Contents.onlyWhatIsMeant([bad]), `${name}: .env is not to be shipped`)
  })
})

describe("changesets that wait", () => {
  const names = new Set(["holdfast", "@holdfast/core"])

  it("are counted with the largest change that they ask for; those of the repository are in order", ({ onTestFinished }) => {
    const folder = temporary(onTestFinished)
    Fs.writeFileSync(Path.join(folder, "a.md"), "---\n\"holdfast\": patch\n\"@holdfast/core\": minor\n---\n\nMore.\n")
    Fs.writeFileSync(Path.join(folder, "b.md"), "---\n\"holdfast\": patch\n---\n\nLess.\n")
    assert.deepStrictEqual(waiting(folder, names), { problems: [], count: 2, bump: "minor" })
    const all = new Set(tarballs.map(({ manifest }) => manifest.name))
    assert.deepStrictEqual(waiting(Path.join(root, ".changeset"), all).problems, [])
  })

  it("that name no package, no kind of change, or say nothing, are told by their file", ({ onTestFinished }) => {
    const folder = temporary(onTestFinished)
    Fs.writeFileSync(Path.join(folder, "a.md"), "---\n\"holdfest\": huge\n---\n\n")
    assert.deepStrictEqual(waiting(folder, names).problems, [
      "a.md says nothing",
      "a.md: there is no package holdfest",
      "a.md: huge is no kind of change"
    ])
  })
})

describe("a tree that is no release", () => {
  it("is one that is not on main, or holds what is not committed", ({ onTestFinished }) => {
    const folder = temporary(onTestFinished)
    const git = (...args: ReadonlyArray<string>) =>
      void spawnSync("git", ["-c", "user.name=a", "-c", "user.email=a@example.org", ...args], { cwd: folder })
    git("init", "-b", "main")
    git("commit", "--allow-empty", "-m", "first")
    assert.deepStrictEqual(treeProblems(folder), [])
    Fs.writeFileSync(Path.join(folder, "new"), "")
    assert.deepStrictEqual(treeProblems(folder), ["the tree is not clean:\n?? new"])
    Fs.rmSync(Path.join(folder, "new"))
    git("switch", "-c", "other")
    assert.deepStrictEqual(treeProblems(folder), ["a release is made on main, and this is other"])
  })
})

describe("a license", () => {
  it("that asks for more than to be named fails the release", ({ onTestFinished }) => {
    const modules = temporary(onTestFinished)
    const install = (name: string, license: string) => {
      Fs.mkdirSync(Path.join(modules, name))
      Fs.writeFileSync(Path.join(modules, name, "package.json"), JSON.stringify({ name, license }))
    }
    install("a", "MIT")
    install("b", "(GPL-3.0 OR ISC)")
    assert.strictEqual(Licenses.ofDependencies(modules), "1 (GPL-3.0 OR ISC), 1 MIT")
    install("c", "AGPL-3.0")
    assert.throws(() => Licenses.ofDependencies(modules), "c: AGPL-3.0")
  })
})

describe("the table", () => {
  it("counts what has passed and failed, and judges nothing by what is only said", async () => {
    const rows = new Rows(1)
    await rows.row("a", () => "")
    await rows.row("b", () => ({ said: "so" }))
    await rows.row("c", () => {
      throw new Error("wrong")
    })
    assert.deepStrictEqual([rows.passed, rows.failed, rows.said], [1, 1, 1])
  })
})
