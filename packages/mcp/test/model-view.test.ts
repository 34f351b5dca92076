/** What a language model is given of tools and of what they answer: one table for `promise`, `McpToolkit` and the command line. */
import * as ModelView from "@holdfast/mcp/ModelView"
import type * as Messages from "@holdfast/protocol/Messages"
import { assert, describe, it } from "vitest"

const text = (text: string) => ({ type: "text", text } as const)
const file = (uri: string, text: string) => ({ type: "resource", resource: { uri, text } } as const)
/** Content of a kind that has no type here. */
const other = (block: { readonly type: string; readonly [name: string]: unknown }) =>
  block as unknown as Messages.ContentBlock
/** Base64 of this many bytes. */
const data = (bytes: number) => Buffer.alloc(bytes).toString("base64")

const answers: ReadonlyArray<readonly [what: string, result: Messages.CallToolResult, text: string]> = [
  ["texts, in order", { content: [text("a"), text("b")] }, "a\nb"],
  [
    "an embedded text resource",
    { content: [text("downloaded"), file("repo://a", "line one\nline two")] },
    "downloaded\nline one\nline two"
  ],
  [
    "several of them, each with its name",
    { content: [file("f:///a", "A"), file("f:///b", "B")] },
    "[f:///a]\nA\n[f:///b]\nB"
  ],
  ["the embedded text of a failure", { isError: true, content: [file("log://1", "out of cheese")] }, "out of cheese"],
  ["a link, with what is known of it", {
    content: [{
      type: "resource_link",
      uri: "f:///a.md",
      name: "a.md",
      mimeType: "text/markdown",
      description: "The notes"
    }]
  }, "[a.md, text/markdown: f:///a.md] The notes"],
  ["a link that is only a name", { content: [{ type: "resource_link", uri: "f:///a", name: "a" }] }, "[a: f:///a]"],
  [
    "an image by type and size",
    { content: [{ type: "image", mimeType: "image/png", data: data(12 * 1024) }] },
    "[image/png, 12 KB]"
  ],
  ["a small one", { content: [{ type: "image", mimeType: "image/gif", data: data(4) }] }, "[image/gif, 4 bytes]"],
  [
    "a large one",
    { content: [{ type: "image", mimeType: "image/tiff", data: data(1.5 * 1024 ** 2) }] },
    "[image/tiff, 1.5 MB]"
  ],
  ["a sound", { content: [{ type: "audio", mimeType: "audio/wav", data: data(2048) }] }, "[audio/wav, 2 KB]"],
  ["a blob", {
    content: [{ type: "resource", resource: { uri: "f:///a.pdf", mimeType: "application/pdf", blob: data(3000) } }]
  }, "[application/pdf, 3 KB: f:///a.pdf]"],
  [
    "a resource without content",
    { content: [{ type: "resource", resource: { uri: "f:///a" } }] },
    "[resource: f:///a]"
  ],
  [
    "a block of a kind unknown here",
    { content: [other({ type: "hologram", depth: 3 })] },
    "{\"type\":\"hologram\",\"depth\":3}"
  ],
  ["a large one of them by its size", {
    content: [other({ type: "hologram", data: "x".repeat(20_000) })]
  }, "[hologram, 20 KB]"],
  [
    "structured content where there is no text",
    { content: [], structuredContent: { total: 36 } },
    "{\n  \"total\": 36\n}"
  ],
  ["structured content beside an image", {
    content: [{ type: "image", mimeType: "image/png", data: "" }],
    structuredContent: [1]
  }, "[image/png, 0 bytes]\n[\n  1\n]"],
  ["structured content beside blanks", { content: [text(" \n")], structuredContent: 0 }, "0"],
  [
    "a text, and not what says it again",
    { content: [text("36 in all")], structuredContent: { total: 36 } },
    "36 in all"
  ],
  ["nothing", { content: [] }, ""],
  ["nothing, said twice", { content: [], structuredContent: null }, ""]
]

describe("what a model reads of an answer", () => {
  for (const [what, result, expected] of answers) {
    it(`is ${what}`, () => {
      assert.strictEqual(ModelView.textOf(result), expected)
    })
  }
})

describe("data that is nested without end", () => {
  it("is named in an answer, and ends nothing", () => {
    let deep: unknown = []
    for (let i = 0; i < 100_000; i++) deep = [deep]
    assert.strictEqual(ModelView.textOf({ content: [], structuredContent: deep }), "[data that is nested too deeply]")
  })
})

const idOrName = [
  { type: "object", properties: { id: { type: "integer" }, deep: { type: "boolean" } }, required: ["id", "deep"] },
  { type: "object", properties: { name: { type: "string" }, deep: { type: "string" } }, required: ["name", "deep"] }
]
const either = {
  id: { type: "integer" },
  name: { type: "string" },
  deep: { anyOf: [{ type: "boolean" }, { type: "string" }] }
}

describe("the schema a model is given", () => {
  it("is the server's own where models take it", () => {
    const inputSchema = { type: "object", properties: { a: { anyOf: [{ type: "string" }, { type: "null" }] } } }
    assert.strictEqual(ModelView.schemaOf({ inputSchema }), inputSchema)
  })

  it("has all properties of alternatives at the root, and requires what each of them requires", () => {
    for (const keyword of ["anyOf", "oneOf"]) {
      assert.deepStrictEqual(ModelView.schemaOf({ inputSchema: { type: "object", [keyword]: idOrName } }), {
        type: "object",
        properties: either,
        required: ["deep"]
      })
    }
    // The commonest of them: at least one of the properties.
    const properties = { a: { type: "string" }, b: { type: "string" } }
    const inputSchema = { type: "object", properties, anyOf: [{ required: ["a"] }, { required: ["b"] }], title: "T" }
    assert.deepStrictEqual(ModelView.schemaOf({ inputSchema }), { type: "object", properties, title: "T" })
  })

  it("has what a reference or a conjunction at the root says, and keeps the definitions", () => {
    const $defs = { In: { type: "object", properties: { n: { type: "integer" } }, required: ["n"] } }
    const properties = { n: { type: "integer" } }
    assert.deepStrictEqual(ModelView.schemaOf({ inputSchema: { $ref: "#/$defs/In", $defs } }), {
      $defs,
      type: "object",
      properties,
      required: ["n"]
    })
    const allOf = [{ $ref: "#/$defs/In" }, { properties: { m: { type: "string" } }, required: ["m"] }]
    assert.deepStrictEqual(ModelView.schemaOf({ inputSchema: { type: "object", allOf, $defs } }), {
      $defs,
      type: "object",
      properties: { ...properties, m: { type: "string" } },
      required: ["n", "m"]
    })
  })

  it("ends where a schema refers to itself, and takes what leads nowhere for anything", () => {
    const itself = { $ref: "#/$defs/A" }
    const recursive = {
      ...itself,
      $defs: { A: { allOf: Array.from({ length: 5 }, () => itself), properties: { a: true } } }
    }
    assert.deepStrictEqual(ModelView.schemaOf({ inputSchema: recursive })["properties"], { a: true })
    for (
      const inputSchema of [{ $ref: "#" }, { $ref: "#/" }, { $ref: "https://example.org/x" }, {
        allOf: [{ $ref: "#" }]
      }, { anyOf: 5 }]
    ) {
      assert.deepStrictEqual(ModelView.schemaOf({ inputSchema }), { type: "object", properties: {} })
    }
  })
})
