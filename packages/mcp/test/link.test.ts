/** What every link promises, checked for every link. */
import { describe, it } from "@effect/vitest"
import * as Deadlines from "@holdfast/core/Deadlines"
import * as HttpLink from "@holdfast/mcp/HttpLink"
import type { Link } from "@holdfast/mcp/Link"
import * as StdioLink from "@holdfast/mcp/StdioLink"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as fs from "node:fs"
import { assert } from "vitest"
import * as HttpAgent from "../src/internal/http/HttpAgent.ts"
import { eventually } from "./support/eventually.ts"
import { RecordingOutbound, RecordingReceiver } from "./support/RecordingReceiver.ts"
import * as SpyHttp from "./support/SpyHttp.ts"

interface Opened {
  readonly link: Link
  readonly receiver: RecordingReceiver
  /** The peer dies as it does in the wild: without a word. */
  readonly kill: Effect.Effect<void>
}

const spyStdio = new URL("./support/spyStdio.ts", import.meta.url).pathname

const openStdio = Effect.gen(function*() {
  const receiver = new RecordingReceiver()
  const link = yield* StdioLink.make({ command: process.execPath, args: [spyStdio] }, receiver)
  const kill = Effect.sync(() => void process.kill(link.process?.pid ?? 0, "SIGKILL"))
  return { link, receiver, kill }
})

const openHttp = (answers: "json" | "sse") =>
  Effect.gen(function*() {
    const server = yield* SpyHttp.make({ answers, hasSessions: false })
    const receiver = new RecordingReceiver()
    const deadlines = yield* Deadlines.make
    const agent = yield* countingAgent
    const link = yield* HttpLink.make({ url: server.url, headers: {}, deadlines }, receiver).pipe(
      Effect.provideService(HttpLink.HttpDispatcher, Effect.succeed(agent.dispatcher))
    )
    // Dead is a peer whose end of every connection has been seen: a frame given to a socket that dies only now is in doubt.
    const kill = Effect.andThen(server.stop, eventually("disconnected", () => agent.connections() === 0))
    return { link, receiver, kill }
  })

const countingAgent = Effect.gen(function*() {
  const dispatcher = yield* HttpAgent.make
  let connections = 0
  dispatcher.on("connect", () => void connections++)
  dispatcher.on("disconnect", () => void connections--)
  return { dispatcher, connections: () => connections }
})

const links: ReadonlyArray<readonly [name: string, open: Effect.Effect<Opened, unknown, Scope.Scope>]> = [
  ["stdio", openStdio],
  ["HTTP with JSON answers", openHttp("json")],
  ["HTTP with event streams", openHttp("sse")]
]

const arrival = ({ receiver }: Opened, id: number) =>
  eventually(`answer ${id}`, () => receiver.answerTo(id) !== undefined)

for (const [name, open] of links) {
  describe(`a link over ${name}`, () => {
    it.live("tells the hand-off of a request once and then delivers its answer", () =>
      Effect.gen(function*() {
        const opened = yield* open
        const request = new RecordingOutbound(1, "echo", { text: "né\n€" })
        opened.link.post(request)
        yield* arrival(opened, 1)
        assert.deepStrictEqual(opened.receiver.answerTo(1), {
          _tag: "Success",
          id: 1,
          result: { echo: { text: "né\n€" } }
        })
        assert.strictEqual(request.handOffs, 1)
        assert.strictEqual(request.sent, 0)
        assert.isEmpty(request.failures)
      }))

    it.live("says when a frame without answer is sent", () =>
      Effect.gen(function*() {
        const opened = yield* open
        const notice = new RecordingOutbound(undefined, "notifications/initialized")
        opened.link.post(notice)
        yield* eventually("sent", () => notice.sent === 1)
        assert.strictEqual(notice.handOffs, 1)
        opened.link.post(new RecordingOutbound(1, "received"))
        yield* arrival(opened, 1)
        assert.include(JSON.stringify(opened.receiver.answerTo(1)), "notifications/initialized")
        assert.strictEqual(notice.sent, 1)
        assert.isEmpty(notice.failures)
      }))

    it.live("answers any number of requests at once", () =>
      Effect.gen(function*() {
        const opened = yield* open
        const requests = Array.from({ length: 200 }, (_, id) => new RecordingOutbound(id, "echo", { id }))
        for (const request of requests) opened.link.post(request)
        yield* eventually("200 answers", () => opened.receiver.messages.length === 200)
        assert.strictEqual(new Set(opened.receiver.messages.map((message) => "id" in message && message.id)).size, 200)
        for (const request of requests) assert.deepStrictEqual([request.handOffs, request.failures.length], [1, 0])
      }))

    it.live("delivers what arrives at once in the order it was written, batches too", () =>
      Effect.gen(function*() {
        const opened = yield* open
        opened.link.post(new RecordingOutbound(1, "progress", { _meta: { progressToken: 1 } }))
        yield* arrival(opened, 1)
        const what = opened.receiver.messages.map((message) =>
          message._tag === "Notification" ? JSON.stringify(message.params).slice(0, 32) : message._tag
        )
        assert.deepStrictEqual(what, [
          ...[1, 2, 3].map((count) => `{"progressToken":1,"progress":${count},`),
          "Success"
        ])
        opened.link.post(new RecordingOutbound(2, "batch"))
        yield* arrival(opened, 2)
        assert.deepStrictEqual(opened.receiver.messages.slice(4).map(({ _tag }) => _tag), ["Notification", "Success"])
      }))

    // A JSON answer has no room for questions.
    if (!name.includes("JSON")) {
      it.live("carries requests of the server to us and our answers back", () =>
        Effect.gen(function*() {
          const opened = yield* open
          opened.link.post(new RecordingOutbound(1, "ask"))
          yield* eventually("questions", () => opened.receiver.messages.length === 3)
          for (const message of opened.receiver.messages) {
            assert.strictEqual(message._tag, "Request")
            if (message._tag !== "Request") continue
            const answer = new RecordingOutbound(undefined, "response")
            opened.link.post(
              Object.assign(answer, { text: JSON.stringify({ jsonrpc: "2.0", id: message.id, result: {} }) })
            )
          }
          yield* arrival(opened, 1)
          assert.match(JSON.stringify(opened.receiver.answerTo(1)), /q1.*q2.*3/)
        }))
    }

    it.live("carries a message of 32 MB each way", () =>
      Effect.gen(function*() {
        const opened = yield* open
        const bytes = 32 * 1024 * 1024
        const before = opened.link.received()
        opened.link.post(new RecordingOutbound(1, "size", { text: "x".repeat(bytes) }))
        opened.link.post(new RecordingOutbound(2, "big", { bytes }))
        yield* arrival(opened, 1)
        yield* arrival(opened, 2)
        assert.deepInclude(opened.receiver.answerTo(1), { result: { length: bytes } })
        const big = opened.receiver.answerTo(2)
        assert.isTrue(big?._tag === "Success" && JSON.stringify(big.result).length === bytes + 11)
        assert.isAbove(opened.link.received() - before, bytes)
      }))

    it.live("gives the fate of a request when the peer dies over it, and of no other", () =>
      Effect.gen(function*() {
        const opened = yield* open
        const answered = new RecordingOutbound(1, "echo")
        const held = new RecordingOutbound(2, "hold")
        opened.link.post(answered)
        yield* arrival(opened, 1)
        opened.link.post(held)
        opened.link.post(new RecordingOutbound(3, "echo"))
        yield* arrival(opened, 3)
        yield* opened.kill
        yield* eventually("a fate", () => held.failures.length + opened.receiver.closings.length > 0)
        assert.strictEqual(held.handOffs, 1)
        for (const failure of held.failures) assert.deepInclude(failure, { _tag: "Lost", delivery: "Unknown" })
        assert.isEmpty(answered.failures)
      }))

    it.live("lets no frame pass for handed over that the dead peer cannot have got", () =>
      Effect.gen(function*() {
        const opened = yield* open
        opened.link.post(new RecordingOutbound(1, "echo"))
        yield* arrival(opened, 1)
        yield* opened.kill
        yield* peerIsGone(opened)
        const late = new RecordingOutbound(2, "echo")
        opened.link.post(late)
        yield* eventually("its fate", () => late.failures.length === 1)
        assert.deepInclude(late.failures[0], { _tag: "Lost", delivery: "NotSent" })
        assert.strictEqual(late.handOffs, 0)
        yield* opened.link.closed
        assert.strictEqual(opened.receiver.closings.length, 1)
      }))

    it.live("says once that it was released, and nothing afterwards", () =>
      Effect.gen(function*() {
        const held = new RecordingOutbound(1, "hold")
        const receiver = yield* Effect.scoped(Effect.gen(function*() {
          const opened = yield* open
          opened.link.post(held)
          opened.link.post(new RecordingOutbound(2, "echo"))
          yield* arrival(opened, 2)
          return opened.receiver
        }))
        assert.deepStrictEqual(receiver.closings, [{ _tag: "Released" }])
        for (const failure of held.failures) assert.deepInclude(failure, { _tag: "Lost", delivery: "Unknown" })
        assert.isEmpty(receiver.tooLate)
      }))

    it.live("refuses frames once it is closed, as not sent", () =>
      Effect.gen(function*() {
        const link = yield* Effect.scoped(Effect.map(open, (opened) => opened.link))
        const late = new RecordingOutbound(1, "echo")
        link.post(late)
        assert.strictEqual(late.handOffs, 0)
        assert.deepInclude(late.failures[0], { _tag: "Lost", delivery: "NotSent" })
        assert.strictEqual((yield* link.closed)._tag, "Released")
      }))

    it.live("does not let a message that makes no sense disturb the others", () =>
      Effect.gen(function*() {
        const opened = yield* open
        opened.link.post(new RecordingOutbound(1, "malformed"))
        opened.link.post(new RecordingOutbound(2, "echo"))
        yield* arrival(opened, 2)
        yield* eventually("told", () => opened.receiver.malformed.length === 1)
        assert.deepInclude(opened.receiver.malformed[0], { _tag: "Malformed", answerTo: 1 })
        assert.isEmpty(opened.receiver.closings)
      }))
  })
}

/** A dead process's pipe refuses at once; whether the pool knows is another matter. Nothing may run in between. */
const peerIsGone = ({ link }: Opened): Effect.Effect<void> =>
  Effect.sync(() => {
    const pid = link.process?.pid
    if (pid === undefined) return
    // Blocks on purpose: the exit must not be told before the frame is posted.
    for (let look = 0; look < 100_000; look++) {
      // The pipes are closed with the last thread, which may outlive the one that the process is named after.
      if (stateOf(pid) === "Z" && fs.readdirSync(`/proc/${pid}/task`).length === 1) return
    }
    throw new Error(`${pid} does not die`)
  })

const stateOf = (pid: number): string | undefined => {
  const stat = fs.readFileSync(`/proc/${pid}/stat`, "latin1")
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[0]
}
