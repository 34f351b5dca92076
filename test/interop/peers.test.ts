/** Counterparts that nobody here wrote: our client on their servers, their clients on our host. */
import { assert, describe, it } from "@effect/vitest"
import { Endpoint, make, McpConfig } from "@holdfast/mcp"
import { Client as ClientV2, StreamableHTTPClientTransport as HttpV2 } from "@modelcontextprotocol/client"
import * as Effect from "effect/Effect"
import { execFile, spawn } from "node:child_process"
import * as fs from "node:fs"
import { createRequire } from "node:module"
import * as os from "node:os"
import * as path from "node:path"

const require = createRequire(import.meta.url)

/** The program of a package, as its manifest names it. */
const binary = (name: string): string => {
  const manifest = require.resolve(`${name}/package.json`)
  const { bin } = require(manifest)
  return path.join(path.dirname(manifest), typeof bin === "string" ? bin : String(Object.values(bin)[0]))
}

const textOf = (result: { readonly content: ReadonlyArray<object> }): string =>
  result.content.map((block) => "text" in block ? String(block.text) : "").join("")

describe("our client", () => {
  for (
    const [server, program, era] of [
      ["version 2 of the SDK", "sdkV2Server.ts", "legacy"],
      ["version 2 of the SDK", "sdkV2Server.ts", "modern"],
      ["version 2 of the SDK", "sdkV2Server.ts", "auto"],
      ["Effect's own implementation", "effectServer.ts", "legacy"],
      ["Effect's own implementation", "effectServer.ts", "modern"],
      ["Effect's own implementation", "effectServer.ts", "auto"]
    ] as const
  ) {
    it.live(`calls a server on ${server}, era ${era}`, () =>
      Effect.gen(function*() {
        const args = [path.join(import.meta.dirname, "support", program)]
        const endpoint = Endpoint.stdio({ command: process.execPath, args })
        const mcp = yield* make(yield* McpConfig.make({ peer: { endpoint, era } }))
        const result = yield* mcp.callTool("peer", { name: "echo", arguments: { text: "hi" } }, {
          deadline: "20 seconds"
        })
        assert.include(textOf(result), "hi")
        const spoken = yield* mcp.use("peer", (connection) => Effect.succeed(connection.era))
        assert.strictEqual(spoken, era === "legacy" ? "legacy" : "modern")
      }))
  }

  it.live("keeps a graph with server-memory, across calls of one process", () =>
    Effect.gen(function*() {
      const folder = yield* Effect.acquireRelease(
        Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "hf-test-memory-"))),
        (folder) => Effect.sync(() => fs.rmSync(folder, { recursive: true, force: true }))
      )
      const endpoint = Endpoint.stdio({
        command: process.execPath,
        args: [binary("@modelcontextprotocol/server-memory")],
        env: { MEMORY_FILE_PATH: path.join(folder, "memory.jsonl") }
      })
      const mcp = yield* make(yield* McpConfig.make({ memory: { endpoint } }))
      const entities = [{ name: "kelp", entityType: "plant", observations: ["holds fast"] }]
      yield* mcp.callTool("memory", { name: "create_entities", arguments: { entities } })
      const graph = yield* mcp.callTool("memory", { name: "read_graph", arguments: {} })
      assert.include(textOf(graph), "holds fast")
      assert.strictEqual((yield* mcp.snapshot).connections, 1)
    }))
})

const host = Effect.acquireRelease(
  Effect.callback<{ readonly url: string; readonly stop: Effect.Effect<void> }>((resume) => {
    const child = spawn(process.execPath, [path.join(import.meta.dirname, "support/echoHost.ts")], {
      stdio: ["ignore", "pipe", "inherit"]
    })
    const stop = Effect.callback<void>((ended) => {
      child.once("exit", () => ended(Effect.void))
      child.kill("SIGTERM")
    })
    child.stdout.setEncoding("utf8").once(
      "data",
      (port: string) => resume(Effect.succeed({ url: `http://127.0.0.1:${port.trim()}`, stop }))
    )
  }),
  ({ stop }) => stop
)

describe("our host", () => {
  it.live("serves the client of version 2 of the SDK, which asks for the new era first", () =>
    Effect.gen(function*() {
      const { url } = yield* host
      for (const mode of ["legacy", "auto"] as const) {
        const client = new ClientV2({ name: "v2", version: "1" }, { versionNegotiation: { mode } })
        yield* Effect.promise(() => client.connect(new HttpV2(new URL(`${url}/mcp`))))
        const result = yield* Effect.promise(() => client.callTool({ name: "echo", arguments: { text: mode } }))
        assert.deepStrictEqual(result.content, [{ type: "text", text: mode }])
        yield* Effect.promise(() => client.close())
      }
    }))

  it.live("serves the inspector, over both transports", () =>
    Effect.gen(function*() {
      const { url } = yield* host
      for (const place of [`${url}/mcp`, `${url}/sse`]) {
        const said = yield* Effect.callback<string>((resume) => {
          const args = ["--cli", place, "--method", "tools/call", "--tool-name", "echo", "--tool-arg", "text=hello"]
          execFile(process.execPath, [binary("@modelcontextprotocol/inspector"), ...args], (error, stdout, stderr) =>
            resume(Effect.succeed(error === null ? stdout : `${stdout}${stderr}`)))
        })
        assert.include(said, "\"hello\"", place)
      }
    }))
})
