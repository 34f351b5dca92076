import { assert, describe, it } from "vitest"
import * as ExactJson from "../src/ExactJson.ts"
import { InputSchema } from "../src/InputSchema.ts"

const schemaOf = (property: unknown, rest: object = {}) =>
  new InputSchema({ type: "object", properties: { it: property }, ...rest })

/** What a word means first; as JSON, so that big numbers can be seen. */
const readings = (property: unknown, text: string, rest?: object): ReadonlyArray<string> =>
  schemaOf(property, rest).readings([property], text).map((value) => JSON.stringify(value))

describe("a word of the command line means what the tool's schema says", () => {
  const cases: ReadonlyArray<readonly [schema: unknown, text: string, ...readings: ReadonlyArray<string>]> = [
    [{ type: "string" }, "12", "\"12\""],
    [{ type: "string" }, "", "\"\""],
    [{ type: "string" }, "000123", "\"000123\""],
    [{ type: "number" }, "12", "12"],
    [{ type: "number" }, "-1.5e3", "-1500"],
    [{ type: "number" }, ".5", "0.5"],
    [{ type: "number" }, "+007.50", "7.5"],
    [{ type: "number" }, "5.", "5"],
    [{ type: "number" }, "", "\"\""],
    [{ type: "number" }, "0x10", "\"0x10\""],
    [{ type: "number" }, "1e999", "\"1e999\""],
    [{ type: "number" }, "0.1234567890123456789", "0.1234567890123456789"],
    [{ type: "integer" }, "12", "12"],
    [{ type: "integer" }, "1e3", "1000"],
    [{ type: "integer" }, "1.5", "\"1.5\""],
    [{ type: "integer" }, "9007199254740993", "9007199254740993"],
    [{ type: "integer" }, "-0009223372036854775808", "-9223372036854775808"],
    [{ type: "boolean" }, "true", "true"],
    [{ type: "boolean" }, "yes", "\"yes\""],
    [{ type: "null" }, "null", "null"],
    [{ type: "array", items: { type: "integer" } }, "[1, 2]", "[1,2]"],
    [{ type: "array", items: { type: "integer" } }, "1", "[1]"],
    [{ type: "array", items: { type: "string" } }, "[not json", "[\"[not json\"]"],
    [{ type: "array", prefixItems: [{ type: "integer" }] }, "1", "[1]"],
    [{ type: "array" }, "x", "[\"x\"]"],
    [{ type: "object" }, "{\"a\": 1}", "{\"a\":1}"],
    [{ type: "object" }, "{\"id\": 9007199254740993}", "{\"id\":9007199254740993}"],
    [{ type: "object" }, "[1]", "\"[1]\""],
    [{ enum: ["fast", "slow"] }, "fast", "\"fast\""],
    [{ enum: ["5", "slow"] }, "5", "\"5\""],
    [{ enum: [1, 2, null, true] }, "2", "2"],
    [{ enum: [1, 2, null, true] }, "null", "null"],
    [{ const: "only" }, "other", "\"other\""],
    [{ type: ["string", "null"] }, "null", "\"null\"", "null"],
    [{ type: ["integer", "null"] }, "null", "null"],
    [{ type: ["string", "integer"] }, "5", "5", "\"5\""],
    [{ anyOf: [{ type: "boolean" }, { type: "array", items: { type: "boolean" } }] }, "true", "true", "[true]"],
    [{ oneOf: [{ type: "integer" }, { type: "boolean" }] }, "text", "\"text\""],
    [{ allOf: [{ type: "integer" }, { description: "a number" }] }, "3", "3"],
    [JSON.parse("{\"if\":{\"type\":\"integer\"},\"then\":{},\"else\":{\"type\":\"boolean\"}}"), "true", "true"],
    [{}, "5", "5", "\"5\""],
    [{}, "five", "\"five\""],
    [true, "{\"a\":1}", "{\"a\":1}", "\"{\\\"a\\\":1}\""]
  ]
  for (const [schema, text, ...expected] of cases) {
    it(`${JSON.stringify(schema)} reads ${JSON.stringify(text)} as ${expected.join(" or ")}`, () => {
      assert.deepStrictEqual(readings(schema, text), expected)
    })
  }

  it("references within the schema are followed, endless ones and foreign ones allow anything", () => {
    const rest = {
      $defs: {
        "a/b": { type: "integer" },
        "100%": { type: "integer" },
        loop: { anyOf: [{ $ref: "#/$defs/loop" }] },
        self: { $ref: "#/$defs/self" }
      }
    }
    for (const $ref of ["#/$defs/a~1b", "#/$defs/100%25", "#/$defs/100%"]) {
      assert.deepStrictEqual(readings({ $ref }, "5", rest), ["5"], $ref)
    }
    for (const $ref of ["#/$defs/loop", "#/$defs/self", "#/$defs/none", "https://example.org/x"]) {
      assert.deepStrictEqual(readings({ $ref }, "five", rest), ["\"five\""], $ref)
    }
  })
})

describe("a schema whose parts refer to each other in circles", () => {
  const kinds = Array.from({ length: 24 }, (_, index) => `kind${index}`)
  const $defs = Object.fromEntries(kinds.map((kind) => [kind, {
    anyOf: [...kinds.map((other) => ({ $ref: `#/$defs/${other}` })), {
      type: "array",
      items: { $ref: `#/$defs/${kind}` }
    }, { type: "integer" }]
  }]))

  it("is read once, not once for every way through it", () => {
    const schema = new InputSchema({
      $defs,
      properties: { it: { $ref: "#/$defs/kind0" } },
      oneOf: kinds.map((kind) => ({ $ref: `#/$defs/${kind}` }))
    })
    assert.deepStrictEqual(schema.readings(schema.find("it")?.schemas ?? [], "5")[0], 5)
    assert.include(schema.find("it")?.type, "integer")
  })

  it("has an end, in lists of lists, too", () => {
    const schema = new InputSchema({ $defs: { list: { type: "array", items: { $ref: "#/$defs/list" } } } })
    assert.deepStrictEqual(schema.readings([{ $ref: "#/$defs/list" }], "x"), [[["x"]]])
    assert.strictEqual(schema.typeName([{ $ref: "#/$defs/list" }]), "any[][][]")
  })
})

describe("a name that the schema does not have", () => {
  it("is read by the pattern that it fits, or as what others may be; a text stays a text where nothing is said", () => {
    const schema = new InputSchema({
      properties: { own: { type: "string" } },
      patternProperties: { "^n_": { type: "integer" }, "(": {} },
      additionalProperties: { type: "boolean" }
    })
    const read = (name: string, text: string) => schema.readings(schema.schemasOf(name) ?? [], text)[0]
    assert.deepStrictEqual([read("own", "5"), read("n_a", "5"), read("other", "true")], ["5", 5, true])
    assert.isUndefined(new InputSchema({ additionalProperties: {} }).schemasOf("other"))
    assert.isUndefined(new InputSchema({ additionalProperties: true }).schemasOf("other"))
  })
})

describe("which arguments a tool takes", () => {
  it("in its order, with type, necessity, description and default", () => {
    const schema = new InputSchema({
      type: "object",
      required: ["b"],
      properties: { b: { type: "string", description: "The b" }, a: { type: "integer", default: 3 } }
    })
    const seen = schema.arguments.map((
      { description, isRequired, name, type }
    ) => [name, type, isRequired, description])
    assert.deepStrictEqual(seen, [["b", "string", true, "The b"], ["a", "integer", false, "(default 3)"]])
  })

  it("wherever the schema names them: in branches, behind references, in conditions, by required alone", () => {
    const schema = new InputSchema({
      $ref: "#/$defs/root",
      $defs: {
        root: {
          properties: { own: {} },
          allOf: [{ properties: { base: { type: "integer" } }, required: ["base"] }, { $ref: "#/$defs/more" }],
          oneOf: [{ properties: { pid: { type: "integer" } }, required: ["pid"] }, { required: ["bare"] }],
          ...JSON.parse(
            "{\"if\":{\"properties\":{\"own\":{\"const\":1}}},\"then\":{\"properties\":{\"so\":{}}},\"else\":{\"properties\":{\"or\":{}}}}"
          ),
          dependentSchemas: { own: { properties: { dependent: { type: "boolean" } } } }
        },
        more: { properties: { more: { type: "string" } } }
      }
    })
    assert.deepStrictEqual(schema.arguments.map(({ isRequired, name }) => isRequired ? `${name}!` : name), [
      "own",
      "base!",
      "more",
      "pid",
      "bare",
      "so",
      "or",
      "dependent"
    ])
    assert.isFalse(schema.isOpen)
  })

  it("with all the types that branches have for a name", () => {
    const schema = new InputSchema({
      anyOf: [{ properties: { v: { type: "integer" } } }, {
        properties: { v: { type: "array", items: { type: "string" } } }
      }]
    })
    assert.strictEqual(schema.find("v")?.type, "integer | string[]")
  })

  it("others are refused where the tool names its own, unless it says that it takes any", () => {
    const properties = { a: {} }
    assert.isFalse(new InputSchema({ type: "object", properties }).isOpen)
    assert.isFalse(new InputSchema({ type: "object", additionalProperties: false }).isOpen)
    assert.isTrue(new InputSchema({ type: "object", properties, additionalProperties: true }).isOpen)
    assert.isTrue(new InputSchema({ type: "object", properties, additionalProperties: { type: "string" } }).isOpen)
    assert.isTrue(new InputSchema({ type: "object", properties, patternProperties: { "^x": {} } }).isOpen)
    assert.isTrue(new InputSchema({ properties, anyOf: [{ $ref: "https://example.org/x" }] }).isOpen)
    assert.isTrue(new InputSchema({ type: "object" }).isOpen)
    assert.isTrue(new InputSchema(undefined).isOpen)
  })
})

describe("numbers stay what they are", () => {
  it("in JSON, beyond what JavaScript's numbers hold, too", () => {
    for (
      const text of [
        "{\"id\":9007199254740993,\"n\":[1,-12345678901234567890,1.5]}",
        "[0.12345678901234567890]",
        "[1e400,-1e400]"
      ]
    ) {
      const value = ExactJson.parse(text)
      assert.strictEqual(JSON.stringify(value), text)
    }
    assert.deepStrictEqual(ExactJson.parse("{\"__proto__\":1}"), JSON.parse("{\"__proto__\":1}"))
  })

  it("and are numbers again for who looks at them", () => {
    assert.deepStrictEqual(ExactJson.plain(ExactJson.parse("{\"a\":[9007199254740993,1],\"b\":null}")), {
      a: [9007199254740992, 1],
      b: null
    })
  })
})
