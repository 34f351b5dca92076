import { assert, describe, it } from "@effect/vitest"
import type { Link } from "@holdfast/mcp/Link"
import * as StdioLink from "@holdfast/mcp/StdioLink"
import * as Effect from "effect/Effect"
import { eventually } from "./support/eventually.ts"
import { RecordingOutbound, RecordingReceiver } from "./support/RecordingReceiver.ts"

const spyStdio = new URL("./support/spyStdio.ts", import.meta.url).pathname

const open = (options: Partial<StdioLink.StdioLinkOptions> = {}) =>
  Effect.gen(function*() {
    const receiver = new RecordingReceiver()
    const link = yield* StdioLink.make({ command: process.execPath, args: [spyStdio], ...options }, receiver)
    const ask = (id: number, method: string, params: object = {}) => {
      const outbound = new RecordingOutbound(id, method, params)
      link.post(outbound)
      return outbound
    }
    const answered = (id: number) => eventually(`answer ${id}`, () => receiver.answerTo(id) !== undefined)
    return { link, receiver, ask, answered }
  })

/** Gives the link more than the pipe to a server that does not read can hold. */
const congest = (link: Link, ask: (id: number, method: string, params: object) => RecordingOutbound) => {
  const stuck = ask(1000, "echo", { filler: "x".repeat(4 * 1024 * 1024) })
  assert.isTrue(link.isCongested())
  return stuck
}

describe("StdioLink", () => {
  it.live("delivers what a server wrote before it exited, then tells how it ended and its last words", () =>
    Effect.gen(function*() {
      const { ask, link, receiver } = yield* open()
      ask(1, "answerAndExit")
      const closed = yield* link.closed
      assert.deepInclude(receiver.answerTo(1), { result: { last: true } })
      assert.deepInclude(closed, { _tag: "ProcessEnded" })
      const other = yield* open()
      other.ask(1, "exit", { code: 7, stderr: "out of \u001b[31mcheese\u001b[0m\n" })
      const ended = yield* other.link.closed
      assert.strictEqual(ended._tag, "ProcessEnded")
      if (ended._tag !== "ProcessEnded") return
      assert.deepInclude(ended.end, { code: 7, signal: null, stderrTail: "out of cheese\n" })
      assert.isAtLeast(ended.end.uptimeMillis, 1)
    }))

  it.live("tells the signal that killed the server", () =>
    Effect.gen(function*() {
      const { ask, link } = yield* open()
      ask(1, "kill")
      const closed = yield* link.closed
      assert.isTrue(closed._tag === "ProcessEnded" && closed.end.signal === "SIGKILL" && closed.end.code === null)
    }))

  it.live("takes a line without an end for no answer", () =>
    Effect.gen(function*() {
      const { ask, link, receiver } = yield* open()
      ask(4, "halfAndExit")
      yield* link.closed
      assert.isUndefined(receiver.answerTo(4))
      assert.deepInclude(receiver.malformed[0], {
        reason: "the output ended in the middle of a line",
        excerpt: `{"jsonrpc":"2.0","id":4,"result":{"half":`,
        answerTo: undefined
      })
    }))

  it.live("passes noise on without harm, and delivers what follows", () =>
    Effect.gen(function*() {
      const { answered, ask, receiver } = yield* open()
      ask(1, "noise")
      yield* answered(1)
      assert.deepStrictEqual(receiver.malformed.map(({ excerpt }) => excerpt), [
        "debug: handling",
        `{"level":"info","msg":"a log line"}`
      ])
      assert.isEmpty(receiver.closings)
    }))

  it.live("names the call whose answer is not UTF-8 or too long, and goes on", () =>
    Effect.gen(function*() {
      const { answered, ask, receiver } = yield* open({ maxMessageBytes: 100_000 })
      ask(1, "invalidUtf8")
      ask(2, "big", { bytes: 500_000 })
      ask(3, "echo")
      yield* answered(3)
      assert.deepStrictEqual(receiver.malformed.map(({ answerTo, reason }) => [answerTo, reason]), [
        [1, "not UTF-8"],
        [2, "a message of 500045 bytes, which is too long"]
      ])
      assert.isUndefined(receiver.answerTo(1))
    }))

  it.live("puts an answer together that arrives byte by byte", () =>
    Effect.gen(function*() {
      const { answered, ask, receiver } = yield* open()
      ask(1, "scattered")
      yield* answered(1)
      assert.deepInclude(receiver.answerTo(1), { result: { text: "né€😀" } })
      assert.isEmpty(receiver.malformed)
    }))

  it.live("keeps frames back from a server that does not read, and can take them back", () =>
    Effect.gen(function*() {
      const { answered, ask, link } = yield* open({ gracePeriod: 0 })
      ask(1, "deaf")
      yield* answered(1)
      const stuck = congest(link, ask)
      const waiting = ask(2, "echo")
      assert.strictEqual(stuck.handOffs, 1)
      assert.strictEqual(waiting.handOffs, 0)
      assert.isTrue(link.withdraw(waiting))
      assert.isFalse(link.withdraw(waiting))
      assert.isFalse(link.withdraw(stuck))
      assert.deepStrictEqual([waiting.handOffs, waiting.failures.length], [0, 0])
    }))

  it.live("settles frames that wait behind a server which dies, as not sent", () =>
    Effect.gen(function*() {
      const { answered, ask, link, receiver } = yield* open()
      ask(1, "deaf")
      yield* answered(1)
      const stuck = congest(link, ask)
      const waiting = [2, 3, 4].map((id) => ask(id, "echo"))
      const notice = new RecordingOutbound(undefined, "notifications/x")
      link.post(notice)
      process.kill(link.process?.pid ?? 0, "SIGKILL")
      yield* link.closed
      for (const outbound of [...waiting, notice]) {
        assert.strictEqual(outbound.handOffs, 0)
        assert.deepStrictEqual(outbound.failures, [
          { _tag: "Lost", delivery: "NotSent", description: "the server's process ended" }
        ])
      }
      assert.strictEqual(stuck.handOffs, 1, "what was given to write() is in doubt: only the closing speaks for it")
      assert.strictEqual(receiver.closings.length, 1)
    }))

  it.live("sends what waited, in order, when the pipe takes more again", () =>
    Effect.gen(function*() {
      const { answered, ask, link, receiver } = yield* open()
      const filler = "x".repeat(1024 * 1024)
      const outbounds = Array.from({ length: 40 }, (_, id) => ask(id, "size", { text: filler }))
      assert.isTrue(link.isCongested())
      yield* answered(39)
      assert.deepStrictEqual(
        receiver.messages.map((message) => "id" in message ? message.id : undefined),
        outbounds.map(({ id }) => id)
      )
      for (const { handOffs } of outbounds) assert.strictEqual(handOffs, 1)
      assert.isFalse(link.isCongested())
    }))

  it.live("closes when the server closes its stdout but lives on", () =>
    Effect.gen(function*() {
      const { ask, link } = yield* open()
      ask(1, "closeStdout")
      assert.deepStrictEqual(yield* link.closed, { _tag: "PipeBroken", description: "it closed its stdout" })
    }))

  it.live("is not held open by a child of the server that keeps the pipes", () =>
    Effect.gen(function*() {
      const { link } = yield* open({ command: "/bin/sh", args: ["-c", "sleep 60 & exit 3"] })
      const closed = yield* link.closed
      assert.isTrue(closed._tag === "ProcessEnded" && closed.end.code === 3)
    }))

  it.live("hands the stated environment to the process", () =>
    Effect.gen(function*() {
      const script = "process.stderr.write(process.env.SPY ?? 'none'); process.exit(1)"
      const { link } = yield* open({ args: ["-e", script], env: { SPY: "set" } })
      const closed = yield* link.closed
      assert.isTrue(closed._tag === "ProcessEnded" && closed.end.stderrTail === "set")
    }))

  it.live("fails with the process's own error when it cannot be started", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(open({ command: "holdfast-no-such-command", args: [] }))
      assert.strictEqual(error.reason._tag, "CommandNotFound")
    }))
})
