import { assert, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { checkErrorPages, reasonsOf } from "../docs/ErrorReasons.ts"
import { readPage } from "../docs/Markdown.ts"
import { checkRepository, withFiles } from "../docs/RepositoryRules.ts"

/** Gives the check a repository of exactly these files. */
const within = <A>(files: Readonly<Record<string, string>>, check: (root: string) => A): A => {
  const root = Fs.mkdtempSync(Path.join(Os.tmpdir(), "documents-"))
  try {
    for (const [path, text] of Object.entries(files)) {
      Fs.mkdirSync(Path.dirname(Path.join(root, path)), { recursive: true })
      Fs.writeFileSync(Path.join(root, path), text)
    }
    return check(root)
  } finally {
    Fs.rmSync(root, { recursive: true })
  }
}

const errorPages = (files: Readonly<Record<string, string>>): ReadonlyArray<string> =>
  within(files, (root) => checkErrorPages(root).violations.map(({ message, place }) => `${place} ${message}`))

const repository = (files: Readonly<Record<string, string>>): ReadonlyArray<string> =>
  within(files, (root) => checkRepository(root, Object.keys(files)).map(({ message, place }) => `${place} ${message}`))

const reason = "export class Lost extends Data.TaggedError(\"Lost\")<{ readonly key: string }> {}\n"
const code = (text: string) => `\`\`\`ts\n${text}\n\`\`\`\n`
const page = "# Lost\n\n## What it means\n\nIt is gone.\n\n## What to do\n\nLook for it.\n\n" +
  `## In code\n\n${code("Effect.catchTag(\"Lost\", look)")}\n### Without Effect\n\n${code("error._tag === \"Lost\"")}`

describe("error reasons", () => {
  it("are found however an error class is written, and the outer error is none", () => {
    const text = `
export class A extends Schema.Error<A>(id("A"))({ _tag: Schema.tag("TagOfA"), server: Schema.String }) {}
export class B extends Data.TaggedError("B")<{ readonly key: string }> {}
export class C<out E> extends Data.TaggedError("C")<{ readonly cause: E }> {}
export class D extends Schema.TaggedError<D>("@x/D")("D", { key: Schema.String }) {}
export class E extends Schema.TaggedError<E>()("E", { key: Schema.String }) {}
export class Outer extends Schema.TaggedError<Outer>("@x/Outer")("Outer", { reason: Reason }) {}
export class Outer2 extends Data.TaggedError("Outer2")<{ readonly reason: Reason }> {}
export class Endpoint extends Schema.Class<Endpoint>("Endpoint")({ _tag: Schema.tag("Stdio") }) {}
export class Other extends Map<string, string> {}
// class F extends Data.TaggedError("F")<{}> {}
`
    assert.deepStrictEqual(reasonsOf("X.ts", text), ["TagOfA", "B", "C", "D", "E"])
  })

  it("without a page fail", () => {
    assert.deepStrictEqual(errorPages({ "packages/core/src/E.ts": reason }), [
      "packages/core/src/E.ts the error reason Lost has no page docs/errors/Lost.md"
    ])
    assert.deepStrictEqual(errorPages({ "packages/core/src/E.ts": reason, "docs/errors/Lost.md": page }), [])
  })

  it("need no page where no user meets them: in internals and in the testkit", () => {
    assert.deepStrictEqual(
      errorPages({ "packages/core/src/internal/E.ts": reason, "packages/testkit/src/E.ts": reason }),
      []
    )
  })

  it("that are gone fail by their page, and so does a page without its sections", () => {
    assert.deepStrictEqual(errorPages({ "docs/errors/Lost.md": page }), [
      "docs/errors/Lost.md no error reason is called Lost"
    ])
    assert.deepStrictEqual(errorPages({ "packages/core/src/E.ts": reason, "docs/errors/Lost.md": "# Lost\n" }), [
      "docs/errors/Lost.md its headings must start with # Lost, ## What it means, ## What to do",
      "docs/errors/Lost.md its headings must end with ## In code, ### Without Effect"
    ])
  })

  it("are shown in code with Effect and without, by name", () => {
    const other = page.replace("_tag === \"Lost\"", "_tag === \"Found\"")
    assert.deepStrictEqual(errorPages({ "packages/core/src/E.ts": reason, "docs/errors/Lost.md": other }), [
      "docs/errors/Lost.md has no ts block without Effect that names Lost"
    ])
  })

  it("are found in the index, by name and by what messages say", () => {
    const source = `${reason}const message = "it is lost"\n`
    const index = (rows: string) =>
      `# Errors\n\n## By what the message says\n\n| says | page |\n| - | - |\n${rows}\n\n## More\n`
    const found = (rows: string) =>
      errorPages({
        "packages/core/src/E.ts": source,
        "docs/errors/Lost.md": page,
        "docs/errors/README.md": index(rows)
      })
    assert.deepStrictEqual(found("| `it is lost` | [Lost](Lost.md) |"), [])
    assert.deepStrictEqual(found("| `it was lost` | [Lost](Lost.md) |"), [
      "docs/errors/README.md no message says \"it was lost\""
    ])
    assert.deepStrictEqual(found(""), ["docs/errors/README.md does not lead to Lost"])
  })
})

describe("documents", () => {
  it("have no links that lead nowhere", () => {
    const found = repository({
      "README.md":
        "[a](docs/a.md) [b](docs/b.md)\n[c](docs/a.md#gone) [d](#here) [e](https://example.org/x) [f](../up.md)\n\n# Here\n",
      "docs/a.md": "# A\n\n[up](../README.md#here)\n"
    })
    assert.deepStrictEqual(found, [
      "README.md:1 the link docs/b.md leads nowhere",
      "README.md:2 the link docs/a.md#gone names a heading that docs/a.md does not have",
      "README.md:2 the link ../up.md leaves the repository"
    ])
  })

  it("may show links in code", () => {
    assert.deepStrictEqual(repository({ "README.md": "`[a](nowhere.md)`\n\n```md\n[b](nowhere.md)\n```\n" }), [])
  })

  it("are read block by block, with the note above a block", () => {
    const { anchors, blocks } = readPage(
      "# The `one` & only\n\n<!-- run -->\n\n```ts\nconst a = 1\n# no heading\n```\n\n~~~sh\nls\n~~~\n"
    )
    assert.deepStrictEqual(anchors, ["the-one--only"])
    assert.deepStrictEqual(blocks, [
      { info: "ts", text: "const a = 1\n# no heading", line: 5, note: "run" },
      { info: "sh", text: "ls", line: 10, note: undefined }
    ])
  })
})

describe("a block that is said to be a file", () => {
  const file = "examples/a/main.ts"
  const page = (text: string) => `Before\n\n<!-- file: ${file} -->\n\n\`\`\`ts\n${text}\n\`\`\`\n\nAfter\n`

  it("is that file, to the letter", () => {
    const files = { [file]: "one()\ntwo()\n" }
    assert.deepStrictEqual(repository({ ...files, "docs/a.md": page("one()\ntwo()") }), [])
    assert.deepStrictEqual(repository({ ...files, "docs/a.md": page("one()") }), [
      `docs/a.md:5 the block is not ${file}: change the file, then node scripts/check-repository.ts --write`
    ])
    assert.deepStrictEqual(repository({ "docs/a.md": page("one()") }), [
      `docs/a.md:5 there is no ${file}, which the block is said to be`
    ])
  })

  it("is made so, and nothing else of its page is touched", () => {
    const written = within({ [file]: "one()\ntwo()\n" }, (root) => withFiles(root, page("one()\nold()\nolder()")))
    assert.strictEqual(written, page("one()\ntwo()"))
    const filled = within({ [file]: "one()\n" }, (root) => withFiles(root, page("").replace("ts\n\n", "ts\n")))
    assert.strictEqual(filled, page("one()"))
  })
})

describe("the comparison with Effect's own modules", () => {
  it("is of the Effect that is installed: read docs/effect-ai.md again, row by row, after an upgrade", () => {
    const root = Path.resolve(import.meta.dirname, "../..")
    const read = (path: string) => Fs.readFileSync(Path.join(root, path), "utf8")
    const { version } = JSON.parse(read("node_modules/effect/package.json")) as { readonly version: string }
    assert.include(read("docs/effect-ai.md"), `in Effect ${version} and`)
  })
})

describe("no file", () => {
  it("names a package registry's host, and the lockfile holds no url", () => {
    const host = ["registry", "npmjs", "org"].join(".")
    const found = repository({
      ".npmrc": `registry=https://${host}/\n`,
      "a.ts": "export const a = registry.sessions.size\n",
      "pnpm-lock.yaml": "a:\n  tarball: https://mirror.example.org/a.tgz\n"
    })
    assert.deepStrictEqual(found, [
      ".npmrc:1 names a package registry's host",
      "pnpm-lock.yaml:2 the lockfile holds a url: install without a mirror's tarball urls"
    ])
  })

  it("has prose whose subject the reader must look for", () => {
    const prose = "Whoever waits is told.\n\nUsers who wait are told. The field is `who`.\n\n```sh\nwho\n```\n"
    assert.deepStrictEqual(repository({ "docs/a.md": prose, "packages/core/CHANGELOG.md": "nobody\n" }), [
      "docs/a.md:1 \"Whoever\": name the thing (the server, the caller, no client, another user)"
    ])
  })

  it("lies beside its source and was made from it", () => {
    const made = ["scripts/A.d.ts", "scripts/A.d.ts.map", "scripts/A.js", "scripts/A.js.map"]
    const files = ["scripts/A.ts", "scripts/B.js", "scripts/C.d.ts", ...made]
    assert.deepStrictEqual(
      repository(Object.fromEntries(files.map((file) => [file, ""]))).toSorted(),
      made.toSorted().map((file) => `${file} was made from the source beside it: remove it`)
    )
  })

  it("holds a conflict marker", () => {
    assert.deepStrictEqual(repository({ "a.ts": `${"<".repeat(7)} ours\n` }), ["a.ts:1 merge conflict marker"])
  })
})
