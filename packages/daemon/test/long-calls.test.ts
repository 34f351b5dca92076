/** Calls that outlast a host's limit. */
import { assert, describe, it } from "@effect/vitest"
import { LongCalls } from "../src/LongCalls.ts"

/** What is said here, over a clock that goes when it is told to. */
const world = (options: { readonly most?: number; readonly keep?: number } = {}) => {
  const toHost: Array<string> = []
  const toSession: Array<string> = []
  const timers = new Set<{ readonly at: number; readonly run: () => void }>()
  let now = 0
  let ids = 0
  const calls = new LongCalls({
    ...options,
    limit: 50,
    toHost: (text) => void toHost.push(text),
    toSession: (text) => void toSession.push(text),
    later: (millis, run) => {
      const timer = { at: now + millis, run }
      timers.add(timer)
      return () => void timers.delete(timer)
    },
    newId: () => `id-${++ids}`
  })
  const call = (id: number, name = "slow", more = "") =>
    `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"${name}"${more}}}`
  const get = (id: number, wanted: string, more = "") =>
    call(id, "get_result", `,"arguments":{"id":"${wanted}"}${more}`)
  const answer = (id: number, result = `{"content":[ 1.0 ],"n":9007199254740993}`) =>
    `{"jsonrpc":"2.0", "id":${id},"result":${result}}`
  return {
    call,
    get,
    answer,
    list: (tools: string, more = "") => {
      calls.hostSaid(`{"jsonrpc":"2.0","id":0,"method":"tools/list"}`)
      toSession.pop()
      calls.sessionSaid(`{"jsonrpc":"2.0","id":0,"result":{"tools":${tools}${more}}}`)
      return toHost.splice(0).join()
    },
    host: (text: string) => {
      calls.hostSaid(text)
      return { session: toSession.splice(0), host: toHost.splice(0) }
    },
    session: (text: string) => {
      calls.sessionSaid(text)
      return toHost.splice(0)
    },
    /** Lets time pass. Returns what the host was told meanwhile. */
    pass: (millis: number) => {
      now += millis
      for (const timer of [...timers].toSorted((a, b) => a.at - b.at)) {
        if (timer.at > now) continue
        timers.delete(timer)
        timer.run()
      }
      return toHost.splice(0).map((text) => JSON.parse(text))
    },
    unawaited: () => calls.unawaited,
    timers: () => timers.size
  }
}

describe("a call that outlasts its host's limit", () => {
  it("is answered in time with an id, goes on, and has its result given as it was written, as often as it is asked", () => {
    const w = world()
    assert.match(w.list(`[{"name":"slow"}]`), /"tools":\[\{"name":"slow"\},\{"name":"get_result",/)
    assert.deepStrictEqual(w.host(w.call(1)), { session: [w.call(1)], host: [] })
    assert.deepStrictEqual(w.pass(49), [])
    const [{ id, result }] = w.pass(1)
    assert.deepStrictEqual([id, result.structuredContent], [1, { status: "running", id: "id-1", tool: "get_result" }])
    assert.match(
      result.content[0].text,
      /slow is still running.*is not to be made again.*get_result.*\{"id":"id-1"\}.*60 minutes/
    )
    assert.strictEqual(w.unawaited(), 1)
    // It waits for the result as long as a call may take.
    assert.deepStrictEqual(w.host(w.get(2, "id-1")), { session: [], host: [] })
    assert.strictEqual(w.unawaited(), 0)
    assert.deepStrictEqual(w.pass(50).map(({ id, result }) => [id, result.structuredContent.id]), [[2, "id-1"]])
    w.host(w.get(3, "id-1"))
    assert.deepStrictEqual(w.session(w.answer(1)), [w.answer(3)])
    assert.deepStrictEqual(w.host(w.get(4, "id-1")), { session: [], host: [w.answer(4)] })
    assert.strictEqual(w.unawaited(), 0)
  })

  it("is none while it is faster, and passes byte for byte", () => {
    const w = world()
    w.host(w.call(1, "slow", `, "n":1.50`))
    assert.deepStrictEqual(w.session(w.answer(1)), [w.answer(1)])
    assert.deepStrictEqual([w.pass(100), w.timers()], [[], 0])
    const others = [
      `{"jsonrpc":"2.0","id":1,"method":"resources/read"}`,
      `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"x","task":{}}}`,
      `{"jsonrpc":"2.0","method":"notifications/x"}`,
      "no JSON"
    ]
    for (const text of others) assert.deepStrictEqual(w.host(text), { session: [text], host: [] })
    assert.deepStrictEqual(w.pass(100), [])
    assert.deepStrictEqual(w.host(`[${w.call(7)},${w.call(8)}]`).session, [w.call(7), w.call(8)])
  })

  it("has its error given like a result, and one that was lost with its delivery", () => {
    const w = world()
    w.host(w.call(1))
    w.pass(50)
    const lost = (id: number) =>
      `{"jsonrpc":"2.0","id":${id},"error":{"code":-32010,"message":"m","data":{"delivery":"Unknown"}}}`
    assert.deepStrictEqual(w.session(lost(1)), [])
    assert.deepStrictEqual(w.host(w.get(2, "id-1")).host, [lost(2)])
  })

  it("has a tool in the last page of the list, under a name that the server does not use, which the server's own keeps", () => {
    const w = world()
    assert.notInclude(w.list(`[{"name":"get_result"}]`, `,"nextCursor":"2"`), "still running")
    w.host(`{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":"2"}}`)
    const [page = ""] = w.session(`{"jsonrpc":"2.0","id":1,"result":{"tools":[ ],"n":1.0}}`)
    assert.match(page, /^\{"jsonrpc":"2.0","id":1,"result":\{"tools":\[\{"name":"get_result_2",.*\}\],"n":1.0\}\}$/)
    assert.deepStrictEqual(w.host(w.get(2, "id-1")).session, [w.get(2, "id-1")])
    assert.match(w.host(w.call(3, "get_result_2")).host.join(), /no result under this id/)
    const [refused] = [`{"jsonrpc":"2.0","id":4,"error":{"code":-32601,"message":"no"}}`]
    w.host(`{"jsonrpc":"2.0","id":4,"method":"tools/list"}`)
    assert.deepStrictEqual(w.session(refused), [refused])
  })

  it("tells a tool that must answer by a schema without structured content, and a modern host in its words", () => {
    const w = world()
    w.list(`[{"name":"slow","outputSchema":{"type":"object"}}]`)
    w.host(w.call(1, "slow", `,"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}`))
    const [{ result }] = w.pass(50)
    assert.deepStrictEqual([result.isError, "structuredContent" in result, result.resultType], [
      true,
      false,
      "complete"
    ])
    w.host(w.get(2, "id-1"))
    assert.strictEqual(w.pass(50)[0].result.structuredContent.status, "running")
  })

  it("is kept for a time, and as one of so many; what is gone is said to be", () => {
    const w = world({ most: 2, keep: 1000 })
    w.list("[]")
    for (const id of [1, 2, 3]) w.host(w.call(id))
    // The third cannot be kept: it is left to its host's limit.
    assert.deepStrictEqual(w.pass(50).map(({ id }) => id), [1, 2])
    assert.deepStrictEqual(w.session(w.answer(3)), [w.answer(3)])
    w.session(w.answer(2))
    w.host(w.call(4))
    assert.deepStrictEqual(w.pass(50).map(({ id }) => id), [4])
    assert.match(
      w.host(w.get(5, "id-2")).host.join(),
      /no result under this id.*the last 2 of them.*What the call has done is done.*"isError":true/
    )
    w.session(w.answer(1))
    assert.deepStrictEqual(w.host(w.get(6, "id-1")).host, [w.answer(6)])
    w.pass(1000)
    assert.match(w.host(w.get(7, "id-1")).host.join(), /no result/)
  })

  it("tells its progress to those that ask for its result, under their tokens, and to nobody else", () => {
    const w = world()
    w.list("[]")
    const progress = (token: string) =>
      `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${token},"progress":1.0}}`
    w.host(w.call(1, "slow", `,"_meta":{"progressToken":"a"}`))
    assert.deepStrictEqual(w.session(progress(`"a"`)), [progress(`"a"`)])
    w.pass(50)
    assert.deepStrictEqual(w.session(progress(`"a"`)), [])
    w.host(w.get(2, "id-1", `,"_meta":{"progressToken":7}`))
    assert.deepStrictEqual(w.session(progress(`"a"`)), [progress("7")])
    assert.deepStrictEqual(w.session(progress(`"b"`)), [progress(`"b"`)])
  })

  it("is cancelled by its own id only, while it has no answer; a question for its result is taken back without it", () => {
    const w = world()
    w.list("[]")
    const cancel = (id: number) => `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${id}}}`
    w.host(w.call(1))
    assert.deepStrictEqual(w.host(cancel(1)).session, [cancel(1)])
    assert.deepStrictEqual(w.pass(50), [])
    w.host(w.call(2))
    w.pass(50)
    w.host(w.get(3, "id-1"))
    assert.deepStrictEqual(w.host(cancel(3)), { session: [], host: [] })
    // A host that has had an answer has nothing to take back.
    assert.deepStrictEqual(w.host(cancel(2)), { session: [], host: [] })
    assert.deepStrictEqual(w.session(w.answer(2)), [])
    assert.deepStrictEqual(w.host(w.get(4, "id-1")).host, [w.answer(4)])
    w.host(w.call(5))
    w.pass(50)
    assert.match(w.host(w.call(5)).host.join(), /-32600/)
  })
})
