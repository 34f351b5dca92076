import { assert, describe, it } from "@effect/vitest"
import * as SeededRandom from "@holdfast/testkit/SeededRandom"
import * as RawMessage from "../src/RawMessage.ts"

const one = (text: string): RawMessage.RawMessage => {
  const messages = RawMessage.read(text)
  if (typeof messages === "string" || messages[0] === undefined) throw new Error(String(messages))
  return messages[0]
}

describe("a raw message", () => {
  it("keeps a 64-bit number, an unknown member, a key that is written twice and all white space", () => {
    const text =
      `{ "id" : 9007199254740993, "x":{"id":1}, "method":"tools/call","params":{"a":1e400,"a":18446744073709551615,` +
      `"s":"\\u0041\\"}{","_meta":{"progressToken":"p","other":[{"progressToken":7}]},"id":5},"jsonrpc" :"2.0" }`
    const message = one(text)
    assert.deepStrictEqual([message.kind, message.method, message.id], ["request", "tools/call", "9007199254740993"])
    const there = RawMessage.replaced(message, [[RawMessage.paths.id, "7"], [RawMessage.paths.progressToken, "8"]])
    assert.strictEqual(
      there.text,
      text.replace("9007199254740993", "7").replace(`"progressToken":"p"`, `"progressToken":8`)
    )
    const back = RawMessage.replaced(there, [
      [RawMessage.paths.id, "9007199254740993"],
      [RawMessage.paths.progressToken, `"p"`]
    ])
    assert.strictEqual(back.text, text)
    assert.strictEqual(back.id, message.id)
  })

  it("has no progress token that nobody has written", () => {
    const message = one(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":{}}}`)
    assert.strictEqual(RawMessage.replaced(message, [[RawMessage.paths.progressToken, "8"]]), message)
    assert.isUndefined(RawMessage.textAt(message, RawMessage.paths.progressToken))
  })

  it("replaces every one of several ids, and goes by the last", () => {
    const message = one(`{"id":1,"\\u0069d":"two","method":"ping"}`)
    assert.strictEqual(message.id, `"two"`)
    assert.strictEqual(
      RawMessage.replaced(message, [[RawMessage.paths.id, "9"]]).text,
      `{"id":9,"\\u0069d":9,"method":"ping"}`
    )
  })

  it("finds a key however it is written, and no text that is like one", () => {
    const request = one(
      String
        .raw`{"id":"id","method":"m","params":{"a":{"progressToken":0},"_meta":{"io.modelcontextprotocol\/protocolVersion":"1","progress\u0054oken":2}}}`
    )
    assert.strictEqual(RawMessage.textAt(request, RawMessage.paths.id), `"id"`)
    assert.strictEqual(RawMessage.textAt(request, RawMessage.paths.revision), `"1"`)
    assert.strictEqual(RawMessage.textAt(request, RawMessage.paths.progressToken), "2")
    const notification = one(`{"method":"m","params":{"id":1,"requestId":{"id":2},"_meta":"progressToken"}}`)
    assert.isUndefined(RawMessage.textAt(notification, RawMessage.paths.id))
    assert.isUndefined(RawMessage.textAt(notification, RawMessage.paths.progressToken))
    assert.strictEqual(RawMessage.textAt(notification, RawMessage.paths.cancelled), `{"id":2}`)
  })

  it("knows an id however it is written, and no two numbers for one", () => {
    assert.strictEqual(RawMessage.keyOf(`"\\u0061"`), RawMessage.keyOf(`"a"`))
    assert.notStrictEqual(RawMessage.keyOf("1"), RawMessage.keyOf(`"1"`))
    assert.notStrictEqual(RawMessage.keyOf("9007199254740993"), RawMessage.keyOf("9007199254740992"))
  })

  it("takes a batch apart, each message as it is written, on one line", () => {
    const messages = RawMessage.read(` [ {"id":1,"method":"a"} ,{"id":2,\n"result":{"n":1.0}}] `)
    if (typeof messages === "string") throw new Error(messages)
    assert.deepStrictEqual(messages.map(({ kind, text }) => [kind, text]), [
      ["request", `{"id":1,"method":"a"}`],
      ["response", `{"id":2, "result":{"n":1.0}}`]
    ])
  })

  it("says of a line that is none what is wrong with it", () => {
    const lines = ["", "{", "7", "null", `{"id":1}`, `[{"id":1,"method":"a"},7]`, `{"id":{},"method":"a"}`]
    for (const line of lines) assert.isString(RawMessage.read(line), line)
  })

  it("finds every member that JSON.parse finds, in any JSON", () => {
    for (let seed = 0; seed < 500; seed++) {
      const random = SeededRandom.make(seed)
      const value = (depth: number): unknown => {
        const kind = random.int(0, depth > 3 ? 3 : 5)
        if (kind === 0) return random.int(-1e9, 1e9) / 8
        if (kind === 1) return random.pick(["", "\"", "\\", "a\\\"}", "{[", "\u2028é", "\n"])
        if (kind === 2) return random.pick([true, false, null])
        if (kind === 3) return random.pick([[], {}])
        if (kind === 4) return Array.from({ length: random.int(0, 3) }, () => value(depth + 1))
        return Object.fromEntries(
          Array.from(
            { length: random.int(0, 3) },
            (_, index) => [random.pick(["a", "b\"", "c\\", "_meta"]) + index, value(depth + 1)]
          )
        )
      }
      const params = { _meta: { progressToken: value(9) }, p: value(0), q: value(0) }
      const text = JSON.stringify(
        { p: value(0), id: seed, params, q: value(0), method: "m" },
        undefined,
        random.int(0, 2)
      )
      const message = one(text)
      assert.strictEqual(message.id, String(seed))
      const token = RawMessage.textAt(message, RawMessage.paths.progressToken)
      assert.deepStrictEqual(JSON.parse(token ?? ""), params._meta.progressToken)
    }
  })
})
