import { assert, describe, it } from "@effect/vitest"
import { compile } from "@holdfast/daemon/SimpleSchema"
import * as Result from "effect/Result"
import * as ArgumentJudge from "../src/ArgumentJudge.ts"

const schemas: ReadonlyArray<unknown> = [
  true,
  {},
  { type: "string" },
  { type: ["integer", "null"], minimum: 1, maximum: 3 },
  { type: "number", exclusiveMinimum: 1, exclusiveMaximum: 3 },
  { type: "string", minLength: 1, maxLength: 3, format: "email" },
  { enum: ["a", 1, null] },
  { const: 1 },
  { anyOf: [{ type: "string" }, { type: "array", items: { type: "integer" }, minItems: 1, maxItems: 2 }] },
  { type: "object", properties: { a: { type: "integer" } }, required: ["a"] },
  { type: "object", properties: { a: { type: "integer" } }, additionalProperties: false },
  { type: "object", additionalProperties: { type: "string", title: "t" }, required: [] },
  { type: "string", minLength: 2, maxLength: 2 },
  { oneOf: [{ type: "integer" }, { type: "number", minimum: 3 }] },
  { allOf: [{ type: "object" }, { required: ["a"] }], minProperties: 1, maxProperties: 1 },
  { $ref: "#/$defs/it", $defs: { it: { type: "integer" } } },
  { properties: { a: { $ref: "#/definitions/x~1y" } }, definitions: { "x/y": { type: "string" } } },
  {
    $defs: { list: { anyOf: [{ type: "integer" }, { type: "array", items: { $ref: "#/$defs/list" } }] } },
    $ref: "#/$defs/list"
  },
  // Not known here, or no schema.
  { $ref: "#" },
  { $ref: "other.json" },
  { $ref: "#/$defs/it", $defs: { it: { $anchor: "it", type: "integer" } } },
  { $ref: "#/$defs/__proto__", $defs: {} },
  { type: "object", properties: { a: { pattern: "(" } } },
  { type: "object", properties: { unused: { $ref: "#/nowhere" } } },
  { type: "texts" },
  { enum: [] },
  { oneOf: [{ type: "string" }] },
  { required: "a" }
]

const values: ReadonlyArray<unknown> = [
  "",
  "a",
  "abc",
  "👍",
  "abcd",
  0,
  1,
  2,
  3,
  2.5,
  null,
  true,
  [],
  [1],
  ["x"],
  [1, 2, 3],
  {},
  { a: 1 },
  { a: "1" },
  { a: 1, b: 2 },
  { unused: 1 }
]

describe("the plain check of arguments", () => {
  it("lets nothing pass that the validator refuses, nor by a schema that it cannot use", () => {
    let passed = 0
    for (const schema of schemas) {
      const judge = ArgumentJudge.make(schema)
      const fits = compile(schema)
      for (const value of values) {
        if (!fits(value)) continue
        passed++
        assert.isTrue(Result.isSuccess(judge) && judge.success(value).length === 0, JSON.stringify({ schema, value }))
      }
    }
    // Most of what fits.
    assert.isAbove(passed, 100)
  })
})
