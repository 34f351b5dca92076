/** Tools that a config switches off: not shown, not called, and told of where the config does not hit. */
import { assert, describe, it } from "@effect/vitest"
import { McpConfig, McpConnections, ToolDisabled } from "@holdfast/mcp"
import { MemoryServer } from "@holdfast/mcp/testing"
import { ToolCatalog } from "@holdfast/mcp/ToolCatalog"
import * as ToolFilter from "@holdfast/mcp/ToolFilter"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"

const filterOf = (entry: object, file = ".mcp.json") =>
  Effect.map(
    McpConfig.decode({ mcpServers: { fs: { command: "x", ...entry } } }, { file, environment: {} }),
    ({ servers, unusable }) => {
      assert.strictEqual(unusable.size, 0)
      return servers.get("fs")?.tools
    }
  )

const names = ["read", "read_all", "drop", "drop_all"].map((name) => ({ name }))

const shown = (entry: object) =>
  Effect.map(filterOf(entry), (filter) => ToolFilter.offered(filter, names).map(({ name }) => name).join(" "))

const server = MemoryServer.make({
  era: "legacy",
  tools: {
    read: { annotations: { readOnlyHint: true }, run: () => Effect.succeed("read") },
    drop: { run: () => Effect.succeed("dropped") }
  }
})

/** What is logged while the layer is built and used. */
const logged = () => {
  const messages: Array<string> = []
  return { messages, logger: Logger.layer([Logger.make(({ message }) => void messages.push(String(message)))]) }
}

describe("the lists of an entry", () => {
  it.effect("let through what all lists of allowed tools name and no list of forbidden ones does", () =>
    Effect.gen(function*() {
      const cases: ReadonlyArray<readonly [entry: object, names: string]> = [
        [{}, "read read_all drop drop_all"],
        [{ disabledTools: ["drop"] }, "read read_all drop_all"],
        [{ excludeTools: ["drop*"] }, "read read_all"],
        [{ disabled_tools: ["*_all"] }, "read drop"],
        [{ disabledTools: ["drop"], excludeTools: ["read"] }, "read_all drop_all"],
        [{ includeTools: ["read"] }, "read"],
        [{ enabledTools: ["read*", "drop"], disabledTools: ["read_all"] }, "read drop"],
        [{ enabled_tools: ["r*d*l"] }, "read_all"],
        [{ tools: ["*"] }, "read read_all drop drop_all"],
        [{ tools: "*" }, "read read_all drop drop_all"],
        [{ tools: ["read"], alwaysAllow: ["drop"] }, "read"],
        [{ tools: [] }, ""],
        [{ tools: false }, ""],
        [{ tools: true }, "read read_all drop drop_all"],
        [
          { tools: { drop: false, drop_all: { enabled: false }, read: { enabled: true }, read_all: true } },
          "read read_all"
        ],
        [{ includeTools: ["read(path)"] }, "read"],
        [{ disabledTools: null, includeTools: [] }, ""]
      ]
      for (const [entry, names] of cases) assert.strictEqual(yield* shown(entry), names, JSON.stringify(entry))
    }))

  it.effect("that name none are told of, and what they say of single tools besides", () =>
    Effect.gen(function*() {
      const config = yield* McpConfig.decode(
        {
          mcpServers: {
            fs: { command: "x", tools: { read: { timeout: 5 }, drop: "no" } },
            db: { command: "x", includeTools: [] }
          }
        },
        { file: ".mcp.json" }
      )
      assert.deepStrictEqual(config.warnings.map(({ message }) => message), [
        ".mcp.json: mcpServers.fs.tools.read: timeout of a tool is not read here and has no effect",
        ".mcp.json: mcpServers.fs.tools.drop: has no effect: it is neither true nor false",
        ".mcp.json: mcpServers.db: offers no tool: .mcp.json: mcpServers.db.includeTools names none"
      ])
    }))
})

describe("a tool that is switched off", () => {
  const config = Effect.gen(function*() {
    const { calls, endpoint } = yield* server
    return { calls, config: yield* McpConfig.make({ db: { endpoint, tools: { exclude: ["drop"] } } }) }
  })

  it.live("is in no list: neither of the server, nor of the catalog, nor of a bare request", () =>
    Effect.gen(function*() {
      const context = yield* Layer.build(
        ToolCatalog.layer().pipe(Layer.provideMerge(McpConnections.layer((yield* config).config)))
      )
      const mcp = Context.get(context, McpConnections)
      assert.deepStrictEqual((yield* mcp.listTools("db")).map(({ name }) => name), ["read"])
      const answer = yield* mcp.request("db", { method: "tools/list" })
      assert.deepStrictEqual(
        // The answer is the server's own object: a test may look into it.
        (answer as { readonly tools: ReadonlyArray<{ readonly name: string }> }).tools.map(({ name }) => name),
        ["read"]
      )
      const { tools } = yield* Context.get(context, ToolCatalog).ready()
      assert.deepStrictEqual(tools.map(({ name }) => name), ["db__read"])
    }).pipe(Effect.scoped))

  it.live("is refused with the list that hides it, and nothing is sent", () =>
    Effect.gen(function*() {
      const made = yield* config
      const context = yield* Layer.build(McpConnections.layer(made.config))
      const mcp = Context.get(context, McpConnections)
      const attempts = [
        mcp.callTool("db", { name: "drop" }),
        mcp.callTool("db", { name: "drop" }, { idempotent: true }),
        mcp.request("db", { method: "tools/call", params: { name: "drop", arguments: {} } })
      ]
      for (const attempt of attempts) {
        const { reason } = yield* Effect.flip(attempt)
        assert.instanceOf(reason, ToolDisabled)
        assert.strictEqual(
          reason.message,
          "db: the tool \"drop\" is switched off by tools.exclude of db in config. Change that list to call it."
        )
      }
      assert.strictEqual(made.calls("drop").length, 0)
      assert.strictEqual((yield* mcp.callTool("db", { name: "read" })).isError, undefined)
    }).pipe(Effect.scoped))

  it.live("comes and goes with another config, without another connection", () =>
    Effect.gen(function*() {
      const { endpoint, opened } = yield* server
      const with_ = (exclude: ReadonlyArray<string>) => McpConfig.make({ db: { endpoint, tools: { exclude } } })
      const mcp = Context.get(yield* Layer.build(McpConnections.layer(yield* with_([]))), McpConnections)
      assert.strictEqual((yield* mcp.listTools("db")).length, 2)
      yield* mcp.reload(yield* with_(["drop"]))
      assert.strictEqual((yield* mcp.listTools("db")).length, 1)
      assert.strictEqual((yield* Effect.flip(mcp.callTool("db", { name: "drop" }))).reason._tag, "ToolDisabled")
      yield* mcp.reload(yield* with_([]))
      assert.strictEqual((yield* mcp.callTool("db", { name: "drop" })).isError, undefined)
      assert.strictEqual(opened(), 1)
    }).pipe(Effect.scoped))
})

describe("what is to be told of a config", () => {
  it.live("is logged once, also by a config that is taken again", () =>
    Effect.gen(function*() {
      const { logger, messages } = logged()
      const text = (flavour: string) => `{"mcpServers":{"db":{"command":"x","${flavour}":1}}}`
      const read = (flavour: string) => McpConfig.parse(text(flavour), { file: ".mcp.json", environment: {} })
      const context = yield* Layer.build(McpConnections.layer(yield* read("flavour")).pipe(Layer.provide(logger)))
      const mcp = Context.get(context, McpConnections)
      const known = ".mcp.json:1:36: mcpServers.db.flavour: is not understood and has no effect"
      assert.deepStrictEqual(messages, [known])
      yield* Effect.provide(mcp.reload(yield* read("flavour")), logger)
      assert.deepStrictEqual(messages, [known])
      yield* Effect.provide(mcp.reload(yield* read("taste")), logger)
      assert.deepStrictEqual(messages, [known, known.replace("flavour", "taste")])
    }).pipe(Effect.scoped))

  it.live("has names that no tool of the server bears: a slip leaves a tool on", () =>
    Effect.gen(function*() {
      const { logger, messages } = logged()
      const { endpoint } = yield* server
      const config = yield* McpConfig.make({ db: { endpoint, tools: { exclude: ["dorp", "re*"] } } })
      const mcp = Context.get(yield* Layer.build(McpConnections.layer(config)), McpConnections)
      yield* Effect.provide(Effect.andThen(mcp.listTools("db"), mcp.listTools("db")), logger)
      assert.deepStrictEqual(messages, ["tools.exclude of db in config: db has no tool \"dorp\""])
    }).pipe(Effect.scoped))
})
