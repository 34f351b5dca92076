import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as ArgumentJudge from "../src/ArgumentJudge.ts"
import { fits } from "../src/hot/SimpleSchema.ts"

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
  // Not known here, or no schema.
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
      for (const value of values) {
        if (!fits(schema, value)) continue
        passed++
        assert.isTrue(Result.isSuccess(judge) && judge.success(value).length === 0, JSON.stringify({ schema, value }))
      }
    }
    // Most of what fits.
    assert.isAbove(passed, 60)
  })
})
