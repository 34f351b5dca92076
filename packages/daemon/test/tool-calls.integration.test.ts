import { assert, describe, it } from "@effect/vitest"
import * as CallRequest from "../src/CallRequest.ts"
import * as CatalogueFiles from "../src/CatalogueFiles.ts"
import * as ToolsRequest from "../src/ToolsRequest.ts"
import { until } from "./support/Home.ts"
import { type Host, modern } from "./support/Host.ts"
import * as World from "./support/World.ts"

/** A server whose list has these tools, too. */
const worldOf = (era: World.Era, ...listed: ReadonlyArray<string>) => {
  const world = World.make(era)
  const { endpoint, name } = world.wants
  const wants = { endpoint: { ...endpoint, ...(listed.length > 0 && { env: { LISTED: listed.join(",") } }) }, name }
  return {
    ...world,
    session: () => world.connect({ wants, use: "once" }),
    sharing: () => world.connect({ wants, shared: true })
  }
}

const client = { name: "test", version: "0.0.0" }

const call = (
  tool: string,
  words: CallRequest.CallRequest["words"] = [["text", "nonce", "a"]],
  version = client.version
): string => CallRequest.encode("c", { tool, objects: [], words, client: { ...client, version } }).trim()

/** The answer, after what is told before it. */
const answerTo = async (host: Host, line: string) => {
  host.say(line)
  return answerOf(host)
}

const answerOf = async (host: Host) => {
  for (let told = JSON.parse(await host.next());; told = JSON.parse(await host.next())) {
    if (told.id !== undefined) return told
  }
}

const count = (record: ReadonlyArray<string>, line: string): number => record.filter((each) => each === line).length

describe("a call in the words of a command line", () => {
  it("is read by the tool's schema and answered by the server's own answer, byte for byte; the list is asked for once", async () => {
    await using world = worldOf("changing", "echo")
    const first = await world.session()
    first.say(call("echo", [["text", "nonce", "7"], ["json", "big", "9007199254740993"]]))
    assert.deepInclude(JSON.parse(await first.next()), { params: { progressToken: "c", progress: 1 } })
    const answer = await first.next()
    assert.match(answer, /^\{"jsonrpc":"2.0","id":"c","result":\{"content":.*,"n":1.50,"n":9007199254740993\}\}$/)
    assert.include(answer, String.raw`\"arguments\":{\"nonce\":\"7\",\"big\":9007199254740993}`)
    first.leave()
    const second = await world.session()
    assert.isDefined((await answerTo(second, call("echo"))).result)
    second.leave()
    assert.deepStrictEqual([count(world.record(), "list"), world.starts().length], [1, 1])
  })

  it("is carried out in the modern era as well", async () => {
    await using world = worldOf("modern")
    const host = await world.session()
    const { result } = await answerTo(host, call("echo"))
    const said = JSON.parse(result.content[0].text)
    assert.deepStrictEqual([said.arguments, said._meta.progressToken === "c"], [{ nonce: "a" }, false])
    assert.strictEqual(said._meta["io.modelcontextprotocol/protocolVersion"], "2026-07-28")
    host.leave()
  })

  it("and that is not of the usual kind is not called, and MCP on the same session does it", async () => {
    await using world = worldOf("changing", "echo")
    const refused = [call("none"), call("echo", [["json", "nonce", "{"]]), call("echo", [], "99.0.0")]
    for (const line of refused) {
      const host = await world.session()
      const { error } = await answerTo(host, line)
      assert.deepStrictEqual(error.data, { reason: "NotTaken", delivery: "NotSent" })
      await host.greet()
      assert.include(await host.call("echo", "b"), "\"nonce\":\"b\"")
      host.leave()
    }
    assert.deepStrictEqual([count(world.record(), "call echo b"), count(world.record(), "call echo")], [3, 0])
  })

  // NousResearch/hermes-agent#72818, QwenLM/qwen-code#3817: what is being started is not seen, and is started again.
  it("uses the process that a legacy host shares, and so does a client that can go on in either era: no second one is started to ask", async () => {
    await using world = worldOf("legacy")
    const host = await world.sharing()
    // The process may still be starting.
    const greeted = host.greet()
    await until(() => world.starts().length > 0)
    const caller = await world.session()
    assert.isDefined((await answerTo(caller, call("echo"))).result)
    await greeted
    const looking = await world.sharing()
    const discover = { jsonrpc: "2.0", id: 1, method: "server/discover", params: { _meta: modern } }
    assert.strictEqual(JSON.parse(await looking.ask(JSON.stringify(discover))).error.code, -32601)
    await looking.greet()
    assert.include(await looking.call("echo", "b"), "\"nonce\":\"b\"")
    assert.deepStrictEqual([world.starts().length, count(world.record(), "discover")], [1, 0])
    for (const each of [host, caller, looking]) each.leave()
  })

  it("takes the server's questions to its client, and the answers back", async () => {
    await using world = worldOf("legacy", "elicit")
    const host = await world.session()
    const question = await answerTo(host, call("elicit"))
    assert.strictEqual(question.method, "elicitation/create")
    host.say(JSON.stringify({ jsonrpc: "2.0", id: question.id, result: { action: "decline" } }))
    assert.strictEqual((await answerOf(host)).result.content[0].text, `{"action":"decline"}`)
    host.leave()
  })

  it("and that is cancelled, or whose client leaves, is cancelled at the server", async () => {
    await using world = worldOf("legacy", "never")
    for (const leaves of [false, true]) {
      const before = count(world.record(), "cancelled")
      const calls = count(world.record(), "call never a")
      const host = await world.session()
      host.say(call("never"))
      await until(() => count(world.record(), "call never a") > calls)
      const cancel = { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: "c" } }
      if (leaves) host.leave()
      else host.say(JSON.stringify(cancel))
      await until(() => count(world.record(), "cancelled") > before)
      if (!leaves) host.leave()
    }
    assert.deepStrictEqual([count(world.record(), "call never a"), world.starts().length], [2, 1])
  })

  it("and that is lost with its server may have run, and is sent no second time", async () => {
    await using world = worldOf("legacy", "die")
    const host = await world.session()
    const { error } = await answerTo(host, call("die"))
    assert.deepStrictEqual(error.data, { reason: "OutcomeUnknown", delivery: "Unknown" })
    assert.match(error.message, /may have run$/)
    assert.strictEqual(count(world.record(), "call die a"), 1)
    host.leave()
  })
})

describe("the tools that a daemon knows", () => {
  it("are the list of a process that is there, which is asked once; nothing is started for them", async () => {
    for (const era of ["changing", "modern"] as const) {
      await using world = era === "changing" ? worldOf(era, "echo") : worldOf(era)
      const ask = async () => {
        const host = await world.session()
        const answer = await answerTo(host, ToolsRequest.encode("t", client).trim())
        host.leave()
        return answer
      }
      assert.deepStrictEqual((await ask()).error.data, { reason: "NotTaken", delivery: "NotSent" })
      assert.lengthOf(world.starts(), 0)
      const caller = await world.session()
      assert.isDefined((await answerTo(caller, call("echo"))).result)
      caller.leave()
      const { id, result } = await ask()
      assert.strictEqual(id, "t")
      assert.include(result.tools.map(({ name }: { readonly name: string }) => name), "echo")
      if (era === "changing") assert.deepStrictEqual([count(world.record(), "list"), world.starts().length], [1, 1])
    }
  })

  it("are kept for others, once a client that asks once has had them: by a call, or in MCP", async () => {
    for (const isCall of [true, false]) {
      await using world = worldOf("legacy", "echo")
      const known = () => CatalogueFiles.toolsOf("rec", world.home.environment).map((tool) => Object(tool).name)
      const host = await world.session()
      assert.deepStrictEqual(known(), [])
      if (isCall) await answerTo(host, call("echo"))
      else {
        await host.greet()
        await host.ask(JSON.stringify({ jsonrpc: "2.0", id: 5, method: "tools/list" }))
      }
      assert.include(known(), "echo")
      host.leave()
    }
  })
})
