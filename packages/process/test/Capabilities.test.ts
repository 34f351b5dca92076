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
        groups: true,
        politeSignal: true,
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
    const windows = lines({ platform: "win32", reaper: "node", hasProc: false }).join("\n")
    for (
      const word of [/no process groups/, /no TERM/, /not found/, /not told apart/, /not cleaned up/, /Node process/]
    ) {
      assert.match(windows, word)
    }
  })
})
