/** Public faults of lists and of what comes back from tools, each named by its symptom, with the report. */
import { assert, describe, it } from "@effect/vitest"
import * as Mcp from "@holdfast/mcp"
import * as ModelView from "@holdfast/mcp/ModelView"
import { ToolCatalog } from "@holdfast/mcp/ToolCatalog"
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js"
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as BadHttp from "./support/badHttp.ts"
import * as Faults from "./support/faults.ts"

const tool = (name: string, more: object = {}) => ({ name, inputSchema: { type: "object" }, ...more })

/** A server with these answers by method. */
const answering = (answers: Readonly<Record<string, (params: Readonly<Record<string, unknown>>) => object>>) =>
  BadHttp.make({
    onPost: ({ id, method = "", params = {} }, response) => {
      const answer = answers[method]
      if (answer === undefined) return false
      response.writeHead(200, { "content-type": "application/json" })
        .end(JSON.stringify({ jsonrpc: "2.0", id, result: answer(params) }))
      return true
    }
  })

const quiet = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.provide(effect, Logger.layer([]))

/** The names our client has of such a list, and how the SDK's client ends on the same. */
const both = (list: object) =>
  Effect.gen(function*() {
    const server = yield* answering({ "tools/list": () => list })
    const mcp = yield* Faults.ours(Faults.http(server.url))
    const tools = yield* quiet(mcp.listTools("bad"))
    const client = yield* Faults.sdkOverHttp(server.url)
    return { tools, names: tools.map(({ name }) => name), sdk: yield* Faults.ended(() => client.listTools()) }
  })

describe("hermes-agent#101804, mastra#21859: one tool that is wrong takes all others with it", () => {
  it.live("it is read as far as it can be; the SDK refuses the list", () =>
    Effect.gen(function*() {
      const { names, sdk } = yield* both({
        tools: [tool("a"), { name: "bare" }, { description: "no name" }, tool("b")]
      })
      assert.deepStrictEqual(names, ["a", "bare", "b"])
      assert.match(sdk, /inputSchema/)
    }))
})

describe("Codewhale#5335: nextCursor is null on the last page", () => {
  it.live("that is its end; the SDK refuses the list", () =>
    Effect.gen(function*() {
      const { names, sdk } = yield* both({ tools: [tool("a")], nextCursor: null })
      assert.deepStrictEqual(names, ["a"])
      assert.match(sdk, /nextCursor/)
    }))
})

describe("novamira#82, laravel-mcp-server#74: a tool without parameters has a list of them", () => {
  it.live("that is no parameters; the SDK refuses the list", () =>
    Effect.gen(function*() {
      const { sdk, tools } = yield* both({ tools: [tool("a", { inputSchema: { type: "object", properties: [] } })] })
      assert.deepStrictEqual(tools[0]?.inputSchema, { type: "object", properties: {} })
      assert.match(sdk, /properties/)
    }))
})

describe("opencode-ai/opencode#278, coder#23538: required is null", () => {
  it.live("that is nothing required; the SDK refuses the list", () =>
    Effect.gen(function*() {
      const { sdk, tools } = yield* both({ tools: [tool("a", { inputSchema: { type: "object", required: null } })] })
      assert.deepStrictEqual(tools[0]?.inputSchema, { type: "object" })
      assert.match(sdk, /required/)
    }))
})

describe("mcpx#28, opencode#47543: alternatives at the root of a schema, without a type", () => {
  it.live("it is a tool like others, and a model is given properties; the SDK refuses the list", () =>
    Effect.gen(function*() {
      const anyOf = [{ required: ["id"], properties: { id: { type: "integer" } } }, { properties: { name: {} } }]
      const { sdk, tools } = yield* both({ tools: [tool("a", { inputSchema: { anyOf } })] })
      assert.deepStrictEqual(tools[0]?.inputSchema, { anyOf, type: "object" })
      assert.deepStrictEqual(tools.map(ModelView.schemaOf), [
        { type: "object", properties: { id: { type: "integer" }, name: {} } }
      ])
      assert.match(sdk, /type/)
    }))
})

describe("openai-agents-python#3561: a server lists a tool twice", () => {
  it.live("it is there once; the SDK has it twice", () =>
    Effect.gen(function*() {
      const server = yield* answering({ "tools/list": () => ({ tools: [tool("a"), tool("a", { title: "again" })] }) })
      const mcp = yield* Faults.ours(Faults.http(server.url))
      assert.deepStrictEqual((yield* quiet(mcp.listTools("bad"))).map(({ name }) => name), ["a"])
      const client = yield* Faults.sdkOverHttp(server.url)
      assert.lengthOf((yield* Effect.promise(() => client.listTools())).tools, 2)
    }))
})

describe("java-sdk#575, csharp-sdk#1072, codebase-memory-mcp#1247: a cursor that leads to the same page for ever", () => {
  for (const nextCursor of ["", "same"]) {
    it.live(`${JSON.stringify(nextCursor)} is asked for once, and each tool is there once`, () =>
      Effect.gen(function*() {
        const server = yield* answering({ "tools/list": () => ({ tools: [tool("a"), tool("b")], nextCursor }) })
        const mcp = yield* Faults.ours(Faults.http(server.url))
        assert.deepStrictEqual((yield* quiet(mcp.listTools("bad"))).map(({ name }) => name), ["a", "b"])
        assert.strictEqual(server.count("POST tools/list"), 2)
      }))
  }
})

describe("fastmcp#5025, inspector#4462: an empty cursor is taken for the end", () => {
  it.live("what is behind it is read", () =>
    Effect.gen(function*() {
      const server = yield* answering({
        "tools/list": ({ cursor }) => cursor === "" ? { tools: [tool("b")] } : { tools: [tool("a")], nextCursor: "" }
      })
      const mcp = yield* Faults.ours(Faults.http(server.url))
      assert.deepStrictEqual((yield* mcp.listTools("bad")).map(({ name }) => name), ["a", "b"])
    }))
})

describe("aspire#14375, BrowserOS#1005: list_changed after every list", () => {
  /** A server that says so as soon as it has been asked, over the stream of its own. */
  const looping = Effect.gen(function*() {
    let stream: { readonly write: (text: string) => unknown } | undefined
    let isAsked = false
    const changed = `data: ${JSON.stringify({ jsonrpc: "2.0", method: "notifications/tools/list_changed" })}\n\n`
    return yield* BadHttp.make({
      onGet: (response) => {
        stream = response.writeHead(200, { "content-type": "text/event-stream" })
        response.flushHeaders()
        if (isAsked) response.write(changed)
      },
      onPost: ({ id, method }, response) => {
        const result = method === "initialize"
          ? {
            protocolVersion: "2025-11-25",
            capabilities: { tools: { listChanged: true } },
            serverInfo: { name: "bad", version: "1" }
          }
          : { tools: [tool("a")] }
        if (method !== "initialize" && method !== "tools/list") return false
        response.writeHead(200, { "content-type": "application/json" })
          .end(JSON.stringify({ jsonrpc: "2.0", id, result }), () => {
            if (method !== "tools/list") return
            isAsked = true
            stream?.write(changed)
          })
        return true
      }
    })
  })

  it.live("it is asked at most once a second, then ever more rarely, and told of", () =>
    Effect.gen(function*() {
      const server = yield* looping
      const told: Array<string> = []
      const logger = Logger.make<unknown, void>(({ message }) => void told.push(String(message)))
      const config = yield* Mcp.McpConfig.make({ bad: Faults.http(server.url) })
      const begun = performance.now()
      yield* Layer.build(
        ToolCatalog.layer().pipe(
          Layer.provideMerge(Mcp.McpConnections.layer(config)),
          Layer.provide(Logger.layer([logger]))
        )
      )
      yield* Faults.eventually("a warning", () => told.some((line) => line.includes("asked ever more rarely")))
      // The first list, the first change at once, then pauses of one and two seconds.
      assert.isAtMost(server.count("POST tools/list"), 3 + (performance.now() - begun) / 1000)
    }))

  it.live("the SDK asks three times a second, for ever", () =>
    Effect.gen(function*() {
      const server = yield* looping
      const client = new Client({ name: "sdk", version: "1" }, {
        listChanged: { tools: { autoRefresh: true, onChanged: () => {} } }
      })
      // The SDK's declaration of its own transport does not allow for exact optional properties.
      const transport = new StreamableHTTPClientTransport(new URL(server.url)) as Parameters<typeof client.connect>[0]
      yield* Effect.acquireRelease(
        Effect.promise(() => client.connect(transport)),
        () => Effect.promise(() => client.close())
      )
      yield* Faults.eventually("the stream is open", () => server.count("GET") > 0)
      yield* Effect.promise(() => client.listTools())
      // Ours asks ten times in two minutes: see the catalog's tests.
      yield* Faults.eventually("ten questions", () => server.count("POST tools/list") >= 10)
    }))
})

describe("adk-go#1391, docker-agent#2612: the model is told of a file that it was sent, and not what is in it", () => {
  it.live("the text has it, and names what is no text", () =>
    Effect.gen(function*() {
      const content = [
        { type: "text", text: "successfully downloaded text file" },
        { type: "resource", resource: { uri: "repo://o/r/a.txt", mimeType: "text/plain", text: "line one" } },
        { type: "image", mimeType: "image/png", data: "aGVsbG8=" }
      ]
      const server = yield* answering({ "tools/call": () => ({ content }) })
      const mcp = yield* Faults.ours(Faults.http(server.url))
      assert.strictEqual(
        ModelView.textOf(yield* mcp.callTool("bad", Faults.work)),
        "successfully downloaded text file\nline one\n[image/png, 5 bytes]"
      )
    }))
})

describe("llama.cpp#26410, pi-mcp-adapter#113: an answer that is all structured is nothing to the model", () => {
  it.live("its text is the structured content", () =>
    Effect.gen(function*() {
      const server = yield* answering({ "tools/call": () => ({ content: [], structuredContent: { total: 36 } }) })
      const mcp = yield* Faults.ours(Faults.http(server.url))
      assert.deepStrictEqual(JSON.parse(ModelView.textOf(yield* mcp.callTool("bad", Faults.work))), { total: 36 })
    }))
})

describe("mcphub#1015, opencode#35719: a server says why it cannot start, and nobody hears it", () => {
  const says = { command: process.execPath, args: ["-e", "console.error('token expired'); process.exit(1)"] }

  it.live("its words are in the error", () =>
    Effect.gen(function*() {
      const mcp = yield* Faults.ours(Faults.stdio(says))
      const error = yield* Effect.flip(quiet(mcp.listTools("bad")))
      assert.match(error.message, /exited with code 1 .*stderr: "token expired"/)
    }))

  it.live("the SDK says that the connection is closed", () =>
    Effect.gen(function*() {
      const client = new Client({ name: "sdk", version: "1" })
      const transport = new StdioClientTransport({ ...says, stderr: "pipe" })
      assert.match(yield* Faults.ended(() => client.connect(transport)), /Connection closed$/)
    }))
})
