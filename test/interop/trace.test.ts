/**
 * One trace, from the caller to what a tool and a job do, as a collector of OpenTelemetry receives it from both programs: by Effect's own
 * exporter, and by OpenTelemetry's SDK.
 */
import * as OtelTracer from "@effect/opentelemetry/OtelTracer"
import { assert, describe, it } from "@effect/vitest"
import { Job, MemoryStore, Runner } from "@holdfast/jobs"
import { JobTools } from "@holdfast/jobs/mcp"
import { Endpoint, McpConfig, McpConnections } from "@holdfast/mcp"
import { MemoryServer } from "@holdfast/mcp/testing"
import * as EffectTool from "@holdfast/server/EffectTool"
import * as McpHost from "@holdfast/server/McpHost"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import { createTraceState } from "@opentelemetry/api"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Collectors from "./support/collectors.ts"

const Measure = Job.make("measure", { version: 1, payload: { city: Schema.String }, success: Schema.Void })

const MeasureLive = Runner.toLayer(
  Measure,
  (_, job) => job.step("read", Effect.withSpan(Effect.void, "look at the thermometer"))
).pipe(Layer.provide(MemoryStore.layer))

const server = Effect.gen(function*() {
  const mcp = new McpServer({ name: "weather", version: "1" })
  yield* EffectTool.register(
    mcp,
    "today",
    {},
    () => Effect.as(Effect.withSpan(Effect.void, "look at the sky"), "sunny")
  )
  yield* JobTools.register(mcp, Measure)
  return mcp
})

const Started = Schema.Struct({ id: Schema.String })

/** An agent with a client and a server over HTTP, each a program with an exporter of its own. */
const programs = ({ exporter }: Collectors.Collector) =>
  Effect.scoped(Effect.gen(function*() {
    const host = yield* Layer.build(
      McpHost.layerHttp({ server, port: 0, drainTimeout: "100 millis" }).pipe(
        Layer.provide(MeasureLive),
        Layer.provide(exporter("server")),
        Layer.fresh
      )
    )
    const { address } = Context.get(host, HttpServer.HttpServer)
    const port = "port" in address ? address.port : 0
    const config = yield* McpConfig.make({ weather: Endpoint.http({ url: `http://127.0.0.1:${port}/mcp` }) })
    yield* Effect.gen(function*() {
      const mcp = yield* McpConnections
      const call = (name: string, args: Readonly<Record<string, unknown>> = {}) =>
        mcp.callTool("weather", { name, arguments: args }, { idempotent: true })
      const { structuredContent } = yield* Effect.andThen(call("today"), call("run_measure", { city: "Bonn" })).pipe(
        Effect.withSpan("the agent's turn")
      )
      yield* call("get_measure_progress", {
        ...yield* Schema.decodeUnknownEffect(Started)(structuredContent),
        wait_seconds: 30
      })
    }).pipe(Effect.provide(McpConnections.layer(config).pipe(Layer.provideMerge(exporter("agent")))))
  }))

/** From a span up to its root. */
const path = (spans: ReadonlyArray<Collectors.Span>, name: string): ReadonlyArray<string> => {
  const found: Array<string> = []
  let span = spans.find((each) => each.name === name)
  while (span !== undefined) {
    const { parentSpanId, service, traceId } = span
    found.push(`${service}: ${span.name}`)
    span = spans.find((other) => other.spanId === parentSpanId && other.traceId === traceId)
  }
  return found
}

for (
  const [name, collector] of Object.entries({
    OtlpTracer: Collectors.otlp,
    "@effect/opentelemetry": Collectors.openTelemetry
  })
) {
  describe(`a trace of two programs, by ${name}`, () => {
    it.live("goes from the caller over the call and the host to what the tool does, and to what the job does that it starts", () =>
      Effect.gen(function*() {
        const collected = yield* collector
        yield* programs(collected)
        assert.deepStrictEqual(path(collected.spans, "look at the sky"), [
          "server: look at the sky",
          "server: tools/call today",
          "agent: tools/call today",
          "agent: the agent's turn"
        ])
        assert.deepStrictEqual(path(collected.spans, "look at the thermometer"), [
          "server: look at the thermometer",
          "server: step read",
          "server: job measure",
          "server: tools/call run_measure",
          "agent: tools/call run_measure",
          "agent: the agent's turn"
        ])
        const dial = path(collected.spans, "holdfast.pool.dial")
        assert.deepStrictEqual(dial.at(-1), "agent: the agent's turn", "the dial that the first call caused")
        assert.notInclude(JSON.stringify(collected.spans), "Bonn")
      }))
  })
}

describe("a trace that another program began", () => {
  it.effect("is told to the server with the tracestate of who began it", () =>
    Effect.gen(function*() {
      const { exporter } = yield* Collectors.openTelemetry
      const metas: Array<unknown> = []
      const run = (_: unknown, { params }: { readonly params: Readonly<Record<string, unknown>> }) =>
        Effect.sync(() => (metas.push(params["_meta"]), "done"))
      const { endpoint } = yield* MemoryServer.make({ tools: { work: { run } } })
      const mcp = yield* McpConnections.make(yield* McpConfig.make({ it: endpoint }))
      const began = { traceId: "a".repeat(32), spanId: "b".repeat(16), traceFlags: 1, isRemote: true }
      yield* mcp.callTool("it", { name: "work" }, { idempotent: true }).pipe(
        OtelTracer.withSpanContext({ ...began, traceState: createTraceState("vendor=1") }),
        Effect.provide(exporter("agent"))
      )
      assert.containSubset(metas, [{ tracestate: "vendor=1" }])
      assert.match(JSON.stringify(metas), new RegExp(`"traceparent":"00-${began.traceId}-(?!${began.spanId})`))
    }))
})
