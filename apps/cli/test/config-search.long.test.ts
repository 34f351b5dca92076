/** Where configs are looked for, and which entry counts: the whole program, the hot path and the shim. */
import { assert, describe, it } from "@effect/vitest"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { finish, start } from "./support/Cli.ts"
import * as DaemonWorld from "./support/DaemonWorld.ts"

/** Reports the `SPY_NAME` of its process as the text of every call. */
const named = (name: string) => ({
  command: process.execPath,
  args: [
    "-e",
    `require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
      const { id, method } = JSON.parse(line)
      const send = (message) => console.log(JSON.stringify({ jsonrpc: "2.0", id, ...message }))
      if (id === undefined) return
      if (method === "initialize") return send({ result: { protocolVersion: "2025-06-18", capabilities: { tools: {} },
        serverInfo: { name: "s", version: "1" } } })
      if (method === "tools/list") return send({ result: { tools: [{ name: "who", inputSchema: { type: "object" } }] } })
      if (method === "tools/call") return send({ result: { content: [{ type: "text", text: ${
      JSON.stringify(name)
    } }] } })
      send({ error: { code: -32601, message: "no" } })
    })`
  ]
})

/** A repository with a folder in it, and a user. */
const makeWorld = () => {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), "hfs-"))
  const home = path.join(root, "home")
  const repository = path.join(root, "repository")
  const folder = path.join(repository, "a", "b")
  fs.mkdirSync(folder, { recursive: true })
  fs.mkdirSync(path.join(repository, ".git"))
  fs.mkdirSync(home)
  const environment = {
    HOME: home,
    XDG_CONFIG_HOME: "",
    XDG_STATE_HOME: path.join(root, "state"),
    XDG_RUNTIME_DIR: "",
    HOLDFAST_NO_DAEMON: "1"
  }
  return {
    root,
    home,
    repository,
    folder,
    environment,
    write: (file: string, servers: object | string, container = "mcpServers") => {
      const absolute = path.resolve(repository, file)
      fs.mkdirSync(path.dirname(absolute), { recursive: true })
      fs.writeFileSync(absolute, typeof servers === "string" ? servers : JSON.stringify({ [container]: servers }))
    },
    run: (args: ReadonlyArray<string>, directory = folder, more: Readonly<Record<string, string>> = {}) =>
      finish(start(directory, args, { ...environment, ...more })),
    [Symbol.dispose]: () => fs.rmSync(root, { recursive: true, force: true })
  }
}

describe("the search for configs", () => {
  it("goes from the working directory to the root of its repository and to the user's; the nearest entry counts", async () => {
    using world = makeWorld()
    world.write("a/b/.mcp.json", { one: named("a/b/.mcp.json") })
    world.write("a/b/mcp.json", { one: named("a/b/mcp.json"), two: named("a/b/mcp.json") })
    world.write("a/b/.cursor/mcp.json", { two: named("cursor"), three: named("cursor") })
    world.write("a/b/.vscode/mcp.json", { three: named("vscode"), four: named("vscode") }, "servers")
    world.write("a/.mcp.json", { four: named("a"), five: named("a") })
    world.write(".mcp.json", { five: named("root"), six: named("root") })
    world.write("../.mcp.json", { six: named("outside"), seven: named("outside") })
    world.write("../home/.config/holdfast/mcp.json", { one: named("user"), eight: named("user") })
    const who = async (server: string) => (await world.run(["call", server, "who"])).stdout.trim()
    const listed = await world.run(["tools", "--json", "--trust"])
    assert.deepStrictEqual([listed.code, listed.stderr], [0, ""])
    assert.deepStrictEqual(
      JSON.parse(listed.stdout).map(({ server }: { server: string }) => server),
      ["one", "two", "three", "four", "five", "six", "eight"]
    )
    const answers = []
    for (const name of ["one", "two", "three", "four", "five", "six", "eight"]) answers.push(await who(name))
    assert.deepStrictEqual(answers, ["a/b/.mcp.json", "a/b/mcp.json", "cursor", "vscode", "a", "root", "user"])
    const outside = await world.run(["call", "seven", "who"])
    assert.deepStrictEqual([outside.code, outside.stdout], [2, ""])
  })

  it("does not go above a directory that is in no repository", async () => {
    using world = makeWorld()
    fs.rmdirSync(path.join(world.repository, ".git"))
    world.write("a/.mcp.json", { up: named("a") })
    const ran = await world.run(["tools", "--trust"])
    assert.strictEqual(ran.code, 3)
    assert.include(ran.stderr, "no config: there is neither .mcp.json nor mcp.json in")
    assert.include(ran.stderr, path.join(world.home, ".config/holdfast/mcp.json"))
  })

  it("ends at a file that cannot be read: what is nearer stays, what is behind is not taken for what it may not be", async () => {
    using world = makeWorld()
    world.write("a/b/.mcp.json", { near: named("near") })
    world.write("a/b/mcp.json", `{ "mcpServers": { "far": `)
    world.write("../home/.config/holdfast/mcp.json", { far: named("user") })
    const near = await world.run(["call", "near", "who"])
    assert.deepStrictEqual(near, { code: 0, stdout: "near\n", stderr: "" })
    const far = await world.run(["call", "far", "who"])
    assert.deepStrictEqual([far.code, far.stdout], [3, ""])
    assert.match(far.stderr, /mcp\.json:1:\d+/)
    const list = await world.run(["tools"])
    assert.strictEqual(list.code, 3)
    assert.match(list.stdout, /^near\.who/m)
    assert.match(list.stderr, /mcp\.json:1:\d+/)
  })

  it("lets a nearer entry switch a server off", async () => {
    using world = makeWorld()
    world.write("a/b/.mcp.json", { one: { ...named("near"), disabled: true } })
    world.write("../home/.config/holdfast/mcp.json", { one: named("user") })
    const ran = await world.run(["call", "one", "who"])
    assert.deepStrictEqual([ran.code, ran.stdout], [3, ""])
    assert.include(ran.stderr, ".mcp.json:1:")
  })
})

describe("a config that a repository brought along", () => {
  it("starts nothing until the user has agreed to it, and nothing after it has changed", async () => {
    using world = makeWorld()
    world.write(".mcp.json", { one: named("first") })
    const before = await world.run(["call", "one", "who"])
    assert.deepStrictEqual([before.code, before.stdout], [3, ""])
    assert.include(before.stderr, "../../.mcp.json is left out: you have not trusted it")
    assert.strictEqual((await world.run(["call", "one", "who", "--trust"])).stdout, "first\n")
    assert.deepStrictEqual(await world.run(["call", "one", "who"]), { code: 0, stdout: "first\n", stderr: "" })
    world.write(".mcp.json", { one: named("second") })
    const changed = await world.run(["call", "one", "who"])
    assert.deepStrictEqual([changed.code, changed.stdout], [3, ""])
    assert.include(changed.stderr, "it has changed since you trusted it")
    // Agreement is to the file, not to one of its names.
    assert.strictEqual((await world.run(["call", "one", "who"], world.repository)).stdout, "second\n")
  })

  it("is not believed to be agreed to by a record that others could have written", async () => {
    using world = makeWorld()
    world.write(".mcp.json", { one: named("first") })
    assert.strictEqual((await world.run(["tools", "--trust"])).code, 0)
    const records = path.join(world.environment.XDG_STATE_HOME, "holdfast/trusted")
    const [record = ""] = fs.readdirSync(records)
    fs.chmodSync(path.join(records, record), 0o666)
    assert.strictEqual((await world.run(["call", "one", "who"])).code, 3)
  })

  it("is not mentioned where a nearer file has the server", async () => {
    using world = makeWorld()
    world.write("a/b/.mcp.json", { one: named("near") })
    world.write(".mcp.json", { one: named("far") })
    assert.deepStrictEqual(await world.run(["call", "one", "who"]), { code: 0, stdout: "near\n", stderr: "" })
    // Without it the user's own would be used: that has to be said.
    world.write("../home/.config/holdfast/mcp.json", { two: named("user") })
    const two = await world.run(["call", "two", "who"])
    assert.deepStrictEqual([two.code, two.stdout], [0, "user\n"])
    assert.include(two.stderr, "../../.mcp.json is left out")
  })
})

describe("the hot path and the shim", () => {
  it("mean the same server as the whole program", async () => {
    await using daemon = DaemonWorld.make()
    using world = makeWorld()
    world.write("a/b/.mcp.json", { one: named("near"), "x": named("x of near") })
    world.write("a/b/mcp.json", { "x.y": named("x.y of mcp.json"), two: named("two of mcp.json") })
    world.write(".mcp.json", { three: named("root") })
    world.write("../home/.config/holdfast/mcp.json", { three: named("user"), four: named("user") })
    const environment = { ...daemon.environment, HOME: world.home, XDG_CONFIG_HOME: "" }
    const words = [["one.who"], ["one", "who"], ["x.who"], ["x.y.who"], ["two.who"], ["three.who"], ["four", "who"]]
    for (const word of words) {
      const whole = await world.run(["call", ...word], world.folder, { ...environment, HOLDFAST_NO_DAEMON: "1" })
      for (let time = 0; time < 2; time++) {
        assert.deepStrictEqual(await world.run(["call", ...word], world.folder, environment), whole, word.join(" "))
      }
    }
    const ask = (server: string) => {
      const child = start(world.folder, ["connect", server], { ...world.environment, ...environment })
      const lines = [
        {
          id: 1,
          method: "initialize",
          params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "t", version: "1" } }
        },
        { method: "notifications/initialized" },
        { id: 2, method: "tools/call", params: { name: "who", arguments: {} } }
      ].map((message) => JSON.stringify({ jsonrpc: "2.0", ...message })).join("\n")
      return new Promise<string>((resolve) => {
        let text = ""
        child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
          text += chunk
          const answer = text.split("\n").slice(0, -1).map((line) => JSON.parse(line)).find(({ id }) => id === 2)
          if (answer === undefined) return
          child.stdin?.end()
          child.once("close", () => resolve(answer.result?.content[0].text ?? JSON.stringify(answer.error)))
        })
        child.stdin?.write(`${lines}\n`)
      })
    }
    assert.deepStrictEqual(
      [await ask("one"), await ask("x.y"), await ask("four")],
      ["near", "x.y of mcp.json", "user"]
    )
  })
})
