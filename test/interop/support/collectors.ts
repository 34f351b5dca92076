/** Where the spans of a test's programs are seen: one collector for each way to export them. */
import * as OtelTracer from "@effect/opentelemetry/OtelTracer"
import { resourceFromAttributes } from "@opentelemetry/resources"
import { BasicTracerProvider, type ReadableSpan, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Layer from "effect/Layer"
import * as OtlpSerialization from "effect/observability/OtlpSerialization"
import * as OtlpTracer from "effect/observability/OtlpTracer"
import type * as Scope from "effect/Scope"
import * as http from "node:http"
import type { AddressInfo } from "node:net"

export interface Span {
  readonly service: string
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string | undefined
}

export interface Collector {
  /** What has arrived. Complete once the programs have ended. */
  readonly spans: ReadonlyArray<Span>
  /** The exporter of a program of this name. */
  readonly exporter: (service: string) => Layer.Layer<never>
}

/** What is read of an export. */
interface Export {
  readonly resourceSpans: ReadonlyArray<{
    readonly resource: {
      readonly attributes: ReadonlyArray<{ readonly key: string; readonly value: { readonly stringValue: string } }>
    }
    readonly scopeSpans: ReadonlyArray<{ readonly spans: ReadonlyArray<Omit<Span, "service">> }>
  }>
}

/** Effect's own exporter, over HTTP. */
export const otlp: Effect.Effect<Collector, never, Scope.Scope> = Effect.gen(function*() {
  const spans: Array<Span> = []
  const server = yield* Effect.acquireRelease(
    Effect.callback<http.Server>((resume) => {
      const server = http.createServer((request, response) => {
        let body = ""
        request.setEncoding("utf8").on("data", (more: string) => (body += more)).on("end", () => {
          // The exporter's own form; the assertions fail on anything else.
          for (const { resource, scopeSpans } of (JSON.parse(body) as Export).resourceSpans) {
            const service = resource.attributes.find(({ key }) => key === "service.name")?.value.stringValue ?? ""
            for (const scope of scopeSpans) for (const span of scope.spans) spans.push({ ...span, service })
          }
          response.setHeader("content-type", "application/json").end("{}")
        })
      })
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )
  // A server that listens on a port has an address of this form.
  const { port } = server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}/v1/traces`
  return {
    spans,
    exporter: (serviceName) =>
      OtlpTracer.layer({ url, resource: { serviceName } }).pipe(
        Layer.provide([OtlpSerialization.layerJson, FetchHttpClient.layer])
      )
  }
})

/** OpenTelemetry's SDK, by `@effect/opentelemetry`. */
export const openTelemetry: Effect.Effect<Collector, never, Scope.Scope> = Effect.sync(() => {
  const spans: Array<Span> = []
  const take = (span: ReadableSpan): void => {
    const { spanId, traceId } = span.spanContext()
    const service = String(span.resource.attributes["service.name"])
    spans.push({ service, name: span.name, traceId, spanId, parentSpanId: span.parentSpanContext?.spanId })
  }
  const processor = new SimpleSpanProcessor({
    export: (batch, done) => {
      for (const span of batch) take(span)
      done({ code: 0 })
    },
    shutdown: () => Promise.resolve()
  })
  return {
    spans,
    exporter: (service) => {
      const resource = resourceFromAttributes({ "service.name": service })
      const provider = Effect.acquireRelease(
        Effect.sync(() => new BasicTracerProvider({ resource, spanProcessors: [processor] })),
        (provider) => Effect.promise(() => provider.forceFlush())
      )
      return OtelTracer.layer.pipe(Layer.provide(Layer.effect(OtelTracer.OtelTracerProvider, provider)))
    }
  }
})
