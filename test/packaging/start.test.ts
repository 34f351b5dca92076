import { assert, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { inject } from "vitest"
import { root, run } from "./Tarballs.ts"
import { walk } from "./Walk.ts"

const installed = inject("installation")

const pages = Fs.globSync("docs/start/*.md", { cwd: root }).filter((page) => !page.endsWith("README.md")).toSorted()

const examples = Fs.globSync("examples/*/package.json", { cwd: root }).map((path) => Path.dirname(path)).toSorted()

/** An empty folder in which the packages are installed, as in that of a page's reader. */
const folderOf = (name: string): string => {
  const folder = Path.join(installed.folder, "start", name)
  Fs.mkdirSync(folder, { recursive: true })
  Fs.symlinkSync(Path.join(installed.folder, "node_modules"), Path.join(folder, "node_modules"))
  return folder
}

describe("a page for a way in", () => {
  it("is there for each reader: Effect, a protocol, TypeScript, servers, a shell", () => {
    assert.deepStrictEqual(pages.map((page) => Path.basename(page, ".md")), [
      "effect",
      "own-protocol",
      "plain-typescript",
      "server",
      "shell"
    ])
  })

  it.concurrent.each(pages)("%s: from an empty folder to a program that goes on after a kill -9", async (page) => {
    assert.isAbove(await walk(page, folderOf(Path.basename(page, ".md"))), 8)
  })

  it("shows every file of its example: what a reader has typed in the end is the example", () => {
    // Its reader has a program already, and is led in no empty folder.
    const shown = [...pages, "docs/observability.md"].flatMap((page) =>
      [...Fs.readFileSync(Path.join(root, page), "utf8").matchAll(/^<!-- file: (\S+) -->$/gm)].map(([, file]) => file)
    )
    const files = Fs.globSync("examples/*/*.{ts,json}", { cwd: root }).filter((file) => !file.endsWith("package.json"))
    assert.deepStrictEqual(shown.toSorted(), files.toSorted())
  })
})

describe("an example", () => {
  it("compiles against the packed packages, with the settings of a strict user", () => {
    const folder = folderOf("types")
    for (const example of examples) {
      Fs.cpSync(Path.join(root, example), Path.join(folder, example), {
        recursive: true,
        filter: (path) => !path.includes("node_modules")
      })
    }
    const { compilerOptions } = JSON.parse(Fs.readFileSync(Path.join(installed.folder, "tsconfig.json"), "utf8")) as {
      readonly compilerOptions: object
    }
    const config = {
      compilerOptions: { ...compilerOptions, allowImportingTsExtensions: true, skipLibCheck: true },
      include: ["examples"]
    }
    Fs.writeFileSync(Path.join(folder, "tsconfig.json"), JSON.stringify(config))
    const tsc = Path.join(installed.folder, "node_modules/typescript/bin/tsc")
    assert.strictEqual(run(folder, process.execPath, tsc, "--pretty", "false"), "")
  })
})
