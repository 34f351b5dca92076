/** What a trace shows of a call, and what a server is told of the trace. */
import { assert, describe, it } from "@effect/vitest"
import { McpConfig } from "@holdfast/mcp/McpConfig"
import { type CallOptions, McpConnections } from "@holdfast/mcp/McpConnections"
import { MemoryServer } from "@holdfast/mcp/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"
import { inTime } from "./support/memoryTime.ts"

/** Keeps every span. */
const recording = () => {
  const spans: Array<Tracer.NativeSpan> = []
  const layer = Layer.succeed(
    Tracer.Tracer,
    Tracer.make({
      span: (options) => {
        const span = new Tracer.NativeSpan(options)
        spans.push(span)
        return span
      }
    })
  )
  const named = (name: string) => spans.filter((span) => span.name === name)
  return { layer, named, spans }
}

const eventsOf = (span: Tracer.NativeSpan | undefined) => span?.events.map(([name]) => name)

/** A server whose first answers are lost, `losses` of them; it keeps what the requests said beside their arguments. */
const make = Effect.fnUntraced(function*({ losses = 0, transport = "http" as "http" | "stdio" } = {}) {
  const metas: Array<unknown> = []
  const server = yield* MemoryServer.make({
    transport,
    era: "legacy",
    tools: {
      work: {
        run: (_, { connection, id, params }) =>
          Effect.suspend(() => {
            metas.push(params["_meta"])
            if (metas.length > losses) return Effect.succeed("done")
            connection.fail(id, { _tag: "Lost", delivery: "Unknown", description: "cut" })
            return Effect.never
          })
      },
      fail: { run: () => Effect.succeed({ isError: true, content: [{ type: "text", text: "no" }] }) }
    }
  })
  const mcp = yield* McpConnections.make(yield* McpConfig.make({ it: server.endpoint }))
  const call = (name: string, options: CallOptions = {}) =>
    inTime(Effect.result(mcp.callTool("it", { name, arguments: { password: "tell nobody" } }, options)))
  return { call, metas }
})

const traceparentOf = ({ spanId, traceId }: Tracer.NativeSpan): string => `00-${traceId}-${spanId}-01`

describe("a call in a trace", () => {
  it.effect("is a span by OpenTelemetry's names for MCP, without its arguments", () => {
    const { layer, named, spans } = recording()
    return Effect.gen(function*() {
      const { call } = yield* make()
      yield* call("work")
      const [span] = named("tools/call work")
      assert.strictEqual(span?.kind, "client")
      assert.deepStrictEqual(Object.fromEntries(span?.attributes ?? []), {
        "mcp.method.name": "tools/call",
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "work",
        "network.transport": "tcp",
        "holdfast.server": "it",
        "mcp.protocol.version": "2025-11-25",
        "holdfast.attempts": 1
      })
      const shown = spans.map((
        { attributes, events, name }
      ) => [name, [...attributes], events.map(([, , more]) => more)])
      assert.notInclude(JSON.stringify(shown), "tell nobody")
    }).pipe(Effect.provide(layer))
  })

  it.effect("has an event for every attempt, and says why another one followed", () => {
    const { layer, named } = recording()
    return Effect.gen(function*() {
      const { call } = yield* make({ losses: 1 })
      yield* call("work", { idempotent: true })
      const [span] = named("tools/call work")
      assert.deepStrictEqual(eventsOf(span), ["attempt", "repeat", "attempt"])
      assert.deepStrictEqual(span?.events[1]?.[2], {
        "holdfast.reason": "OutcomeUnknown",
        "holdfast.delivery": "Unknown"
      })
      assert.strictEqual(span?.attributes.get("holdfast.attempts"), 2)
      assert.isFalse(span?.attributes.has("error.type"))
    }).pipe(Effect.provide(layer))
  })

  it.effect("says what became of it: the reason and the delivery of a failure, and that a tool has failed", () => {
    const { layer, named } = recording()
    return Effect.gen(function*() {
      const { call } = yield* make({ losses: 1 })
      yield* call("work", { idempotent: false })
      yield* call("fail")
      const [lost] = named("tools/call work")
      assert.strictEqual(lost?.attributes.get("error.type"), "OutcomeUnknown")
      assert.strictEqual(lost?.attributes.get("holdfast.delivery"), "Unknown")
      assert.strictEqual(named("tools/call fail")[0]?.attributes.get("error.type"), "tool_error")
    }).pipe(Effect.provide(layer))
  })

  it.effect("has the dial that it caused beneath it", () => {
    const { layer, named } = recording()
    return Effect.gen(function*() {
      const { call } = yield* make()
      yield* call("work")
      const [dial] = named("holdfast.pool.dial")
      const [wait] = named("holdfast.pool.acquire")
      const [span] = named("tools/call work")
      assert.strictEqual(Option.getOrUndefined(dial?.parent ?? Option.none())?.spanId, wait?.spanId)
      assert.strictEqual(Option.getOrUndefined(wait?.parent ?? Option.none())?.spanId, span?.spanId)
      assert.strictEqual(dial?.traceId, span?.traceId)
    }).pipe(Effect.provide(layer))
  })

  it.effect("is told to the server, with every attempt", () => {
    const { layer, named } = recording()
    return Effect.gen(function*() {
      const { call, metas } = yield* make({ losses: 1 })
      yield* call("work", { idempotent: true })
      const [span] = named("tools/call work")
      assert.isDefined(span)
      const carried = { traceparent: traceparentOf(span!) }
      assert.containSubset(metas, [carried, carried])
    }).pipe(Effect.provide(layer))
  })

  it.effect("takes part in a trace that the program says itself", () => {
    const { layer } = recording()
    return Effect.gen(function*() {
      const metas: Array<unknown> = []
      const server = yield* MemoryServer.make({
        tools: {
          work: { run: (_, { params }) => Effect.sync(() => (metas.push(params["_meta"]), "done")) }
        }
      })
      const mcp = yield* McpConnections.make(yield* McpConfig.make({ it: server.endpoint }))
      const traceparent = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`
      yield* inTime(mcp.request("it", { method: "tools/call", params: { name: "work", _meta: { traceparent } } }))
      assert.containSubset(metas, [{ traceparent }])
    }).pipe(Effect.provide(layer))
  })

  it.effect("is told to the server as what it is part of, where no tracer would keep a span of its own", () =>
    Effect.gen(function*() {
      const { call, metas } = yield* make()
      const outer = yield* Effect.useSpan("outer", (span) => Effect.as(Effect.withParentSpan(call("work"), span), span))
      assert.containSubset(metas, [{ traceparent: `00-${outer.traceId}-${outer.spanId}-01` }])
    }))

  it.effect("says nothing of a trace where there is none, or where tracing is off", () =>
    Effect.gen(function*() {
      const { call, metas } = yield* make()
      yield* call("work")
      yield* call("work").pipe(Effect.withSpan("outer"), Effect.withTracerEnabled(false))
      assert.lengthOf(metas, 2)
      assert.notInclude(JSON.stringify(metas), "traceparent")
    }))
})
