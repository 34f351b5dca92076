/**
 * A server over HTTP as its README has it, on the port of its argument. `slow` and `never` say when they are called; `slow` answers a moment
 * after the process was told to end, `held` a moment after something was thrown, `brief` soon, `never` does not; `stray` lets go of a promise, `loose` throws where nobody catches it, `late` tells its
 * client something after it has gone.
 */
import * as EffectTool from "@holdfast/server/EffectTool"
import * as McpHost from "@holdfast/server/McpHost"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

const server = Effect.gen(function*() {
  const mcp = new McpServer({ name: "main", version: "1.0.0" }, { capabilities: { logging: {} } })
  const called = Effect.log("called")
  const told = Effect.callback<void>((resume) => void process.once("SIGTERM", () => resume(Effect.void)))
  const slow = Effect.all([called, told, Effect.sleep("200 millis")])
  yield* EffectTool.register(mcp, "slow", {}, () => Effect.as(slow, "at last"))
  yield* EffectTool.register(mcp, "never", {}, () => Effect.andThen(called, Effect.never))
  const thrown = Effect.callback<void>((resume) =>
    void process.once("uncaughtExceptionMonitor", () => resume(Effect.void))
  )
  const held = Effect.all([called, thrown, Effect.sleep("200 millis")])
  yield* EffectTool.register(mcp, "held", {}, () => Effect.as(held, "at last"))
  yield* EffectTool.register(mcp, "brief", {}, () => Effect.as(Effect.sleep("200 millis"), "at last"))
  yield* EffectTool.register(mcp, "stray", {}, () =>
    Effect.sync(() => {
      void Promise.reject(new Error("a stray rejection"))
      return "let go"
    }))
  yield* EffectTool.register(mcp, "loose", {}, () =>
    Effect.sync(() => {
      setTimeout(() => {
        throw new Error("a loose error")
      }, 1)
      return "let go"
    }))
  yield* EffectTool.register(mcp, "loud", {}, () =>
    Effect.sync(() => {
      process.stdout.write("loud")
      process.stderr.write("loud")
      return "printed"
    }))
  yield* EffectTool.register(mcp, "late", {}, () =>
    Effect.sync(() => {
      // Whoever waits for an answer of it has no session any more.
      mcp.server.onclose = () =>
        void setTimeout(() => void mcp.server.sendLoggingMessage({ level: "info", data: "late" }), 1)
      return "later"
    }))
  return mcp
})

McpHost.layerHttp({ server, port: Number(process.argv[2]) }).pipe(
  Layer.launch,
  Effect.provide(McpHost.layerJsonLogger),
  (program) => McpHost.runMain(program, { crashAtOnce: process.argv.includes("--crash-at-once") })
)
