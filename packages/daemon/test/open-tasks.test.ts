/** Tasks of a server that sessions share: whose they are while a session is here, and that they are known when it has left. */
import { assert, describe, it } from "@effect/vitest"
import { OpenTasks } from "../src/internal/OpenTasks.ts"
import * as RawMessage from "../src/RawMessage.ts"
import { ServerMux } from "../src/ServerMux.ts"

const world = () => {
  const toServer: Array<string> = []
  const time = { now: 0 }
  let firsts = 0
  const tasks = new OpenTasks({ now: () => time.now, onFirst: () => firsts++ })
  const mux = new ServerMux({ toServer: (text) => void toServer.push(text), isShared: true, tasks })
  const session = () => {
    const heard: Array<string> = []
    const port = mux.attach(({ text }) => void heard.push(text), true)
    return {
      say: (message: object): void =>
        port.send(RawMessage.own(JSON.stringify({ jsonrpc: "2.0", ...message })), () => {}),
      leave: port.close,
      heard: () => heard.splice(0)
    }
  }
  return {
    mux,
    tasks,
    time,
    session,
    firsts: () => firsts,
    said: () => toServer.splice(0).map((text): { readonly id?: number; readonly params?: unknown } => JSON.parse(text)),
    server: (message: object) => mux.serverSaid(JSON.stringify({ jsonrpc: "2.0", ...message }))
  }
}

const call = (id: number, progressToken?: string) => ({
  id,
  method: "tools/call",
  params: { name: "work", task: {}, ...progressToken !== undefined && { _meta: { progressToken } } }
})

const task = (status: string, taskId = "t1") => ({ taskId, status, ttl: null })

describe("a call that has become a task", () => {
  it("is told of its progress as long as its session is here", () => {
    const { said, server, session } = world()
    const [own, other] = [session(), session()]
    own.say(call(7, "p"))
    const [{ id } = {}] = said()
    server({ id, result: { task: task("working") } })
    own.heard()
    const progress = { method: "notifications/progress", params: { progressToken: id, progress: 1 } }
    server(progress)
    assert.deepStrictEqual(own.heard().map((text) => JSON.parse(text).params), [{ progressToken: "p", progress: 1 }])
    assert.deepStrictEqual(other.heard(), [])
    own.leave()
    server(progress)
    assert.deepStrictEqual(own.heard(), [])
  })

  it("asks its session while that waits for the result", () => {
    const { said, server, session } = world()
    const [own, other] = [session(), session()]
    own.say({ id: 1, method: "tasks/result", params: { taskId: "t1" } })
    other.say({ id: 1, method: "tasks/get", params: { taskId: "t2" } })
    said()
    server({ id: "q", method: "elicitation/create", params: { message: "sure?" } })
    assert.strictEqual(own.heard().length, 1)
    assert.deepStrictEqual([other.heard(), said()], [[], []])
  })
})

describe("the question of a task", () => {
  const question = (taskId: string) => ({
    id: `q-${taskId}`,
    method: "elicitation/create",
    params: { message: "sure?", _meta: { "io.modelcontextprotocol/related-task": { taskId } } }
  })

  it("goes to the session that waits for it, whatever else is under way or was given up", () => {
    const { said, server, session } = world()
    const [own, other] = [session(), session()]
    other.say(call(1))
    other.say({ id: 2, method: "tasks/result", params: { taskId: "t1" } })
    other.say({ method: "notifications/cancelled", params: { requestId: 2 } })
    own.say({ id: 1, method: "tasks/result", params: { taskId: "t1" } })
    said()
    server(question("t1"))
    assert.strictEqual(own.heard().length, 1)
    server(question("t2"))
    assert.deepStrictEqual([own.heard(), other.heard()], [[], []])
    assert.match(JSON.stringify(said()), /the question was not asked/)
  })
})

describe("the tasks of a server", () => {
  const begun: ReadonlyArray<readonly [string, object]> = [
    ["legacy", { task: task("working") }],
    ["modern", { resultType: "task", ...task("working") }]
  ]
  for (const [era, result] of begun) {
    it(`are known from their beginning to their end, by whatever the ${era} server says of them`, () => {
      const ends: ReadonlyArray<(w: ReturnType<typeof world>) => void> = [
        ({ said, server, session }) => {
          session().say({ id: 1, method: "tasks/get", params: { taskId: "t1" } })
          server({ id: said().at(-1)?.id, result: task("cancelled") })
        },
        ({ server }) => server({ method: "notifications/tasks/status", params: task("cancelled") }),
        ({ mux, said, server }) => {
          mux.askAfter("t1", undefined)
          server({ id: said().at(-1)?.id, result: task("cancelled") })
        },
        ({ mux, said, server }) => {
          mux.askAfter("t1", undefined)
          server({ id: said().at(-1)?.id, error: { code: -32602, message: "Task not found" } })
        }
      ]
      for (const end of ends) {
        const here = world()
        const { firsts, said, server, session, tasks } = here
        const own = session()
        own.say(call(1))
        server({ id: said()[0]?.id, result })
        own.leave()
        assert.deepStrictEqual([tasks.ids(), firsts()], [["t1"], 1])
        server({ method: "notifications/tasks/status", params: task("completed", "other") })
        assert.strictEqual(tasks.size, 1)
        end(here)
        assert.strictEqual(tasks.size, 0)
      }
    })
  }

  it("that have ended are not asked after any more, and stay until their results are fetched", () => {
    for (const status of ["completed", "failed"]) {
      const { said, server, session, tasks } = world()
      tasks.adopt(["t1"])
      const own = session()
      own.say({ id: 1, method: "tasks/get", params: { taskId: "t1" } })
      server({ id: said()[0]?.id, result: task(status) })
      assert.deepStrictEqual([tasks.ids(), tasks.size], [[], 1])
      own.say({ id: 2, method: "tasks/result", params: { taskId: "t1" } })
      server({ id: said()[0]?.id, result: { content: [] } })
      assert.strictEqual(tasks.size, 0)
    }
  })

  it("that have ended stay as long as the server keeps them, at most an hour", () => {
    for (const [ttl, millis] of [[60_000, 60_000], [null, 3_600_000], [86_400_000, 3_600_000]] as const) {
      const { server, tasks, time } = world()
      tasks.adopt(["t1"])
      server({ method: "notifications/tasks/status", params: { ...task("completed"), ttl } })
      time.now = millis
      assert.strictEqual(tasks.size, 1)
      time.now++
      assert.strictEqual(tasks.size, 0)
    }
  })

  it("are forgotten when the server says nothing of them for an hour", () => {
    const { mux, said, server, tasks, time } = world()
    tasks.adopt(["t1", "t2"])
    time.now = 3_000_000
    mux.askAfter("t1", { "io.modelcontextprotocol/protocolVersion": "2026-07-28" })
    const [asked] = said()
    assert.deepStrictEqual(asked?.params, {
      taskId: "t1",
      _meta: { "io.modelcontextprotocol/protocolVersion": "2026-07-28" }
    })
    server({ id: asked?.id, result: task("working") })
    time.now = 3_600_001
    assert.deepStrictEqual(tasks.ids(), ["t1"])
  })

  it("are none where a call is answered at once, or with a task that has ended", () => {
    const { firsts, said, server, session, tasks } = world()
    const own = session()
    for (const result of [{ content: [], task: "none" }, { task: task("completed") }, { structuredContent: {} }]) {
      own.say(call(1))
      server({ id: said()[0]?.id, result })
    }
    assert.deepStrictEqual([tasks.size, firsts()], [0, 0])
  })
})
