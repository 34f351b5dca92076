/** One trace, from the caller to what a tool does, as a collector of OpenTelemetry receives it from both programs. */
import { assert, describe, it } from "@effect/vitest"
import { Endpoint, McpConfig, McpConnections } from "@holdfast/mcp"
import * as EffectTool from "@holdfast/server/EffectTool"
import * as McpHost from "@holdfast/server/McpHost"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as OtlpSerialization from "effect/observability/OtlpSerialization"
import * as OtlpTracer from "effect/observability/OtlpTracer"
import * as http from "node:http"
import type { AddressInfo } from "node:net"

interface Span {
  readonly service: string
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
}

/** What the collector of a test reads of an export. */
interface Export {
  readonly resourceSpans: ReadonlyArray<{
    readonly resource: {
      readonly attributes: ReadonlyArray<{ readonly key: string; readonly value: { readonly stringValue: string } }>
    }
    readonly scopeSpans: ReadonlyArray<{ readonly spans: ReadonlyArray<Omit<Span, "service">> }>
  }>
}

const collector = Effect.acquireRelease(
  Effect.callback<{ readonly url: string; readonly spans: Array<Span>; readonly server: http.Server }>((resume) => {
    const spans: Array<Span> = []
    const server = http.createServer((request, response) => {
      let body = ""
      request.setEncoding("utf8").on("data", (more: string) => (body += more)).on("end", () => {
        // The exporter's own form; the assertions below fail on anything else.
        for (const { resource, scopeSpans } of (JSON.parse(body) as Export).resourceSpans) {
          const service = resource.attributes.find(({ key }) => key === "service.name")?.value.stringValue ?? ""
          for (const scope of scopeSpans) for (const span of scope.spans) spans.push({ ...span, service })
        }
        response.setHeader("content-type", "application/json").end("{}")
      })
    })
    server.listen(0, "127.0.0.1", () => {
      // A server that listens on a port has an address of this form.
      const { port } = server.address() as AddressInfo
      resume(Effect.succeed({ url: `http://127.0.0.1:${port}/v1/traces`, spans, server }))
    })
  }),
  ({ server }) =>
    Effect.callback<void>((resume) => {
      server.close(() => resume(Effect.void))
      server.closeAllConnections()
    })
)

const exported = (url: string, serviceName: string) =>
  OtlpTracer.layer({ url, resource: { serviceName } }).pipe(
    Layer.provide(OtlpSerialization.layerJson),
    Layer.provide(FetchHttpClient.layer)
  )

const server = Effect.gen(function*() {
  const mcp = new McpServer({ name: "weather", version: "1" })
  yield* EffectTool.register(
    mcp,
    "today",
    {},
    () => Effect.as(Effect.withSpan(Effect.void, "look at the sky"), "sunny")
  )
  return mcp
})

describe("a trace of two programs", () => {
  it.live("goes from the caller's span over the call and the host to what the tool does", () =>
    Effect.gen(function*() {
      const { spans, url } = yield* collector
      yield* Effect.scoped(Effect.gen(function*() {
        const host = yield* Layer.build(
          McpHost.layerHttp({ server, port: 0, drainTimeout: "100 millis" }).pipe(
            Layer.provide(exported(url, "server"))
          )
        )
        const { address } = Context.get(host, HttpServer.HttpServer)
        const port = "port" in address ? address.port : 0
        const config = yield* McpConfig.make({ weather: Endpoint.http({ url: `http://127.0.0.1:${port}/mcp` }) })
        yield* Effect.gen(function*() {
          const mcp = yield* McpConnections
          yield* mcp.callTool("weather", { name: "today" }, { idempotent: true })
        }).pipe(
          Effect.withSpan("the agent's turn"),
          Effect.provide(McpConnections.layer(config).pipe(Layer.provideMerge(exported(url, "agent"))))
        )
      }))
      // From what the tool does up to the root.
      const path: Array<string> = []
      let span = spans.find(({ name }) => name === "look at the sky")
      while (span !== undefined) {
        const { name, parentSpanId, service, traceId } = span
        path.push(`${service}: ${name}`)
        span = spans.find((other) => other.spanId === parentSpanId && other.traceId === traceId)
      }
      assert.deepStrictEqual(path, [
        "server: look at the sky",
        "server: tools/call today",
        "agent: tools/call today",
        "agent: the agent's turn"
      ])
    }))
})
