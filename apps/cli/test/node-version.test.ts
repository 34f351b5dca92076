import { assert, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"
import { complaintOf, oldestNode } from "../src/internal/nodeVersion.ts"

describe("a Node that is too old", () => {
  it("is told so in one sentence, and one that is new enough is not", () => {
    for (const version of ["14.21.3", "18.20.8", "20.20.0", "22.3.0", "22.18.0"]) {
      assert.strictEqual(complaintOf(version), `holdfast needs Node.js 22.19 or later, and this is ${version}`)
    }
    for (const version of ["22.19.0", "22.100.1", "23.0.0", "24.21.0", "26.1.0-nightly20261101"]) {
      assert.isUndefined(complaintOf(version), version)
    }
  })

  it("is what package.json says", () => {
    const manifest = Fs.readFileSync(new URL("../package.json", import.meta.url), "utf8")
    assert.include(manifest, `"node": ">=${oldestNode}"`)
  })
})
