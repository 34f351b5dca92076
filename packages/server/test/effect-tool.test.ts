/** Tools whose handlers are Effects, on an SDK server behind a real socket. */
import { assert, describe, it } from "@effect/vitest"
import * as EffectTool from "@holdfast/server/EffectTool"
import * as McpHost from "@holdfast/server/McpHost"
import { Session } from "@holdfast/server/Session"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as References from "effect/References"
import * as Schema from "effect/Schema"
import { eventually, until } from "./support/eventually.ts"
import { eventsOf, RawClient } from "./support/rawClient.ts"
import { recorded } from "./support/recorded.ts"

class Greeting extends Context.Service<Greeting, { readonly word: string }>()("test/Greeting") {}
class Refused extends Data.TaggedError("Refused") {
  override get message() {
    return "not today"
  }
}

/** A schema that refers to itself, by its name. */
interface Tree {
  readonly name: string
  readonly children: ReadonlyArray<Tree>
}
const Tree = Schema.Struct({
  name: Schema.String,
  children: Schema.Array(Schema.suspend((): Schema.Codec<Tree> => Tree))
}).annotate({ identifier: "Tree" })

const countOf = (tree: Tree): number => tree.children.reduce((sum, child) => sum + countOf(child), 1)

const ready = Effect.gen(function*() {
  const started = yield* Deferred.make<void>()
  const gone = yield* Deferred.make<void>()
  const owner = yield* Effect.scope
  const ended: Array<string> = []
  const server = Effect.gen(function*() {
    const mcp = new McpServer({ name: "tools", version: "1" }, { capabilities: { logging: {} } })
    yield* EffectTool.register(mcp, "greet", {
      description: "Greets",
      input: { name: Schema.String, times: Schema.optionalKey(Schema.Int) },
      annotations: { readOnlyHint: true }
    }, ({ name }, call) =>
      Effect.gen(function*() {
        yield* call.progress({ progress: 1, total: 1 })
        yield* call.log("info", "greeting")
        return `${(yield* Greeting).word}, ${name}, in session ${(yield* Session).number}`
      }))
    yield* EffectTool.register(mcp, "refuse", {}, () => Effect.fail(new Refused()))
    yield* EffectTool.register(mcp, "die", {}, () => Effect.die(new Error("secret of the house")))
    yield* EffectTool.register(mcp, "answer", {}, () => Effect.succeed({ sum: 42 }))
    yield* EffectTool.register(mcp, "measure", {
      input: { tree: Tree, since: Schema.Date },
      output: { count: Schema.Int, since: Schema.Date }
    }, ({ since, tree }) => Effect.succeed({ count: countOf(tree), since }))
    yield* EffectTool.register(mcp, "misfit", { output: { count: Schema.Int } }, () => Effect.succeed({ count: 0.5 }))
    yield* EffectTool.register(mcp, "late", { owner }, (_, call) =>
      Effect.gen(function*() {
        yield* Deferred.succeed(started, undefined)
        yield* Deferred.await(gone)
        yield* call.progress({ progress: 1 })
        yield* call.log("info", "nobody hears it")
        ended.push("late")
        return "late"
      }).pipe(Effect.onInterrupt(() => Effect.sync(() => void ended.push("late was stopped")))))
    yield* EffectTool.register(mcp, "wait", {}, () =>
      Effect.onExit(
        Effect.andThen(Deferred.succeed(started, undefined), Effect.never),
        (exit) => Effect.sync(() => void ended.push(exit._tag))
      ))
    return mcp
  })
  const context = yield* Layer.build(
    McpHost.layerHttp({ server, port: 0, drainTimeout: "50 millis" }).pipe(
      Layer.provide([Layer.succeed(Greeting, { word: "Hello" }), Layer.succeed(References.MinimumLogLevel, "Warn")])
    )
  )
  const { address } = Context.get(context, HttpServer.HttpServer)
  const client = new RawClient(`http://127.0.0.1:${"port" in address ? address.port : 0}/mcp`)
  yield* client.initialize()
  const answer = (name: string, args: object = {}) =>
    Effect.map(Effect.flatMap(client.call(name, args), client.json), ({ result }) => result)
  return { client, answer, started, gone, ended }
})

describe("a tool that is an Effect", () => {
  it.live("has the services around its registration, and the session of its call", () =>
    Effect.gen(function*() {
      const { client } = yield* ready
      const response = yield* client.call("greet", { name: "you" }, { progressToken: 1 })
      const events = eventsOf(response)
      yield* eventually("the answer came", events.isOver)
      assert.deepStrictEqual(events.messages().map(({ method, result }) => method ?? result?.content?.[0]?.text), [
        "notifications/progress",
        "notifications/message",
        "Hello, you, in session 1"
      ])
    }))

  it.live("is listed with its schema, and takes nothing that the schema does not", () =>
    Effect.gen(function*() {
      const { answer, client } = yield* ready
      const { result } = yield* client.json(yield* client.request("tools/list"))
      // The answer to `tools/list`, as the test wants it.
      const tools = result?.["tools"] as ReadonlyArray<{ readonly inputSchema: object; readonly annotations: object }>
      const greet = tools[0]
      assert.deepInclude(greet?.inputSchema, { type: "object", required: ["name"] })
      assert.deepInclude(greet?.annotations, { readOnlyHint: true })
      const wrong = yield* answer("greet", { name: 7 })
      assert.isTrue(wrong?.["isError"])
      assert.include(wrong?.content?.[0]?.text, "name")
    }))

  it.live("is listed with the same schemas however often they are asked for", () =>
    Effect.gen(function*() {
      const { client } = yield* ready
      const listed = Effect.map(Effect.flatMap(client.request("tools/list"), client.json), ({ result }) => result)
      const first = yield* listed
      assert.notInclude(JSON.stringify(first), `{"$ref":"#"}`)
      assert.deepStrictEqual(yield* listed, first)
      assert.deepStrictEqual(yield* listed, first)
    }))

  it.live("answers with its error's message when it fails, and with none of its secrets when it dies", () =>
    Effect.gen(function*() {
      const { answer } = yield* ready
      assert.deepInclude(yield* answer("refuse"), { isError: true, content: [{ type: "text", text: "not today" }] })
      const dead = yield* answer("die")
      assert.isTrue(dead?.["isError"])
      assert.notInclude(JSON.stringify(dead), "secret")
      assert.deepInclude(yield* answer("answer"), { structuredContent: { sum: 42 } })
    }))

  it.live("is interrupted by a cancellation", () =>
    Effect.gen(function*() {
      const { client, ended, started } = yield* ready
      const request = { jsonrpc: "2.0", id: 5, method: "tools/call", params: { name: "wait", arguments: {} } }
      const call = yield* Effect.forkChild(client.send(request), { startImmediately: true })
      yield* Deferred.await(started)
      yield* client.notify("notifications/cancelled", { requestId: 5 })
      yield* eventually("the fiber ended", () => ended.length === 1)
      yield* Fiber.join(call)
    }))

  it.live("is interrupted with its session", () =>
    Effect.gen(function*() {
      const { client, ended, started } = yield* ready
      const call = yield* Effect.forkChild(client.call("wait"), { startImmediately: true })
      yield* Deferred.await(started)
      yield* client.send(undefined, {}, "DELETE")
      assert.deepStrictEqual(ended, ["Failure"])
      const { error } = yield* client.json(yield* Fiber.join(call))
      assert.match(error?.message ?? "", /session was closed/)
    }))

  it.live("shows and takes schemas that refer to themselves, and answers with what its own says", () =>
    Effect.gen(function*() {
      const { answer, client } = yield* ready
      const { result } = yield* client.json(yield* client.request("tools/list"))
      // The answer to `tools/list`, as the test wants it.
      const tools = result?.["tools"] as ReadonlyArray<
        { readonly name: string; readonly [schema: string]: object | string }
      >
      const measure = tools.find(({ name }) => name === "measure")
      assert.nestedProperty(measure?.["inputSchema"], "$defs.Tree")
      assert.nestedProperty(measure?.["outputSchema"], "properties.count")
      const since = "2026-01-02T03:04:05.000Z"
      const tree = { name: "root", children: [{ name: "leaf", children: [] }] }
      assert.deepStrictEqual(yield* answer("measure", { tree, since }), {
        content: [{ type: "text", text: JSON.stringify({ count: 2, since }) }],
        structuredContent: { count: 2, since }
      })
      const wrong = yield* answer("measure", { tree: { name: "root", children: [{}] }, since: "yesterday" })
      assert.isTrue(wrong?.["isError"])
      for (const place of ["children", "since"]) assert.include(wrong?.content?.[0]?.text, place)
      assert.deepStrictEqual(yield* answer("misfit"), {
        isError: true,
        content: [{ type: "text", text: "the tool has failed; see the server's log" }]
      })
    }))

  it.live("is logged with the stack of what it died of, which its client is not told", () =>
    recorded((logged) =>
      Effect.gen(function*() {
        const { answer } = yield* ready
        assert.notInclude(JSON.stringify(yield* answer("die")), "secret of the house")
        const line = logged.find((line) => line.includes("the tool die has failed"))
        assert.include(line, "Error: secret of the house")
        assert.match(line ?? "", /\n +at .*effect-tool\.test\.ts/)
      })
    ))

  it.live("outlives its client and its session when another Scope owns it, and what it says then is a no-op", () =>
    Effect.gen(function*() {
      const { client, ended, gone, started } = yield* ready
      const call = yield* Effect.forkChild(client.call("late", {}, { progressToken: 1 }), { startImmediately: true })
      yield* Deferred.await(started)
      yield* Fiber.interrupt(call)
      yield* client.send(undefined, {}, "DELETE")
      assert.deepStrictEqual(ended, [])
      yield* Deferred.succeed(gone, undefined)
      yield* eventually("it finished", () => ended.length === 1)
    }))

  it.live("is interrupted when its client cancels it, also when another Scope owns it", () =>
    Effect.gen(function*() {
      const { client, ended, started } = yield* ready
      const call = { jsonrpc: "2.0", id: "late", method: "tools/call", params: { name: "late", arguments: {} } }
      const waiting = yield* Effect.forkChild(client.send(call), { startImmediately: true })
      yield* Deferred.await(started)
      yield* client.notify("notifications/cancelled", { requestId: "late" })
      yield* eventually("it was stopped", () => ended.length === 1)
      assert.deepStrictEqual(ended, ["late was stopped"])
      yield* Fiber.join(waiting)
    }))

  it.live("goes on in its session when its client disconnects", () =>
    Effect.gen(function*() {
      const { answer, client, ended, started } = yield* ready
      const call = yield* Effect.forkChild(client.call("wait"), { startImmediately: true })
      yield* Deferred.await(started)
      yield* Fiber.interrupt(call)
      assert.deepInclude(yield* answer("answer"), { structuredContent: { sum: 42 } })
      assert.deepStrictEqual(ended, [])
    }))

  it.live("is timed and counted by how its calls end", () =>
    Effect.gen(function*() {
      const { answer, client, started } = yield* ready
      for (const name of ["answer", "answer", "refuse", "die", "misfit"]) yield* answer(name)
      yield* answer("greet", { name: 1 })
      const call = yield* Effect.forkChild(Effect.ignoreCause(answer("wait")), { startImmediately: true })
      yield* Deferred.await(started)
      yield* client.send(undefined, {}, "DELETE")
      yield* Fiber.interrupt(call)
      const counted = Effect.map(Metric.snapshot, (all) =>
        Object.fromEntries(all.flatMap(({ attributes, id, state }) =>
          id === "holdfast.tool.duration" && "buckets" in state
            ? [[`${attributes?.["tool"]} ${attributes?.["outcome"]}`, state.count]]
            : []
        )))
      const seen = yield* until("the cancelled call was counted", counted, (all) =>
        "wait cancelled" in all)
      assert.deepStrictEqual(seen, {
        "answer ok": 2,
        "refuse error": 1,
        "die defect": 1,
        "misfit defect": 1,
        "greet error": 1,
        "wait cancelled": 1
      })
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map())))
})
