/** Many sessions over one server. */
import { assert, describe, it } from "@effect/vitest"
import { PoolPolicy } from "@holdfast/core"
import * as RawMessage from "../src/RawMessage.ts"
import { ServerMux } from "../src/ServerMux.ts"
import * as ServerTarget from "../src/ServerTarget.ts"

const world = (isShared: boolean) => {
  const toServer: Array<string> = []
  const mux = new ServerMux({ toServer: (text) => void toServer.push(text), isShared })
  const session = (takesQuestions = false) => {
    const heard: Array<string> = []
    const port = mux.attach(({ text }) => void heard.push(text), takesQuestions)
    return {
      say: (text: string): void => port.send(RawMessage.own(text), () => {}),
      leave: port.close,
      heard: () => heard.splice(0)
    }
  }
  return { session, said: () => toServer.splice(0), server: (text: string) => mux.serverSaid(text) }
}

const setLevel = (level: string, id = 1) =>
  `{"jsonrpc":"2.0","id":${id},"method":"logging/setLevel","params":{"level":"${level}"}}`

const log = (level: string) =>
  `{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"${level}","n":1.0}}`

describe("what a server asks", () => {
  const question = `{"jsonrpc":"2.0","id":"q","method":"roots/list"}`

  it("goes to the session that has it alone", () => {
    const { server, session } = world(false)
    const only = session()
    server(question)
    assert.deepStrictEqual(only.heard(), [question])
  })

  it("goes to no session where several share it: ping is answered, everything else is refused", () => {
    const { said, server, session } = world(true)
    const sessions = [session(), session()]
    server(question)
    server(`{"jsonrpc":"2.0","id":"p","method":"ping"}`)
    assert.deepStrictEqual(sessions.flatMap(({ heard }) => heard()), [])
    const [refused = "", pong] = said()
    assert.match(refused, /"id":"q","error":\{"code":-32601/)
    assert.strictEqual(pong, `{"jsonrpc":"2.0","id":"p","result":{}}`)
  })
})

describe("a question for a person", () => {
  const question = `{"jsonrpc":"2.0","id":"q","method":"elicitation/create","params":{"message":"sure?"}}`
  const call = (id: number) => `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"rm"}}`

  it("goes to the session that shares the server and whose call is the only one, and its answer goes back", () => {
    const { said, server, session } = world(true)
    const [asked, other] = [session(true), session(true)]
    other.say(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`)
    asked.say(call(5))
    said()
    server(question)
    assert.deepStrictEqual([asked.heard(), other.heard()], [[question], []])
    const answer = `{"jsonrpc":"2.0","id":"q","result":{"action":"decline"}}`
    // Only the session that was asked may answer.
    other.say(answer)
    assert.deepStrictEqual(said(), [])
    asked.say(answer)
    assert.deepStrictEqual(said(), [answer])
  })

  it("is refused in words where it is not known whose it is, or its client takes none", () => {
    const refused = (prepare: (world: ReturnType<typeof world_>) => void): string => {
      const each = world_()
      prepare(each)
      each.said()
      each.server(question)
      const [refusal = ""] = each.said()
      assert.deepStrictEqual([each.a.heard(), each.b.heard()], [[], []])
      assert.match(refusal, /"id":"q","error":\{"code":-32000/)
      return refusal
    }
    const world_ = () => {
      const each = world(true)
      return { ...each, a: each.session(true), b: each.session(true), plain: each.session() }
    }
    assert.include(refused(() => {}), "no call is under way")
    assert.include(
      refused(({ a, b }) => {
        a.say(call(1))
        b.say(call(1))
      }),
      "several calls are under way"
    )
    assert.include(refused(({ plain }) => plain.say(call(1))), "takes no questions")
    assert.include(
      refused(({ a, b }) => {
        a.say(call(1))
        a.say(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`)
        b.say(call(1))
      }),
      "that was cancelled may still be at work"
    )
  })
})

describe("what a client offers", () => {
  it("is said to a server that it has alone; of one that is shared all offer to answer questions, and nothing else", () => {
    const capabilities = `{"roots":{},"sampling":{}}`
    const target = (isShared: boolean, capabilities: string) =>
      ServerTarget.make(
        {
          name: "s",
          command: "node",
          args: [],
          cwd: "/",
          environment: {},
          policy: PoolPolicy.defaults,
          isShared,
          handOn: true
        },
        RawMessage.request("1", "initialize", `{"protocolVersion":"2025-11-25","capabilities":${capabilities}}`)
      )
    const said = (isShared: boolean) => target(isShared, capabilities).initialize?.text ?? ""
    assert.include(said(false), `"capabilities":${capabilities}`)
    assert.include(said(true), `"capabilities":{"elicitation":{"form":{},"url":{}}}`)
    // Whatever each of them says, they share one process.
    assert.strictEqual(target(true, "{}").fingerprint, target(true, capabilities).fingerprint)
    assert.notStrictEqual(target(false, "{}").fingerprint, target(false, capabilities).fingerprint)
  })
})

describe("the log levels of sessions that share a server", () => {
  it("are the most verbose for the server, and each session's own for what it is told", () => {
    const { said, server, session } = world(true)
    const [a, b, silent] = [session(), session(), session()]
    a.say(setLevel("warning"))
    assert.deepStrictEqual(said(), [setLevel("warning")])
    server(`{"jsonrpc":"2.0","id":1,"result":{}}`)
    b.say(setLevel("debug"))
    assert.deepStrictEqual(said(), [setLevel("debug", 2)])
    server(`{"jsonrpc":"2.0","id":2,"result":{}}`)
    assert.deepStrictEqual([a.heard(), b.heard()], [[`{"jsonrpc":"2.0","id":1,"result":{}}`], [
      `{"jsonrpc":"2.0","id":1,"result":{}}`
    ]])
    // The server does it already.
    a.say(setLevel("error", 7))
    assert.deepStrictEqual(said(), [])
    assert.deepStrictEqual(a.heard(), [`{"jsonrpc":"2.0","id":7,"result":{}}`])
    for (const level of ["debug", "error"]) server(log(level))
    assert.deepStrictEqual([a.heard(), b.heard(), silent.heard()], [
      [log("error")],
      [log("debug"), log("error")],
      [log("debug"), log("error")]
    ])
    // What was said last counts, answered or not.
    b.say(setLevel("error", 8))
    b.say(setLevel("debug", 9))
    assert.deepStrictEqual(said().map((text) => JSON.parse(text).params.level), ["error", "debug"])
    // The one that wanted to hear the most has gone.
    b.leave()
    assert.match(said().join(), /"method":"logging\/setLevel","params":\{"level":"error"\}/)
  })

  it("are the server's matter where a session has it alone, or where they are no levels", () => {
    const alone = world(false)
    const only = alone.session()
    only.say(setLevel("loud"))
    assert.deepStrictEqual(alone.said(), [setLevel("loud")])
    alone.server(log("debug"))
    assert.deepStrictEqual(only.heard(), [log("debug")])
    const shared = world(true)
    const first = shared.session()
    first.say(setLevel("loud"))
    assert.deepStrictEqual(shared.said(), [setLevel("loud")])
    shared.server(`{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no"}}`)
    assert.match(first.heard().join(), /-32602/)
  })
})
