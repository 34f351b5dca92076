/** Counterparts that nobody here wrote: our client on their servers, their clients on our host. */
import { assert, describe, it } from "@effect/vitest"
import { Endpoint, McpConfig, McpConnections } from "@holdfast/mcp"
import { Client as ClientV2, StreamableHTTPClientTransport as HttpV2 } from "@modelcontextprotocol/client"
import { McpClient, McpProtocol } from "effect/ai"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
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
        const mcp = yield* McpConnections.make(yield* McpConfig.make({ peer: { endpoint, era } }))
        const result = yield* mcp.callTool("peer", { name: "echo", arguments: { text: "hi" } }, {
          deadline: "2 minutes"
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
      const mcp = yield* McpConnections.make(yield* McpConfig.make({ memory: { endpoint } }))
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
  for (const [mode, spoken] of [["legacy", "2025-11-25"], ["auto", "2026-07-28"]] as const) {
    it.live(`serves the client of version 2 of the SDK, mode ${mode}: calls, progress, questions`, () =>
      Effect.gen(function*() {
        const { url } = yield* host
        const client = new ClientV2(
          { name: "v2", version: "1" },
          { versionNegotiation: { mode }, capabilities: { elicitation: { form: {} } } }
        )
        client.setRequestHandler("elicitation/create", () => ({ action: "accept", content: { name: "Ann" } }))
        yield* Effect.acquireRelease(
          Effect.promise(() => client.connect(new HttpV2(new URL(`${url}/mcp`)))),
          () => Effect.promise(() => client.close())
        )
        assert.strictEqual(client.getNegotiatedProtocolVersion(), spoken)
        const call = (
          name: string,
          args: Record<string, string> = {},
          onprogress: (report: { progress: number }) => void = () => {}
        ) =>
          Effect.map(
            Effect.promise(() => client.callTool({ name, arguments: args }, { onprogress })),
            textOf
          )
        assert.strictEqual(yield* call("echo", { text: mode }), mode)
        // The client learns from the list which arguments are headers.
        yield* Effect.promise(() => client.listTools())
        assert.strictEqual(yield* call("deploy", { region: "Zürich" }), "Zürich")
        const seen: Array<number> = []
        assert.strictEqual(yield* call("report", {}, ({ progress }) => void seen.push(progress)), "reported")
        assert.deepStrictEqual(seen, [1, 2, 3])
        assert.strictEqual(yield* call("ask"), "you are Ann")
      }))
  }

  for (const protocol of [McpProtocol.v2025_11_25, McpProtocol.v2026_07_28]) {
    it.live(`serves Effect's own client, ${protocol.protocolVersion}`, () =>
      Effect.gen(function*() {
        const { url } = yield* host
        const said = yield* Effect.gen(function*() {
          const client = yield* McpClient.McpClient
          const tools = yield* client.listTools()
          const call = (name: string, args: Record<string, string>) =>
            Effect.gen(function*() {
              const tool = tools.find((tool) => tool.name === name)
              assert.isDefined(tool)
              return textOf(yield* client.callTool({ tool, arguments: args }))
            })
          return [yield* call("echo", { text: "hi" }), yield* call("deploy", { region: "eu" })]
        }).pipe(
          Effect.provide(
            McpClient.layerHttp({ name: "effect", version: "1", protocol, url: `${url}/mcp` }).pipe(
              Layer.provide(FetchHttpClient.layer)
            )
          )
        )
        assert.deepStrictEqual(said, ["hi", "eu"])
      }))
  }

  for (const era of ["legacy", "modern"] as const) {
    it.live(`serves our client, era ${era}: calls, progress, questions, changes`, () =>
      Effect.gen(function*() {
        const { url } = yield* host
        const endpoint = Endpoint.http({ url: `${url}/mcp` })
        const mcp = yield* McpConnections.make(yield* McpConfig.make({ host: { endpoint, era } }), {
          handlers: { elicitation: () => Effect.succeed({ action: "accept", content: { name: "Bob" } }) }
        })
        const call = (
          name: string,
          args: Record<string, string> = {},
          onProgress: (report: { progress: number }) => void = () => {}
        ) =>
          Effect.map(
            mcp.callTool("host", { name, arguments: args }, { deadline: "2 minutes", onProgress }),
            textOf
          )
        const changed = yield* mcp.notifications.pipe(
          Stream.filter(({ method }) => method === "notifications/tools/list_changed"),
          Stream.take(1),
          Stream.runDrain,
          Effect.forkChild({ startImmediately: true })
        )
        assert.strictEqual(yield* call("echo", { text: era }), era)
        assert.strictEqual(yield* call("deploy", { region: "Zürich" }), "Zürich")
        const seen: Array<number> = []
        assert.strictEqual(yield* call("report", {}, ({ progress }) => void seen.push(progress)), "reported")
        assert.deepStrictEqual(seen, [1, 2, 3])
        assert.strictEqual(yield* call("ask"), "you are Bob")
        // Whoever listens begins to listen some time after it has connected.
        yield* Effect.raceFirst(Effect.repeat(call("change"), Schedule.spaced("50 millis")), Fiber.join(changed))
        assert.strictEqual(yield* mcp.use("host", ({ era }) => Effect.succeed(era)), era)
      }))
  }

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
