import { assert, describe, it } from "@effect/vitest"
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import { isJSONRPCErrorResponse, isJSONRPCRequest, isJSONRPCResultResponse } from "@modelcontextprotocol/sdk/types.js"
import { fromSdkId, hear, say } from "../src/internal/sdk/sdkMessages.ts"

const request = (params: unknown, id: JsonRpc.RequestId = 7) =>
  hear({ _tag: "Request", id, method: "tools/call", params })

/** What the SDK is given of these parameters. */
const heard = (params: unknown): unknown => {
  const { message } = request(params) as { readonly message: { readonly params?: unknown } }
  return message.params
}

describe("a request of a client's", () => {
  it("reaches the SDK as it is", () => {
    const params = { name: "a", arguments: { b: null }, _meta: { progressToken: 0, other: null } }
    assert.deepStrictEqual(request(params), {
      _tag: "Heard",
      message: { jsonrpc: "2.0", id: 7, method: "tools/call", params }
    })
  })

  it("loses null where absence is allowed, and nothing else", () => {
    assert.deepStrictEqual(
      heard({ arguments: null, cursor: null, task: null, name: null, _meta: { progressToken: null, other: 1 } }),
      { name: null, _meta: { other: 1 } }
    )
    assert.deepStrictEqual(heard({ cursor: null, task: 1 }), { task: 1 })
    assert.deepStrictEqual(heard({ _meta: { progressToken: null } }), { _meta: {} })
    assert.isUndefined(heard(undefined))
  })

  it("has an id that the SDK sees in a cancellation; its answer has the client's own", () => {
    for (const [id, own] of [[0, "holdfast-id-0"], ["", "holdfast-id-empty"]] as const) {
      assert.deepNestedInclude(request({}, id), { "message.id": own })
      assert.strictEqual(fromSdkId(own), id)
      const cancelled = { requestId: id, reason: "a" }
      assert.deepNestedInclude(hear({ _tag: "Notification", method: "notifications/cancelled", params: cancelled }), {
        "message.params": { requestId: own, reason: "a" }
      })
      assert.deepStrictEqual(say({ jsonrpc: "2.0", id: own, result: { a: 1 } }), {
        frame: { _tag: "Success", id, result: { a: 1 } },
        text: JSON.stringify({ jsonrpc: "2.0", id, result: { a: 1 } })
      })
    }
    for (const id of [1, "0", "a"]) {
      assert.deepNestedInclude(request({}, id), { "message.id": id })
      assert.strictEqual(fromSdkId(id), id)
      const params = { requestId: id }
      const said = hear({ _tag: "Notification", method: "notifications/cancelled", params })
      assert.deepNestedInclude(said, { "message.params": params })
    }
    const other = hear({ _tag: "Notification", method: "notifications/other", params: { requestId: 0 } })
    assert.deepNestedInclude(other, { "message.params": { requestId: 0 } })
  })

  it("whose progress token is no text and no exact number is refused in words", () => {
    for (const progressToken of ["", "a", 0, -1, Number.MAX_SAFE_INTEGER]) {
      assert.strictEqual(request({ _meta: { progressToken } })._tag, "Heard")
    }
    for (const progressToken of [1.5, Number.MAX_SAFE_INTEGER + 1, true, {}, []]) {
      assert.deepStrictEqual(request({ _meta: { progressToken } }), {
        _tag: "Refused",
        id: 7,
        code: -32602,
        words: "params._meta.progressToken is a text, or a whole number that JSON keeps exactly"
      })
    }
  })

  it("whose parameters the SDK would drop in silence is refused in words", () => {
    for (const params of [1, [], "a"]) {
      assert.deepInclude(request(params), { _tag: "Refused", id: 7, code: -32600 }, JSON.stringify(params))
    }
  })
})

describe("an answer of a client's", () => {
  const noAnswer = {
    code: -32603,
    message: "the client's answer has not the form that MCP prescribes"
  }

  it("reaches the SDK, or an error that says that it cannot", () => {
    assert.deepStrictEqual(hear({ _tag: "Success", id: 3, result: { a: 1 } }), {
      _tag: "Heard",
      message: { jsonrpc: "2.0", id: 3, result: { a: 1 } }
    })
    assert.deepNestedInclude(hear({ _tag: "Success", id: 3, result: 1 }), {
      "message.id": 3,
      "message.error": noAnswer
    })
    const error = { code: 5, message: "no" }
    assert.deepStrictEqual(hear({ _tag: "Failure", id: 3, error }), {
      _tag: "Heard",
      message: { jsonrpc: "2.0", id: 3, error }
    })
    assert.deepNestedInclude(hear({ _tag: "Failure", id: 3, error: { code: 0.5, message: "no" } }), {
      "message.id": 3,
      "message.error": noAnswer
    })
  })

  it("to nothing that was asked is the SDK's to judge", () => {
    const error = { code: 5, message: "no" }
    const said = hear({ _tag: "Failure", id: null, error })
    assert.deepNestedInclude(said, { _tag: "Heard", "message.error": error })
  })
})

describe("what the SDK says", () => {
  it("is a frame and its text", () => {
    const asked = { jsonrpc: "2.0", id: 1, method: "ping", params: { a: 1 } } as const
    assert.deepStrictEqual(say(asked), {
      frame: { _tag: "Request", id: 1, method: "ping", params: { a: 1 } },
      text: JSON.stringify(asked)
    })
    const told = { jsonrpc: "2.0", method: "notifications/x" } as const
    assert.deepStrictEqual(say(told), {
      frame: { _tag: "Notification", method: "notifications/x", params: undefined },
      text: JSON.stringify(told)
    })
    const answered = { jsonrpc: "2.0", id: "a", result: { b: 1 } } as const
    assert.deepStrictEqual(say(answered), {
      frame: { _tag: "Success", id: "a", result: { b: 1 } },
      text: JSON.stringify(answered)
    })
    const error = { code: -1, message: "no" }
    for (const id of ["a", undefined] as const) {
      assert.deepStrictEqual(say({ jsonrpc: "2.0", ...(id !== undefined && { id }), error }), {
        frame: { _tag: "Failure", id: id ?? null, error },
        text: JsonRpc.encodeFailure(id ?? null, error)
      })
    }
  })

  it("is an object if it is an answer, as no client would know it for one", () => {
    for (const result of [[1], null, "a"]) {
      // What a handler returns is the type's word only.
      const answer = { jsonrpc: "2.0", id: 1, result } as unknown as Parameters<typeof say>[0]
      assert.throws(() => say(answer), "the handler's answer is no object")
    }
  })
})

describe("what the SDK would drop, found without loading it", () => {
  const members: ReadonlyArray<unknown> = [
    undefined,
    null,
    1,
    "a",
    [],
    {},
    { a: null },
    { _meta: null },
    { _meta: [] },
    { _meta: {} },
    { _meta: { progressToken: null } },
    { _meta: { progressToken: "a" } },
    { _meta: { progressToken: 1.5 } },
    { _meta: { progressToken: 2 ** 53 } },
    { _meta: { "io.modelcontextprotocol/related-task": null } },
    { _meta: { "io.modelcontextprotocol/related-task": {} } },
    { _meta: { "io.modelcontextprotocol/related-task": { taskId: 1 } } },
    { _meta: { "io.modelcontextprotocol/related-task": { taskId: "a", more: 1 } } }
  ]
  const ids: ReadonlyArray<JsonRpc.RequestId> = ["a", 1, -1, 1.5, 2 ** 53]

  it("is what its own schemas refuse, and nothing else", () => {
    for (const id of ids) {
      for (const params of members) {
        const taken = hear({ _tag: "Request", id, method: "tools/call", params })
        // A token that is null is no token.
        const { _meta } = (params ?? {}) as { readonly _meta?: { readonly progressToken?: unknown } }
        const isToBe = isJSONRPCRequest({
          jsonrpc: "2.0",
          id,
          method: "tools/call",
          params: _meta?.progressToken === null ? {} : params
        })
        assert.strictEqual(taken._tag === "Heard", isToBe, JSON.stringify([id, params]))
      }
      for (const result of members) {
        const taken = hear({ _tag: "Success", id, result }) as { readonly message: object }
        const isToBe = isJSONRPCResultResponse({ jsonrpc: "2.0", id, result })
        assert.strictEqual("result" in taken.message, isToBe, JSON.stringify([id, result]))
      }
      for (const error of [{ code: 1, message: "a" }, { code: 1.5, message: "a" }, { code: 2 ** 53, message: "a" }]) {
        const heard = hear({ _tag: "Failure", id, error }) as { readonly message: { readonly error: unknown } }
        const isToBe = isJSONRPCErrorResponse({ jsonrpc: "2.0", id, error })
        assert.strictEqual(heard.message.error === error, isToBe, JSON.stringify([id, error]))
      }
    }
  })
})
