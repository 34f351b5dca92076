/** A server on Effect's own MCP implementation, over stdio, which speaks both eras. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeStdio from "@effect/platform-node/NodeStdio"
import * as McpProtocol from "effect/ai/McpProtocol"
import * as McpServer from "effect/ai/McpServer"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"

const Echo = Tool.make("echo", { parameters: Schema.Struct({ text: Schema.String }), success: Schema.String })
const tools = Toolkit.make(Echo)
const handlers = tools.toLayer({ echo: ({ text }) => Effect.succeed(text) })

McpServer.layerStdio({
  name: "effect",
  version: "1",
  protocols: [McpProtocol.v2025_11_25, McpProtocol.v2026_07_28],
  registrations: McpServer.toolkit(tools).pipe(Layer.provide(handlers))
}).pipe(
  Layer.provide(NodeStdio.layer),
  // stdout belongs to the protocol.
  Layer.provide(Logger.layer([])),
  Layer.launch,
  NodeRuntime.runMain
)
