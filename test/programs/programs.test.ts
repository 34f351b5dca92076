import { assert, describe, it } from "@effect/vitest"
import * as promises from "./promises.ts"

const right = { wrong: [], daemons: 1, servers: 1, serversAlive: 1, calls: 3, differentCalls: 3, left: [] }

describe("separate programs of all kinds", () => {
  it("have one process of a shared server, one after another and at once, and leave nothing", async () => {
    assert.deepStrictEqual(await promises.together(3, "oneAfterAnother"), right)
    assert.deepStrictEqual(await promises.together(3, "atOnce"), right)
  })

  it("go on when server and daemon, or a shim, are killed: no call is made twice, and nothing is left", async () => {
    const expected = { wrong: [], lost: ["may have run"], unmade: [], twice: 0, left: [] }
    assert.deepStrictEqual(await promises.overKills(["v1 wrap", "v2 connect"], [["server", "daemon"]]), expected)
  })
})
