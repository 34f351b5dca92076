/** Lists of servers that get them wrong: what can be read is there once, the rest is told once, and every list ends. */
import { assert, describe, it } from "@effect/vitest"
import { McpConfig, McpConnections } from "@holdfast/mcp"
import { type Handler, MemoryServer, type MemoryServerOptions } from "@holdfast/mcp/testing"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as TestClock from "effect/testing/TestClock"

const tool = (name: string) => ({ name, inputSchema: { type: "object" } })
const namesOf = (tools: ReadonlyArray<{ readonly name: string }>) => tools.map(({ name }) => name)
const cursorOf = (params: Readonly<Record<string, unknown>>) => params["cursor"]

/** A server with this answer to `tools/list`, known as `s`; the warnings that were logged. */
const withServer = <A, E>(
  list: Handler | Readonly<Record<string, Handler>>,
  use: (mcp: McpConnections["Service"], told: ReadonlyArray<string>, asked: () => number) => Effect.Effect<A, E>,
  options: MemoryServerOptions = {}
) =>
  Effect.gen(function*() {
    const told: Array<string> = []
    const logger = Logger.make<unknown, void>(({ logLevel, message }) => {
      if (logLevel === "Warn") told.push(String(Array.isArray(message) ? message[0] : message))
    })
    const server = yield* MemoryServer.make({
      era: "legacy",
      handlers: typeof list === "function" ? { "tools/list": list } : list,
      capabilities: { tools: {}, resources: {}, prompts: {} },
      ...options
    })
    const asked = () =>
      server.received().filter((frame) => frame._tag === "Request" && frame.method.endsWith("/list")).length
    const config = yield* McpConfig.make({ s: server.endpoint })
    return yield* Effect.provide(
      Effect.flatMap(McpConnections, (mcp) => use(mcp, told, asked)),
      Layer.merge(McpConnections.layer(config), Logger.layer([logger]))
    )
  })

/** The names a server lists, what was told of that, and how often it was asked. */
const listed = (list: Handler) =>
  withServer(
    list,
    (mcp, told, asked) => Effect.map(mcp.listTools("s"), (tools) => ({ names: namesOf(tools), told, asked: asked() }))
  )

/** Pages by their cursors. The first has none. */
const pages = (all: Readonly<Record<string, object>>): Handler => (params) =>
  Effect.succeed(all[cursorOf(params) === undefined ? "first" : `at ${String(cursorOf(params))}`] ?? { tools: [] })

describe("a list of several pages", () => {
  it.effect("is read to its end, an empty cursor and empty pages included", () =>
    Effect.gen(function*() {
      const answer = yield* listed(pages({
        "first": { tools: [tool("a")], nextCursor: "" },
        "at ": { tools: [], nextCursor: "2" },
        "at 2": { tools: null, nextCursor: "3" },
        "at 3": { tools: [tool("b")], nextCursor: null }
      }))
      assert.deepStrictEqual(answer, { names: ["a", "b"], told: [], asked: 4 })
    }))

  it.effect("of thousands of pages has them all", () =>
    Effect.gen(function*() {
      const { names, told } = yield* listed((params) => {
        const at = Number(cursorOf(params) ?? 0)
        return Effect.succeed({ tools: [tool(`t${at}`)], ...(at < 2999 && { nextCursor: String(at + 1) }) })
      })
      assert.deepStrictEqual([names.length, new Set(names).size, told], [3000, 3000, []])
    }))

  it.effect("has an entry once that moved from one page to the next while they were read", () =>
    Effect.gen(function*() {
      const answer = yield* listed(pages({
        "first": { tools: [tool("a"), tool("b")], nextCursor: "2" },
        "at 2": { tools: [tool("b"), tool("c")] }
      }))
      assert.deepStrictEqual(answer, { names: ["a", "b", "c"], told: [], asked: 2 })
    }))
})

describe("a list whose cursors lead nowhere has each entry once, ends, and is told of", () => {
  const both = [tool("a"), tool("b")]
  const odd: ReadonlyArray<readonly [what: string, list: Handler, asked: number]> = [
    ["an empty cursor that leads to the first page", () => Effect.succeed({ tools: both, nextCursor: "" }), 2],
    ["the same cursor again", () => Effect.succeed({ tools: both, nextCursor: "x" }), 2],
    [
      "a circle of several",
      pages({
        "first": { tools: [tool("a")], nextCursor: "1" },
        "at 1": { tools: [tool("b")], nextCursor: "2" },
        "at 2": { tools: both, nextCursor: "1" }
      }),
      3
    ],
    [
      "the same cursor, behind which there is something new once more",
      (() => {
        let page = 0
        return () => Effect.sync(() => ({ tools: [tool(page++ === 0 ? "a" : "b")], nextCursor: "x" }))
      })(),
      3
    ],
    [
      "ever new cursors with the same entries",
      (() => {
        let page = 0
        return () => Effect.sync(() => ({ tools: both, nextCursor: `c${page++}` }))
      })(),
      22
    ],
    [
      "ever new cursors with nothing",
      (() => {
        let page = 0
        return () => Effect.sync(() => ({ tools: page === 0 ? both : [], nextCursor: `c${page++}` }))
      })(),
      22
    ],
    ["a cursor that its server does not know", (params) =>
      cursorOf(params) === undefined
        ? Effect.succeed({ tools: both, nextCursor: "null" })
        : Effect.fail({ code: -32602, message: "Invalid cursor" }), 2],
    [
      "a cursor that leads to something that is no page",
      pages({
        "first": { tools: both, nextCursor: "2" },
        "at 2": { tools: "none" }
      }),
      2
    ],
    ["a cursor that is no text", () => Effect.succeed({ tools: both, nextCursor: { page: 2 } }), 1]
  ]
  for (const [what, list, times] of odd) {
    it.effect(what, () =>
      Effect.gen(function*() {
        const { asked, names, told } = yield* listed(list)
        assert.deepStrictEqual([names, asked], [["a", "b"], times])
        assert.lengthOf(told, 1)
        assert.match(
          told[0] ?? "",
          /^s: tools\/list: (it (ends|is taken to end) after 2 entries|nextCursor is left out)/
        )
      }))
  }

  it.effect("ever new entries, at a limit", () =>
    Effect.gen(function*() {
      let page = 0
      const { asked, names, told } = yield* listed(() =>
        Effect.sync(() => ({ tools: [tool(`t${page}`)], nextCursor: `c${page++}` }))
      )
      assert.deepStrictEqual([names.length, asked], [10_000, 10_000])
      assert.deepStrictEqual(told, ["s: tools/list: it is taken to end after 10000 entries: it goes on for ever"])
    }), 60_000)

  it.effect("pages that come too slowly end at the deadline, which says how far they came", () =>
    withServer(
      (params) => Effect.as(Effect.sleep("4 seconds"), { tools: [], nextCursor: `${String(cursorOf(params))}1` }),
      (mcp) =>
        Effect.gen(function*() {
          const listing = yield* Effect.forkChild(Effect.flip(mcp.listTools("s")), { startImmediately: true })
          for (let second = 0; second < 40; second++) yield* TestClock.adjust("1 second")
          const { reason } = yield* Fiber.join(listing)
          assert.deepInclude(reason, { _tag: "DeadlineExceeded", description: "0 entries had come on 7 pages" })
        })
    ))
})

describe("what is odd in a list", () => {
  it.effect("costs nothing but itself and is told once, with the server, the entry and the reason", () =>
    withServer({
      "tools/list": () =>
        Effect.succeed({
          tools: [tool("a"), { name: "bare" }, { description: "no name" }, null, { ...tool("b"), title: 5 }]
        }),
      "resources/list": () => Effect.succeed({ resources: [{ uri: "f:///a" }, { uri: "f:///b", name: "b" }] }),
      "resources/templates/list": () =>
        Effect.succeed({ resourceTemplates: [5, { uriTemplate: "f:///{x}", name: "x" }] }),
      "prompts/list": () => Effect.succeed({ prompts: [{ name: "p", arguments: [{}] }] })
    }, (mcp, told) =>
      Effect.gen(function*() {
        for (let i = 0; i < 3; i++) {
          assert.deepStrictEqual(namesOf(yield* mcp.listTools("s")), ["a", "bare", "b"])
          assert.deepStrictEqual(namesOf(yield* mcp.listResources("s")), ["b"])
          assert.deepStrictEqual(namesOf(yield* mcp.listResourceTemplates("s")), ["x"])
          assert.deepStrictEqual(yield* mcp.listPrompts("s"), [{ name: "p", arguments: [] }])
        }
        assert.deepStrictEqual(told, [
          "s: tools/list: tool \"bare\" has no inputSchema: any arguments are taken",
          "s: tools/list: tool 3 is left out: Missing key at [\"name\"]",
          "s: tools/list: tool 4 is left out: Missing key at [\"name\"]",
          "s: tools/list: title of tool \"b\" is left out: Expected string",
          "s: resources/list: resource \"f:///a\" is left out: Missing key at [\"name\"]",
          "s: resources/templates/list: resource template 1 is left out: Expected object",
          "s: prompts/list: argument 1 of prompt \"p\" is left out: Missing key at [\"name\"]"
        ])
      })))

  it.effect("is one line for the first ten and a count for the rest", () =>
    Effect.gen(function*() {
      const { told } = yield* listed(() =>
        Effect.succeed({ tools: Array.from({ length: 5000 }, (_, i) => ({ title: i })) })
      )
      assert.deepStrictEqual([told.length, told.at(-1)], [11, "s: tools/list: and 4990 more of the kind"])
    }))

  it.effect("may be a name that is there twice: the first is used, which is all that a call can reach", () =>
    Effect.gen(function*() {
      const { names, told } = yield* listed(() =>
        Effect.succeed({ tools: [tool("a"), { ...tool("a"), title: "again" }, tool("b")] })
      )
      assert.deepStrictEqual([names, told], [["a", "b"], [
        "s: tools/list: tool \"a\" is there twice; the first is used"
      ]])
    }))

  it.effect("is nothing for who does not offer such a list, whatever it answers", () =>
    withServer(
      {
        "initialize": () =>
          Effect.succeed({
            protocolVersion: "2025-06-18",
            capabilities: { tools: {} },
            serverInfo: { name: "s", version: "1" }
          }),
        "resources/list": () => Effect.succeed({}),
        "prompts/list": () => Effect.succeed({ ok: true })
      },
      (mcp, told) =>
        Effect.gen(function*() {
          assert.deepStrictEqual([yield* mcp.listResources("s"), yield* mcp.listPrompts("s"), told], [[], [], []])
        })
    ))
})

describe("what is odd in an answer", () => {
  it.effect("costs the block it is in, and is told once with the tool's name", () =>
    withServer(
      {},
      (mcp, told) =>
        Effect.gen(function*() {
          for (let i = 0; i < 2; i++) {
            const { content } = yield* mcp.callTool("s", { name: "snap" })
            assert.deepStrictEqual(content, [{ type: "text", text: "here" }])
          }
          assert.deepStrictEqual(told, [
            "s: the answer to tools/call snap: content block 2 is left out: Missing key at [\"mimeType\"]"
          ])
        }),
      {
        handlers: {
          "tools/call": () => Effect.succeed({ content: [{ type: "text", text: "here" }, { type: "image", data: "" }] })
        }
      }
    ))
})
