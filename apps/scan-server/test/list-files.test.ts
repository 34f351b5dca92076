/** Which files of a repository a scan reads. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { list } from "../src/internal/listFiles.ts"
import { git } from "./support/git.ts"
import { plant, temporaryFolder } from "./support/temporaryFolder.ts"

describe("the files of a scan", () => {
  it.live("are those that git keeps, of the repository at the root and of one within it, and no packages", () =>
    Effect.gen(function*() {
      const root = yield* temporaryFolder
      const packages = ["node_modules", "vendor", "venv", ".m2", ".gradle", "bower_components"]
      plant(root, {
        ".gitignore": `*.gen\n${packages.map((name) => `${name}/\n`).join("")}`,
        "a.gen": "",
        "b.gen": "",
        "in/c.gen": "",
        "in/d.gen": "",
        ...Object.fromEntries(packages.map((name) => [`${name}/x/.env`, ""]))
      })
      for (const [folder, kept] of [[root, "a.gen"], [`${root}/in`, "c.gen"]] as const) {
        git(folder, "init", "-q")
        git(folder, "add", "-f", kept)
      }
      const { files, notRead } = list(root)
      assert.deepStrictEqual(files.map(({ path }) => path), [".gitignore", "a.gen", "in/c.gen"])
      assert.deepStrictEqual(notRead, [])
    }))
})
