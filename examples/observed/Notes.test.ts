import { assert, it } from "@effect/vitest"
import { McpConfig, McpConnections } from "@holdfast/mcp"
import { MemoryServer } from "@holdfast/mcp/testing"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as http from "node:http"
import { Notes } from "./Notes.ts"
import * as Telemetry from "./Telemetry.ts"

/** A collector: keeps what it is sent, by path. */
const collector = Effect.acquireRelease(
  Effect.callback<{ readonly url: string; readonly sent: Map<string, string>; readonly server: http.Server }>(
    (resume) => {
      const sent = new Map<string, string>()
      const server = http.createServer((request, response) => {
        let body = ""
        request.setEncoding("utf8").on("data", (more: string) => (body += more)).on("end", () => {
          sent.set(request.url ?? "", body)
          response.setHeader("content-type", "application/json").end("{}")
        })
      })
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        const port = typeof address === "object" ? address?.port : undefined
        resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, sent, server }))
      })
    }
  ),
  ({ server }) =>
    Effect.callback<void>((resume) => {
      server.close(() => resume(Effect.void))
      server.closeAllConnections()
    })
)

interface Span {
  readonly name: string
  readonly spanId: string
  readonly parentSpanId?: string
}

it.live("a short program sends its calls as spans of one trace, counts them, and what was asked or answered is in none of it", () =>
  Effect.gen(function*() {
    const { sent, url } = yield* collector
    const server = yield* MemoryServer.make({
      tools: {
        read_text_file: {
          annotations: { readOnlyHint: true },
          run: () => Effect.succeed({ structuredContent: { content: "a private word" }, content: [] })
        }
      }
    })
    const config = yield* McpConfig.make({ fs: server.endpoint })
    const services = Notes.layer.pipe(
      Layer.provide(McpConnections.layer(config)),
      Layer.provideMerge(Telemetry.layer),
      Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({
        OTEL_EXPORTER_OTLP_ENDPOINT: url,
        OTEL_METRICS_EXPORTER: "otlp",
        OTEL_TRACES_EXPORTER: "otlp"
      })))
    )
    const words = yield* Effect.flatMap(Notes, (notes) => notes.count("my diary.txt")).pipe(
      Effect.provide(services),
      // Of this test alone.
      Effect.provideService(Metric.MetricRegistry, new Map())
    )
    assert.strictEqual(words, 3)

    const traces = JSON.parse(sent.get("/v1/traces") ?? "") as {
      readonly resourceSpans: ReadonlyArray<
        { readonly scopeSpans: ReadonlyArray<{ readonly spans: ReadonlyArray<Span> }> }
      >
    }
    const spans = traces.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))
    const call = spans.find(({ name }) => name === "tools/call read_text_file")
    assert.strictEqual(spans.find(({ spanId }) => spanId === call?.parentSpanId)?.name, "Notes.count")

    const metrics = sent.get("/v1/metrics") ?? ""
    for (
      const name of [
        "mcp.client.operation.duration",
        "holdfast.client.calls",
        "holdfast.client.dial.duration",
        "holdfast.pool.dials"
      ]
    ) {
      assert.include(metrics, `"${name}"`)
    }
    for (const secret of ["diary", "private"]) {
      assert.notInclude([...sent.values()].join(), secret)
    }
  }))
