/** Hosts and servers of two eras, through the daemon. */
import { assert, describe, it } from "@effect/vitest"
import * as DaemonControl from "../src/DaemonControl.ts"
import * as Home from "./support/Home.ts"
import * as Host from "./support/Host.ts"
import * as World from "./support/World.ts"

describe("hosts and servers of two eras", () => {
  it("are joined: a legacy host calls tools of a modern server, is asked for input, hears progress and cancels, over a kill -9", async () => {
    await using w = World.make("modern")
    const host = w.wrap()
    const { result } = JSON.parse(await host.greet({ roots: {} }))
    assert.deepStrictEqual([result.protocolVersion, result.capabilities], ["2025-11-25", { tools: {} }])
    assert.match(await host.ask(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`), /"echo"/)
    const asked = JSON.parse(
      await host.ask(`{"jsonrpc":"2.0","id":"c","method":"tools/call","params":{"name":"ask","n":1.0}}`)
    )
    assert.strictEqual(asked.method, "roots/list")
    const answer = await host.ask(
      JSON.stringify({ jsonrpc: "2.0", id: asked.id, result: { roots: [{ uri: "file:///x" }] } })
    )
    assert.include(answer, `"id":"c"`)
    assert.deepStrictEqual(JSON.parse(JSON.parse(answer).result.content[0].text), {
      r: { roots: [{ uri: "file:///x" }] }
    })
    host.say(`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"never","_meta":{"progressToken":"p"}}}`)
    assert.strictEqual(
      await host.next(),
      `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":1.0}}`
    )
    host.say(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":2}}`)
    await Home.until(() => w.record().includes("cancelled"))
    assert.lengthOf(w.starts(), 1)
    // It is shared: the other host meets the same process, and the next one.
    const other = w.wrap()
    await other.greet()
    assert.include(await other.call("die"), "Unknown")
    assert.strictEqual(await other.call("count"), "1")
    assert.strictEqual(await host.call("count"), "2")
    assert.lengthOf(w.starts(), 2)
    for (const each of [host, other]) each.leave()
  })

  it("are joined the other way round: a modern host calls tools of a legacy server, and answers what that asks", async () => {
    await using w = World.make("legacy")
    const capable = { ...Host.modern, "io.modelcontextprotocol/clientCapabilities": { roots: {} } }
    const ask = async (host: Host.Host, id: number, method: string, params: object = {}) =>
      JSON.parse(await host.ask(JSON.stringify({ jsonrpc: "2.0", id, method, params: { ...params, _meta: capable } })))
    const host = w.wrap({ modern: true })
    const discovered = (await ask(host, 1, "server/discover")).result
    assert.deepStrictEqual([discovered.supportedVersions, discovered.capabilities], [["2026-07-28"], { tools: {} }])
    assert.strictEqual((await ask(host, 2, "tools/list")).result.tools[0].name, "echo")
    const asked = (await ask(host, 3, "tools/call", { name: "ask" })).result
    assert.deepStrictEqual([asked.resultType, Object.values(asked.inputRequests)], ["input_required", [{
      method: "roots/list",
      params: {}
    }]])
    const inputResponses = Object.fromEntries(Object.keys(asked.inputRequests).map((name) => [name, { roots: [] }]))
    const { requestState } = asked
    const answered = await ask(host, 4, "tools/call", { name: "ask", inputResponses, requestState })
    assert.deepStrictEqual([answered.id, answered.result.content[0].text], [4, `{"roots":[]}`])
    host.leave()
    // What it had is the next host's once it has left.
    await Home.until(async () => {
      const { servers } = await DaemonControl.status(w.home.place())
      return servers.some(({ state }) => state === "idle")
    })
    // A host that may know more goes on in the era of the server, which it is told; else it is served all the same.
    const other = w.wrap()
    assert.strictEqual((await ask(other, 1, "server/discover")).error.code, -32601)
    assert.strictEqual((await ask(other, 2, "tools/call", { name: "count" })).result.resultType, "complete")
    other.leave()
    // The refused question is no failure, and the history of the process has it once.
    assert.deepStrictEqual((await DaemonControl.status(w.home.place())).failures, [])
    const { tries } = await DaemonControl.history("rec", w.home.place())
    assert.deepStrictEqual(tries.map(({ outcome }) => outcome).filter((each) => each !== "ready"), ["other era"])
    assert.deepStrictEqual(
      w.record().filter((line) => line.startsWith("initialize") || line.startsWith("call")),
      ["initialize {\"roots\":{}}", "call ask", "call count"]
    )
  })
})
