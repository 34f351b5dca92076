/** A program as a user writes it, on the public API only. Copied out of the workspace, compiled and run there. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as ConnectionPool from "@holdfast/core/ConnectionPool"
import type { Connector } from "@holdfast/core/Connector"
import { McpConnections } from "@holdfast/mcp/McpConnections"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"

interface Greeter {
  readonly greet: (name: string) => string
}

let dials = 0

const connector: Connector<string, Greeter, Error> = {
  fingerprint: (host) => host,
  classify: () => "retryable",
  dial: (host) =>
    Effect.sync(() => {
      dials++
      return { value: { greet: (name: string) => `${host} greets ${name}` }, closed: Effect.never }
    })
}

const pooled = Effect.scoped(Effect.gen(function*() {
  const pool = yield* ConnectionPool.make(connector, { policy: { idleTimeout: "1 minute" } })
  return yield* Effect.forEach(
    ["Ada", "Grace"],
    (name) => pool.use("db-1", (greeter) => Effect.succeed(greeter.greet(name))),
    { concurrency: 2 }
  )
}))

const called = Effect.gen(function*() {
  const mcp = yield* McpConnections
  const tools = yield* mcp.listTools("echo")
  const call = { name: "echo", arguments: { text: "hello from outside" } }
  const result = yield* mcp.callTool("echo", call, { deadline: "30 seconds" }).pipe(
    Effect.catchReason("McpRuntimeError", "OutcomeUnknown", (reason) => Effect.die(reason.message))
  )
  const [first] = result.content
  return {
    tools: tools.map((tool) => tool.name),
    answer: first !== undefined && "text" in first ? first.text : "no text"
  }
}).pipe(Effect.provide(McpConnections.layerFile("mcp.json")))

const program = Effect.gen(function*() {
  const greetings = yield* pooled
  const { answer, tools } = yield* called
  yield* Console.log(JSON.stringify({ pooled: greetings, dials, tools, answer }))
})

NodeRuntime.runMain(program)
