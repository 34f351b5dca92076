/** Calls that outlast a host's limit, through a shim. */
import { assert, describe, it } from "@effect/vitest"
import * as fs from "node:fs"
import * as path from "node:path"
import * as Home from "./support/Home.ts"
import * as World from "./support/World.ts"

describe("a shim with long calls", () => {
  it("answers a call that takes long with an id, under which its result is there later; the server is asked once", async () => {
    await using w = World.make("legacy")
    const host = w.wrap({ longCalls: 1 })
    await host.greet()
    assert.match(await host.ask(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`), /"echo".*"get_result"/)
    const call = async (id: string, name: string, args: object) =>
      JSON.parse(
        await host.ask(JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params: { name, arguments: args } }))
      )
    const { id, result } = await call("c", "held", { nonce: "n" })
    assert.deepStrictEqual([id, result.structuredContent.status], ["c", "running"])
    const wanted = { id: result.structuredContent.id }
    assert.strictEqual((await call("g", "get_result", wanted)).result.structuredContent.status, "running")
    fs.writeFileSync(path.join(w.home.directory, "record.go"), "")
    const given = await Home.until(async () => {
      const answer = await call("h", "get_result", wanted)
      return answer.result.structuredContent === undefined ? answer : undefined
    })
    assert.deepStrictEqual([given?.id, given?.result.content[0].text], ["h", "gone on"])
    assert.deepStrictEqual(w.record().filter((line) => line.startsWith("call ")), ["call held n"])
    host.leave()
  })
})
