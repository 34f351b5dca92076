/** What a tool's input schema may declare as headers, and what a call says in them. */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { declaredBy, headersOf } from "../src/ToolHeaders.ts"

const declared = (properties: object, more: object = {}) =>
  declaredBy({ name: "tool", inputSchema: { type: "object", properties, ...more } })

const said = (properties: object, args: unknown) => headersOf(Result.getOrThrow(declared(properties)), args)

const region = { type: "string", "x-mcp-header": "Region" }

describe("arguments in headers", () => {
  it("strings, integers and booleans are said as they are, nested ones too, and what is not given is not said", () => {
    const properties = {
      region,
      count: { type: "integer", "x-mcp-header": "Count" },
      dry: { type: "boolean", "x-mcp-header": "Dry-Run" },
      deep: { type: "object", properties: { tenant: { type: "string", "x-mcp-header": "Tenant" } } },
      absent: { type: "string", "x-mcp-header": "Absent" },
      none: { type: "string", "x-mcp-header": "None" },
      silent: { type: "string" }
    }
    assert.deepStrictEqual(
      said(properties, { region: "eu", count: 7, dry: false, deep: { tenant: "t" }, none: null, silent: "s" }),
      { "mcp-param-region": "eu", "mcp-param-count": "7", "mcp-param-dry-run": "false", "mcp-param-tenant": "t" }
    )
  })

  it("a value that a header cannot hold is said in base64", () => {
    for (const value of ["Zürich", " eu", "eu\r\nx: y", "", "=?base64?ZXU=?="]) {
      const encoded = Buffer.from(value).toString("base64")
      assert.deepStrictEqual(said({ region }, { region: value }), { "mcp-param-region": `=?base64?${encoded}?=` })
    }
  })

  it("a declaration that breaks the rules makes the tool one that cannot be called", () => {
    const nested = { type: "array", items: { type: "object", properties: { region } } }
    for (
      const [properties, words] of [
        [{ a: { type: "string", "x-mcp-header": "" } }, "no name of a header"],
        [{ a: { type: "string", "x-mcp-header": "a b" } }, "no name of a header"],
        [{ a: { type: "string", "x-mcp-header": 7 } }, "no name of a header"],
        [{ a: { type: "object", "x-mcp-header": "A" } }, "of type"],
        [{ a: { type: "number", "x-mcp-header": "A" } }, "of type"],
        [{ a: region, b: { type: "string", "x-mcp-header": "REGION" } }, "two arguments"],
        [{ a: nested }, "no argument that can be found"],
        [{ a: { anyOf: [region] } }, "no argument that can be found"]
      ] as const
    ) {
      const result = declared(properties)
      assert.isTrue(Result.isFailure(result), JSON.stringify(properties))
      if (Result.isFailure(result)) assert.include(result.failure, words)
    }
    assert.isTrue(Result.isFailure(declared({}, { $defs: { place: region } })))
  })

  it("the same word in a default or an example is data", () => {
    assert.deepStrictEqual(said({ a: { type: "object", default: { "x-mcp-header": "" } } }, { a: {} }), {})
  })

  it("names of arguments that objects have by themselves harm nobody", () => {
    const properties = JSON.parse(`{"__proto__":{"type":"string","x-mcp-header":"P"}}`)
    assert.deepStrictEqual(said(properties, {}), {})
    assert.deepStrictEqual(said(properties, JSON.parse(`{"__proto__":"x"}`)), { "mcp-param-p": "x" })
  })
})
