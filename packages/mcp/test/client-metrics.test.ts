/** What the client counts, as Effect's metric registry shows it. */
import { assert, describe, it } from "@effect/vitest"
import { McpConfig } from "@holdfast/mcp/McpConfig"
import { type CallOptions, McpConnections } from "@holdfast/mcp/McpConnections"
import { MemoryServer } from "@holdfast/mcp/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as OtlpMetrics from "effect/observability/OtlpMetrics"
import * as OtlpSerialization from "effect/observability/OtlpSerialization"
import * as Scope from "effect/Scope"
import * as fs from "node:fs"
import { ClientMetrics } from "../src/internal/calls/ClientMetrics.ts"
import { Unreachable } from "../src/McpRuntimeError.ts"
import { inTime, settled } from "./support/memoryTime.ts"

/** A metric registry of the test's own. */
const isolated = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.provideService(effect, Metric.MetricRegistry, new Map())

/** The series of the client, `id{attributes}`: how much was counted, or how often and how many milliseconds in all. */
const series = Effect.map(
  Metric.snapshot,
  (all) =>
    Object.fromEntries(
      all.filter(({ id }) => /^(holdfast\.client|mcp)\./.test(id)).map(({ attributes, id, state }) => {
        const labels = Object.entries(attributes ?? {}).filter(([key]) => key !== "time_unit")
        const value = "sum" in state ? [state.count, Math.round(state.sum * 1000)] : "count" in state && state.count
        return [`${id.replace("holdfast.client.", "")}{${labels.map((pair) => pair.join("=")).join(",")}}`, value]
      })
    )
)

const calls = (tool: string, outcome: string) => `calls{server=it,method=tools/call,tool=${tool},outcome=${outcome}}`
const time = (tool: string, outcome?: string) =>
  "mcp.client.operation.duration{holdfast.server=it,mcp.method.name=tools/call,gen_ai.operation.name=execute_tool," +
  `gen_ai.tool.name=${tool}${outcome === undefined ? "" : `,error.type=${outcome}`}}`

/** A server that takes 20 ms to be dialled and 30 ms to work. */
const make = Effect.fnUntraced(function*() {
  let isThere = true
  const server = yield* MemoryServer.make({
    transport: "http",
    era: "legacy",
    onDial: (server) =>
      isThere
        ? Effect.sleep("20 millis")
        : Effect.fail(new Unreachable({ server, url: "memory:", description: "nobody listens" })),
    tools: {
      work: { run: () => Effect.delay(Effect.succeed("done"), "30 millis") },
      complain: { run: () => Effect.succeed({ isError: true, content: [{ type: "text", text: "no" }] }) },
      refuse: { run: () => Effect.fail({ code: -32602, message: "not so" }) },
      lose: {
        run: (_, { connection, id }) =>
          Effect.andThen(
            Effect.sync(() => connection.fail(id, { _tag: "Lost", delivery: "Unknown", description: "cut" })),
            Effect.never
          )
      },
      wait: { run: () => Effect.never }
    }
  })
  const mcp = yield* McpConnections.make(yield* McpConfig.make({ it: server.endpoint }))
  const call = (name: string, options: CallOptions = {}) =>
    mcp.callTool("it", { name, arguments: { password: "tell nobody" } }, { idempotent: false, ...options })
  return { call, leave: () => void (isThere = false), mcp }
})

describe("the metrics of the client", () => {
  it.effect("count every call by server, tool and outcome, and time it from its sending on", () =>
    isolated(Effect.gen(function*() {
      const { call } = yield* make()
      for (const name of ["work", "work", "complain", "refuse", "lose"]) yield* inTime(Effect.exit(call(name)))
      yield* inTime(Effect.exit(call("wait", { deadline: "40 millis" })))
      const left = yield* Effect.forkChild(call("wait"), { startImmediately: true })
      yield* settled
      yield* Fiber.interrupt(left)
      const seen = yield* series
      assert.deepInclude(seen, {
        [calls("work", "ok")]: 2,
        [time("work")]: [2, 60],
        [calls("complain", "tool_error")]: 1,
        [time("complain", "tool_error")]: [1, 0],
        [calls("refuse", "ServerError")]: 1,
        [calls("lose", "OutcomeUnknown")]: 1,
        [calls("wait", "DeadlineExceeded")]: 1,
        [time("wait", "DeadlineExceeded")]: [1, 40],
        [calls("wait", "interrupted")]: 1
      })
      assert.notInclude(JSON.stringify(seen), "nobody")
    })))

  it.effect("time the wait for a connection and the dial apart from the call", () =>
    isolated(Effect.gen(function*() {
      const { call } = yield* make()
      yield* inTime(Effect.all([call("work"), call("work")], { concurrency: 2 }))
      yield* inTime(call("work"))
      assert.deepInclude(yield* series, {
        // The third found it there.
        "queue.duration{server=it}": [2, 40],
        "dial.duration{server=it,outcome=ok}": [1, 20],
        [time("work")]: [3, 90]
      })
    })))

  it.effect("count a call that was never sent, and say why, without a time", () =>
    isolated(Effect.gen(function*() {
      const { call, leave } = yield* make()
      leave()
      yield* inTime(Effect.exit(call("work", { waitForReady: false })))
      const seen = yield* series
      assert.strictEqual(seen[calls("work", "NotReady")], 1)
      assert.deepEqual(seen["dial.duration{server=it,outcome=Unreachable}"], [1, 0])
      assert.notInclude(Object.keys(seen).join(), "operation.duration")
    })))

  it.effect("name lists and reads by their methods, and prompts by their names; never a resource", () =>
    isolated(Effect.gen(function*() {
      const { mcp } = yield* make()
      yield* inTime(mcp.listTools("it"))
      yield* inTime(Effect.exit(mcp.getPrompt("it", { name: "greeting" })))
      yield* inTime(Effect.exit(mcp.readResource("it", "file:///home/me/secret")))
      const names = Object.keys(yield* series)
      assert.includeMembers(names, [
        "calls{server=it,method=tools/list,outcome=ok}",
        "calls{server=it,method=prompts/get,prompt=greeting,outcome=ServerError}",
        "calls{server=it,method=resources/read,outcome=ServerError}"
      ])
      assert.notInclude(names.join(), "secret")
    })))

  it.effect("add up over the connections of a program, those that are closed included", () =>
    isolated(Effect.gen(function*() {
      for (let program = 0; program < 2; program++) {
        yield* Effect.scoped(Effect.gen(function*() {
          const { call } = yield* make()
          yield* inTime(call("work"))
        }))
      }
      assert.deepInclude(yield* series, { [calls("work", "ok")]: 2, [time("work")]: [2, 60] })
    })))

  // vectorize-io/hindsight#850: an id as an attribute grew a process to 3 GB in 15 days. cyanheads/mcp-ts-core#114: the same of a key that
  // callers choose.
  it.effect("stay bounded however many servers and tools come and go: those used last have series", () =>
    isolated(Effect.gen(function*() {
      const metrics = new ClientMetrics(yield* Effect.context<never>())
      metrics.limit = 3
      const called = (server: string, name: string) =>
        metrics.called({ server, method: "tools/call", name }, Exit.succeed({}), 1)
      for (let i = 0; i < 100; i++) {
        called("stays", "a")
        called(`goes ${i}`, "b")
        metrics.dialled(`goes ${i}`, Exit.void, 1)
        metrics.waited(`goes ${i}`, 1)
      }
      const names = Object.keys(yield* series)
      assert.lengthOf(names, 6)
      assert.lengthOf(names.filter((name) => name.includes("goes 99")), 4)
      assert.strictEqual((yield* series)["calls{server=stays,method=tools/call,tool=a,outcome=ok}"], 100)
    })))

  it.effect("reach an exporter that outlives the connections: a short program's last flush has them, and the pool's", () =>
    isolated(Effect.gen(function*() {
      const bodies: Array<string> = []
      const url = "http://collector/v1/metrics"
      const collector = HttpClient.make((request) =>
        Effect.sync(() => {
          if (request.body._tag === "Uint8Array") bodies.push(new TextDecoder().decode(request.body.body))
          return HttpClientResponse.fromWeb(request, new Response("{}"))
        })
      )
      const exporter = OtlpMetrics.layer({ url, exportInterval: "1 hour", resource: { serviceName: "agent" } }).pipe(
        Layer.provide([OtlpSerialization.layerJson, Layer.succeed(HttpClient.HttpClient, collector)])
      )
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(exporter, scope)
      yield* Effect.scoped(Effect.gen(function*() {
        const { call } = yield* make()
        yield* inTime(call("work"))
      })).pipe(Effect.provideContext(context))
      assert.deepStrictEqual(bodies, [], "nothing is sent before the end")
      yield* inTime(Scope.close(scope, Exit.void))
      assert.lengthOf(bodies, 1)
      for (const name of ["mcp.client.operation.duration", "holdfast.client.calls", "holdfast.pool.dials"]) {
        assert.include(bodies[0], `"name":"${name}"`)
      }
    })))
})

describe("docs/metrics.md", () => {
  it.effect("names every series of the client, each of its kind and with its attributes, and no others", () =>
    isolated(Effect.gen(function*() {
      const page = fs.readFileSync(new URL("../../../docs/metrics.md", import.meta.url), "utf8")
      const section = /^## Client\n(.*?)^## /ms.exec(page)?.[1] ?? ""
      const documented = [...section.matchAll(/^\| `([a-z.]+)`\s*\| (\w+)\s*\| ([^|]+?)\s*\|/gm)].map(([, ...cells]) =>
        cells
      )
      const { call, mcp } = yield* make()
      yield* inTime(call("work"))
      yield* inTime(Effect.exit(call("refuse")))
      yield* inTime(Effect.exit(mcp.getPrompt("it", { name: "greeting" })))
      const shown = new Map<string, Set<string>>()
      for (const { attributes, id, type } of yield* Metric.snapshot) {
        if (id.startsWith("holdfast.pool.")) continue
        const names = Object.keys(attributes ?? {}).filter((name) => name !== "time_unit")
        shown.set(`${id} ${type.toLowerCase()}`, new Set([...shown.get(`${id} ${type.toLowerCase()}`) ?? [], ...names]))
      }
      assert.sameMembers(documented.map(([name, kind]) => `${name} ${kind}`), [...shown.keys()])
      for (const [name, kind, said = ""] of documented) {
        const attributes = [...said.matchAll(/`([^`]+)`/g)].map(([, attribute]) => attribute)
        assert.sameMembers(attributes, [...shown.get(`${name} ${kind}`) ?? []], name)
      }
    })))
})
