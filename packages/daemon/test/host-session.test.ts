/** A host on one side, and a server that may be lost on the other. The simulation has the rest. */
import { assert, describe, it } from "@effect/vitest"
import { HostSession, type Memory, type Opening } from "../src/HostSession.ts"
import * as RawMessage from "../src/RawMessage.ts"

const world = (memory?: Memory, now?: () => number) => {
  const toHost: Array<string> = []
  const toServer: Array<string> = []
  const openings: Array<{ readonly opening: Opening; readonly first: string | undefined }> = []
  const session = new HostSession({
    place: "shim",
    memory,
    now,
    toHost: (text) => void toHost.push(text),
    open: (_, opening, first) => void openings.push({ opening, first: first?.method })
  })
  return {
    session,
    openings,
    told: () => toHost.splice(0),
    said: () => toServer.splice(0),
    /** A server is there. `isTaken`: it may have seen what it is sent. */
    open: (isTaken = true, greeting?: RawMessage.RawMessage) =>
      openings.at(-1)?.opening.onOpen({
        greeting,
        send: ({ text }, onHandOff) => {
          if (isTaken) onHandOff()
          toServer.push(text)
        },
        close: () => {}
      })
  }
}

const lost = { reason: "ConnectionLost", message: "it is gone" }

describe("a session of a host", () => {
  it("says which request wants the server, and does not count one that stays open as waiting", () => {
    const w = world()
    w.session.hostSaid(`{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{}}`)
    assert.deepStrictEqual(w.openings.map(({ first }) => first), ["subscriptions/listen"])
    assert.strictEqual(w.session.pending, 0)
    w.session.hostSaid(`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{}}`)
    assert.strictEqual(w.session.pending, 1)
    w.open()
    // It wants the next server at once.
    w.openings.at(-1)?.opening.onLost(lost)
    assert.deepStrictEqual(w.openings.map(({ first }) => first), ["subscriptions/listen", "subscriptions/listen"])
  })

  it("says of a call that has asked for input that it may have run, also if the answers were not sent", () => {
    const call = (id: number, more: string) =>
      `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"x"${more}}}`
    for (const fate of ["never there", "not taken"]) {
      const w = world()
      w.session.hostSaid(call(1, ""))
      w.session.hostSaid(call(2, `,"requestState":"s"`))
      if (fate === "not taken") w.open(false)
      for (let i = 0; w.session.pending > 0 && i < 20; i++) w.openings.at(-1)?.opening.onLost(lost)
      assert.deepStrictEqual(
        w.told().map((text) => JSON.parse(text)).map(({ error, id }) => [id, error.data.delivery]),
        [
          [1, "NotSent"],
          [2, "Unknown"]
        ]
      )
    }
  })

  it("answers ping without a server once its host has been greeted without one, and not before nor after", () => {
    const ping = (id: number) => `{"jsonrpc":"2.0","id":${id},"method":"ping"}`
    const pong = (id: number) => `{"jsonrpc":"2.0","id":${id},"result":{}}`
    const greeting = RawMessage.own(`{"jsonrpc":"2.0","id":7,"result":{"capabilities":{}}}`)
    const memory: Memory = { recall: ({ method }) => method === "initialize" ? greeting : undefined, learn: () => {} }
    const w = world(memory)
    w.session.hostSaid(`{"jsonrpc":"2.0","id":7,"method":"initialize","params":{}}`)
    w.session.hostSaid(ping(8))
    assert.deepStrictEqual([w.told(), w.openings.length], [[greeting.text, pong(8)], 0])
    w.session.hostSaid(`{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{}}`)
    w.open(true, greeting)
    w.session.hostSaid(ping(10))
    assert.deepStrictEqual(w.said().map((text) => JSON.parse(text).method), ["tools/call", "ping"])
    const other = world()
    other.session.hostSaid(ping(1))
    assert.deepStrictEqual([other.told(), other.openings.length], [[], 1])
  })

  it("asks the next server for a list that its host has heard, but not while that is fresh", () => {
    let time = 0
    const w = world(undefined, () => time)
    w.session.hostSaid(`{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}`)
    w.open()
    w.openings.at(-1)?.opening.onMessage(
      RawMessage.own(`{"jsonrpc":"2.0","id":1,"result":{"tools":[],"ttlMs":60000}}`)
    )
    w.said()
    /** What the next server is asked for because of what was heard before. */
    const asked = (): ReadonlyArray<string> => {
      w.openings.at(-1)?.opening.onLost(lost)
      w.session.hostSaid(`{"jsonrpc":"2.0","id":2,"method":"prompts/list","params":{}}`)
      w.open()
      w.openings.at(-1)?.opening.onMessage(RawMessage.own(`{"jsonrpc":"2.0","id":2,"result":{"prompts":[]}}`))
      return w.said().map((text) => JSON.parse(text).method).filter((method) => method === "tools/list")
    }
    time = 59_999
    assert.deepStrictEqual(asked(), [])
    time = 60_000
    assert.deepStrictEqual(asked(), ["tools/list"])
  })
})
