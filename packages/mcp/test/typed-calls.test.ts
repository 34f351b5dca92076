/** Calls whose answer has a type, and options that are checked where they are said. */
import { assert, describe, it } from "@effect/vitest"
import { Endpoint, McpConfig, McpConnections, McpRuntimeError } from "@holdfast/mcp"
import * as OAuth from "@holdfast/mcp/OAuth"
import { MemoryServer } from "@holdfast/mcp/testing"
import { ToolCatalog } from "@holdfast/mcp/ToolCatalog"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import { describe as describeTypes, expectTypeOf, it as itTypes } from "vitest"

const Forecast = Schema.Struct({ city: Schema.String, celsius: Schema.Finite, at: Schema.Date })
const structured = { city: "Oslo", celsius: 7, at: "2026-01-02T00:00:00.000Z" }
const value = { city: "Oslo", celsius: 7, at: new Date("2026-01-02") }

class Scale extends Context.Service<Scale, number>()("test/Scale") {}
/** Its decoding needs a service. */
const Scaled = Schema.Struct({
  celsius: Schema.Finite.pipe(Schema.decodeTo(Schema.Finite, {
    decode: SchemaGetter.transformEffect((n: number) => Effect.map(Scale, (scale) => n * scale)),
    encode: SchemaGetter.forbidden(() => "it is only read")
  }))
})

const text = (text: string) => ({ type: "text", text } as const)

const server = MemoryServer.make({
  tools: {
    today: { run: () => Effect.succeed({ content: [text("warm")], structuredContent: structured }) },
    json: { run: () => Effect.succeed(JSON.stringify(structured)) },
    words: { run: () => Effect.succeed("it is warm") },
    two: { run: () => Effect.succeed({ content: [text("{}"), text("{}")] }) },
    // modelcontextprotocol/typescript-sdk#654, yamadashy/repomix#833: a failure need not have the form of a success.
    fails: {
      run: () => Effect.succeed({ isError: true, content: [text("no such city")], structuredContent: { error: 404 } })
    },
    large: { run: () => Effect.succeed({ content: [], structuredContent: { id: JSON.parse("0"), city: 1 } }) }
  }
})

const connected = Effect.gen(function*() {
  const { endpoint } = yield* server
  return yield* McpConnections.make(yield* McpConfig.make({ weather: endpoint }))
})

const reasonOf = <A, R>(call: Effect.Effect<A, McpRuntimeError, R>) =>
  Effect.map(Effect.flip(call), ({ reason }) => reason)

describe("a call with an output", () => {
  it.effect("succeeds with what the schema decodes of structured content, or else of the JSON in the one text", () =>
    Effect.gen(function*() {
      const mcp = yield* connected
      assert.deepStrictEqual(yield* mcp.callTool("weather", { name: "today" }, { output: Forecast }), value)
      assert.deepStrictEqual(yield* mcp.callTool("weather", { name: "json" }, { output: Forecast }), value)
      const scaled = mcp.callTool("weather", { name: "today" }, { output: Scaled })
      assert.deepStrictEqual(yield* Effect.provideService(scaled, Scale, 10), { celsius: 70 })
      // Without one it is the answer itself.
      assert.deepInclude(yield* mcp.callTool("weather", { name: "today" }), { structuredContent: structured })
    }))

  it.effect("fails with what the tool says when it has failed, whatever the form of that", () =>
    Effect.gen(function*() {
      const mcp = yield* connected
      const reason = yield* reasonOf(mcp.callTool("weather", { name: "fails" }, { output: Forecast }))
      assert.deepInclude({ ...reason }, { _tag: "ToolFailed", server: "weather", tool: "fails", text: "no such city" })
      assert.strictEqual(reason.message, "weather: the tool \"fails\" has failed: no such city")
    }))

  it.effect("fails with the places that do not fit, and with what is missing", () =>
    Effect.gen(function*() {
      const mcp = yield* connected
      const said = (tool: string) =>
        Effect.map(reasonOf(mcp.callTool("weather", { name: tool }, { output: Forecast })), ({ _tag, message }) =>
          `${_tag} ${message}`)
      const misfit = yield* said("large")
      assert.match(misfit, /^OutputInvalid weather: the answer of the tool "large" is not the output/)
      for (const place of ["city", "celsius", "at"]) {
        assert.include(misfit, `["${place}"]`)
      }
      assert.include(yield* said("words"), "it has no structured content, and its text is no JSON. The call has run")
      assert.include(yield* said("two"), "it has no structured content. The call has run")
    }))

  it.live("is the same for a tool of the catalog, by its name and from the list", () =>
    Effect.gen(function*() {
      const { endpoint } = yield* server
      const layer = ToolCatalog.layer().pipe(Layer.provide(McpConnections.layer(McpConfig.make({ weather: endpoint }))))
      yield* Effect.gen(function*() {
        const catalog = yield* ToolCatalog
        assert.deepStrictEqual(yield* catalog.call("weather__today", {}, { output: Forecast }), value)
        const { tools } = yield* catalog.ready()
        const today = tools.find(({ name }) => name === "weather__today")
        assert.deepStrictEqual(yield* today?.call({}, { output: Forecast }) ?? Effect.void, value)
      }).pipe(Effect.provide(layer))
    }))
})

describe("durations", () => {
  it.effect("of calls in words, in numbers and as values; one that is none is a defect that says what is allowed", () =>
    Effect.gen(function*() {
      const mcp = yield* connected
      for (const deadline of ["1 minute", 60_000, { minutes: 1 }, "Infinity"] as const) {
        yield* mcp.callTool("weather", { name: "today" }, { deadline })
      }
      const wrong = mcp.callTool("weather", { name: "today" }, { deadline: "1 fortnight" as "1 week" })
      const cause = yield* Effect.flip(Effect.sandbox(wrong))
      assert.match(
        String(cause),
        /TypeError: deadline: "1 fortnight" is not a duration such as "30 seconds", a number of milliseconds, or "Infinity"/
      )
    }))

  it.effect("of a server's deadlines are any that Effect knows; what is none is told with its place", () =>
    Effect.gen(function*() {
      const endpoint = Endpoint.stdio({ command: "x" })
      const { servers } = yield* McpConfig.make({
        x: { endpoint, deadlines: { idle: "2 minutes", hard: { hours: 1 }, read: "Infinity" } },
        y: { endpoint, deadlines: { read: 500 } }
      })
      assert.deepStrictEqual(servers.get("x")?.deadlines, {
        idle: 120_000,
        hard: 3_600_000,
        read: Number.POSITIVE_INFINITY
      })
      assert.deepStrictEqual(servers.get("y")?.deadlines, { idle: 300_000, hard: 1_800_000, read: 500 })
      for (const wrong of ["soon", 0, Number.NaN, -5] as const) {
        const read = wrong as number
        const { reason } = yield* Effect.flip(McpConfig.make({ x: { endpoint, deadlines: { read } } }))
        assert.deepInclude({ ...reason }, { _tag: "ConfigInvalid", path: "x.deadlines.read" })
        assert.include(reason.message, "a duration such as \"30 seconds\", a number of milliseconds, or \"Infinity\"")
      }
    }))
})

describe("layers over the application's own configuration", () => {
  const configured = (values: Record<string, string>) =>
    Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown(values))

  it.effect("take an effect that makes the config, with what it reads and needs", () =>
    Effect.gen(function*() {
      class Servers extends Context.Service<Servers, Endpoint>()("test/Servers") {}
      const { endpoint } = yield* server
      const layer = McpConnections.layer(Effect.gen(function*() {
        const name = yield* Config.String("NAME")
        return yield* McpConfig.make({ [name]: yield* Servers })
      }))
      expectTypeOf<Layer.Services<typeof layer>>().toEqualTypeOf<Servers>()
      expectTypeOf<Layer.Error<typeof layer>>().toEqualTypeOf<McpRuntimeError | Config.ConfigError>()
      const called = McpConnections.use((mcp) => mcp.callTool("weather", { name: "today" }, { output: Forecast }))
      const provided = Effect.provide(called, layer).pipe(Effect.provideService(Servers, endpoint))
      assert.deepStrictEqual(yield* configured({ NAME: "weather" })(provided), value)
    }))

  it.effect("take the path of a config file from a variable, and name the variable in a sentence if it is not set", () =>
    Effect.gen(function*() {
      const layer = McpConnections.layerFile(Config.String("MCP_CONFIG"))
      const error = yield* Effect.flip(configured({})(Effect.scoped(Layer.build(layer))))
      assert.strictEqual(
        error.message,
        "config: the path of the config file: the variable MCP_CONFIG is not set, or is not what it must be"
      )
      const missing = yield* Effect.flip(configured({ MCP_CONFIG: "no-such.json" })(Effect.scoped(Layer.build(layer))))
      assert.include(missing.message, "no-such.json")
    }))

  it.effect("a token whose variable is not set is refused with a sentence that names it", () =>
    Effect.gen(function*() {
      const authorizer = yield* OAuth.fromTokens({ token: Config.Redacted("API_TOKEN") })
      const refused = yield* Effect.flip(authorizer.headers)
      assert.strictEqual(
        refused.message,
        "the token source failed: the variable API_TOKEN is not set, or is not what it must be"
      )
    }).pipe(configured({})))
})

describeTypes("types of calls", () => {
  itTypes("an output gives the type of its schema, and what its decoding needs", () => {
    const calls = (mcp: McpConnections["Service"]) => ({
      plain: mcp.callTool("s", { name: "t" }, { deadline: "1 second" }),
      typed: mcp.callTool("s", { name: "t" }, { output: Schema.Struct({ at: Schema.DateTimeUtc }) }),
      needing: mcp.callTool("s", { name: "t" }, { output: Scaled, idempotent: true })
    })
    type Calls = ReturnType<typeof calls>
    expectTypeOf<Effect.Success<Calls["plain"]>>().toHaveProperty("content")
    expectTypeOf<Calls["typed"]>().toEqualTypeOf<Effect.Effect<{ readonly at: DateTime.Utc }, McpRuntimeError>>()
    expectTypeOf<Calls["needing"]>().toEqualTypeOf<
      Effect.Effect<{ readonly celsius: number }, McpRuntimeError, Scale>
    >()
  })

  itTypes("the reason of an error is inferred where it is caught", () => {
    const caught = (call: Effect.Effect<string, McpRuntimeError>) =>
      Effect.catchReason(call, "McpRuntimeError", "ToolFailed", (reason) => {
        expectTypeOf(reason).toEqualTypeOf<Extract<McpRuntimeError["reason"], { readonly _tag: "ToolFailed" }>>()
        return Effect.succeed(reason.text)
      })
    expectTypeOf(caught).returns.toExtend<Effect.Effect<string, McpRuntimeError>>()
  })
})
