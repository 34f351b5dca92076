import { assert, describe, it } from "@effect/vitest"
import * as DaemonWorld from "./support/DaemonWorld.ts"

describe("commands through the daemon", () => {
  it("use one server process, fifty of them one after another and fifty at once", async () => {
    const expected = { daemons: 1, servers: 1, printed: 100, wrong: 0, left: 0 }
    assert.deepStrictEqual(await DaemonWorld.commands(50), expected)
  })
})
