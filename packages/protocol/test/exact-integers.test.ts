/** Whole numbers beyond 2^53: which stay exact, and how they become numbers again. */
import { assert, describe, it } from "@effect/vitest"
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as NearestNumbers from "@holdfast/protocol/NearestNumbers"

const resultIn = (result: string): unknown => {
  const frame = JsonRpc.decode(`{"jsonrpc":"2.0","id":1,"result":${result}}`)
  return frame._tag === "Success" ? frame.result : frame
}

const long = ["9007199254740993", "-9007199254740993", "18446744073709551615", "123456789012345678901234567890"]

describe("whole numbers beyond 2^53", () => {
  it("stay exact in structured content, at any depth, in a message and in a batch", () => {
    for (const digits of long) {
      const result = `{"content":[],"structuredContent":{"a":[{"b":${digits}}],"c":1.5,"d":7}}`
      assert.strictEqual(JSON.stringify(resultIn(result)), result)
      const batch = JsonRpc.decode(`[{"jsonrpc":"2.0","method":"m"},{"jsonrpc":"2.0","id":1,"result":${result}}]`)
      assert.include(JSON.stringify(batch), digits)
    }
  })

  it("are the nearest numbers everywhere else: in schemas, params, _meta and errors", () => {
    for (const digits of long) {
      const result = resultIn(`{"_meta":{"a":${digits}},"tools":[{"inputSchema":{"maximum":${digits}}}]}`)
      assert.deepStrictEqual(result, {
        _meta: { a: Number(digits) },
        tools: [{ inputSchema: { maximum: Number(digits) } }]
      })
      const call = JsonRpc.decode(`{"jsonrpc":"2.0","method":"m","params":{"structuredContent":${digits}}}`)
      assert.deepInclude(call, { params: { structuredContent: Number(digits) } })
    }
  })

  it("go out exactly where a caller has kept them so", () => {
    for (const digits of long) {
      const kept: unknown = resultIn(`{"structuredContent":${digits}}`)
      assert.include(JsonRpc.encodeRequest(1, "tools/call", { arguments: kept }), `"structuredContent":${digits}}`)
    }
  })

  it("become the nearest numbers again for code that knows no others, and what has none of them is the same object", () => {
    for (const digits of long) {
      const text = `{"a":[{"b":${digits}},[]],"__proto__":${digits},"c":"${digits}","d":null}`
      const structured = resultIn(`{"structuredContent":${text}}`)
      assert.deepStrictEqual(NearestNumbers.nearest(structured), JSON.parse(`{"structuredContent":${text}}`))
    }
    const plain = { a: [1, { b: "x" }], c: null }
    assert.strictEqual(NearestNumbers.nearest(plain), plain)
  })
})
