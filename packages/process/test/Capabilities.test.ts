import { assert, describe, it } from "@effect/vitest"
import * as Capabilities from "@holdfast/process/Capabilities"
import * as Effect from "effect/Effect"
import process from "node:process"

describe("capabilities", () => {
  it.effect("of this machine are what it was found to have", () =>
    Effect.gen(function*() {
      const current = yield* Capabilities.current
      assert.strictEqual(current.platform, process.platform)
      assert.deepStrictEqual(Capabilities.of({ platform: "linux", reaper: "sh", hasProc: true }), {
        platform: "linux",
        tags: "proc",
        reaper: "sh",
        identity: "proc",
        janitor: true,
        orphans: "collected"
      })
    }))

  it("on Linux nothing is weaker, and elsewhere each weakness is a line", () => {
    const lines = (facts: Capabilities.Facts) => Capabilities.describe(Capabilities.of(facts))
    assert.isEmpty(lines({ platform: "linux", reaper: "sh", hasProc: true }))
    assert.match(
      lines({ platform: "linux", reaper: "sh", hasProc: true, isInit: true }).join(),
      /^this program is process 1.*--init/
    )
    const mac = lines({ platform: "darwin", reaper: "sh", hasProc: false })
    assert.deepStrictEqual(mac.map((line) => line.split(" ")[0]), ["descendants", "what"])
    const bare = lines({ platform: "linux", reaper: "none", hasProc: true })
    assert.deepStrictEqual(bare.map((line) => line.split(",")[0]), [
      "what is left when this program and its reaper are killed at once is not cleaned up later",
      "there is no /bin/sh"
    ])
    assert.deepStrictEqual(lines({ platform: "win32", reaper: "none", hasProc: false }), [
      "Windows is not supported: no process is started"
    ])
  })
})
