/** What of a server's words can be read is used, and the rest is left out by itself and told. */
import * as Messages from "@holdfast/protocol/Messages"
import * as ModernEra from "@holdfast/protocol/ModernEra"
import * as Prompts from "@holdfast/protocol/Prompts"
import * as Resources from "@holdfast/protocol/Resources"
import { declaredBy } from "@holdfast/protocol/ToolHeaders"
import * as Result from "effect/Result"
import { assert, describe, it } from "vitest"

type Decode<A> = (answer: unknown, tell?: (oddity: string) => void) => Result.Result<A, string>

/** What is read of an answer, and what is told. */
const read = <A>(decode: Decode<A>, answer: unknown): { readonly value: A; readonly told: ReadonlyArray<string> } => {
  const told: Array<string> = []
  return { value: Result.getOrThrow(decode(answer, (oddity) => told.push(oddity))), told }
}

const inputSchema = { type: "object" }
const echo = { name: "echo", inputSchema }
const last = { name: "last", inputSchema, vendor: { a: 1 } }

describe("an item that cannot be read", () => {
  const lists: ReadonlyArray<
    readonly [list: string, decode: Decode<object>, good: object, bad: ReadonlyArray<unknown>]
  > = [
    ["tools", Messages.decodeListToolsResult, echo, [null, 5, "echo", [], {}, { name: 5 }, { name: null }, {
      inputSchema
    }]],
    ["resources", Resources.decodeListResourcesResult, { uri: "f:///a", name: "a" }, [null, {}, { name: "a" }, {
      uri: 5,
      name: "a"
    }]],
    ["resourceTemplates", Resources.decodeListResourceTemplatesResult, { uriTemplate: "f:///{a}", name: "a" }, [[], {
      name: "a"
    }]],
    ["prompts", Prompts.decodeListPromptsResult, { name: "greet" }, [undefined, { description: "no name" }]],
    ["contents", Resources.decodeReadResourceResult, { uri: "f:///a", text: "A" }, [{ text: "no uri" }]],
    ["messages", Prompts.decodeGetPromptResult, { role: "user", content: { type: "text", text: "hi" } }, [
      { role: "user" },
      { role: "user", content: { type: "text" } }
    ]],
    ["content", Messages.decodeCallToolResult, { type: "text", text: "hi" }, [
      null,
      "hi",
      {},
      { type: 5 },
      { type: "text" },
      { type: "text", text: null },
      { type: "text", text: { a: 1 } },
      { type: "image", data: "" },
      { type: "audio", mimeType: "audio/wav" },
      { type: "resource" },
      { type: "resource", resource: { text: "no uri" } },
      { type: "resource_link", uri: "f:///a" }
    ]]
  ]

  for (const [list, decode, good, bad] of lists) {
    it(`is left out of ${list}, wherever it stands, and the rest is used`, () => {
      for (const item of bad) {
        for (const items of [[item, good], [good, item], [good, item, good]]) {
          const { told, value } = read(decode, { [list]: items, _meta: { kept: true } })
          assert.deepStrictEqual<unknown>(value, {
            [list]: items.filter((each) => each === good),
            _meta: { kept: true }
          })
          assert.lengthOf(told, 1, JSON.stringify(item))
          assert.match(
            told[0] ?? "",
            /^(tool|resource|resource template|prompt|content|message|content block) .+ is left out: .+/
          )
        }
      }
    })
  }

  it("is named by what it is called, or by its place, with the reason, in one line of bounded length", () => {
    const tools = [{ name: "bare" }, { name: 5 }, echo, { name: "a\nb".repeat(100) }, { name: "x", inputSchema: 5 }]
    assert.deepStrictEqual<unknown>(read(Messages.decodeListToolsResult, { tools }).told.slice(0, 3), [
      "tool \"bare\" has no inputSchema: any arguments are taken",
      `tool ${JSON.stringify(`${"a\nb".repeat(34).slice(0, 100)}…`)} has no inputSchema: any arguments are taken`,
      "inputSchema of tool \"x\" is none: any arguments are taken"
    ])
    assert.include(
      read(Messages.decodeListToolsResult, { tools: [{ name: 5, inputSchema }] }).told[0],
      "tool 1 is left out: Expected string at [\"name\"]"
    )
    const blocks = [{ type: "text", text: "hi" }, { type: "image", data: "" }]
    assert.deepStrictEqual<unknown>(read(Messages.decodeCallToolResult, { content: blocks }).told, [
      "content block 2 is left out: Missing key at [\"mimeType\"]"
    ])
  })

  it("is counted, and no longer told by itself, when ten thousand of its list came before", () => {
    const text = { type: "text", text: "hi" }
    const content = [...Array.from({ length: 10_200 }, () => ({ type: 5 })), text]
    const { told, value } = read(Messages.decodeCallToolResult, { content })
    assert.deepStrictEqual<unknown>(value, { content: [text] })
    assert.lengthOf(told, 10_001)
    assert.strictEqual(told.at(-1), "200 more of content are left out")
  })

  it("fails an answer of which nothing else is left", () => {
    assert.isTrue(Result.isFailure(Messages.decodeCallToolResult({ content: [{ type: "text" }, null] })))
    const { value } = read(Messages.decodeCallToolResult, { content: [{ type: "text" }], structuredContent: { a: 1 } })
    assert.deepStrictEqual<unknown>(value, { content: [], structuredContent: { a: 1 } })
    // No tools that can be read are no tools; a call that has run is another matter.
    assert.deepStrictEqual<unknown>(read(Messages.decodeListToolsResult, { tools: [5] }).value, { tools: [] })
  })
})

describe("an optional member", () => {
  it("that is null is absent, everywhere, and nothing is told of it", () => {
    const tool = { ...echo, title: null, description: null, outputSchema: null, annotations: null, _meta: null }
    assert.deepStrictEqual<unknown>(read(Messages.decodeListToolsResult, { tools: [tool, last], nextCursor: null }), {
      value: { tools: [{ ...echo, _meta: null }, last] },
      told: []
    })
    const nulls: ReadonlyArray<readonly [Decode<unknown>, answer: object, value: object]> = [
      [Messages.decodeListToolsResult, {
        tools: [{ ...echo, annotations: { title: null, readOnlyHint: null, idempotentHint: true } }]
      }, {
        tools: [{ ...echo, annotations: { idempotentHint: true } }]
      }],
      [Resources.decodeListResourcesResult, { resources: [{ uri: "u", name: "n", size: null, mimeType: null }] }, {
        resources: [{ uri: "u", name: "n" }]
      }],
      [Prompts.decodeListPromptsResult, {
        prompts: [{ name: "p", arguments: null }, { name: "q", arguments: [{ name: "a", required: null }] }]
      }, {
        prompts: [{ name: "p" }, { name: "q", arguments: [{ name: "a" }] }]
      }],
      [Resources.decodeReadResourceResult, { contents: [{ uri: "u", text: "t", blob: null, mimeType: null }] }, {
        contents: [{ uri: "u", text: "t" }]
      }],
      [Prompts.decodeCompleteResult, { completion: { values: ["a"], total: null, hasMore: null } }, {
        completion: { values: ["a"] }
      }],
      [Messages.decodeCallToolResult, { content: [{ type: "text", text: "a" }], isError: null }, {
        content: [{ type: "text", text: "a" }]
      }],
      [Messages.decodeCallToolResult, {
        content: [{ type: "resource", resource: { uri: "u", text: "t", mimeType: null } }]
      }, {
        content: [{ type: "resource", resource: { uri: "u", text: "t" } }]
      }],
      [Messages.decodeInitializeResult, {
        protocolVersion: "2025-06-18",
        capabilities: { tools: {}, prompts: null, logging: null },
        serverInfo: { name: "s", version: "1", title: null },
        instructions: null
      }, { protocolVersion: "2025-06-18", capabilities: { tools: {} }, serverInfo: { name: "s", version: "1" } }],
      [ModernEra.decodeDiscoverResult, {
        supportedVersions: ["2026-07-28"],
        capabilities: {},
        instructions: null,
        _meta: null
      }, {
        supportedVersions: ["2026-07-28"],
        capabilities: {}
      }],
      [ModernEra.decodeInputRequired, { resultType: "input_required", inputRequests: null, requestState: null }, {
        resultType: "input_required"
      }]
    ]
    for (const [decode, answer, value] of nulls) {
      assert.deepStrictEqual<unknown>(read(decode, answer), { value, told: [] })
    }
  })

  it("that is a list or an object in another's place, null or empty, is empty", () => {
    assert.deepStrictEqual<unknown>(read(Messages.decodeListToolsResult, { tools: null }), {
      value: { tools: [] },
      told: []
    })
    assert.deepStrictEqual<unknown>(read(Resources.decodeListResourcesResult, { resources: null }).value, {
      resources: []
    })
    assert.deepStrictEqual<unknown>(
      read(Resources.decodeListResourceTemplatesResult, { resourceTemplates: null }).value,
      {
        resourceTemplates: []
      }
    )
    assert.deepStrictEqual<unknown>(read(Prompts.decodeListPromptsResult, { prompts: null }).value, { prompts: [] })
    assert.deepStrictEqual<unknown>(read(Resources.decodeReadResourceResult, { contents: null }).value, {
      contents: []
    })
    assert.deepStrictEqual<unknown>(read(Prompts.decodeGetPromptResult, { messages: null }).value, { messages: [] })
    assert.deepStrictEqual<unknown>(read(Messages.decodeCallToolResult, { content: null }).value, { content: [] })
    // PHP writes an empty object so.
    const tools = [{ name: "php", inputSchema: [], annotations: [] }]
    assert.deepStrictEqual<unknown>(read(Messages.decodeListToolsResult, { tools }), {
      value: { tools: [{ name: "php", inputSchema, annotations: {} }] },
      told: []
    })
  })

  it("that cannot be read costs itself, and is told", () => {
    const tools = [{ ...echo, title: 5, annotations: { readOnlyHint: "maybe", idempotentHint: true } }]
    const { told, value } = read(Messages.decodeListToolsResult, { tools })
    assert.deepStrictEqual<unknown>(value, { tools: [{ ...echo, annotations: { idempotentHint: true } }] })
    assert.deepStrictEqual<unknown>(told, [
      "title of tool \"echo\" is left out: Expected string",
      "readOnlyHint of annotations of tool \"echo\" is left out: Expected boolean"
    ])
  })

  it("that is a flag or a number may be written as text, as the official client for Python reads it", () => {
    const tools = [{
      ...echo,
      annotations: { readOnlyHint: "true", destructiveHint: "No", idempotentHint: 1, openWorldHint: "off" }
    }]
    assert.deepStrictEqual<unknown>(read(Messages.decodeListToolsResult, { tools }), {
      value: {
        tools: [{
          ...echo,
          annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false }
        }]
      },
      told: []
    })
    assert.deepStrictEqual<unknown>(
      read(Resources.decodeListResourcesResult, { resources: [{ uri: "u", name: "n", size: "12" }] }).value,
      {
        resources: [{ uri: "u", name: "n", size: 12 }]
      }
    )
    assert.strictEqual(read(Messages.decodeCallToolResult, { content: [], isError: "true" }).value.isError, true)
  })

  it("is never left out where that would turn an answer into another one", () => {
    // A failure is no success, and a question that is not asked would be asked again for ever.
    assert.isTrue(Result.isFailure(Messages.decodeCallToolResult({ content: [], isError: {} })))
    const asks = { resultType: "input_required", inputRequests: { a: { method: 5 } } }
    assert.isTrue(Result.isFailure(ModernEra.decodeInputRequired(asks)))
  })
})

describe("the answer to initialize", () => {
  const greeting = { protocolVersion: "2025-06-18", capabilities: {}, serverInfo: { name: "s", version: "1" } }
  it("may say less of the server than it should", () => {
    const less: ReadonlyArray<readonly [answer: object, server: object]> = [
      [{ serverInfo: { name: "hist" } }, { name: "hist", version: "unknown" }],
      [{ serverInfo: { name: "hist", version: 2 } }, { name: "hist", version: "2" }],
      [{ serverInfo: null }, { name: "unknown", version: "unknown" }],
      [{ serverInfo: undefined, capabilities: undefined }, { name: "unknown", version: "unknown" }]
    ]
    for (const [answer, serverInfo] of less) {
      assert.deepStrictEqual<unknown>(read(Messages.decodeInitializeResult, { ...greeting, ...answer }).value, {
        ...greeting,
        serverInfo
      })
    }
  })

  it("offers what is there in whatever form, and not what is denied", () => {
    const capabilities = { tools: true, prompts: [], resources: false, logging: {}, completions: null }
    assert.deepStrictEqual<unknown>(
      read(Messages.decodeInitializeResult, { ...greeting, capabilities }).value.capabilities,
      {
        tools: {},
        prompts: {},
        logging: {}
      }
    )
  })
})

describe("the schema of a tool's arguments", () => {
  const schemaOf = (inputSchema: unknown) => {
    const { told, value } = read(Messages.decodeListToolsResult, { tools: [{ name: "t", inputSchema }] })
    return { schema: value.tools[0]?.inputSchema, told }
  }

  it("is that of an object, whatever is missing", () => {
    const anyOf = [{ type: "object", properties: { a: { type: "string" } } }, { required: ["b"] }]
    for (
      const [said, schema] of [
        [{}, { type: "object" }],
        [[], { type: "object" }],
        [{ anyOf }, { anyOf, type: "object" }],
        [{ properties: { a: true } }, { properties: { a: true }, type: "object" }],
        [{ type: null, properties: { a: {} } }, { properties: { a: {} }, type: "object" }],
        [{ type: ["object", "null"] }, { type: "object" }]
      ]
    ) assert.deepStrictEqual<unknown>(schemaOf(said), { schema, told: [] })
    for (const said of [undefined, null, "object", 5, true, [1], { type: "string" }]) {
      const { schema, told } = schemaOf(said)
      assert.deepStrictEqual<unknown>(schema, { type: "object" })
      assert.match(told.join(), /^(inputSchema of )?tool "t" .*any.* (is|are) taken$/)
    }
  })

  it("has no keyword that is null, and no list where schemas are named", () => {
    const said = {
      type: "object",
      properties: {
        a: { type: "array", items: null, enum: null, default: null, const: null },
        b: { type: "object", properties: [] },
        c: null
      },
      required: null,
      $defs: [],
      anyOf: [],
      oneOf: [null, { properties: null }],
      additionalProperties: null
    }
    assert.deepStrictEqual<unknown>(schemaOf(said), {
      schema: {
        type: "object",
        properties: { a: { type: "array", default: null, const: null }, b: { type: "object", properties: {} }, c: {} },
        $defs: {},
        oneOf: [{}]
      },
      told: []
    })
  })

  it("takes anything where a property's schema is none", () => {
    const { schema, told } = schemaOf({
      type: "object",
      properties: { coin: { type: "string" }, required: ["coin"], x: "text" }
    })
    assert.deepStrictEqual<unknown>(schema, {
      type: "object",
      properties: { coin: { type: "string" }, required: {}, x: {} }
    })
    assert.deepStrictEqual<unknown>(told, [
      "\"required\" in the inputSchema of tool \"t\" is no schema: anything is taken there",
      "\"x\" in the inputSchema of tool \"t\" is no schema: anything is taken there"
    ])
  })

  it("comes back as itself if it is right, data that looks like a schema included", () => {
    const said = JSON.parse(
      `{"type":"object","properties":{"__proto__":{"type":"string","examples":[{"properties":null}],"default":{"required":null}}}}`
    )
    assert.strictEqual(schemaOf(said).schema, said)
    const mended = schemaOf({ ...said, required: null }).schema
    assert.isTrue(Object.hasOwn(mended?.["properties"] ?? {}, "__proto__"))
  })
})

describe("what is nested without end", () => {
  let list: unknown = []
  for (let i = 0; i < 100_000; i++) list = [list]
  let schema: object = { type: "object", required: null }
  for (let i = 0; i < 100_000; i++) schema = { type: "object", properties: { a: schema } }

  it("is read like anything else, wherever it stands", () => {
    const tools = [
      { name: "a", inputSchema: schema },
      { name: "b", inputSchema: { type: list, properties: { x: list }, anyOf: list } },
      { name: "c", title: list, annotations: list, inputSchema: list },
      { name: list, inputSchema }
    ]
    const { told, value } = read(Messages.decodeListToolsResult, { tools })
    assert.deepStrictEqual(value.tools.map(({ name }) => name), ["a", "b", "c"])
    assert.strictEqual(value.tools[0]?.inputSchema, schema)
    assert.lengthOf(told, 6)
    const content = [{ type: "text", text: list }, { type: list }, { type: "text", text: "hi" }, list]
    assert.lengthOf(read(Messages.decodeCallToolResult, { content, structuredContent: list }).value.content, 1)
    const serverInfo = { name: "s", version: list }
    const greeting = { protocolVersion: "2025-06-18", capabilities: list, serverInfo }
    assert.isTrue(Result.isFailure(Messages.decodeInitializeResult(greeting)))
    assert.isTrue(Result.isSuccess(Messages.decodeInitializeResult({ ...greeting, capabilities: {} })))
    const headers = [{ "x-mcp-header": list }, { "x-mcp-header": "A", type: list }, schema]
    for (const property of headers) {
      assert.isTrue(Result.isFailure(declaredBy({ inputSchema: { properties: { a: property } } })))
    }
  })
})
