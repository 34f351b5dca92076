/** Config files as people have them, before the real program. */
import { assert, describe, it } from "@effect/vitest"
import * as fs from "node:fs"
import * as path from "node:path"
import { finish, makeDirectory, run, spy, start } from "./support/Cli.ts"

const polite = spy("polite")

/** A directory whose server leaves a mark when it is started. */
const withMark = (entry: object) => {
  const directory = makeDirectory()
  const mark = path.join(directory.path, "mark")
  const script = `touch "${mark}"; exec "${process.execPath}" "${polite.args[0]}" polite`
  const fs_ = { command: "/bin/sh", args: ["-c", script], ...entry }
  fs.writeFileSync(path.join(directory.path, ".mcp.json"), JSON.stringify({ mcpServers: { spy: fs_ } }))
  return {
    path: directory.path,
    isStarted: () => fs.existsSync(mark),
    [Symbol.dispose]: () => directory[Symbol.dispose]()
  }
}

describe("a config with one bad entry", () => {
  it("works for the others; the bad one is named at its place, in lists and in calls", async () => {
    using directory = makeDirectory(
      `{\n "mcpServers": {\n  "bad": { "args": [] },\n  "spy": ${JSON.stringify(polite)}\n }\n}`
    )
    const call = await run(directory.path, ["call", "spy.echo", "text=hi"])
    assert.deepStrictEqual(call, { code: 0, stdout: "hi\n", stderr: "" })
    const list = await run(directory.path, ["tools"])
    assert.strictEqual(list.code, 3)
    assert.match(list.stdout, /^spy\.echo /m)
    assert.include(
      list.stderr,
      ".mcp.json:3:10: mcpServers.bad: expected a command (stdio) or a url (http), got neither"
    )
    const bad = await run(directory.path, ["call", "bad.x"])
    assert.deepStrictEqual([bad.code, bad.stdout], [3, ""])
    assert.include(bad.stderr, ".mcp.json:3:10: mcpServers.bad: expected a command")
  })
})

describe("what is not understood", () => {
  it("is told on stderr, as JSON with --json; a call is told of its own server only", async () => {
    using directory = makeDirectory({ mcpServers: { spy: { ...polite, flavour: 1 }, other: { ...polite, taste: 1 } } })
    const call = await run(directory.path, ["call", "spy.echo", "text=hi"])
    assert.deepStrictEqual([call.code, call.stdout], [0, "hi\n"])
    assert.match(
      call.stderr,
      /^holdfast: warn: \.mcp\.json:1:\d+: mcpServers\.spy\.flavour: is not understood and has no effect\n$/
    )
    const json = await run(directory.path, ["tools", "--json"])
    const messages = json.stderr.trim().split("\n").map((line) => JSON.parse(line).log)
    assert.deepStrictEqual(messages.map(({ level }) => level), ["warn", "warn"])
    assert.include(messages[1].message, "mcpServers.other.taste")
  })
})

describe("a server that is switched off", () => {
  it("is not started, is no failure of a listing, and says so when it is called", async () => {
    using directory = withMark({ enabled: false })
    const list = await run(directory.path, ["tools"])
    assert.deepStrictEqual(list, { code: 0, stdout: "", stderr: "holdfast: switched off in .mcp.json: spy\n" })
    const call = await run(directory.path, ["call", "spy.echo", "text=hi"])
    assert.deepStrictEqual([call.code, call.stdout], [3, ""])
    assert.match(call.stderr, /mcpServers\.spy\.enabled: expected true or nothing, to use this server, got false/)
    assert.isFalse(directory.isStarted())
  })
})

describe("a tool that is switched off", () => {
  it("is not listed, and refused before its server is started", async () => {
    using directory = withMark({ disabledTools: ["echo"] })
    const call = await run(directory.path, ["call", "spy.echo", "text=hi", "--json"])
    assert.deepStrictEqual([call.code, call.stdout], [2, ""])
    const { error } = JSON.parse(call.stderr)
    assert.strictEqual(error.reason, "ToolDisabled")
    assert.match(error.message, /the tool "echo" is switched off by \.mcp\.json:1:\d+: mcpServers\.spy\.disabledTools/)
    assert.isFalse(directory.isStarted())
    const list = await run(directory.path, ["tools", "spy"])
    assert.strictEqual(list.code, 0)
    assert.notMatch(list.stdout, /^spy\.echo /m)
  })
})

describe("a placeholder", () => {
  it("that nothing answers keeps its server from being started; an answer in the environment does not", async () => {
    using directory = withMark({ env: { KEY: "${input:api key}" } })
    const unanswered = await run(directory.path, ["call", "spy.echo", "text=hi"])
    assert.strictEqual(unanswered.code, 3)
    assert.match(unanswered.stderr, /nothing answers \$\{input:api key\}.*HOLDFAST_INPUT_API_KEY/)
    assert.isFalse(directory.isStarted())
    const answered = await finish(
      start(directory.path, ["call", "spy.echo", "text=hi"], { HOLDFAST_INPUT_API_KEY: "k" })
    )
    assert.deepStrictEqual([answered.code, answered.stdout], [0, "hi\n"])
  })
})

describe("a file that was written for an editor", () => {
  it("is used when it is named or trusted, for the folder around the editor's", async () => {
    using directory = makeDirectory()
    fs.mkdirSync(path.join(directory.path, ".vscode"))
    const script = `require("fs").writeFileSync("cwd", process.cwd()); process.exit(1)`
    const servers = { here: { type: "stdio", command: process.execPath, args: ["-e", script] } }
    fs.writeFileSync(path.join(directory.path, ".vscode/mcp.json"), `{ "servers": ${JSON.stringify(servers)}, }`)
    const offered = await run(directory.path, ["tools"])
    assert.strictEqual(offered.code, 3)
    assert.include(
      offered.stderr,
      ".vscode/mcp.json is left out: you have not trusted it; --trust uses it from now on."
    )
    await run(directory.path, ["tools", "--config", ".vscode/mcp.json"])
    assert.strictEqual(fs.readFileSync(path.join(directory.path, "cwd"), "utf8"), fs.realpathSync(directory.path))
  })
})

describe("the arguments of a call", () => {
  it("keep numbers that JavaScript cannot hold all the way to the server", async () => {
    using directory = makeDirectory()
    const server = `
      let rest = ""
      const tool = { name: "id", inputSchema: { type: "object", properties: { id: { type: "integer" } } } }
      process.stdin.on("data", (chunk) => {
        rest += chunk
        const lines = rest.split("\\n")
        rest = lines.pop()
        for (const line of lines) {
          const { id, method } = JSON.parse(line)
          if (id === undefined) continue
          const result = method === "initialize"
            ? { protocolVersion: "2025-06-18", capabilities: { tools: {} }, serverInfo: { name: "s", version: "1" } }
            : method === "tools/list" ? { tools: [tool] } : { content: [{ type: "text", text: line }] }
          console.log(JSON.stringify(method === "server/discover"
            ? { jsonrpc: "2.0", id, error: { code: -32601, message: "no" } }
            : { jsonrpc: "2.0", id, result }))
        }
      })`
    const config = { mcpServers: { s: { command: process.execPath, args: ["-e", server.replaceAll("${", "$${")] } } }
    fs.writeFileSync(path.join(directory.path, ".mcp.json"), JSON.stringify(config))
    for (const args of [["id=9007199254740993"], ["--args", "{\"id\":9007199254740993}"]]) {
      const ran = await run(directory.path, ["call", "s.id", ...args])
      assert.strictEqual(ran.code, 0, ran.stderr)
      assert.include(ran.stdout, "\"arguments\":{\"id\":9007199254740993}")
    }
  })
})
