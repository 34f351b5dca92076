import { assert, describe, it } from "@effect/vitest"
import { isNewer } from "../src/internal/ownVersion.ts"

describe("the newer of two versions", () => {
  it("is told by numbers, then by what comes before a release, as semver.org orders it", () => {
    const ordered = [
      "0.9.10",
      "1.0.0-alpha",
      "1.0.0-alpha.1",
      "1.0.0-alpha.beta",
      "1.0.0-beta.2",
      "1.0.0-beta.11",
      "1.0.0-rc.1",
      "1.0.0",
      "1.2.0",
      "1.10.0",
      "10.0.0"
    ]
    for (const [left, a] of ordered.entries()) {
      for (const [right, b] of ordered.entries()) assert.strictEqual(isNewer(a, b), left > right, `${a} ${b}`)
    }
  })

  it("is none of two that differ by their build only, or of which one is no version", () => {
    for (const [a, b] of [["1.0.0+a", "1.0.0+b"], ["next", "1.0.0"], ["1.0.0", "next"], ["", ""]]) {
      assert.isFalse(isNewer(a ?? "", b ?? ""))
    }
  })
})
