import { assert, describe, it } from "@effect/vitest"
import * as fs from "node:fs"
import * as path from "node:path"

const sources = path.resolve(import.meta.dirname, "../src")

/** Names of the packages that a module names, itself and by what it imports of this package, in code or in types. */
const packagesOf = (entry: string): ReadonlyArray<string> => {
  const seen = new Set<string>()
  const found = new Set<string>()
  const visit = (file: string): void => {
    if (seen.has(file)) return
    seen.add(file)
    for (const [, specifier = ""] of fs.readFileSync(file, "utf8").matchAll(/^(?! \*).*\bfrom "([^"]+)"$/gm)) {
      if (specifier.startsWith(".")) visit(path.resolve(path.dirname(file), specifier))
      else if (!specifier.startsWith("node:")) {
        found.add(specifier.split("/").slice(0, specifier.startsWith("@") ? 2 : 1).join("/"))
      }
    }
  }
  visit(path.join(sources, entry))
  return [...found].toSorted()
}

describe("what an entry of the package needs to be installed", () => {
  it("is Effect and the protocol alone, for kinds, jobs, and the stores in memory and in SQLite", () => {
    assert.deepStrictEqual(packagesOf("index.ts"), ["@holdfast/protocol", "effect"])
  })

  it("is a client of Postgres besides, for the store in Postgres", () => {
    assert.deepStrictEqual(packagesOf("PostgresStore.ts"), ["@effect/sql-pg", "effect"])
  })

  it("is the server, the SDK and its schemas besides, for jobs as tools", () => {
    assert.deepStrictEqual(
      packagesOf("mcp.ts"),
      ["@holdfast/protocol", "@holdfast/server", "@modelcontextprotocol/sdk", "effect", "zod"]
    )
  })
})
