import { assert, describe, it } from "@effect/vitest"
import * as promises from "./promises.ts"
import { kinds } from "./story.ts"

const right = { wrong: [], daemons: 1, servers: 1, serversAlive: 1, calls: 50, differentCalls: 50, left: [] }

describe("separate programs of all kinds", () => {
  it("have one process of a shared server, fifty one after another, and leave nothing", async () => {
    assert.deepStrictEqual(await promises.together(50, "oneAfterAnother"), right)
  })

  it("have one process of a shared server, fifty at once, and leave nothing", async () => {
    assert.deepStrictEqual(await promises.together(50, "atOnce"), right)
  })

  it("go on when their server, the daemon, both or a shim is killed: no call is made twice, and nothing is left", async () => {
    const hosts = kinds.filter((kind) => kind !== "holdfast call")
    const kills = [["server"], ["daemon"], ["server", "daemon"]] as const
    const expected = { wrong: [], lost: kills.map(() => "may have run"), unmade: [], twice: 0, left: [] }
    assert.deepStrictEqual(await promises.overKills(hosts, kills), expected)
  })
})
