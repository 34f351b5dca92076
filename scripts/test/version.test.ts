import { assert, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { stampOf, versionFiles } from "../release/VersionStamp.ts"

const root = Path.resolve(import.meta.dirname, "../..")

describe("the version that a package tells to others", () => {
  it("is that of its package.json", () => {
    const files = versionFiles(root)
    assert.deepStrictEqual(files, [
      "apps/cli/src/internal/version.ts",
      "apps/scan-server/src/internal/version.ts",
      "packages/daemon/src/internal/version.ts",
      "packages/jobs/src/internal/version.ts",
      "packages/mcp/src/internal/version.ts"
    ])
    for (const file of files) assert.strictEqual(Fs.readFileSync(Path.join(root, file), "utf8"), stampOf(root, file))
  })

  it("is never read from a file at run time", () => {
    // It reads those of servers.
    const ofOthers = "packages/daemon/src/internal/identify.ts"
    const readers = Fs.globSync("{packages,apps}/*/src/**/*.ts", { cwd: root })
      .filter((file) =>
        file !== ofOthers && /["'`/]package\.json["'`]/.test(Fs.readFileSync(Path.join(root, file), "utf8"))
      )
    assert.deepStrictEqual(readers, [])
  })
})
