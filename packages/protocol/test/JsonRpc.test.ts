import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import { assert, describe, it } from "vitest"

const tagOf = (text: string) => JsonRpc.decode(text)._tag

describe("JsonRpc.decode", () => {
  it("tells requests, notifications, answers and errors apart", () => {
    assert.deepStrictEqual(JsonRpc.decode(`{"jsonrpc":"2.0","id":1,"method":"ping"}`), {
      _tag: "Request",
      id: 1,
      method: "ping",
      params: undefined
    })
    assert.deepStrictEqual(JsonRpc.decode(`{"jsonrpc":"2.0","method":"a/b","params":{"x":[1]}}`), {
      _tag: "Notification",
      method: "a/b",
      params: { x: [1] }
    })
    assert.deepStrictEqual(JsonRpc.decode(`{"result":{"a":null},"jsonrpc":"2.0","id":"x"}`), {
      _tag: "Success",
      id: "x",
      result: { a: null }
    })
    assert.deepStrictEqual(JsonRpc.decode(`{"jsonrpc":"2.0","id":7,"error":{"code":-1,"message":"no","data":5}}`), {
      _tag: "Failure",
      id: 7,
      error: { code: -1, message: "no", data: 5 }
    })
  })

  it("reads back what the encoders wrote", () => {
    assert.deepStrictEqual(JsonRpc.decode(JsonRpc.encodeRequest(3, "m", { a: "é\n" })), {
      _tag: "Request",
      id: 3,
      method: "m",
      params: { a: "é\n" }
    })
    assert.strictEqual(tagOf(JsonRpc.encodeNotification("n")), "Notification")
    assert.strictEqual(tagOf(JsonRpc.encodeSuccess(1, {})), "Success")
    assert.deepStrictEqual(JsonRpc.decode(JsonRpc.encodeFailure(null, { code: -32700, message: "?" })), {
      _tag: "Failure",
      id: null,
      error: { code: -32700, message: "?" }
    })
    assert.isFalse(JsonRpc.encodeRequest(3, "m", { a: "x\ny\r\u2028" }).includes("\n"), "one frame, one line")
  })

  it("turns everything that is no message into Malformed, with a reason", () => {
    for (
      const text of [
        "",
        "Server listening on port 3000",
        "null",
        "5",
        `"text"`,
        "[]",
        "{}",
        `{"level":"info","msg":"a log line"}`,
        `{"level":"info","method":"GET","id":5}`,
        `{"jsonrpc":"2.0","method":5}`,
        `{"jsonrpc":"2.0","method":"m","params":5}`,
        `{"jsonrpc":"2.0","method":"m","id":null}`,
        `{"jsonrpc":"2.0","method":"m","id":{}}`,
        `{"jsonrpc":"2.0","id":true,"result":{}}`,
        `{"jsonrpc":"2.0","result":{}}`,
        `{"jsonrpc":"2.0","id":[],"error":{"code":1,"message":""}}`,
        `{"jsonrpc":"2.0","id":1e999,"result":{}}`,
        `{"jsonrpc":"2.0","id":1,"result":{}`
      ]
    ) {
      const frame = JsonRpc.decode(text)
      assert.strictEqual(frame._tag, "Malformed", text)
      if (frame._tag === "Malformed") assert.isNotEmpty(frame.reason)
    }
  })

  it("names the call that a broken answer was meant for, so that only that call fails", () => {
    for (
      const text of [
        `{"jsonrpc":"2.0","id":4}`,
        `{"id":4,"result":{}}`,
        `{"jsonrpc":"1.0","id":4,"result":{}}`,
        `{"jsonrpc":"2.0","id":4,"error":5}`,
        `{"jsonrpc":"2.0","id":4,"error":["no"]}`,
        `{"jsonrpc":"2.0","id":4,"error":{}}`,
        `{"jsonrpc":"2.0","id":4,"error":{"code":1,"message":null}}`,
        `{"jsonrpc":"2.0","id":4,"result":{},"error":true}`
      ]
    ) {
      const frame = JsonRpc.decode(text)
      assert.deepInclude(frame, { _tag: "Malformed", answerTo: 4 }, text)
    }
    // A log line with an id of its own answers nothing.
    assert.deepInclude(JsonRpc.decode(`{"level":"info","id":4}`), { _tag: "Malformed", answerTo: undefined })
  })

  it("reads an error of an odd form as the error that it is, with the peer's own words", () => {
    const read = (error: string, more = "") => {
      const frame = JsonRpc.decode(`{"jsonrpc":"2.0","id":4${more},"error":${error}}`)
      return frame._tag === "Failure" && frame.id === 4 ? [frame.error.code, frame.error.message] : frame
    }
    assert.deepStrictEqual(read(`"cursor_invalid"`), [-32603, "cursor_invalid"])
    assert.deepStrictEqual(read(`{"message":"no"}`), [-32603, "no"])
    assert.deepStrictEqual(read(`{"code":null,"message":"no"}`), [-32603, "no"])
    assert.deepStrictEqual(read(`{"code":"-32001","message":"no"}`), [-32001, "no"])
    assert.deepStrictEqual(read(`{"code":"ENOENT","message":"no"}`), [-32603, "no (ENOENT)"])
    assert.deepStrictEqual(read(`{"code":1.5,"message":"no"}`), [1.5, "no"])
    assert.deepStrictEqual(read(`{"code":1e20,"message":"no"}`), [1e20, "no"])
    assert.deepStrictEqual(read(`{"code":1e400,"message":"no"}`), [-32603, "no"], "no number that JSON could say")
    assert.deepStrictEqual(read(`{"code":1,"message":"no"}`, `,"result":{"a":1}`), [1, "no"], "beside a result")
    const frame = JsonRpc.decode(`{"jsonrpc":"2.0","id":4,"error":{"message":"no","data":{"a":1}}}`)
    assert.deepInclude(frame, { error: { code: -32603, message: "no", data: { a: 1 } } })
  })

  it("takes a notification whose id is null for a notification, and no request", () => {
    const notification = JsonRpc.decode(
      `{"jsonrpc":"2.0","id":null,"method":"notifications/progress","params":{"a":1}}`
    )
    assert.deepStrictEqual(notification, {
      _tag: "Notification",
      method: "notifications/progress",
      params: { a: 1 }
    })
    assert.strictEqual(tagOf(`{"jsonrpc":"2.0","id":null,"method":"tools/call"}`), "Malformed")
  })

  it("accepts an unused member that is null", () => {
    assert.deepInclude(JsonRpc.decode(`{"jsonrpc":"2.0","id":1,"method":"m","params":null}`), {
      _tag: "Request",
      params: undefined
    })
    for (const nothing of ["null", "false", `""`]) {
      assert.strictEqual(tagOf(`{"jsonrpc":"2.0","id":1,"result":{},"error":${nothing}}`), "Success")
    }
    assert.strictEqual(tagOf(`{"jsonrpc":"2.0","id":1,"result":null,"error":{"code":1,"message":"m"}}`), "Failure")
  })

  it("reads a batch element by element", () => {
    const frame = JsonRpc.decode(`[{"jsonrpc":"2.0","id":1,"result":{}},5,{"jsonrpc":"2.0","method":"n"}]`)
    assert.strictEqual(frame._tag, "Batch")
    if (frame._tag === "Batch") {
      assert.deepStrictEqual(frame.frames.map(({ _tag }) => _tag), ["Success", "Malformed", "Notification"])
    }
  })

  it("does not let a message reach into prototypes", () => {
    const frame = JsonRpc.decode(`{"jsonrpc":"2.0","id":1,"result":{"__proto__":{"polluted":true}}}`)
    assert.strictEqual(frame._tag, "Success")
    if (frame._tag === "Success") {
      assert.strictEqual(Object.getPrototypeOf(frame.result), Object.prototype)
      assert.isUndefined(({} as { polluted?: unknown }).polluted)
    }
    assert.strictEqual(tagOf(`{"__proto__":{"jsonrpc":"2.0","id":1,"result":{}}}`), "Malformed")
  })

  it("quotes a long message only by its beginning", () => {
    const frame = JsonRpc.decode("x".repeat(10_000))
    assert.isTrue(frame._tag === "Malformed" && frame.excerpt.length < 300)
  })
})

describe("JsonRpc.seekAnswerId", () => {
  const seek = (text: string) => JsonRpc.seekAnswerId(text.slice(0, 60), text.slice(-60))
  const long = "y".repeat(500)

  it("finds the id at either end of an answer", () => {
    assert.strictEqual(seek(`{"jsonrpc":"2.0","id":12,"result":{"a":"${long}"}}`), 12)
    assert.strictEqual(seek(`{"id":"a\\"b","error":{"message":"${long}"}}`), `a"b`)
    assert.strictEqual(seek(`{"result":{"a":"${long}"},"jsonrpc":"2.0","id":12}`), 12)
    assert.strictEqual(seek(`{"result":{"a":"${long}"},"id":12,"jsonrpc":"2.0"}\r`), 12)
    assert.strictEqual(seek(` { "jsonrpc" : "2.0" , "result" : {"a":"${long}"} , "id" : -5 } `), -5)
  })

  it("finds none where it could be mistaken", () => {
    assert.isUndefined(seek(`{"jsonrpc":"2.0","id":12,"method":"m","params":{"a":"${long}"}}`), "a request")
    assert.isUndefined(seek(`{"method":"m","params":{"a":"${long}"},"jsonrpc":"2.0","id":12}`), "a request")
    assert.isUndefined(seek(`{"jsonrpc":"2.0","result":{"a":"${long}","id":12}}`), "an id inside the result")
    assert.isUndefined(seek(`{"jsonrpc":"2.0","result":{"a":"${long},\\"id\\":12}"}}`), "an id inside a text")
    assert.isUndefined(seek(`{"jsonrpc":"2.0","result":{"a":"${long}"},"id":null}`))
    assert.isUndefined(seek(long))
  })

  it("a request that asks for progress is the one with the token in its _meta", () => {
    class Dated {
      toJSON(): unknown {
        return "not an object"
      }
    }
    for (const params of [{}, { name: "a\"b", arguments: { text: "{\"" } }, { nothing: undefined }, { list: [1] }]) {
      assert.deepStrictEqual(
        JSON.parse(JsonRpc.encodeRequestWithProgress(7, "tools/call", params)),
        JSON.parse(JsonRpc.encodeRequest(7, "tools/call", { ...params, _meta: { progressToken: 7 } }))
      )
    }
    for (const meta of [{}, { traceparent: "00-a-b-01" }, { progressToken: "theirs", a: 1 }]) {
      assert.deepStrictEqual(
        JSON.parse(JsonRpc.encodeRequestWithProgress(7, "tools/call", { name: "a" }, meta)),
        JSON.parse(JsonRpc.encodeRequest(7, "tools/call", { name: "a", _meta: { ...meta, progressToken: 7 } }))
      )
    }
    assert.strictEqual(JsonRpc.decode(JsonRpc.encodeRequestWithProgress(7, "x", new Dated()))._tag, "Request")
  })
})

describe("whole numbers that JavaScript cannot hold", () => {
  const id = "1915883588174806058"
  const textOf = (text: string): string => {
    const frame = JsonRpc.decode(text)
    return JSON.stringify(frame._tag === "Batch" ? frame.frames : frame)
  }

  it("stay what they are in structured content, however deep, in batches, below zero, and behind a byte order mark", () => {
    for (const data of [`{"id":${id}}`, `[{"a":[-${id}]}]`, id, `{"small":1,"text":"${id}","id":${id}}`]) {
      const message = `{"jsonrpc":"2.0","id":1,"result":{"content":[],"structuredContent":${data}}}`
      for (const text of [message, `\uFEFF${message}`, `[{"jsonrpc":"2.0","method":"n"},${message}]`]) {
        assert.include(textOf(text), `"structuredContent":${data}`)
      }
    }
  })

  it("are numbers everywhere else: ids, codes, schemas, and where JavaScript holds them", () => {
    assert.deepInclude(JsonRpc.decode(`{"jsonrpc":"2.0","id":${id},"result":{"structuredContent":{}}}`), {
      id: Number(id)
    })
    const failure = JsonRpc.decode(`{"jsonrpc":"2.0","id":1,"error":{"code":${id},"message":"m"}}`)
    assert.strictEqual(failure._tag === "Failure" ? failure.error.code : undefined, Number(id))
    const schema = JsonRpc.decode(`{"jsonrpc":"2.0","id":1,"result":{"tools":[{"inputSchema":{"maximum":${id}}}]}}`)
    assert.deepInclude(schema, { result: { tools: [{ inputSchema: { maximum: Number(id) } }] } })
    const exact = JsonRpc.decode(
      `{"jsonrpc":"2.0","id":1,"result":{"structuredContent":[9007199254740991,1.25,1e300]}}`
    )
    assert.deepInclude(exact, { result: { structuredContent: [9007199254740991, 1.25, 1e300] } })
  })
})

describe("JsonRpc.beginsAsCall", () => {
  it("is sure of requests and notifications only", () => {
    const calls = [
      `{"jsonrpc":"2.0","method":"n","params":{`,
      ` { "method" : "n"`,
      `{"id":5,"jsonrpc":"2.0","method":"m"`,
      `{"jsonrpc":"2.0","id":"a","params":{"x":"`
    ]
    for (const head of calls) assert.isTrue(JsonRpc.beginsAsCall(head), head)
    const others = [
      `{"jsonrpc":"2.0","id":5,"result":{"method":"x"`,
      `{"text":"`,
      `{"result":{"a":1},"method":"`,
      `"method":`,
      ""
    ]
    for (const head of others) assert.isFalse(JsonRpc.beginsAsCall(head), head)
  })
})
