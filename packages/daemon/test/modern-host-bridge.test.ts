/** A host of the modern era before a server of the legacy one. */
import { assert, describe, it } from "@effect/vitest"
import type { Upstream } from "../src/HostSession.ts"
import { initializeFor, ModernHostBridge } from "../src/ModernHostBridge.ts"
import * as RawMessage from "../src/RawMessage.ts"

const subscriptionId = "io.modelcontextprotocol/subscriptionId"

const meta = (more = "", capabilities = `{"roots":{},"elicitation":{}}`) =>
  `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":${capabilities}${more}}`

const logging = (level: string) => meta(`,"io.modelcontextprotocol/logLevel":"${level}"`)

/** A bridge between what is said here. */
const world = () => {
  const toHost: Array<string> = []
  const toServer: Array<string> = []
  const timers: Array<() => void> = []
  let upstream: Upstream | undefined
  let states = 0
  let isClosed = false
  const bridge = new ModernHostBridge({
    greeting: RawMessage.own(
      `{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{"listChanged":true},"resources":{"subscribe":true},"logging":{}},"serverInfo":{"name":"l","version":"1.0"},"instructions":"be kind"}}`
    ),
    opening: {
      onOpen: (opened) => {
        upstream = opened
      },
      onLost: () => {},
      onMessage: ({ text }) => void toHost.push(text)
    },
    server: {
      send: ({ text }, onHandOff) => {
        onHandOff()
        toServer.push(text)
      },
      close: () => {
        isClosed = true
      }
    },
    later: (_, run) => {
      timers.push(run)
      return () => void timers.splice(timers.indexOf(run), 1)
    },
    newState: () => `state-${++states}`
  })
  bridge.begin()
  return {
    host: (text: string): ReadonlyArray<string> => {
      upstream?.send(RawMessage.own(text), () => {})
      return toServer.splice(0)
    },
    server: (text: string): ReadonlyArray<string> => {
      bridge.serverSaid(RawMessage.own(text))
      return toHost.splice(0)
    },
    /** What happens as soon as all is said. */
    soon: (): ReadonlyArray<string> => {
      for (const run of timers.splice(0)) run()
      return toHost.splice(0)
    },
    told: () => toHost.splice(0),
    said: () => toServer.splice(0),
    close: () => upstream?.close(),
    isClosed: () => isClosed,
    greeting: () => upstream?.greeting
  }
}

const call = (id: number, more = "", said = meta()) =>
  `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"x","n":9007199254740993${more},${said}}}`

const back = (id: number, state: string, responses: string) =>
  call(id, `,"requestState":"${state}","inputResponses":${responses}`)

const question = (id: number, method = "roots/list") =>
  `{"jsonrpc":"2.0","id":${id},"method":"${method}","params":{"n":1.0}}`

const inputs = (id: number, state: string, requests: string) =>
  `{"jsonrpc":"2.0","id":${id},"result":{"resultType":"input_required","inputRequests":{${requests}},"requestState":"${state}"}}`

const asks = (name: string, method = "roots/list") => `"${name}":{"method":"${method}","params":{"n":1.0}}`

describe("a modern host before a legacy server", () => {
  it("is what the server is told by initialize: what its first request says of it", () => {
    const first = RawMessage.own(
      `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{${
        meta(`,"io.modelcontextprotocol/clientInfo":{"name":"h","version":"1.0"}`)
      }}}`
    )
    assert.strictEqual(
      initializeFor(first).text,
      `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{"roots":{},"elicitation":{}},"clientInfo":{"name":"h","version":"1.0"}}}`
    )
    assert.include(initializeFor(undefined).text, `"capabilities":{},"clientInfo":{"name":"unnamed","version":"0"}`)
  })

  it("discovers what the server has said of itself", () => {
    const w = world()
    assert.isUndefined(w.greeting())
    assert.deepStrictEqual(w.host(`{"jsonrpc":"2.0","id":"d","method":"server/discover","params":{${meta()}}}`), [])
    assert.deepStrictEqual(w.told(), [
      `{"jsonrpc":"2.0","id":"d","result":{"resultType":"complete","ttlMs":0,"cacheScope":"private","supportedVersions":["2026-07-28"],"capabilities":{"tools":{"listChanged":true},"resources":{"subscribe":true},"logging":{}},"instructions":"be kind","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"l","version":"1.0"}}}}`
    ])
  })

  it("has its requests passed as they are, and answers with what a modern result must have", () => {
    const w = world()
    assert.deepStrictEqual(w.host(call(1)), [call(1)])
    assert.deepStrictEqual(w.server(`{"jsonrpc":"2.0", "id":1,"result":{"n":1.50,"n":9007199254740993}}`), [
      `{"jsonrpc":"2.0", "id":1,"result":{"resultType":"complete","n":1.50,"n":9007199254740993}}`
    ])
    w.host(`{"jsonrpc":"2.0","id":2,"method":"tools/list"}`)
    assert.deepStrictEqual(w.server(`{"jsonrpc":"2.0","id":2,"result":{"tools":[],"ttlMs":5}}`), [
      `{"jsonrpc":"2.0","id":2,"result":{"resultType":"complete","cacheScope":"private","tools":[],"ttlMs":5}}`
    ])
    w.host(call(3))
    const error = `{"jsonrpc":"2.0","id":3,"error":{"code":-32602,"message":"no"}}`
    assert.deepStrictEqual(w.server(error), [error])
    const task = `{"jsonrpc":"2.0","id":9,"method":"tasks/get","params":{"taskId":"t-1"}}`
    assert.deepStrictEqual(w.host(task), [task])
    w.host(call(4))
    const cancel = `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":4}}`
    assert.deepStrictEqual(w.host(cancel), [cancel])
    assert.deepStrictEqual(w.host(cancel), [])
  })

  it("is asked in the answer to its call, which goes on at the server when the host comes back", () => {
    const w = world()
    w.host(call(1, "", meta(`,"progressToken":"p"`)))
    w.server(question(7))
    w.server(question(8, "elicitation/create"))
    assert.deepStrictEqual(w.soon(), [
      inputs(1, "state-1", `${asks("roots-1")},${asks("elicitation-1", "elicitation/create")}`)
    ])
    // One is answered, the other is asked again.
    assert.deepStrictEqual(w.host(back(2, "state-1", `{"roots-1":{"roots":[ 2.0 ]}}`)), [
      `{"jsonrpc":"2.0","id":7,"result":{"roots":[ 2.0 ]}}`
    ])
    assert.deepStrictEqual(w.soon(), [inputs(2, "state-2", asks("elicitation-1", "elicitation/create"))])
    assert.deepStrictEqual(
      w.host(
        call(
          3,
          `,"requestState":"state-2","inputResponses":{"elicitation-1":{"action":"accept"}}`,
          meta(`,"progressToken":9`)
        )
      ),
      [`{"jsonrpc":"2.0","id":8,"result":{"action":"accept"}}`]
    )
    const progress = (token: string) =>
      `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${token},"progress":1.0}}`
    assert.deepStrictEqual(w.server(progress(`"p"`)), [progress("9")])
    assert.deepStrictEqual(w.server(progress(`"q"`)), [])
    assert.deepStrictEqual(w.server(`{"jsonrpc":"2.0","id":1,"result":{}}`), [
      `{"jsonrpc":"2.0","id":3,"result":{"resultType":"complete"}}`
    ])
    w.host(call(4))
    w.server(question(9))
    w.soon()
    w.host(back(5, "state-3", "{}"))
    // It is the server's request that is taken back.
    assert.deepStrictEqual(w.host(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":5}}`), [
      `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":4}}`
    ])
  })

  it("gets what its call has come to while it had the questions, and is told of one that is lost that it may have run", () => {
    const w = world()
    w.host(call(1))
    w.server(question(7))
    w.soon()
    assert.deepStrictEqual(w.server(`{"jsonrpc":"2.0","id":1,"result":{}}`), [])
    w.host(back(2, "state-1", "{}"))
    assert.deepStrictEqual(w.told(), [`{"jsonrpc":"2.0","id":2,"result":{"resultType":"complete"}}`])
    w.host(back(3, "state-1", "{}"))
    assert.match(w.told().join(), /"id":3,"error":\{"code":-32010,.*may have run.*"delivery":"Unknown"/)
  })

  it("is asked with its next call what is asked while none is in flight, or none that can be asked; never what it does not offer", () => {
    const w = world()
    w.server(question(7))
    assert.deepStrictEqual(w.soon(), [])
    w.host(call(1, "", meta("", "{}")))
    assert.deepStrictEqual(w.soon(), [])
    w.host(call(2))
    assert.deepStrictEqual(w.soon(), [inputs(2, "state-1", asks("roots-1"))])
    // What was withdrawn is not asked.
    w.server(question(8))
    assert.deepStrictEqual(
      w.server(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":8}}`),
      []
    )
    assert.deepStrictEqual(w.host(back(3, "state-1", `{"roots-1":{}}`)), [`{"jsonrpc":"2.0","id":7,"result":{}}`])
    assert.deepStrictEqual(w.soon(), [])
    w.server(question(9, "sampling/createMessage"))
    w.host(call(4))
    assert.deepStrictEqual(w.soon(), [])
    w.server(`{"jsonrpc":"2.0","id":"p","method":"ping"}`)
    w.server(`{"jsonrpc":"2.0","id":10,"method":"strange"}`)
    assert.deepStrictEqual(w.said().map((text) => JSON.parse(text).error?.code ?? "ok"), ["ok", -32601])
    for (let id = 20; id < 40; id++) w.server(question(id, "sampling/createMessage"))
    assert.lengthOf(w.said().filter((text) => text.includes("too many questions")), 5)
  })

  it("is asked by another call when the one that was to ask has ended", () => {
    const w = world()
    w.host(call(1))
    w.host(call(2))
    w.server(question(7))
    assert.lengthOf(w.server(`{"jsonrpc":"2.0","id":2,"result":{}}`), 1)
    assert.deepStrictEqual(w.soon(), [inputs(1, "state-1", asks("roots-1"))])
  })

  it("listens to what the server can tell, under its own id", () => {
    const w = world()
    const listen = (id: string, notifications: string) =>
      w.host(`{"jsonrpc":"2.0","id":${id},"method":"subscriptions/listen","params":{"notifications":${notifications}}}`)
    const said = listen(`"l"`, `{"toolsListChanged":true,"promptsListChanged":true,"resourceSubscriptions":["a","b"]}`)
    assert.deepStrictEqual(said.map((text) => JSON.parse(text)).map(({ method, params }) => [method, params.uri]), [
      ["resources/subscribe", "a"],
      ["resources/subscribe", "b"]
    ])
    assert.deepStrictEqual(w.told(), [
      `{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"_meta":{"${subscriptionId}":"l"},"notifications":{"toolsListChanged":true,"resourceSubscriptions":["a","b"]}}}`
    ])
    assert.deepStrictEqual(listen("2", `{"resourceSubscriptions":["b"]}`), [])
    w.told()
    assert.deepStrictEqual(w.server(`{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`), [
      `{"params":{"_meta":{"${subscriptionId}":"l"}},"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`
    ])
    assert.deepStrictEqual(w.server(`{"jsonrpc":"2.0","method":"notifications/prompts/list_changed"}`), [])
    const updated = w.server(`{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"b"}}`)
    assert.deepStrictEqual(updated.map((text) => JSON.parse(text).params._meta[subscriptionId]), ["l", 2])
    // The server answers what was asked on our own account, and nobody else hears of it.
    assert.deepStrictEqual(w.server(`{"jsonrpc":"2.0","id":"holdfast-own-1","result":{}}`), [])
    const gone = w.host(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"l"}}`)
    assert.deepStrictEqual(gone.map((text) => JSON.parse(text).params.uri), ["a"])
  })

  it("is told the log from its level on, while a request that names one is in flight", () => {
    const w = world()
    const log = (level: string) => `{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"${level}"}}`
    w.host(call(1))
    assert.deepStrictEqual(w.server(log("error")), [])
    const [level = "", sent] = w.host(call(2, "", logging("warning")))
    assert.deepStrictEqual([JSON.parse(level).method, JSON.parse(level).params, sent], [
      "logging/setLevel",
      { level: "warning" },
      call(2, "", logging("warning"))
    ])
    assert.lengthOf(w.host(call(3, "", logging("error"))), 1)
    assert.deepStrictEqual([...w.server(log("info")), ...w.server(log("warning"))], [log("warning")])
    w.server(`{"jsonrpc":"2.0","id":2,"result":{}}`)
    assert.deepStrictEqual([...w.server(log("warning")), ...w.server(log("error"))], [log("error")])
  })

  it("hears nothing any more, and keeps no timer, when it has gone", () => {
    const w = world()
    w.host(call(1))
    w.server(question(7))
    w.close()
    assert.isTrue(w.isClosed())
    assert.deepStrictEqual([...w.soon(), ...w.server(`{"jsonrpc":"2.0","id":1,"result":{}}`)], [])
  })
})
