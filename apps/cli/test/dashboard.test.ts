import { assert, describe, it } from "@effect/vitest"
import { hasBrowser } from "../src/commands/dashboard.ts"
import { DaemonView, wordOf } from "../src/dashboard/DaemonView.ts"

const by = { program: "claude", pid: 5, directory: "/home", wants: "fs" }

const status = {
  pid: 1,
  version: "1.0.0",
  directory: "/state",
  isLeaving: false,
  sessions: [by, { ...by, pid: 6, wants: "db" }, { ...by, pid: 7, wants: "the daemon" }],
  servers: [{
    name: "fs",
    command: "fs",
    directory: "/",
    key: "a",
    likeness: "a",
    sharing: "shared",
    state: "in use",
    pid: 70,
    leases: [by],
    waiting: 0
  }, {
    name: "a|b",
    command: "db",
    directory: "/",
    key: "b",
    likeness: "b",
    sharing: "exclusive",
    state: "backing off",
    leases: [],
    waiting: 2,
    retryInMillis: 4000,
    lastFailure: "it has ended\nat once"
  }],
  failures: []
} as const

const called = { event: "called", server: "fs", tool: "x", by, millis: 1 } as const

describe("what a page shows of a daemon", () => {
  it("is a row for each process, for what waits and why, and for each program but those that only look", () => {
    const view = new DaemonView()
    view.tellStatus(status, 10_000)
    const { servers = [], sessions = [], waiting = [] } = view.snapshot
    assert.deepStrictEqual(servers.map(({ mood, name, pid, retryAt }) => [name, pid, mood, retryAt]), [
      ["fs", 70, "good", undefined],
      ["a|b", undefined, "bad", 14_000]
    ])
    // What is done is done to a process by its number, and to what has none by its name, whatever is in it.
    assert.deepStrictEqual(servers.map(({ id }) => wordOf(id)), ["70", "a|b"])
    assert.deepStrictEqual(sessions.map(({ wants }) => wants), ["fs", "db"])
    assert.deepStrictEqual(waiting.map(({ because, count, subject }) => [subject, count, because]), [
      ["a|b", 2, "it is backing off: it has ended"],
      ["db", undefined, "claude (6) has no process of it now"]
    ])
  })

  it("says of a lost call whether it may have run, and takes a tool's failure for one", () => {
    const view = new DaemonView()
    const ways = [
      { delivery: "answered" },
      { delivery: "answered", isError: true },
      { delivery: "answered", code: -32_000 },
      { delivery: "NotSent" },
      { delivery: "Unknown" },
      { delivery: "cancelled" }
    ]
    for (const [index, way] of ways.entries()) view.tellEvent({ ...called, ...way, seq: index, at: index })
    assert.deepStrictEqual((view.snapshot.calls ?? []).map(({ mood, outcome }) => `${mood}: ${outcome}`), [
      "good: answered",
      "bad: tool error",
      "bad: error -32000",
      "bad: lost, has not run",
      "bad: lost, may have run",
      "off: cancelled"
    ])
  })

  it("stays when the daemon ends, and goes on with the next one, whose numbers begin anew", () => {
    const view = new DaemonView()
    view.tellStatus(status, 0)
    view.tellEvent({ ...called, delivery: "answered", seq: 900, at: 1 })
    view.tellGone("waiting for the next one", 2)
    view.tellGone("waiting for the next one", 3)
    const gone = view.snapshot
    assert.deepStrictEqual([gone.head.state, gone.head.message], ["gone", "waiting for the next one"])
    assert.deepStrictEqual(gone.servers, [])
    assert.deepStrictEqual((gone.failures ?? []).map(({ message }) => message), ["process 1 has ended"])
    view.tellStatus({ ...status, pid: 2 }, 4)
    view.tellEvent({ ...called, delivery: "answered", seq: 1, at: 5 })
    const { calls = [], head } = view.snapshot
    assert.deepStrictEqual([head.state, head.pid, head.epoch], ["live", 2, gone.head.epoch])
    assert.strictEqual(calls.length, 2)
    assert.isAbove(calls[1]?.seq ?? 0, calls[0]?.seq ?? 0)
  })

  it("has charts of its own where an older daemon keeps no samples", () => {
    const view = new DaemonView()
    view.tellStatus(status, 0)
    view.tellEvent({ ...called, delivery: "Unknown", seq: 1, at: 500 })
    view.sampleNow(0, 1000)
    assert.deepInclude(view.snapshot.samples?.[0]?.values, { calls: 1, failures: 1, processes: 1, waiting: 2 })
  })
})

describe("a browser", () => {
  // samuelm2/Nvidia-Notify#12, suan/local-open#1: a browser of text in the terminal, or none, where there is no display.
  it("is opened where the person sits: not without a display, and not at the other end of ssh", () => {
    assert.isTrue(hasBrowser("linux", { DISPLAY: ":0" }))
    assert.isTrue(hasBrowser("linux", { WAYLAND_DISPLAY: "wayland-0" }))
    assert.isTrue(hasBrowser("darwin", {}))
    assert.isFalse(hasBrowser("linux", { DISPLAY: "" }))
    assert.isFalse(hasBrowser("darwin", { SSH_CONNECTION: "192.0.2.1 5 192.0.2.2 22" }))
    assert.isFalse(hasBrowser("linux", { DISPLAY: ":0", SSH_CONNECTION: "192.0.2.1 5 192.0.2.2 22" }))
  })
})
