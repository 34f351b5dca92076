import { assert, describe, it } from "@effect/vitest"
import * as fs from "node:fs"
import * as path from "node:path"
import * as DaemonClient from "../src/DaemonClient.ts"
import * as DaemonControl from "../src/DaemonControl.ts"
import * as Home from "./support/Home.ts"
import * as Host from "./support/Host.ts"
import * as World from "./support/World.ts"

describe("the daemon's own server", () => {
  it("tells of every process: state, era, pid, whose it is; of what waits for one, and of the last failures", async () => {
    await using w = World.make("legacy")
    const place = w.home.place()
    const [host, other] = [await w.connect(), await w.connect()]
    await host.greet()
    await host.call("count")
    await other.greet()
    other.leave()
    const isIdle = async (): Promise<boolean> =>
      (await DaemonControl.status(place)).servers.some(({ state }) => state === "idle")
    await Home.until(isIdle)
    // A server that does not come: its session waits for it.
    const wants = { endpoint: { command: process.execPath, args: ["-e", "process.exit(4)"] }, name: "gone" }
    const waits = await Host.connect(w.home, { wants })
    waits.say(
      `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{}}}`
    )
    const state = await Home.until(async () => {
      const status = await DaemonControl.status(place)
      return status.servers.some((server) => server.state === "backing off" && server.waiting === 1)
        ? status
        : undefined
    })
    const rows = state.servers.map(({ era, leases, lastFailure, name, pid, sharing, state, waiting }) => ({
      name,
      era,
      sharing,
      state,
      pid,
      leases: leases.map(({ directory, pid, program }) => `${program} ${pid} ${directory}`),
      waiting,
      hasFailed: lastFailure !== undefined
    }))
    const [first, second] = w.starts()
    const common = { era: "legacy", sharing: "exclusive", waiting: 0, hasFailed: false } as const
    const expected: typeof rows = [
      {
        ...common,
        name: "rec",
        state: "in use",
        pid: first,
        leases: [`test ${process.pid} ${process.cwd()}`]
      },
      { ...common, name: "rec", state: "idle", pid: second, leases: [] },
      { ...common, name: "gone", state: "backing off", pid: undefined, leases: [], waiting: 1, hasFailed: true }
    ]
    assert.deepStrictEqual(rows, expected)
    assert.deepInclude(state.failures.map(({ server }) => server), "gone")
    assert.match(state.failures.at(-1)?.message ?? "", /exited with code 4/)
    for (const each of [host, waits]) each.leave()
  })

  it("is an MCP server: state and log are resources, operations are tools", async () => {
    await using home = Home.make()
    const { socket } = await DaemonClient.connect({
      program: "test",
      place: home.place(),
      environment: home.environment,
      wants: { daemon: true }
    })
    socket.resume()
    const host = Host.over(socket, socket, () => socket.end())
    assert.match(await host.greet(), /"name":"holdfast-daemon"/)
    const listed = JSON.parse(await host.ask(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`))
    assert.deepStrictEqual(listed.result.tools.map((tool: { readonly name: string }) => tool.name), [
      "status",
      "stop",
      "make_way",
      "await_fewer",
      "why",
      "history",
      "call",
      "questions",
      "answer",
      "result",
      "follow",
      "reset",
      "drain",
      "close"
    ])
    const read = async (uri: string): Promise<string> => {
      const line = await host.ask(JSON.stringify({ jsonrpc: "2.0", id: 2, method: "resources/read", params: { uri } }))
      return JSON.parse(line).result.contents[0].text
    }
    assert.strictEqual(JSON.parse(await read("holdfast://daemon/status")).pid, home.daemonPid())
    // What is in its file, too.
    const log = await read("holdfast://daemon/log")
    assert.match(log, /listens on/)
    assert.include(fs.readFileSync(home.place().log, "utf8"), log)
    host.leave()
  })

  it("writes one record of every call: whose, of which server and tool, its delivery, how long it took, its id; no arguments", async () => {
    await using w = World.make("legacy")
    const host = await w.connect()
    await host.greet()
    await host.call("count", "hush")
    await host.call("none", "hush")
    await host.call("die", "hush")
    host.say(`{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"never","arguments":{"nonce":"hush"}}}`)
    await Home.until(() => w.record().includes("call never hush"))
    host.say(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}`)
    const wants = { endpoint: { command: "no-such-command", args: [] }, name: "gone" }
    const lonely = await Host.connect(w.home, { wants })
    await lonely.ask(Host.modernCall("a tool", 1, "hush"))
    const records = (): ReadonlyArray<string> =>
      w.home.log().split("\n").filter((line) => line.includes("message=call "))
    await Home.until(() => records().length === 5)
    const common = `program=test pid=${process.pid} directory=${process.cwd()}`
    assert.deepStrictEqual(
      records().map((line) =>
        line.replace(/^timestamp=\S+Z level=INFO message=call /, "").replace(
          /millis=\d+ call=c[0-9a-f]+$/,
          "millis= call="
        )
      ),
      [
        `${common} server=rec tool=count delivery=answered millis= call=`,
        `${common} server=rec tool=none delivery=answered code=-32602 millis= call=`,
        `${common} server=rec tool=die delivery=Unknown millis= call=`,
        `${common} server=rec tool=never delivery=cancelled millis= call=`,
        `${common} server=gone tool="a tool" delivery=NotSent millis= call=`
      ]
    )
    assert.notInclude(w.home.log(), "hush")
    for (const each of [host, lonely]) each.leave()
  })

  it("starts a server that fails for one of a client's two questions, not for both, and again for the next client", async () => {
    await using home = Home.make()
    const file = path.join(home.directory, "starts")
    const starts = (): number => fs.readFileSync(file, "utf8").trim().split("\n").length
    const args = ["-c", `echo start >> ${file}; exit 4`]
    const config = path.join(home.directory, "mcp.json")
    const holdfast = { maxConnectRetries: 1 }
    fs.writeFileSync(config, JSON.stringify({ mcpServers: { bad: { command: "/bin/sh", args, holdfast } } }))
    for (let n = 1; n <= 2; n++) {
      const host = await Host.connect(home, { wants: { server: "bad", config }, use: "once" })
      const params = { _meta: Host.modern }
      const discover = JSON.stringify({ jsonrpc: "2.0", id: "d", method: "server/discover", params })
      const [first, second] = [JSON.parse(await host.ask(discover)), JSON.parse(await host.greet())]
      assert.match(first.error.message, /exited with code 4/)
      assert.deepStrictEqual([first.id, second.id, second.error], ["d", 0, first.error])
      // At first it is tried again once, as the config says; then it is known to fail.
      assert.strictEqual(starts(), 1 + n)
      host.leave()
    }
  })

  it("ends, drains and resets a server's processes by its name or the number of one", async () => {
    await using w = World.make("modern")
    const place = w.home.place()
    const [quiet, busy] = [await w.connect(), await w.connect()]
    for (const [host, id] of [[quiet, 1], [busy, 2]] as const) {
      assert.match(await host.ask(Host.modernCall("count", id)), /"result"/)
    }
    const [first = 0] = w.starts()
    // What is on the way is lost, and told so; a session without a request notices nothing.
    busy.say(Host.modernCall("never", 9))
    await Home.until(() => w.record().includes("call never"))
    assert.strictEqual(await DaemonControl.operate("close", "rec", place), "rec: 1 ended")
    assert.isFalse(Home.isAlive(first))
    assert.match(await busy.next(), /"id":9,"error".*"delivery":"Unknown"/)
    assert.match(await quiet.ask(Host.modernCall("count", 3)), /"id":3,"result"/)
    assert.match(await busy.ask(Host.modernCall("count", 4)), /"id":4,"result"/)
    const [, second = 0] = w.starts()
    assert.lengthOf(w.starts(), 2)
    // Drained: it ends once nothing is on the way, and nothing is lost.
    busy.say(Host.modernCall("never", 9))
    await Home.until(() => w.record().filter((line) => line === "call never").length === 2)
    assert.strictEqual(await DaemonControl.operate("drain", String(second), place), `${second}: 1 leaving`)
    const row = (await DaemonControl.status(place)).servers.find(({ pid }) => pid === second)
    assert.deepStrictEqual([row?.state, row?.leases.length], ["leaving", 1])
    assert.isTrue(Home.isAlive(second))
    busy.say(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":9}}`)
    await Home.until(() => !Home.isAlive(second))
    assert.match(await busy.ask(Host.modernCall("count", 5)), /"id":5,"result"/)
    assert.strictEqual(await DaemonControl.operate("reset", "rec", place), "rec: 1 forgotten")
    const refused: unknown = await DaemonControl.operate("close", "no", place).catch((error: unknown) => error)
    assert.match(String(refused), /has no server "no"; it holds rec/)
    for (const host of [quiet, busy]) host.leave()
  })
})
