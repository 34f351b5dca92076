/** A host of the legacy era before a server of the modern one. */
import { assert, describe, it } from "@effect/vitest"
import type { Loss, Upstream } from "../src/HostSession.ts"
import { LegacyHostBridge } from "../src/LegacyHostBridge.ts"
import * as RawMessage from "../src/RawMessage.ts"

const discovered =
  `{"supportedVersions":["2026-07-28"],"capabilities":{"tools":{"listChanged":true},"resources":{"subscribe":true,"n":1.0}},"instructions":"be kind","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"m","version":"2"}}}`

/** A bridge between what is said here. */
const world = (
  said = `{"protocolVersion":"2025-06-18","capabilities":{"roots":{}},"clientInfo":{"name":"h","version":"1"}}`
) => {
  const toHost: Array<string> = []
  const toServer: Array<RawMessage.RawMessage> = []
  const timers: Array<() => void> = []
  const pauses: Array<number> = []
  const losses: Array<Loss> = []
  let upstream: Upstream | undefined
  let isClosed = false
  const bridge = new LegacyHostBridge({
    name: "fallback",
    initialize: RawMessage.request("0", "initialize", said),
    opening: {
      onOpen: (opened) => {
        upstream = opened
      },
      onLost: (loss) => void losses.push(loss),
      onMessage: ({ text }) => void toHost.push(text)
    },
    server: {
      send: (message, onHandOff) => {
        onHandOff()
        toServer.push(message)
      },
      close: () => {
        isClosed = true
      }
    },
    later: (millis, run) => {
      pauses.push(millis)
      timers.push(run)
      return () => void timers.splice(timers.indexOf(run), 1)
    }
  })
  const server = (text: string): void => bridge.serverSaid(RawMessage.own(text))
  const asked = (): RawMessage.RawMessage => toServer.splice(0).at(-1) ?? RawMessage.own(`{"method":"nothing"}`)
  bridge.begin()
  const discover = asked()
  const open = (result = discovered): void => server(`{"jsonrpc":"2.0","id":${discover.id},"result":${result}}`)
  return {
    server,
    asked,
    open,
    discover,
    losses,
    timers,
    pauses,
    told: () => toHost.splice(0),
    host: (text: string): void => upstream?.send(RawMessage.own(text), () => {}),
    close: () => upstream?.close(),
    greeting: () => upstream?.greeting?.text,
    isClosed: () => isClosed
  }
}

const meta =
  `"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"h","version":"1"},"io.modelcontextprotocol/clientCapabilities":{"roots":{}}`

const call = (id: number | string = 1) =>
  `{"jsonrpc":"2.0","id":${
    JSON.stringify(id)
  },"method":"tools/call","params":{"name":"x","n":9007199254740993,"n":1.50}}`

const inputs = (id: number | string, inputRequests: string, more = `,"requestState":"s1"`) =>
  `{"jsonrpc":"2.0","id":${
    JSON.stringify(id)
  },"result":{"resultType":"input_required","inputRequests":${inputRequests}${more}}}`

describe("a legacy host before a modern server", () => {
  it("is greeted with what the server has said to server/discover, in the revision that it asked for", () => {
    const w = world()
    assert.strictEqual(
      w.discover.text,
      `{"jsonrpc":"2.0","id":"holdfast-discover","method":"server/discover","params":{"_meta":{${meta}}}}`
    )
    w.open()
    assert.strictEqual(
      w.greeting(),
      `{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{"listChanged":true},"resources":{"subscribe":true,"n":1.0}},"serverInfo":{"name":"m","version":"2"},"instructions":"be kind"}}`
    )
    const other = world(`{"protocolVersion":"1999-01-01"}`)
    other.open(`{"capabilities":{}}`)
    assert.match(
      other.greeting() ?? "",
      /"protocolVersion":"2025-11-25".*"serverInfo":\{"name":"fallback","version":"unknown"\}/
    )
    const broken = world()
    broken.open("{}")
    assert.deepStrictEqual([broken.losses.map(({ reason }) => reason), broken.isClosed()], [["HandshakeFailed"], true])
  })

  it("has its requests passed as they are, with what the server needs to know, and its answers as they come", () => {
    const w = world()
    w.open()
    w.told()
    w.host(call())
    assert.strictEqual(
      w.asked().text,
      `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":{${meta}},"name":"x","n":9007199254740993,"n":1.50}}`
    )
    w.host(`{"jsonrpc":"2.0","id":2,"method":"tools/list","params":{"_meta":{"progressToken":1e0}}}`)
    assert.include(w.asked().text, `"params":{"_meta":{${meta},"progressToken":1e0}}`)
    w.host(`{"jsonrpc":"2.0","id":3,"method":"tools/list"}`)
    assert.include(w.asked().text, `"method":"tools/list"`)
    w.host(`{"jsonrpc":"2.0","id":4,"method":"tasks/get","params":{"taskId":"t-1"}}`)
    assert.match(w.asked().text, /"id":4,"method":"tasks\/get","params":\{.*"taskId":"t-1"\}/)
    const answers = [
      `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1e0,"progress":1.0}}`,
      `{"jsonrpc":"2.0", "id":1,"result":{"n":9007199254740993,"resultType":"complete"}}`,
      `{"jsonrpc":"2.0","id":2,"error":{"code":-32602,"message":"no"}}`
    ]
    for (const answer of answers) w.server(answer)
    assert.deepStrictEqual(w.told(), answers)
    w.host(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":3}}`)
    assert.strictEqual(w.asked().method, "notifications/cancelled")
  })

  it("is asked what the call needs, and has one answer to it, however often the server asks", () => {
    const w = world()
    w.open()
    w.host(call())
    w.asked()
    w.server(inputs(1, `{"a":{"method":"roots/list","params":{"n":1.0}},"b":{"method":"roots/list"}}`))
    assert.deepStrictEqual(w.told(), [
      `{"jsonrpc":"2.0","id":"holdfast-input-2","method":"roots/list","params":{"n":1.0}}`,
      `{"jsonrpc":"2.0","id":"holdfast-input-3","method":"roots/list"}`
    ])
    w.host(`{"jsonrpc":"2.0","id":"holdfast-input-3","result":{"roots":[ 2.0 ]}}`)
    w.host(`{"jsonrpc":"2.0","id":"holdfast-input-3","result":{"roots":[3]}}`)
    w.host(`{"jsonrpc":"2.0","id":"holdfast-input-2","result":{"roots":[]}}`)
    assert.include(
      w.asked().text,
      `"params":{"inputResponses":{"b":{"roots":[ 2.0 ]},"a":{"roots":[]}},"requestState":"s1","_meta"`
    )
    w.server(inputs(1, "{}", `,"requestState":"s2"`))
    assert.deepStrictEqual(w.told(), [])
    w.timers.splice(0).forEach((run) => run())
    assert.include(w.asked().text, `"params":{"requestState":"s2","_meta"`)
    w.server(`{"jsonrpc":"2.0","id":1,"result":{}}`)
    assert.deepStrictEqual(w.told(), [`{"jsonrpc":"2.0","id":1,"result":{}}`])
  })

  it("ends its call with its own error when it declines, and is let alone with other questions of the call", () => {
    const w = world()
    w.open()
    w.host(call("c"))
    w.server(inputs("c", `{"a":{"method":"roots/list"},"b":{"method":"roots/list"}}`))
    w.told()
    w.host(`{"jsonrpc":"2.0","id":"holdfast-input-2","error":{"code":-1,"message":"the user says no"}}`)
    const [cancelled, failed] = w.told().map((text) => JSON.parse(text))
    assert.deepStrictEqual([cancelled.method, cancelled.params.requestId], [
      "notifications/cancelled",
      "holdfast-input-3"
    ])
    assert.deepStrictEqual([failed.id, failed.error.code], ["c", -1])
    assert.match(failed.error.message, /declined: the user says no/)
    w.asked()
    w.host(`{"jsonrpc":"2.0","id":"holdfast-input-3","result":{}}`)
    assert.strictEqual(w.asked().method, "nothing")
  })

  it("is not asked what it does not offer, nor for ever", () => {
    const w = world()
    w.open()
    w.host(call())
    w.server(inputs(1, `{"a":{"method":"sampling/createMessage"}}`))
    assert.match(
      w.told().join(),
      /"id":1,"error":.*needs sampling\/createMessage to go on, which this client does not offer/
    )
    w.host(call(2))
    for (let round = 0; round < 16; round++) {
      w.server(inputs(2, "{}"))
      w.timers.splice(0).forEach((run) => run())
    }
    assert.match(w.told().join(), /"id":2,"error":.*asked for input 16 times/)
  })

  it("takes a call back while it is asked, which the server is not bothered with", () => {
    const w = world()
    w.open()
    w.host(call())
    w.server(inputs(1, `{"a":{"method":"roots/list"}}`))
    w.asked()
    w.told()
    w.host(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`)
    assert.match(w.told().join(), /notifications\/cancelled.*holdfast-input-2/)
    assert.strictEqual(w.asked().method, "nothing")
    w.host(call(2))
    w.asked()
    w.host(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":2}}`)
    assert.strictEqual(w.asked().method, "notifications/cancelled")
  })

  it("is subscribed by one request to the server, which is replaced without a gap", () => {
    const w = world()
    w.open()
    const first = w.asked()
    assert.include(first.text, `"notifications":{"toolsListChanged":true}`)
    const acknowledge = (id: string | undefined, uris: string) =>
      w.server(
        `{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":${id}},"notifications":{"toolsListChanged":true,"resourceSubscriptions":${uris}}}}`
      )
    const changed = (id: string | undefined) =>
      `{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":${id}}}}`
    acknowledge(first.id, "[]")
    w.host(`{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"a"}}`)
    const second = w.asked()
    assert.include(second.text, `"resourceSubscriptions":["a"]`)
    w.server(changed(first.id))
    assert.deepStrictEqual(w.told(), [changed(first.id)])
    acknowledge(second.id, `["a"]`)
    assert.deepStrictEqual(w.told(), [`{"jsonrpc":"2.0","id":1,"result":{}}`])
    assert.include(w.asked().text, `"requestId":${first.id}`)
    w.server(changed(first.id))
    assert.deepStrictEqual(w.told(), [])
    // One that is not told of is refused.
    w.host(`{"jsonrpc":"2.0","id":2,"method":"resources/subscribe","params":{"uri":"b"}}`)
    acknowledge(w.asked().id, `["a"]`)
    assert.match(w.told().join(), /"id":2,"error":.*does not tell of it/)
    w.host(`{"jsonrpc":"2.0","id":3,"method":"resources/unsubscribe","params":{"uri":"a"}}`)
    const last = w.asked()
    assert.notInclude(last.text, "resourceSubscriptions")
    acknowledge(last.id, "[]")
    w.told()
    w.asked()
    // A server that ends it is asked again, a little later.
    w.server(`{"jsonrpc":"2.0","id":${last.id},"result":{}}`)
    assert.strictEqual(w.asked().method, "nothing")
    w.timers.splice(0).forEach((run) => run())
    assert.strictEqual(w.asked().method, "subscriptions/listen")
  })

  it("asks a server that ends its subscription over and over ever more rarely, and at once again after some news", () => {
    const w = world()
    w.open()
    const about = (id: string | undefined, method: string) =>
      `{"jsonrpc":"2.0","method":"notifications/${method}","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":${id}},"notifications":{"toolsListChanged":true}}}`
    const round = (hasNews = false): void => {
      const { id } = w.asked()
      w.server(about(id, "subscriptions/acknowledged"))
      if (hasNews) w.server(about(id, "tools/list_changed"))
      w.server(`{"jsonrpc":"2.0","id":${id},"result":{}}`)
      w.timers.splice(0).forEach((run) => run())
    }
    for (let rounds = 0; rounds < 6; rounds++) round()
    round(true)
    assert.deepStrictEqual(w.pauses, [1000, 2000, 4000, 8000, 16_000, 16_000, 1000])
  })

  it("has its log level said with each request, and ping answered without the server", () => {
    const w = world()
    w.open()
    w.asked()
    w.host(`{"jsonrpc":"2.0","id":1,"method":"ping"}`)
    w.host(`{"jsonrpc":"2.0","id":2,"method":"logging/setLevel","params":{"level":"debug"}}`)
    w.host(`{"jsonrpc":"2.0","id":3,"method":"logging/setLevel","params":{"level":"loud"}}`)
    assert.deepStrictEqual(w.told().map((text) => JSON.parse(text).error?.code ?? "ok"), ["ok", "ok", -32602])
    assert.strictEqual(w.asked().method, "nothing")
    w.host(call())
    assert.include(w.asked().text, `"io.modelcontextprotocol/logLevel":"debug"`)
  })

  it("hears nothing any more, and keeps no timer, when it has gone", () => {
    const w = world()
    w.open()
    w.host(call())
    w.server(inputs(1, "{}"))
    assert.lengthOf(w.timers, 1)
    w.close()
    assert.deepStrictEqual([w.timers.length, w.isClosed()], [0, true])
    w.server(`{"jsonrpc":"2.0","id":1,"result":{}}`)
    assert.deepStrictEqual(w.told(), [])
  })
})
