import { assert, describe, it } from "@effect/vitest"
import { McpConfig } from "@holdfast/mcp/McpConfig"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as PlainConfig from "../src/hot/PlainConfig.ts"

const file = "/project/.mcp.json"
const of = (entry: unknown, more: object = {}): string => JSON.stringify({ mcpServers: { fs: entry }, ...more })

const plain: ReadonlyArray<string> = [
  of({ command: "npx", args: ["-y", "server", "."] }),
  of({ command: "/bin/server", type: "stdio", env: { A: "1", B_2: "x y" } }),
  JSON.stringify({
    mcpServers: { other: { url: "https://example.org" }, fs: { command: "x" }, "fs.b": { command: "y" } }
  })
]

const odd: ReadonlyArray<string> = [
  "",
  "[]",
  `{"mcpServers": {"fs": {"command": "x",}}}`,
  `{"mcpServers": {"fs": {"command": "x"}, "fs": {"command": "y"}}}`,
  `{"mcpServers": {"fs": {"command": "x", "command": "y"}}}`,
  of({ command: "x" }, { servers: {} }),
  of({ command: "" }),
  of({ command: "x", args: "y" }),
  of({ command: "x", args: [1] }),
  of({ command: "${HOME}/x" }),
  of({ command: "x", args: ["~/a"] }),
  of({ command: "x", env: { A: "$B" } }),
  of({ command: "x", env: { A: "{env:B}" } }),
  of({ command: "x", cwd: "sub" }),
  of({ command: "x", disabled: true }),
  of({ command: "x", timeout: 5000 }),
  of({ command: "x", holdfast: { shared: true } }),
  of({ command: "x", type: "http" }),
  of({ url: "https://example.org" }),
  JSON.stringify({ mcpServers: { fs: { command: "x" }, FS: { command: "y" } } })
]

describe("the plain reading of a config", () => {
  it.effect("reads what the whole one reads, where that has nothing to tell", () =>
    Effect.gen(function*() {
      for (const text of plain) {
        const { args, command, cwd, env, name, tool } = PlainConfig.find(text, file, ["fs.read"]) ?? assert.fail(text)
        const config = yield* McpConfig.parse(text, { file, directory: "/project" })
        const { endpoint } = config.servers.get("fs") ?? assert.fail(text)
        assert.deepStrictEqual([name, tool, config.warnings], ["fs", "read", []])
        assert.deepInclude(endpoint, { _tag: "Stdio", command, args, cwd, inheritEnv: false })
        const values = endpoint._tag === "Stdio"
          ? Object.entries(endpoint.env).map(([name, value]) => [name, Redacted.value(value)])
          : []
        assert.deepStrictEqual(Object.fromEntries(values), env)
      }
    }))

  it("leaves everything else to the whole one", () => {
    for (const text of odd) assert.isUndefined(PlainConfig.find(text, file, ["fs.read"]), text)
    assert.isUndefined(PlainConfig.find(plain[0] ?? "", "/project/.cursor/mcp.json", ["fs.read"]))
  })

  it("finds server and tool in one word or two", () => {
    const text = JSON.stringify({ mcpServers: { "a": { command: "x" }, "a.b": { command: "y" } } })
    const meant = (...words: ReadonlyArray<string>) => {
      const { name, tool, words: count } = PlainConfig.find(text, file, words) ?? { name: "", tool: "", words: 0 }
      return [name, tool, count]
    }
    assert.deepStrictEqual(meant("a.b.c"), ["a.b", "c", 1])
    assert.deepStrictEqual(meant("a.c", "x=1"), ["a", "c", 1])
    assert.deepStrictEqual(meant("a.b", "c"), ["a.b", "c", 2])
    assert.deepStrictEqual(meant("a", "x=1"), ["", "", 0])
    assert.deepStrictEqual(meant("c.d"), ["", "", 0])
  })

  it("finds a server alone, or all of them, the nearest of each name, where the tools are wanted", () => {
    const files = [{ a: { command: "x" } }, { a: { command: "y" }, "a.b": { command: "z" } }].map((mcpServers, at) => ({
      file: `/project/${at}.json`,
      read: () => JSON.stringify({ mcpServers }),
      isTrusted: () => true
    }))
    const meant = (word: string) => {
      const { command, name, tool } = PlainConfig.findIn(files, [word], true) ?? { command: "", name: "", tool: "" }
      return [name, tool, command]
    }
    assert.deepStrictEqual(meant("a"), ["a", "", "x"])
    assert.deepStrictEqual(meant("a.b"), ["", "", ""])
    assert.deepStrictEqual(meant("a.c"), ["a", "c", "x"])
    const all = PlainConfig.allIn(files) ?? []
    assert.deepStrictEqual(all.map(({ command, name }) => [name, command]), [["a", "x"], ["a.b", "z"]])
    const odd = { file: "/project/odd.json", read: () => of({ command: "x", cwd: "sub" }), isTrusted: () => true }
    assert.isUndefined(PlainConfig.allIn([...files, odd]))
    assert.isUndefined(PlainConfig.allIn(files.map((each) => ({ ...each, isTrusted: () => false }))))
    assert.isUndefined(PlainConfig.allIn([]))
  })
})
