import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { inject } from "vitest"
import * as Contents from "./release/Contents.ts"
import * as Licenses from "./release/Licenses.ts"
import { inOrder } from "./release/Publishing.ts"
import { Rows } from "./release/Rows.ts"
import { sourcesOf, treeProblems, waiting } from "./release/Versions.ts"
import { brokenLinks, repositoryUrl, withWholeLinks } from "./Stamp.ts"
import { readManifest, root, type Tarball } from "./Tarballs.ts"

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

describe("the one version", () => {
  it("is that of all public packages, and of no other package of the workspace: changesets can not read one without a version", () => {
    const { fixed }: { readonly fixed: ReadonlyArray<ReadonlyArray<string>> } = JSON.parse(
      Fs.readFileSync(Path.join(root, ".changeset/config.json"), "utf8")
    )
    const all = Fs.globSync("{packages,apps,examples,scripts}/*/package.json", { cwd: root })
      .concat("test/package.json")
      .map((path) => readManifest(Path.join(root, path)).name)
    const [patterns = []] = fixed
    const isIn = (name: string) =>
      patterns.some((pattern) => Path.matchesGlob(name, pattern)) &&
      !patterns.some((pattern) => pattern.startsWith("!") && Path.matchesGlob(name, pattern.slice(1)))
    assert.deepStrictEqual(all.filter(isIn).toSorted(), sourcesOf(root).map(({ manifest }) => manifest.name).toSorted())
  })
})

/** A repository on main, whose one commit is pushed. */
const repository = (folder: string): (...args: ReadonlyArray<string>) => void => {
  const git = (...args: ReadonlyArray<string>) => {
    const user = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    const { status, stderr } = spawnSync("git", [...user, ...args], { cwd: folder, encoding: "utf8" })
    assert.strictEqual(status, 0, stderr)
  }
  git("init", "--quiet", "-b", "main")
  git("add", ".")
  git("commit", "--quiet", "--allow-empty", "-m", "first")
  git("init", "--quiet", "--bare", ".git/remote")
  git("remote", "add", "origin", ".git/remote")
  git("push", "--quiet", "origin", "main")
  return git
}

describe("a tree that is no release", () => {
  it("is one that is not on main, holds what is not committed, or is not pushed", ({ onTestFinished }) => {
    const folder = temporary(onTestFinished)
    const git = repository(folder)
    assert.deepStrictEqual(treeProblems(folder), [])
    Fs.writeFileSync(Path.join(folder, "new"), "")
    assert.deepStrictEqual(treeProblems(folder), [
      "the tree is not clean: commit it, or git stash --include-untracked\n?? new"
    ])
    git("add", ".")
    git("commit", "-m", "second")
    assert.deepStrictEqual(treeProblems(folder), ["no remote branch has this commit: git push"])
    git("push", "origin", "main")
    git("switch", "-c", "other")
    assert.deepStrictEqual(treeProblems(folder), ["a release is made on main, and this is other: git switch main"])
  })
})

describe("pnpm release", () => {
  /** A workspace with the program itself, and one package. */
  const workspace = (folder: string, version: string): void => {
    const write = (file: string, text: string) => {
      Fs.mkdirSync(Path.dirname(Path.join(folder, file)), { recursive: true })
      Fs.writeFileSync(Path.join(folder, file), text)
    }
    Fs.cpSync(Path.join(root, "test/packaging"), Path.join(folder, "test/packaging"), { recursive: true })
    write("package.json", Fs.readFileSync(Path.join(root, "package.json"), "utf8"))
    write("packages/one/package.json", JSON.stringify({ name: "one", version }))
    write(".changeset/README.md", "")
  }
  const release = (folder: string, ...args: ReadonlyArray<string>) => {
    const { status, stderr, stdout } = spawnSync(
      process.execPath,
      [Path.join(folder, "test/packaging/release/main.ts"), ...args],
      {
        cwd: folder,
        encoding: "utf8",
        env: { ...process.env, ACTIONS_ID_TOKEN_REQUEST_URL: "", SIGSTORE_ID_TOKEN: "" }
      }
    )
    // It has begun nothing.
    assert.deepStrictEqual([status, stdout], [1, ""], stderr)
    return stderr.trim().split("\n")
  }

  it("refuses, before it builds anything, a wrong tree, versions that are not made, and a place that can prove nothing", ({ onTestFinished }) => {
    const folder = temporary(onTestFinished)
    workspace(folder, "0.0.0")
    const git = repository(folder)
    git("switch", "--quiet", "-c", "other")
    Fs.writeFileSync(Path.join(folder, ".changeset/a.md"), "---\n\"one\": minor\n---\n\nMore.\n")
    assert.deepStrictEqual(release(folder).map((line) => line.slice(0, 60)), [
      "nothing is published:",
      "a release is made on main, and this is other: git switch main".slice(0, 60),
      "the tree is not clean: commit it, or git stash --include-untracked".slice(0, 60),
      "?? .changeset/a.md",
      "1 changesets wait: pnpm version-packages, review and commit that".slice(0, 60),
      "0.0.0 is no version to publish: pnpm changeset, then pnpm version-packages".slice(0, 60),
      "npm proves where packages were built in GitHub Actions (id-token: write)".slice(0, 60)
    ])
  })

  it("refuses a version that no changelog tells of", ({ onTestFinished }) => {
    const folder = temporary(onTestFinished)
    workspace(folder, "1.0.0")
    repository(folder)
    assert.deepStrictEqual(release(folder, "--without-provenance"), [
      "nothing is published:",
      "one: its changelog says nothing of 1.0.0: pnpm version-packages makes both"
    ])
  })

  it("publishes each package after what it needs", () => {
    const names = inOrder(tarballs).map(({ manifest }) => manifest.name)
    assert.sameMembers(names, tarballs.map(({ manifest }) => manifest.name))
    for (const { manifest } of tarballs) {
      const needed = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })
      for (const name of needed.filter((name) => names.includes(name))) {
        assert.isBelow(names.indexOf(name), names.indexOf(manifest.name), `${manifest.name} needs ${name}`)
      }
    }
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
