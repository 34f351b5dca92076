/** What operators see and do, on a real socket. */
import { assert, describe, it } from "@effect/vitest"
import * as McpHost from "@holdfast/server/McpHost"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Redacted from "effect/Redacted"
import * as Tracer from "effect/Tracer"
import { eventually } from "./support/eventually.ts"
import { open } from "./support/hosted.ts"
import { RawClient } from "./support/rawClient.ts"
import { converse, request } from "./support/rawSocket.ts"

const ready = (options: Parameters<typeof open>[0] = {}) =>
  Effect.gen(function*() {
    let port = 0
    const admin = { port: 0, onListen: (bound: number) => void (port = bound), ...options.admin }
    const host = yield* open({ ...options, admin })
    const client = new RawClient(host.url)
    yield* client.initialize()
    const ask = (path: string, method = "GET", headers: Record<string, string> = {}) =>
      Effect.promise(async (signal) => {
        const response = await fetch(`http://127.0.0.1:${port}${path}`, { method, headers, signal })
        return { status: response.status, text: await response.text() }
      })
    return { ...host, adminPort: port, client, ask }
  })

describe("the operators' port", () => {
  it.live("shows sessions by number and counts them by state and reason, without a secret", () =>
    Effect.gen(function*() {
      const { ask, client } = yield* ready()
      assert.strictEqual((yield* ask("/healthz")).status, 200)
      const sessions = yield* ask("/sessions")
      assert.deepInclude(JSON.parse(sessions.text).sessions[0], { session: 1, principal: "local", state: "active" })
      yield* client.send(undefined, {}, "DELETE")
      const metrics = yield* ask("/metrics")
      for (
        const line of [
          `mcp_sessions{state="active"} 0`,
          "mcp_sessions_opened_total 1",
          `mcp_sessions_closed_total{reason="client"} 1`,
          `mcp_sessions_closed_total{reason="stale"} 0`,
          "mcp_requests_total 1",
          "mcp_draining 0"
        ]
      ) assert.include(metrics.text.split("\n"), line)
      for (const { text } of [sessions, metrics]) assert.notInclude(text, client.headers["mcp-session-id"] ?? "none")
    }))

  it.live("shows what else is in Effect's metric registry below, and none of it twice", () =>
    Effect.gen(function*() {
      yield* Metric.update(Metric.counter("test_pages", { description: "Pages read" }), 3)
      const { ask } = yield* ready()
      const { text } = yield* ask("/metrics")
      assert.include(text.split("\n"), "test_pages 3")
      assert.notInclude(text, "holdfast_server")
      const { text: index } = yield* ask("/")
      const paths = ["/healthz", "/readyz", "/sessions", "/drain", "/metrics"]
      for (const path of paths) assert.include(index, ` ${path}`)
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map())))

  it.live("says which address it cannot listen on, and why", () =>
    Effect.gen(function*() {
      const { port } = yield* open()
      const server = () => ({ connect: () => Promise.resolve(), close: () => Promise.resolve() })
      const start = (options: Partial<McpHost.HttpOptions>) =>
        Effect.flip(Layer.build(McpHost.layerHttp({ server, port: 0, ...options })))
      const taken = yield* start({ admin: { port } })
      assert.deepInclude(taken, {
        message: `port ${port} of 127.0.0.1 is in use: another program, or another one of this, listens there; ` +
          "end it, or set another port"
      })
    }))

  it.live("ends one session", () =>
    Effect.gen(function*() {
      const { ask, client, registry } = yield* ready()
      assert.strictEqual((yield* ask("/sessions/1", "DELETE")).status, 204)
      assert.strictEqual((yield* ask("/sessions/1", "DELETE")).status, 404)
      assert.strictEqual((yield* ask("/sessions/x", "DELETE")).status, 404)
      assert.strictEqual((yield* client.call("echo", { text: "" })).status, 404)
      assert.deepInclude((yield* registry.snapshot).closed, { operator: 1 })
    }))

  it.live("is not ready while the server drains, and says so until the end", () =>
    Effect.gen(function*() {
      const { ask, client, steer } = yield* ready({ drainTimeout: "1 minute" })
      assert.strictEqual((yield* ask("/readyz")).status, 200)
      const call = yield* Effect.forkChild(client.call("wait"), { startImmediately: true })
      yield* eventually("the call arrived", () => steer.waiting.length === 1)
      assert.strictEqual((yield* ask("/drain", "POST")).status, 202)
      assert.strictEqual((yield* ask("/readyz")).status, 503)
      assert.strictEqual((yield* ask("/healthz")).status, 200)
      steer.waiting[0]?.("done")
      assert.strictEqual((yield* Fiber.join(call)).status, 200)
    }))

  it.live("is not ready while what it needs is not there, and when the check fails", () =>
    Effect.gen(function*() {
      let check: Effect.Effect<boolean> = Effect.succeed(false)
      const { ask } = yield* ready({ admin: { ready: Effect.suspend(() => check) } })
      assert.deepStrictEqual(yield* ask("/readyz"), { status: 503, text: "not ready\n" })
      assert.strictEqual((yield* ask("/healthz")).status, 200)
      check = Effect.die("broken")
      assert.strictEqual((yield* ask("/readyz")).status, 503)
      check = Effect.succeed(true)
      assert.deepStrictEqual(yield* ask("/readyz"), { status: 200, text: "ready\n" })
    }))

  it.live("is asked for health by any name, as balancers ask by an address, and tells nothing else by it", () =>
    Effect.gen(function*() {
      const { adminPort } = yield* ready()
      const said = (target: string, lines: ReadonlyArray<string>) =>
        converse(adminPort, request("GET", target, [...lines, "Connection: close"]))
      for (const lines of [["Host: 10.0.3.17:9464"], ["Host: ip-10-0-3-17.ec2.internal"], ["Host: [fd00::1]"], []]) {
        for (const [target, text] of [["/healthz", "ok"], ["/readyz", "ready"]] as const) {
          const answer = yield* said(target, lines)
          assert.strictEqual(answer.status, 200, `${target} ${lines}`)
          assert.match(answer.text, new RegExp(`\r\n\r\n${text}\n$`))
        }
        for (const target of ["/", "/sessions", "/metrics", "/healthz/../sessions", "/healthz/sessions"]) {
          assert.notStrictEqual((yield* said(target, lines)).status, 200, `${target} ${lines}`)
        }
      }
    }))

  it.live("lets nobody in who was not meant, and listens for strangers only with tokens", () =>
    Effect.gen(function*() {
      const token = "operators-token-0123456789"
      const { ask } = yield* ready({ admin: { auth: McpHost.bearerTokens({ ops: Redacted.make(token) }) } })
      for (const path of ["/metrics", "/sessions"]) assert.strictEqual((yield* ask(path)).status, 401)
      // Whoever starts and stops replicas need not be trusted with them.
      for (const path of ["/healthz", "/readyz"]) assert.strictEqual((yield* ask(path)).status, 200)
      assert.strictEqual((yield* ask("/metrics", "GET", { authorization: `Bearer ${token}` })).status, 200)
      assert.strictEqual((yield* ask("/drain", "POST", { origin: "https://evil.example" })).status, 403)
      const server = () => ({ connect: () => Promise.resolve(), close: () => Promise.resolve() })
      const error = yield* Effect.flip(
        Layer.build(McpHost.layerHttp({ server, port: 0, admin: { port: 0, host: "0.0.0.0" } }))
      )
      assert.strictEqual("reason" in error ? error.reason?._tag : undefined, "UnsafeBind")
    }))

  it.live("a trace that a client is in goes on in the spans of the server", () =>
    Effect.gen(function*() {
      const spans: Array<Tracer.NativeSpan> = []
      const tracer = Tracer.make({
        span: (options) => {
          const span = new Tracer.NativeSpan(options)
          spans.push(span)
          return span
        }
      })
      const traceId = "0af7651916cd43dd8448eb211c80319c"
      const { url } = yield* Effect.provideService(open(), Tracer.Tracer, tracer)
      yield* new RawClient(url, { traceparent: `00-${traceId}-b7ad6b7169203331-01` }).initialize()
      assert.isAtLeast(spans.length, 2)
      for (const span of spans) assert.strictEqual(span.traceId, traceId)
    }))
})
