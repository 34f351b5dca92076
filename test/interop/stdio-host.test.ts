/** Our host over stdio, and clients that nobody here wrote, and ours: in every era that each of them speaks. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Endpoint, McpConfig, McpConnections } from "@holdfast/mcp"
import { Client as ClientV2 } from "@modelcontextprotocol/client"
import { StdioClientTransport as StdioV2 } from "@modelcontextprotocol/client/stdio"
import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js"
import { StdioClientTransport as StdioV1 } from "@modelcontextprotocol/sdk/client/stdio.js"
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js"
import { McpClient, McpProtocol } from "effect/ai"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as ChildProcess from "effect/process/ChildProcess"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { echoStdio } from "../Programs.ts"

const command = process.execPath
const args = [echoStdio]

const textOf = (result: { readonly content: ReadonlyArray<object> }): string =>
  result.content.map((block) => "text" in block ? String(block.text) : "").join("")

describe("our host over stdio", () => {
  for (
    const [mode, spoken] of [
      ["legacy", "2025-11-25"],
      ["auto", "2026-07-28"],
      [{ pin: "2026-07-28" }, "2026-07-28"]
    ] as const
  ) {
    it.live(`serves the client of version 2 of the SDK, mode ${JSON.stringify(mode)}: calls, progress, questions, changes`, () =>
      Effect.gen(function*() {
        const changed = yield* Deferred.make<void>()
        const client = new ClientV2(
          { name: "v2", version: "1" },
          {
            versionNegotiation: { mode },
            capabilities: { elicitation: { form: {} } },
            listChanged: { tools: { onChanged: () => Deferred.doneUnsafe(changed, Effect.void) } }
          }
        )
        client.setRequestHandler("elicitation/create", () => ({ action: "accept", content: { name: "Ann" } }))
        const transport = new StdioV2({ command, args })
        yield* Effect.acquireRelease(
          Effect.promise(() => client.connect(transport)),
          () => Effect.promise(() => client.close())
        )
        // This client forgets who wants to know of progress as soon as it has read the answer, and it reads as much as there is: what was
        // told is seen here.
        const told: Array<unknown> = []
        const { onmessage } = transport
        transport.onmessage = (message) => {
          if ("method" in message && message.method === "notifications/progress") {
            told.push(message.params?.["progress"])
          }
          if ("result" in message) told.push("answer")
          onmessage?.(message)
        }
        assert.strictEqual(client.getNegotiatedProtocolVersion(), spoken)
        const call = (name: string, args: Record<string, string> = {}) =>
          Effect.map(
            Effect.promise(() => client.callTool({ name, arguments: args }, { onprogress: () => {} })),
            textOf
          )
        assert.strictEqual(yield* call("echo", { text: "hi" }), "hi")
        told.splice(0)
        assert.strictEqual(yield* call("report"), "reported")
        assert.deepStrictEqual(told, [1, 2, 3, "answer"])
        assert.strictEqual(yield* call("ask"), "you are Ann")
        // It waits until nothing has changed for a while before it looks.
        yield* Effect.raceFirst(
          Effect.repeat(call("change"), Schedule.spaced("2 seconds")),
          Deferred.await(changed)
        )
      }))
  }

  it.live("serves the client of version 2 of the SDK that listens, until it does not want to any more", () =>
    Effect.gen(function*() {
      const client = new ClientV2(
        { name: "v2", version: "1" },
        { versionNegotiation: { mode: { pin: "2026-07-28" } } }
      )
      let heard = 0
      client.setNotificationHandler("notifications/tools/list_changed", () => void heard++)
      yield* Effect.acquireRelease(
        Effect.promise(() => client.connect(new StdioV2({ command, args }))),
        () => Effect.promise(() => client.close())
      )
      const change = Effect.promise(() => client.callTool({ name: "change", arguments: {} }))
      const subscription = yield* Effect.promise(() => client.listen({ toolsListChanged: true }))
      assert.deepStrictEqual(subscription.honoredFilter, { toolsListChanged: true })
      yield* change
      assert.strictEqual(heard, 1)
      yield* Effect.promise(() => subscription.close())
      yield* change
      assert.strictEqual(heard, 1)
    }))

  it.live("serves the client of version 1 of the SDK: calls and questions", () =>
    Effect.gen(function*() {
      const client = new ClientV1({ name: "v1", version: "1" }, { capabilities: { elicitation: {} } })
      client.setRequestHandler(ElicitRequestSchema, () => ({ action: "accept", content: { name: "Eve" } }))
      yield* Effect.acquireRelease(
        Effect.promise(() => client.connect(new StdioV1({ command, args }))),
        () => Effect.promise(() => client.close())
      )
      const result = yield* Effect.promise(() => client.callTool({ name: "ask", arguments: {} }))
      assert.deepStrictEqual(result.content, [{ type: "text", text: "you are Eve" }])
    }))

  for (const protocol of [McpProtocol.v2025_11_25, McpProtocol.v2026_07_28]) {
    it.live(`serves Effect's own client, ${protocol.protocolVersion}`, () =>
      Effect.gen(function*() {
        const client = yield* McpClient.McpClient
        const tools = yield* client.listTools()
        const tool = tools.find(({ name }) => name === "echo")
        assert.isDefined(tool)
        assert.strictEqual(textOf(yield* client.callTool({ tool, arguments: { text: "hi" } })), "hi")
      }).pipe(
        Effect.provide(
          McpClient.layerStdio({
            name: "effect",
            version: "1",
            protocol,
            command: ChildProcess.make(command, args)
          }).pipe(Layer.provide(NodeServices.layer))
        )
      ))
  }

  for (const era of ["legacy", "modern", "auto"] as const) {
    it.live(`serves our client, era ${era}: calls, progress, questions, changes`, () =>
      Effect.gen(function*() {
        const mcp = yield* McpConnections.make(
          yield* McpConfig.make({ host: { endpoint: Endpoint.stdio({ command, args }), era } }),
          { handlers: { elicitation: () => Effect.succeed({ action: "accept", content: { name: "Bob" } }) } }
        )
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
        const seen: Array<number> = []
        assert.strictEqual(yield* call("report", {}, ({ progress }) => void seen.push(progress)), "reported")
        assert.deepStrictEqual(seen, [1, 2, 3])
        assert.strictEqual(yield* call("ask"), "you are Bob")
        // Whoever listens begins to listen some time after it has connected.
        yield* Effect.raceFirst(Effect.repeat(call("change"), Schedule.spaced("50 millis")), Fiber.join(changed))
        const spoken = yield* mcp.use("host", ({ era }) => Effect.succeed(era))
        assert.strictEqual(spoken, era === "legacy" ? "legacy" : "modern")
        assert.strictEqual((yield* mcp.snapshot).connections, 1)
      }))
  }
})
