/** What a tool's input schema may declare as headers, and what a call says in them. */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { declaredBy, decode, encode, faultIn, headersOf, mismatch, namedBy } from "../src/ToolHeaders.ts"

const declared = (properties: object, more: object = {}) =>
  declaredBy({ inputSchema: { type: "object", properties, ...more } })

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

describe("a value in a header", () => {
  it.prop("is one that can be sent, comes back as it was, and says what the body says", [Schema.String], ([value]) => {
    const sent = encode(value)
    assert.match(sent, /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/)
    // Half a character is no text, and no text of bytes has one.
    assert.strictEqual(decode(sent), value.toWellFormed())
    assert.strictEqual(mismatch("h", sent, value) === undefined, value.isWellFormed())
    // What stands around it on the line is not part of it.
    assert.strictEqual(mismatch("h", `\t ${sent} `, value), mismatch("h", sent, value))
    assert.match(mismatch("h", encode(`${value}-`), value) ?? "", /^the header h says something else/)
    assert.match(mismatch("h", undefined, value) ?? "", /^the header h is missing/)
  })

  it.prop("of a number is the number", [Schema.Finite], ([value]) => {
    assert.isUndefined(mismatch("h", encode(String(value)), value))
    assert.isDefined(mismatch("h", encode(String(value === 0 ? 1 : -value)), value))
  })

  it("is said as it is if it can be, and in base64 if it could be taken for something else", () => {
    for (
      const [value, sent] of [
        ["eu", "eu"],
        ["e u", "e u"],
        ["~", "~"],
        ["", "=?base64??="],
        [" ", "=?base64?IA==?="],
        ["eu ", "=?base64?ZXUg?="],
        ["\teu", "=?base64?CWV1?="],
        ["ü", "=?base64?w7w=?="],
        ["=?base64??=", "=?base64?PT9iYXNlNjQ/Pz0=?="],
        ["=?base64?", "=?base64?"],
        ["a=?base64?ZXU=?=", "a=?base64?ZXU=?="]
      ] as const
    ) {
      assert.strictEqual(encode(value), sent)
      assert.strictEqual(decode(sent), value)
    }
  })

  it("that says that it is base64 must be base64 of a text", () => {
    for (const base64 of ["ZXU", "ZXU=\u00a0", "Z XU=", "ZXV=", "!", "_w==", "/w==", "7aCA"]) {
      assert.isUndefined(decode(`=?base64?${base64}?=`), base64)
      assert.match(mismatch("h", `=?base64?${base64}?=`, "eu") ?? "", /^the header h is no base64 of a text/)
    }
  })

  it("may write a number as people do, and nothing else", () => {
    for (const said of ["42", "42.0", "042", "=?base64?NDI=?="]) assert.isUndefined(mismatch("h", said, 42), said)
    for (const said of ["42.5", "4.2e1", "0x2a", "+42", "42.", "", "-42"]) {
      assert.isDefined(mismatch("h", said, 42), said)
    }
    assert.isUndefined(mismatch("h", "-0.5", -0.5))
    assert.isUndefined(mismatch("h", "true", true))
    assert.isDefined(mismatch("h", "1", true))
    assert.isDefined(mismatch("h", "42.0", "42"))
    assert.isDefined(mismatch("h", "TRUE", true))
  })
})

describe("a call's headers", () => {
  const mirrored = [
    { path: ["region"], header: "mcp-param-region" },
    { path: ["deep", "count"], header: "mcp-param-count" }
  ]

  it("are looked at one by one, where the arguments say something that a header can say", () => {
    const args = { region: "eu", deep: { count: 42 } }
    const good = { "mcp-param-region": "eu", "mcp-param-count": "42.0" }
    assert.isUndefined(faultIn(mirrored, args, good))
    assert.match(faultIn(mirrored, args, {}) ?? "", /mcp-param-region is missing/)
    assert.match(faultIn(mirrored, args, { "mcp-param-region": "eu" }) ?? "", /mcp-param-count is missing/)
    assert.match(faultIn(mirrored, args, { ...good, "mcp-param-count": "43" }) ?? "", /mcp-param-count says something/)
    for (const said of [undefined, null, 7, [], { region: null, deep: 7 }, { region: {}, deep: { count: ["42"] } }]) {
      assert.isUndefined(faultIn(mirrored, said, {}), JSON.stringify(said))
    }
    assert.isUndefined(faultIn([], args, {}))
  })

  it("are those of the arguments themselves, and of no prototype", () => {
    const inherited = [{ path: ["constructor", "name"], header: "mcp-param-x" }]
    assert.isUndefined(faultIn(inherited, {}, {}))
    assert.deepStrictEqual(headersOf(inherited, {}), {})
    assert.isDefined(faultIn(inherited, { constructor: { name: "x" } }, {}))
  })

  it.prop(
    "that were made of its arguments fit them",
    [Schema.Struct({ region: Schema.String, count: Schema.Finite })],
    ([
      { count, region }
    ]) => {
      const args = { region: region.toWellFormed(), deep: { count } }
      assert.isUndefined(faultIn(mirrored, args, headersOf(mirrored, args)))
    }
  )

  it("are not declared by the arguments as a whole", () => {
    const result = declared({}, { "x-mcp-header": "All" })
    assert.isTrue(Result.isFailure(result))
    if (Result.isFailure(result)) assert.include(result.failure, "no argument that can be found")
  })

  it("name what the request is about", () => {
    assert.deepStrictEqual([...namedBy], [
      ["tools/call", "name"],
      ["prompts/get", "name"],
      ["resources/read", "uri"],
      ["tasks/get", "taskId"],
      ["tasks/update", "taskId"],
      ["tasks/cancel", "taskId"]
    ])
  })
})
