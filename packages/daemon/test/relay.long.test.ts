import { assert, describe, it } from "@effect/vitest"
import * as fs from "node:fs"
import * as path from "node:path"
import * as DaemonControl from "../src/DaemonControl.ts"
import * as Home from "./support/Home.ts"
import * as Host from "./support/Host.ts"
import * as World from "./support/World.ts"

describe("a session with a server", () => {
  it("passes params, results and errors byte for byte: long numbers, unknown members, keys that are written twice", async () => {
    await using w = World.make("legacy")
    const host = await w.connect()
    await host.greet()
    const params =
      `{"name":"echo", "x":9007199254740993,"x":1.50,"arguments":{"s":"\\u0041\\u2028"} ,"other":{"progressToken":1}}`
    const echoed = JSON.parse(
      await host.ask(`{"jsonrpc":"2.0","method":"tools/call","id":18446744073709551615,"params":${params}}`)
    )
    assert.strictEqual(echoed.result.content[0].text, params)
    const raw = await host.ask(
      `{"jsonrpc":"2.0","id":18446744073709551615,"method":"tools/call","params":{"name":"count"}}`
    )
    const content = `{"content":[{"type":"text","text":"2"}],"n":1.50,"n":9007199254740993}`
    assert.strictEqual(raw, `{"jsonrpc":"2.0","id":18446744073709551615,"result":${content}}`)
    const refused = await host.ask(`{"jsonrpc":"2.0","id":"\\u0041","method":"tools/call","params":{"name":"none"}}`)
    assert.strictEqual(
      refused,
      `{"jsonrpc":"2.0", "id":"\\u0041","error":{"code":-32602,"message":"no","data":{"n":9007199254740993}}}`
    )
    host.leave()
  })

  it("gives progress back under the token of the host, and asks for none by itself", async () => {
    await using w = World.make("legacy")
    const host = await w.connect()
    await host.greet()
    host.say(
      `{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"count","_meta":{"progressToken":"mine"}}}`
    )
    assert.strictEqual(
      await host.next(),
      `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"mine","progress":1.0}}`
    )
    assert.match(await host.next(), /^\{"jsonrpc":"2.0","id":5,"result"/)
    assert.strictEqual(await host.call("count"), "2")
    host.leave()
  })

  it("shares a modern server, whose sessions use the same ids at once", async () => {
    await using w = World.make("modern")
    const hosts = await Promise.all(Array.from({ length: 5 }, () => w.connect()))
    const said = await Promise.all(hosts.map((host, index) =>
      host.ask(JSON.stringify({
        jsonrpc: "2.0",
        id: 1,
        method: "tools/call",
        params: { name: "echo", arguments: { nonce: `n${index}` }, _meta: Host.modern }
      }))
    ))
    for (const [index, line] of said.entries()) {
      const { id, result } = JSON.parse(line)
      assert.deepStrictEqual([id, JSON.parse(result.content[0].text).arguments.nonce], [1, `n${index}`])
    }
    assert.lengthOf(w.starts(), 1)
    for (const host of hosts) host.leave()
  })

  it("has a process of a legacy server for itself, which is handed on to the next host with its state", async () => {
    await using w = World.make("legacy")
    const [first, second] = [await w.connect(), await w.connect()]
    const greeting = await first.greet({ roots: {} })
    await second.greet({ roots: {} })
    assert.deepStrictEqual([await first.call("count"), await first.call("count"), await second.call("count")], [
      "1",
      "2",
      "1"
    ])
    assert.lengthOf(w.starts(), 2)
    first.leave()
    await Home.until(async () => (await DaemonControl.status(w.home.place())).sessions.length <= 2)
    const third = await w.connect()
    const before = w.record().length
    // What its first host was told is said again, byte for byte, and nobody asks the process.
    assert.strictEqual(await third.greet({ roots: {} }), greeting)
    assert.strictEqual(await third.call("count"), "3")
    assert.lengthOf(w.starts(), 2)
    assert.deepStrictEqual(w.record().slice(before), ["call count"])
    for (const host of [second, third]) host.leave()
  })

  it("is not given a process that was another's with other capabilities", async () => {
    await using w = World.make("legacy")
    for (const capabilities of [{ roots: {} }, {}]) {
      const host = await w.connect()
      await host.greet(capabilities)
      assert.strictEqual(await host.call("count"), "1")
      host.leave()
    }
    assert.lengthOf(w.starts(), 2)
  })

  it("takes its process along where that is not to be handed on", async () => {
    await using w = World.make("legacy")
    const host = await w.connect({ handOn: false })
    await host.greet()
    await host.call("count")
    host.leave()
    const [pid = 0] = w.starts()
    await Home.until(() => !Home.isAlive(pid))
    assert.isTrue(Home.isAlive(w.home.daemonPid()))
  })

  it("shares a legacy server where that is said, and for programs that ask once; none of them is asked anything", async () => {
    for (const wishes of [{ shared: true }, { use: "once" as const }]) {
      await using w = World.make("legacy")
      const hosts = await Promise.all(Array.from({ length: 4 }, () => w.connect(wishes)))
      await Promise.all(hosts.map((host) => host.greet({ roots: {} })))
      await Promise.all(hosts.map((host) => host.call("count")))
      assert.lengthOf(w.starts(), 1)
      assert.include(w.record(), "initialize {}")
      for (const host of hosts) host.leave()
    }
  })

  it("is asked what its own process asks, and leaves none that still has a question to the next host", async () => {
    await using w = World.make("legacy")
    const host = await w.connect()
    await host.greet({ roots: {} })
    host.say(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ask"}}`)
    const { id, method } = JSON.parse(await host.next())
    assert.deepStrictEqual([id, method], ["q-1", "roots/list"])
    const answered = JSON.parse(await host.ask(`{"jsonrpc":"2.0","id":"q-1","result":{"roots":[{"uri":"file:///x"}]}}`))
    assert.strictEqual(answered.result.content[0].text, `{"roots":[{"uri":"file:///x"}]}`)
    host.say(`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"never"}}`)
    await Home.until(() => w.record().includes("call never"))
    host.leave()
    const [pid = 0] = w.starts()
    await Home.until(() => !Home.isAlive(pid))
    assert.include(w.record(), "cancelled")
    const next = await w.connect()
    await next.greet({ roots: {} })
    assert.strictEqual(await next.call("count"), "1")
    next.leave()
  })

  it("starts no process twice to find out what it speaks", async () => {
    await using w = World.make("legacy")
    const host = await w.connect()
    const refused = await host.ask(
      JSON.stringify({ jsonrpc: "2.0", id: "d", method: "server/discover", params: { _meta: Host.modern } })
    )
    assert.deepStrictEqual([JSON.parse(refused).id, JSON.parse(refused).error.code], ["d", -32601])
    await host.greet()
    assert.strictEqual(await host.call("count"), "1")
    assert.lengthOf(w.starts(), 1)
    host.leave()
    await using l = World.make("late")
    const impatient = await l.connect()
    impatient.say(
      JSON.stringify({ jsonrpc: "2.0", id: "d", method: "server/discover", params: { _meta: Host.modern } })
    )
    await Home.until(() => l.record().includes("discover"))
    const answers = [await impatient.greet(), await impatient.next()]
    assert.match(answers[0] ?? "", /"id":0,"result"/)
    // The question is put to the server in its session, too, where it refuses it.
    assert.match(answers[1] ?? "", /"id":"d","error"/)
    assert.lengthOf(l.starts(), 1)
    impatient.leave()
    await using m = World.make("modern")
    const other = await m.connect()
    assert.match(await other.greet(), /"id":0,"result"/)
    assert.match(await other.ask(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`), /echo/)
    assert.lengthOf(m.starts(), 1)
    other.leave()
  })

  it("is told of a lost call once, by its id, with its delivery, and finds a new process that was greeted in its words", async () => {
    await using w = World.make("legacy")
    const host = await w.connect()
    await host.greet({ roots: {} })
    const lost = JSON.parse(await host.ask(`{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":"die"}}`))
    assert.strictEqual(lost.id, "x")
    assert.deepStrictEqual(lost.error.data, { reason: "OutcomeUnknown", delivery: "Unknown" })
    assert.match(lost.error.message, /rec: connection lost.*exited with code 9.*may have run/s)
    assert.strictEqual(await host.call("count"), "1")
    assert.deepStrictEqual(
      w.record().map((line) => line.replace(/\d+$/, "")),
      ["start ", "initialize {\"roots\":{}}", "call die", "start ", "initialize {\"roots\":{}}", "call count"]
    )
    host.leave()
  })

  it("has what only reads sent again, and nothing else", async () => {
    await using w = World.make("legacy")
    const host = await w.connect()
    await host.greet()
    assert.match(
      await host.ask(`{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"die":true}}`),
      /"delivery":"Unknown"/
    )
    // Each process dies of its first one: the request is sent three times in all.
    assert.lengthOf(w.starts(), 3)
    host.leave()
  })

  it("is told in words why there is no server", async () => {
    await using home = Home.make()
    const host = await Host.connect(home, {
      wants: { endpoint: { command: "no-such-command", args: [] }, name: "gone" }
    })
    const { error, id } = JSON.parse(await host.greet())
    assert.deepStrictEqual([id, error.data], [0, { reason: "CommandNotFound", delivery: "NotSent" }])
    assert.match(error.message, /gone: .*no-such-command/)
    const config = path.join(home.directory, "mcp.json")
    fs.writeFileSync(
      config,
      JSON.stringify({ mcpServers: { a: { command: "x" } } })
    )
    const refusal = async (server: string, file = config) => {
      const error: unknown = await Host.connect(home, { wants: { server, config: file } }).catch((error: unknown) =>
        error
      )
      return String(error)
    }
    assert.match(await refusal("b"), /has no server "b"/)
    assert.match(await refusal("a", "/none.json"), /there is no such file/)
    host.leave()
  })

  it("gives its server the client's environment, without what changes by session, which keeps nobody apart", async () => {
    await using w = World.make("legacy")
    const environment = { ...w.home.environment, SHLVL: "7", TERM: "x", MY_TOKEN: "a" }
    const wants = { ...w.wants, endpoint: { ...w.wants.endpoint, inheritEnv: true } }
    const first = await w.connect({ wants, environment })
    await first.greet()
    const names = (await first.call("environment")).split(" ")
    assert.include(names, "MY_TOKEN")
    for (const name of ["SHLVL", "TERM", "PWD"]) assert.notInclude(names, name)
    first.leave()
    const again = await w.connect({ wants, environment: { ...environment, SHLVL: "8", TERM: "y", TMUX: "1" } })
    await again.greet()
    assert.strictEqual(await again.call("count"), "2")
    const other = await w.connect({ wants, environment: { ...environment, MY_TOKEN: "b" } })
    await other.greet()
    assert.strictEqual(await other.call("count"), "1")
    // Without inheritEnv it is the allow-list of the client's, and nothing of the daemon's.
    const bare = await w.connect({ environment })
    await bare.greet()
    assert.notInclude((await bare.call("environment")).split(" "), "MY_TOKEN")
    for (const host of [again, other, bare]) host.leave()
  })
})

describe("a shim", () => {
  it("goes on when server, daemon and both are killed; no call runs twice, and nothing is left", async () => {
    await using w = World.make("legacy")
    const host = w.wrap()
    const greeting = await host.greet()
    assert.match(greeting, /"id":0/)
    const killServer = (): void => void process.kill(w.starts().at(-1) ?? 0, "SIGKILL")
    const killDaemon = (): void => void process.kill(w.home.daemonPid(), "SIGKILL")
    let n = 0
    for (const kill of [[killServer], [killDaemon], [killServer, killDaemon], [killDaemon, killServer]]) {
      // Idle, and in the middle of a call.
      assert.include(await host.call("echo", `a${n}`), `"a${n}"`)
      const lost = host.call("never", `b${n}`)
      await Home.until(() => w.record().includes(`call never b${n}`))
      for (const each of kill) each()
      assert.strictEqual(await lost, `{"reason":"OutcomeUnknown","delivery":"Unknown"}`)
      n++
    }
    assert.include(await host.call("echo", "end"), "\"end\"")
    const calls = w.record().filter((line) => line.startsWith("call "))
    assert.strictEqual(new Set(calls).size, calls.length, calls.join("\n"))
    assert.lengthOf(calls, 9)
    host.leave()
    await Home.until(() => w.starts().slice(0, -1).every((pid) => !Home.isAlive(pid)))
    await DaemonControl.stop(w.home.place())
    assert.isFalse(w.starts().some(Home.isAlive))
  })

  it("ends with its host, and answers what that has asked before", async () => {
    await using w = World.make("legacy")
    const host = w.wrap()
    host.say(
      `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{}}}`
    )
    host.say(`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"count"}}`)
    host.leave()
    assert.match(await host.next(), /"id":1,"result"/)
    assert.match(await host.next(), /"id":2,"result"/)
    await Home.until(() => host.process.exitCode === 0)
  })
})
