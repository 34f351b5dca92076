/** A server on version 2 of the official SDK runs on our host as it is, in both eras, over every transport. */
import { assert, describe, it } from "@effect/vitest"
import * as McpHost from "@holdfast/server/McpHost"
import { McpServer } from "@modelcontextprotocol/server"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import { z } from "zod"
import type { Client, Transport } from "./support/contract.ts"
import { sdkV1, sdkV2 } from "./support/sdkClients.ts"

const server = (): McpServer => {
  const mcp = new McpServer({ name: "v2", version: "2" })
  const text = (words: string) => ({ content: [{ type: "text" as const, text: words }] })
  mcp.registerTool("echo", { inputSchema: z.object({ text: z.string() }) }, (args) => text(args.text))
  mcp.registerTool("steps", { inputSchema: z.object({ count: z.number() }) }, async ({ count }, { mcpReq }) => {
    for (let progress = 1; progress <= count; progress++) {
      const progressToken = mcpReq._meta?.progressToken ?? "none"
      await mcpReq.notify({ method: "notifications/progress", params: { progressToken, progress, total: count } })
    }
    return text(`${count} steps`)
  })
  mcp.registerTool("fail", {}, () => {
    throw new Error("as it should")
  })
  mcp.registerResource("note", "memory://note", {}, () => ({ contents: [{ uri: "memory://note", text: "a note" }] }))
  mcp.registerPrompt("greet", { argsSchema: z.object({ name: z.string() }) }, ({ name }) => ({
    messages: [{ role: "user", content: { type: "text", text: `Hello, ${name}` } }]
  }))
  return mcp
}

const open = (options: Partial<McpHost.HttpOptions>) =>
  Effect.gen(function*() {
    const context = yield* Layer.build(
      McpHost.layerHttp({ server, port: 0, legacySse: true, drainTimeout: "1 second", ...options }).pipe(
        Layer.provide(Layer.succeed(References.MinimumLogLevel, "Error"))
      )
    )
    const { address } = Context.get(context, HttpServer.HttpServer)
    return `http://127.0.0.1:${"port" in address ? address.port : 0}`
  })

const serves = ({ name, transports }: Client, transport: Transport, origin: string) =>
  Effect.promise(async () => {
    const connect = transports[transport]
    if (connect === undefined) throw new Error(`${name} has no ${transport}`)
    const client = await connect(
      transport === "sse"
        ? { _tag: "Sse", url: new URL(`${origin}/sse`) }
        : { _tag: "Http", url: new URL(`${origin}/mcp`) }
    )
    try {
      assert.sameMembers(Object.keys(await client.tools()), ["echo", "steps", "fail"])
      assert.strictEqual(await client.call("echo", { text: "hi" }), "hi")
      assert.strictEqual(await client.call("steps", { count: 3 }), "3 steps")
      assert.include(await client.call("fail", {}), "as it should")
      assert.deepStrictEqual(await client.resources?.(), ["memory://note"])
      assert.include(JSON.stringify(await client.read?.("memory://note")), "a note")
      assert.include(JSON.stringify(await client.prompt?.("greet", { name: "you" })), "Hello, you")
    } finally {
      await client.close()
    }
  })

describe("a server on version 2 of the SDK", () => {
  for (
    const [client, transport, options, sentence] of [
      [sdkV1, "http", {}, "in a session, for a client of version 1"],
      [sdkV2, "http", {}, "in a session"],
      [sdkV2, "http", { sessions: false }, "without sessions in a revision that has them"],
      [sdkV2, "stateless", {}, "in revision 2026-07-28"],
      [sdkV2, "stateless", { stateless: { keep: 4 } }, "in revision 2026-07-28, kept for the next request"],
      [sdkV2, "sse", {}, "over HTTP+SSE"]
    ] as const
  ) {
    it.live(`is served ${sentence}`, () => Effect.flatMap(open(options), (origin) => serves(client, transport, origin)))
  }
})
