import { assert, describe, it } from "@effect/vitest"
import * as Messages from "@holdfast/protocol/Messages"
import * as Result from "effect/Result"
import * as PlainList from "../src/hot/PlainList.ts"

const read = (...tools: ReadonlyArray<object>) =>
  PlainList.read(JSON.stringify({ jsonrpc: "2.0", id: "t", result: { tools } }), "t")

const plain: ReadonlyArray<object> = [
  { name: "a", inputSchema: { type: "object", properties: { x: { default: null, enum: [1, null] } } } },
  { name: "b", description: "B", inputSchema: { anyOf: [{ required: ["x"] }] }, _meta: { more: 1 } }
]

describe("the plain reading of a list of tools", () => {
  it("reads what the whole one reads", () => {
    const whole = Messages.decodeListToolsResult({ tools: plain })
    assert.deepStrictEqual(
      JSON.stringify(read(...plain)),
      JSON.stringify(Result.isSuccess(whole) ? whole.success.tools : assert.fail("not read"))
    )
  })

  it("leaves to the whole one what that reads as something else, and what is no list", () => {
    const odd: ReadonlyArray<object> = [
      { name: "a", inputSchema: { type: "object", properties: { x: { title: null } } } },
      { name: "a", inputSchema: { type: "object", $defs: [] } },
      { name: "a", inputSchema: { type: "object", maximum: 1234567890123456 } },
      { name: "a" },
      { inputSchema: {} }
    ]
    for (const tool of odd) assert.strictEqual(read(tool), "odd", JSON.stringify(tool))
    assert.strictEqual(PlainList.read(`{"id":"t","error":{}}`, "t"), "odd")
  })

  it("takes only the answer for the answer", () => {
    for (const line of ["", "noise", `{"id":"u","result":{"tools":[]}}`, `{"method":"ping","id":"t"}`]) {
      assert.strictEqual(PlainList.read(line, "t"), "another", line)
    }
  })
})
