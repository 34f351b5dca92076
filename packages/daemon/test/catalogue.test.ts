/** What a server has said of itself before. */
import { assert, describe, it } from "@effect/vitest"
import { Catalogue } from "../src/Catalogue.ts"
import * as RawMessage from "../src/RawMessage.ts"

const initializeWith = (capabilities: string) =>
  RawMessage.request("7", "initialize", `{"protocolVersion":"2025-11-25","capabilities":${capabilities}}`)

const initialize = initializeWith("{}")

const answer = (result: string, id = "0") => RawMessage.own(`{"jsonrpc":"2.0", "id":${id},"result":${result}}`)

/** A catalogue over a disk. */
const world = (disk = new Map<string, string>()) => {
  let confirmed = 0
  const store = {
    read: (words: string) => disk.get(words),
    write: (words: string, text: string) => void disk.set(words, text),
    confirm: () => void confirmed++
  }
  let time = 1000
  const make = (isEager = false) => new Catalogue({ store, name: "s", isEager, now: () => time })
  const pass = (millis: number) => {
    time += millis
  }
  return { disk, make, pass, confirmed: () => confirmed }
}

const list = (params = "{}", id = "1") => RawMessage.request(id, "tools/list", params)

describe("a catalogue", () => {
  it("gives the answers of before byte for byte, under the id of the request, to the same words", () => {
    const { disk, make } = world()
    const greeting = `{"n":9007199254740993,"n":1.50, "x":"\\u0041"}`
    const first = make()
    assert.isUndefined(first.recall(initialize, initialize))
    first.learn(initialize, answer(greeting, `"b"`), initialize)
    first.learn(list(), answer(`{"tools":[ 1.0 ]}`), initialize)
    const later = make()
    const long = RawMessage.request(
      "18446744073709551615",
      "initialize",
      `{"protocolVersion":"2025-11-25","capabilities":{}}`
    )
    assert.strictEqual(
      later.recall(long, long)?.text,
      `{"jsonrpc":"2.0", "id":18446744073709551615,"result":${greeting}}`
    )
    assert.strictEqual(
      later.recall(list("{}", `"q"`), initialize)?.text,
      `{"jsonrpc":"2.0", "id":"q","result":{"tools":[ 1.0 ]}}`
    )
    const other = initializeWith(`{"roots":{}}`)
    assert.isUndefined(later.recall(other, other))
    assert.isUndefined(later.recall(list(), other))
    assert.strictEqual(disk.size, 1)
  })

  it("knows a list when all of its pages are told, and gives them page by page", () => {
    const { make } = world()
    const first = make()
    first.learn(list(), answer(`{"tools":[1],"nextCursor":"c"}`), initialize)
    assert.isUndefined(make().recall(list(), initialize))
    // One of another list is none of this.
    first.learn(list(`{"cursor":"d"}`), answer(`{"tools":[9]}`), initialize)
    assert.isUndefined(make().recall(list(), initialize))
    first.learn(list(`{"cursor":"c"}`), answer(`{"tools":[2]}`), initialize)
    const later = make()
    assert.match(later.recall(list(), initialize)?.text ?? "", /\[1\]/)
    assert.match(later.recall(list(`{"cursor":"c"}`), initialize)?.text ?? "", /\[2\]/)
    assert.isUndefined(later.recall(list(`{"cursor":"d"}`), initialize))
    // It is replaced as a whole.
    later.learn(list(), answer(`{"tools":[3]}`), initialize)
    assert.isUndefined(make().recall(list(`{"cursor":"c"}`), initialize))
    assert.match(make().recall(list(), initialize)?.text ?? "", /\[3\]/)
  })

  it("answers no request that says more, no other method, and nothing before it is known in which words", () => {
    const { make } = world()
    const first = make()
    first.learn(list(), answer(`{"tools":[1]}`), initialize)
    assert.isUndefined(first.recall(list(`{"kind":"x"}`), initialize))
    assert.isUndefined(first.recall(RawMessage.request("1", "resources/read", "{}"), initialize))
    assert.isUndefined(first.recall(list(), undefined))
    assert.isDefined(first.recall(list(`{"_meta":{"progressToken":1}}`), initialize))
  })

  it("takes the words of a modern client from each request, and knows that a server is of the other era", () => {
    const { make } = world()
    const meta = (capabilities: string) =>
      `{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":${capabilities}}}`
    const discover = RawMessage.request("1", "server/discover", meta("{}"))
    const first = make()
    first.learn(list(meta("{}")), answer(`{"tools":[1]}`), undefined)
    first.learn(discover, RawMessage.own(`{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no"}}`), undefined)
    const later = make()
    assert.isDefined(later.recall(list(meta("{}")), undefined))
    assert.isUndefined(later.recall(list(meta(`{"roots":{}}`)), undefined))
    assert.match(later.recall(discover, undefined)?.text ?? "", /-32601/)
  })

  it("keeps no error, neither the server's nor that there is none", () => {
    const { disk, make } = world()
    const error = (code: number, data: string) =>
      RawMessage.own(`{"jsonrpc":"2.0","id":0,"error":{"code":${code},"message":"no","data":${data}}}`)
    const first = make()
    first.learn(initialize, error(-32601, "{}"), initialize)
    first.learn(list(), error(-32601, "{}"), initialize)
    first.learn(list(), error(-32000, `{"delivery":"NotSent","reason":"x"}`), initialize)
    assert.strictEqual(disk.size, 0)
  })

  it("writes nothing when nothing is new, and says that it was confirmed", () => {
    const { confirmed, disk, make } = world()
    const say = (catalogue: Catalogue) => {
      catalogue.learn(initialize, answer("{}"), initialize)
      catalogue.learn(list(), answer(`{"tools":[1]}`), initialize)
    }
    say(make())
    const [text] = disk.values()
    disk.clear()
    const again = world(new Map([[`"2025-11-25" {}`, text ?? ""]]))
    say(again.make())
    assert.deepStrictEqual([...again.disk.values()], [text])
    assert.deepStrictEqual([confirmed(), again.confirmed()], [0, 1])
  })

  it("takes what is damaged for nothing, wherever it is cut off or changed", () => {
    const { disk, make } = world()
    make().learn(initialize, answer("{}"), initialize)
    make().learn(list(), answer(`{"tools":[1]}`), initialize)
    const [[words, text]] = [...disk] as [[string, string]]
    const damaged = [
      ...Array.from(text, (_, index) => text.slice(0, index)),
      text.replace(`"format":1`, `"format":2`),
      text.replace(`\\"result\\"`, `\\"method\\"`),
      text.replace(`"lists":{`, `"lists":{"prompts/list":[{"answer":7}],`),
      text.replace(`"lists":{`, `"lists":{"prompts/list":7,`),
      "null",
      "[]"
    ]
    for (const bad of damaged) {
      assert.notStrictEqual(bad, text)
      assert.isUndefined(world(new Map([[words, bad]])).make().recall(list(), initialize), bad)
    }
  })

  it("answers nothing where the server's own answers are waited for, and learns all the same", () => {
    const { disk, make } = world()
    const eager = make(true)
    eager.learn(initialize, answer("{}"), initialize)
    assert.isUndefined(eager.recall(initialize, initialize))
    assert.strictEqual(disk.size, 1)
  })

  it("answers a list that is fresh with what is left of its time, and not after that, nor before the clock was set", () => {
    const { make, pass } = world()
    const first = make()
    first.learn(list(), answer(`{"tools":[1],"ttlMs":60000}`), initialize)
    pass(20_000)
    assert.match(make().recall(list(), initialize)?.text ?? "", /"ttlMs":40000/)
    pass(-30_000)
    assert.isUndefined(make().recall(list(), initialize))
    pass(69_999)
    assert.match(make().recall(list(), initialize)?.text ?? "", /"ttlMs":1\b/)
    pass(1)
    assert.isUndefined(make().recall(list(), initialize))
    // The same list, told again, is fresh again.
    make().learn(list(), answer(`{"tools":[1],"ttlMs":60000}`), initialize)
    assert.match(make().recall(list(), initialize)?.text ?? "", /"ttlMs":60000/)
  })

  it("answers no page of a list of which another one is stale, and one that is stale at once as ever", () => {
    const { make, pass } = world()
    const first = make()
    first.learn(list(), answer(`{"tools":[1],"nextCursor":"c","ttlMs":60000}`), initialize)
    first.learn(list(`{"cursor":"c"}`), answer(`{"tools":[2],"ttlMs":5000}`), initialize)
    assert.isDefined(make().recall(list(), initialize))
    pass(5000)
    assert.isUndefined(make().recall(list(), initialize))
    first.learn(RawMessage.request("1", "prompts/list", "{}"), answer(`{"prompts":[1],"ttlMs":0}`), initialize)
    pass(1e9)
    assert.match(make().recall(RawMessage.request("1", "prompts/list", "{}"), initialize)?.text ?? "", /"ttlMs":0/)
  })

  it("knows a fresh list no more when its server says that it has changed", () => {
    const { make } = world()
    const first = make()
    const prompts = RawMessage.request("1", "prompts/list", "{}")
    first.learn(list(), answer(`{"tools":[1],"ttlMs":60000}`), initialize)
    first.learn(prompts, answer(`{"prompts":[1],"ttlMs":60000}`), initialize)
    first.heard(RawMessage.own(`{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`))
    assert.isUndefined(make().recall(list(), initialize))
    assert.isDefined(make().recall(prompts, initialize))
  })
})
