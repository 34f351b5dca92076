/** What handlers learn of where a call comes from, and the trace and the log lines it leaves. */
import { assert, describe, it } from "@effect/vitest"
import * as EffectTool from "@holdfast/server/EffectTool"
import * as McpHost from "@holdfast/server/McpHost"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Tracer from "effect/Tracer"
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import { open } from "./support/hosted.ts"
import { RawClient } from "./support/rawClient.ts"
import { StatelessClient, textOf } from "./support/statelessClient.ts"

const traceId = "0af7651916cd43dd8448eb211c80319c"
const spanId = "b7ad6b7169203331"
const traceparent = `00-${traceId}-${spanId}-01`
const otherTrace = "1bf7651916cd43dd8448eb211c80319c"

/** Every span there is. */
const tracing = (spans: Array<Tracer.NativeSpan>) =>
  Effect.provideService(
    Tracer.Tracer,
    Tracer.make({
      span: (options) => {
        const span = new Tracer.NativeSpan(options)
        spans.push(span)
        return span
      }
    })
  )

/** A server that handlers ask, and the traces it was asked in. */
const elsewhere = Effect.acquireRelease(
  Effect.callback<{ readonly url: string; readonly seen: Array<string>; readonly server: http.Server }>((resume) => {
    const seen: Array<string> = []
    const server = http.createServer(({ headers }, response) => {
      seen.push(String(headers["traceparent"]))
      response.end("asked")
    })
    server.listen(0, "127.0.0.1", () => {
      // A server that listens on a port has an address of this form.
      const { port } = server.address() as AddressInfo
      resume(Effect.succeed({ url: `http://127.0.0.1:${port}/`, seen, server }))
    })
  }),
  ({ server }) =>
    Effect.callback<void>((resume) => {
      server.close(() => resume(Effect.void))
      server.closeAllConnections()
    })
)

const asking = (url: string) =>
  Effect.gen(function*() {
    const mcp = new McpServer({ name: "tracing", version: "1" })
    yield* EffectTool.register(mcp, "ask", {}, () =>
      HttpClient.get(url).pipe(
        Effect.flatMap((response) => response.text),
        Effect.tap(() => Effect.logInfo("asked")),
        Effect.provide(FetchHttpClient.layer)
      ))
    yield* EffectTool.register(mcp, "refuse", {}, () => Effect.fail({ message: "no" }))
    return mcp
  })

const nameOf = ({ name }: Tracer.NativeSpan): string => name

describe("a call of a tool that is an Effect", () => {
  it.live("is a span of the trace that the request names, and what it asks of others goes on in that trace", () =>
    Effect.gen(function*() {
      const spans: Array<Tracer.NativeSpan> = []
      const { seen, url } = yield* elsewhere
      const host = yield* open({ server: asking(url) }).pipe(tracing(spans))
      const client = new RawClient(host.url)
      yield* client.initialize()
      spans.length = 0
      yield* client.request("tools/call", { name: "ask", arguments: {} }, { traceparent })
      const call = spans.find((span) => nameOf(span) === "tools/call ask")
      assert.strictEqual(call?.traceId, traceId)
      const outer = spans.find((span) => span.parent._tag === "Some" && span.parent.value.spanId === spanId)
      // The request over HTTP, and in it the call.
      assert.strictEqual(call?.parent._tag === "Some" ? call.parent.value.spanId : "", outer?.spanId)
      assert.strictEqual(seen[0]?.split("-")[1], traceId)
      assert.notInclude(seen[0], spanId)
    }))

  it.live("is a span of the trace that its own message names, whichever way that came, without a session too", () =>
    Effect.gen(function*() {
      const spans: Array<Tracer.NativeSpan> = []
      const { seen, url } = yield* elsewhere
      const host = yield* open({ server: asking(url) }).pipe(tracing(spans))
      const client = new RawClient(host.url)
      yield* client.initialize()
      const _meta = { traceparent: `00-${otherTrace}-${spanId}-01` }
      yield* client.request("tools/call", { name: "ask", arguments: {}, _meta }, { traceparent })
      yield* new StatelessClient(host.url).call("ask", {}, { meta: _meta })
      assert.deepStrictEqual(seen.map((trace) => trace.split("-")[1]), [otherTrace, otherTrace])
    }))

  it.live("that no trace was named for begins one; one that is named wrongly is none", () =>
    Effect.gen(function*() {
      const spans: Array<Tracer.NativeSpan> = []
      const { seen, url } = yield* elsewhere
      const host = yield* open({ server: asking(url) }).pipe(tracing(spans))
      const client = new RawClient(host.url)
      yield* client.initialize()
      const call = (headers: Record<string, string>) =>
        client.request("tools/call", { name: "ask", arguments: {} }, headers)
      yield* call({})
      yield* call({})
      yield* call({ traceparent: `00-${"0".repeat(32)}-${spanId}-01` })
      yield* call({ traceparent: "nonsense" })
      const traces = seen.map((trace) => trace.split("-")[1])
      // Each its own: not that of the request in which the session began.
      assert.strictEqual(new Set(traces).size, 4)
      for (const trace of traces) assert.match(trace ?? "", /^(?!0{32})[0-9a-f]{32}$/)
    }))

  it.live("that says that it failed is marked in the trace", () =>
    Effect.gen(function*() {
      const spans: Array<Tracer.NativeSpan> = []
      const host = yield* open({ server: asking("http://127.0.0.1:1/") }).pipe(tracing(spans))
      const said = yield* new StatelessClient(host.url).call("refuse")
      assert.strictEqual(textOf(said), "no")
      const call = spans.find((span) => nameOf(span) === "tools/call refuse")
      assert.strictEqual(call?.attributes.get("error.type"), "tool_error")
      assert.strictEqual(call?.attributes.get("gen_ai.tool.name"), "refuse")
    }))

  it.live("is named in the lines it logs, which may be JSON", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const { url } = yield* elsewhere
      const quiet = yield* Console.Console
      const heard: Console.Console = { ...quiet, error: (line: string) => void lines.push(line) }
      const logger = Layer.merge(McpHost.layerJsonLogger, Layer.succeed(Console.Console, heard))
      yield* Effect.gen(function*() {
        const host = yield* open({ server: asking(url) }, "Info")
        yield* new StatelessClient(host.url).call("ask")
      }).pipe(Effect.scoped, Effect.provide(logger))
      const line = lines.map((line) => JSON.parse(line)).find(({ message }) => message === "asked")
      assert.deepInclude(line, { level: "INFO", annotations: { session: 1, tool: "ask" } })
    }))
})

describe("a handler of an SDK server", () => {
  it.live("is told who asks and with which headers, but no secret", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const server = (): McpServer => {
        const mcp = new McpServer({ name: "curious", version: "1" })
        mcp.registerTool("who", {}, ({ authInfo, requestInfo }) => {
          seen.push(JSON.stringify({ authInfo, requestInfo }))
          return { content: [{ type: "text", text: `${authInfo?.clientId} from ${requestInfo?.headers["x-from"]}` }] }
        })
        return mcp
      }
      const token = "token-of-ann-0123456789"
      const headers = { authorization: `Bearer ${token}`, "x-from": "home", cookie: "secret=cookie" }
      const { url } = yield* open({ server, auth: McpHost.bearerTokens({ ann: Redacted.make(token) }) })
      const client = new RawClient(url, headers)
      yield* client.initialize()
      const answer = yield* client.json(yield* client.call("who"))
      assert.strictEqual(answer.result?.content?.[0]?.text, "ann from home")
      assert.strictEqual(textOf(yield* new StatelessClient(url, headers).call("who")), "ann from home")
      for (const secret of [token, "secret=cookie", client.headers["mcp-session-id"] ?? "none"]) {
        for (const said of seen) assert.notInclude(said, secret)
      }
      assert.strictEqual(seen.length, 2)
    }))
})
