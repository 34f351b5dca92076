import { assert, describe, it } from "@effect/vitest"
import * as fs from "node:fs"
import * as path from "node:path"
import { finish, start } from "./support/Cli.ts"
import * as DaemonWorld from "./support/DaemonWorld.ts"

const { isAlive, until } = DaemonWorld

describe("commands through the daemon", () => {
  it("use one server process, one after another and at once, and none is left when the daemon has ended", async () => {
    const expected = { daemons: 1, servers: 1, printed: 8, wrong: 0, left: 0 }
    assert.deepStrictEqual(await DaemonWorld.commands(4), expected)
  })

  it("leave no server after the idle time", async () => {
    await using world = DaemonWorld.make({ HOLDFAST_DAEMON_IDLE: "1 second" })
    assert.strictEqual((await world.run("call", "spy", "echo", "text=a")).stdout, "a\n")
    await until(() => ![...world.daemons(), ...world.servers()].some(isAlive))
    assert.lengthOf(world.servers(), 1)
  })

  it("work after a kill -9 of server, daemon and both: no call runs twice, no process is left", async () => {
    await using world = DaemonWorld.make()
    const call = (text: string) => world.run("call", "spy", "echo", `text=${text}`)
    assert.strictEqual((await call("n")).stdout, "n\n")
    const killServer = (): void => void process.kill(world.servers().at(-1) ?? 0, "SIGKILL")
    const killDaemon = (): void => void process.kill(world.daemons().at(-1) ?? 0, "SIGKILL")
    for (const [index, kills] of [[killServer], [killDaemon], [killServer, killDaemon]].entries()) {
      for (const kill of kills) kill()
      const { code, stderr, stdout } = await call(`n${index}`)
      assert.deepStrictEqual({ code, stderr, stdout }, { code: 0, stderr: "", stdout: `n${index}\n` })
    }
    const calls = world.record().filter((line) => line.startsWith("call "))
    assert.deepStrictEqual(calls, ["call echo n", "call echo n0", "call echo n1", "call echo n2"])
    await until(() => world.servers().filter(isAlive).length === 1)
    assert.strictEqual((await world.run("daemon", "stop")).code, 0)
    assert.deepStrictEqual(world.servers().filter(isAlive), [])
    assert.deepStrictEqual(world.daemons().filter(isAlive), [])
  })

  it("tell of a call that was lost with its server as they do without the daemon", async () => {
    await using world = DaemonWorld.make()
    const lost = await world.run("call", "spy", "die")
    assert.strictEqual(lost.code, 6)
    assert.match(lost.stderr, /^holdfast: spy: tools\/call may have run: .*exited with code 9/)
    assert.lengthOf(world.record().filter((line) => line.startsWith("call ")), 1)
    fs.writeFileSync(
      path.join(world.directory, ".mcp.json"),
      JSON.stringify({ mcpServers: { gone: { command: "no-such-command" } } })
    )
    const gone = await world.run("call", "gone", "x")
    assert.strictEqual(gone.code, 4)
    assert.match(gone.stderr, /no-such-command/)
  })

  it("start their servers themselves with --no-daemon, and where none can run, which a line on stderr says", async () => {
    await using world = DaemonWorld.make()
    const forbidden = await world.run("call", "--no-daemon", "spy", "echo", "text=a")
    assert.deepStrictEqual(forbidden, { code: 0, stdout: "a\n", stderr: "" })
    fs.mkdirSync(path.join(world.directory, "holdfast"))
    fs.chmodSync(path.join(world.directory, "holdfast"), 0o755)
    const refused = await world.run("call", "spy", "echo", "text=b")
    assert.deepStrictEqual([refused.code, refused.stdout], [0, "b\n"])
    assert.match(
      refused.stderr,
      /^holdfast: without the daemon: no daemon can be used: .*may be entered by other users.*\n$/
    )
    assert.deepStrictEqual(world.daemons(), [])
    assert.isFalse(world.servers().some(isAlive))
  })
})

describe("holdfast wrap and connect", () => {
  const initialize =
    `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{}}}\n`
  const echo =
    `{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":"echo","arguments":{"text":"hello"}}}\n`

  it("are the server to their host, in one process where that is said", async () => {
    await using world = DaemonWorld.make({ SPY_LOG: "" })
    const said = initialize + echo
    const connect = await finish(start(world.directory, ["connect", "--shared", "spy"], world.environment), said)
    assert.deepStrictEqual([connect.code, connect.stderr], [0, ""])
    assert.match(connect.stdout, /"id":0,"result".*\n.*"id":"x","result":\{"content":\[\{"type":"text","text":"hello"/)
    const { args: [program = ""] = [] } =
      JSON.parse(fs.readFileSync(path.join(world.directory, ".mcp.json"), "utf8")).mcpServers.spy
    const words = ["wrap", "--name", "mine", "--", process.execPath, program, "polite"]
    const wrap = await finish(start(world.directory, words, world.environment), said)
    assert.deepStrictEqual([wrap.code, wrap.stderr, wrap.stdout], [0, "", connect.stdout])
    const status = await world.run("daemon", "status")
    assert.match(status.stdout, /^SERVER +PROCESS +ERA +STATE +SHARING +SINCE +MEMORY +USED BY$/m)
    assert.match(status.stdout, /^spy +\d+ +legacy +idle +shared +\S+ +[\d.]+ MB +-$/m)
    assert.match(status.stdout, /^mine +\d+ +legacy +idle +exclusive +\S+ +[\d.]+ MB +-$/m)
    const json = JSON.parse((await world.run("daemon", "status", "--json")).stdout)
    assert.deepStrictEqual(json.servers.map(({ name }: { readonly name: string }) => name).toSorted(), ["mine", "spy"])
    const closed = await world.run("daemon", "close", "mine")
    assert.deepStrictEqual(closed, { code: 0, stdout: "", stderr: "mine: 1 ended\n" })
    const unknown = await world.run("daemon", "reset", "none")
    assert.deepStrictEqual([unknown.code, unknown.stdout], [2, ""])
    assert.match(unknown.stderr, /has no server "none"; it holds spy/)
  })

  it("say what is wrong with their words", async () => {
    await using world = DaemonWorld.make()
    const wrong: ReadonlyArray<readonly [ReadonlyArray<string>, number, RegExp]> = [
      [["connect"], 2, /say which server/],
      [["wrap", "cat"], 2, /say which command: holdfast wrap \[flags\] -- <command>/],
      [["wrap", "--shred", "--", "cat"], 2, /--shred/],
      [["wrap", "--call-limit", "soon", "--", "cat"], 2, /--call-limit: a duration such as 50s.*not soon/],
      [["connect", "-c", "none.json", "spy"], 0, /^$/]
    ]
    for (const [words, code, message] of wrong) {
      const ran = await finish(start(world.directory, words, world.environment))
      assert.deepStrictEqual([words, ran.code, ran.stdout], [words, code, ""])
      assert.match(ran.stderr, message)
    }
    const help = await world.run("wrap", "--help")
    assert.deepStrictEqual([help.code, help.stderr], [0, ""])
    assert.match(help.stdout, /holdfast wrap \[flags\] -- <command>.*--eager.*--long-calls/s)
  })
})
