/** What the daemon remembers of calls: how each came to its process, and what became of it. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import { HostSession, type Opening } from "../src/HostSession.ts"
import * as CallLog from "../src/internal/callLog.ts"
import * as Journal from "../src/internal/Journal.ts"
import * as RawMessage from "../src/RawMessage.ts"

const make = Effect.gen(function*() {
  const lines: Array<string> = []
  const journal = Journal.make(() => 0)
  const log = yield* CallLog.make((written) => void lines.push(...written), journal)
  const openings: Array<Opening> = []
  const session = new HostSession({
    place: "daemon",
    observer: log.watch(() => ({ program: "test", pid: 1, directory: "/", wants: "fs" }), "fs"),
    toHost: () => {},
    open: (_, opening) => void openings.push(opening)
  })
  return {
    journal,
    lines,
    session,
    ask: (id: number, name: string, method = "tools/call") =>
      session.hostSaid(
        JSON.stringify({ jsonrpc: "2.0", id, method, params: { name, arguments: { password: "hush" } } })
      ),
    open: (pid: number, isNew: boolean, isTaken = true) =>
      openings.at(-1)?.onOpen({
        greeting: undefined,
        given: { pid, isNew },
        send: (_, onHandOff) => isTaken && onHandOff(),
        close: () => {}
      }),
    lose: () => openings.at(-1)?.onLost({ reason: "ConnectionLost", message: "it is gone" }),
    say: (text: string) => openings.at(-1)?.onMessage(RawMessage.own(text)),
    last: () => journal.calls("fs").at(-1)
  }
})

describe("the calls of a daemon", () => {
  it.effect("say which started their process, which reused it, and how long they waited", () =>
    Effect.gen(function*() {
      const w = yield* make
      w.ask(1, "count")
      yield* TestClock.adjust("2 seconds")
      assert.deepInclude(w.last(), { outcome: "running", attempts: 0, waitedMillis: 2000 })
      w.open(7, true)
      yield* TestClock.adjust("1 second")
      w.say(`{"jsonrpc":"2.0","id":1,"result":{"content":[]}}`)
      assert.deepInclude(w.last(), {
        server: "fs",
        name: "count",
        by: "test",
        connection: "opened",
        pid: 7,
        waitedFor: "dial",
        waitedMillis: 2000,
        outcome: "answered",
        millis: 3000
      })
      w.ask(2, "count")
      w.say(`{"jsonrpc":"2.0","id":2,"result":{"isError":true,"content":[]}}`)
      const second = w.last()
      assert.deepInclude(second, { connection: "reused", attempts: 1, outcome: "tool error", millis: 0 })
      assert.strictEqual(second?.waitedFor, undefined)
      assert.notInclude(JSON.stringify(w.journal.calls("fs")), "hush")
    }))

  it.effect("say that they waited for another host's process", () =>
    Effect.gen(function*() {
      const w = yield* make
      w.ask(1, "count")
      yield* TestClock.adjust("2 seconds")
      w.open(7, false)
      assert.deepInclude(w.last(), { connection: "reused", waitedFor: "queue", waitedMillis: 2000 })
    }))

  it.effect("say why they were repeated, and whether they may have run in the end", () =>
    Effect.gen(function*() {
      const w = yield* make
      w.ask(1, "count")
      w.open(7, true, false)
      yield* TestClock.adjust("1 second")
      w.lose()
      w.open(8, true)
      const { repeats, ...rest } = w.last() ?? {}
      assert.deepInclude(rest, { outcome: "running", pid: 8, attempts: 2 })
      assert.deepStrictEqual(repeats, [
        { reason: "ConnectionLost", delivery: "NotSent", message: "it is gone", afterMillis: 1000 }
      ])
      w.lose()
      assert.deepInclude(w.last(), { outcome: "failed", delivery: "Unknown", reason: "OutcomeUnknown", attempts: 2 })
    }))

  it.effect("are found by the id that events and the log tell, the last 500 of them", () =>
    Effect.gen(function*() {
      const w = yield* make
      w.ask(1, "count")
      w.open(7, true)
      w.say(`{"jsonrpc":"2.0","id":1,"result":{"content":[]}}`)
      const [event] = w.journal.events.items
      const id = event?.event === "called" ? event.call ?? "" : ""
      assert.deepInclude(w.journal.call(id), { id, name: "count", outcome: "answered" })
      yield* TestClock.adjust("1 second")
      assert.match(w.lines[0] ?? "", new RegExp(`tool=count delivery=answered .*call=${id}$`))
      assert.isUndefined(w.journal.call("c0"))
      for (let i = 2; i < 502; i++) {
        w.ask(i, "count")
        w.say(`{"jsonrpc":"2.0","id":${i},"result":{"content":[]}}`)
      }
      assert.isUndefined(w.journal.call(id))
      assert.lengthOf(w.journal.calls("fs"), 32)
    }))
})
