/** Answers whose stream breaks before they are there. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import type * as http from "node:http"
import { answer, events, live, notification, open, passing } from "./support/OpenHttp.ts"
import type { SpyHttp } from "./support/SpyHttp.ts"

/** The stream of the next call `long` begins with these lines, and is left to the test. */
const streamOf = (server: SpyHttp, ...lines: ReadonlyArray<string>) => {
  const streams: Array<http.ServerResponse> = []
  server.override.set("long", (response) => {
    streams.push(response)
    events(response, ...lines)
  })
  return streams
}

/** Lets the server, whatever it is asked by GET, do these one after the other; the last one again and again. */
const onGets = (
  server: SpyHttp,
  ...answers: ReadonlyArray<(response: http.ServerResponse) => void>
): void => {
  let count = 0
  server.onGet = (response) => answers[Math.min(count++, answers.length - 1)]?.(response)
}

const closing = (...lines: ReadonlyArray<string>) => (response: http.ServerResponse): void => {
  events(response, ...lines)
  response.end()
}

const refusing = (status: number, headers: Record<string, string> = {}) => (response: http.ServerResponse): void =>
  void response.writeHead(status, headers).end()

describe("a broken response stream", () => {
  it.effect("is resumed after its last event when the connection is cut, and repeats nothing", () =>
    Effect.gen(function*() {
      const { answered, ask, initialize, receiver, server } = yield* open({ push: false })
      yield* initialize
      const streams = streamOf(
        server,
        "id: 1",
        notification("one"),
        "id: 2",
        notification("two"),
        "id: 3",
        `data: {"jso`
      )
      onGets(
        server,
        closing("id: 2", notification("two"), "id: 3", notification("three"), "id: 4", answer(1, { it: "is" }))
      )
      const call = ask(1, "long")
      yield* live("begun", () => receiver.messages.length === 3)
      streams[0]?.destroy()
      yield* passing("50 millis", "the answer", () => receiver.answerTo(1) !== undefined)
      yield* answered(1)
      assert.deepStrictEqual(
        receiver.messages.slice(1).map((message) => "method" in message ? message.method : message._tag),
        ["one", "two", "three", "Success"]
      )
      assert.deepStrictEqual(server.gets().map(({ headers }) => headers["last-event-id"]), ["2"])
      assert.deepInclude(server.gets()[0]?.headers, { "mcp-session-id": [...server.sessions][0] })
      assert.deepStrictEqual([call.handOffs, call.failures.length], [1, 0])
      assert.isEmpty(receiver.closings)
    }))

  it.effect("tells the call whose answer is too long, and is not ended by another message that is", () =>
    Effect.gen(function*() {
      const long = (message: object) =>
        `data: ${JSON.stringify({ jsonrpc: "2.0", ...message, text: "x".repeat(20_000) })}\n`
      const { ask, failed, initialize, receiver, server } = yield* open({ push: false, maxMessageBytes: 10_000 })
      yield* initialize
      const streams = streamOf(server, "id: 1", notification("one"))
      onGets(server, closing("id: 2", long({ method: "two", params: {} })), closing("id: 3", long({ result: {} })))
      const call = ask(1, "long")
      yield* live("begun", () => receiver.messages.length === 2)
      streams[0]?.destroy()
      yield* passing("50 millis", "the end", () => call.failures.length > 0)
      assert.deepInclude(yield* failed(call), { _tag: "Unintelligible" })
      assert.match(call.failures[0]?.description ?? "", /^a message of 20\d{3} bytes, which is too long$/)
      assert.deepStrictEqual(receiver.malformed.map(({ answerTo }) => answerTo), [undefined])
      assert.deepStrictEqual(server.gets().map(({ headers }) => headers["last-event-id"]), ["1", "2"])
    }))

  it.effect("may be the server's way of being asked now and then, at the pace of its retry, for as long as it takes", () =>
    Effect.gen(function*() {
      const { ask, initialize, receiver, server } = yield* open({ push: false })
      yield* initialize
      streamOf(server)
      server.override.set("long", closing("retry: 2000", "id: prime", "data:", ""))
      let gets = 0
      server.onGet = (response) => {
        gets++
        if (gets === 12) return closing("id: last", answer(1))(response)
        closing(`id: still-${gets}`, "data:", "")(response)
      }
      const call = ask(1, "long")
      for (let count = 1; count <= 12; count++) {
        // Whatever comes of the one before comes before its pause begins, and only the pause waits for our clock.
        yield* passing("500 millis", `GET ${count}`, () => gets === count)
      }
      yield* live("the answer", () => receiver.answerTo(1) !== undefined)
      assert.isEmpty(call.failures)
      assert.deepStrictEqual(server.gets().map(({ headers }) => headers["last-event-id"]).slice(0, 3), [
        "prime",
        "still-1",
        "still-2"
      ])
    }))

  it.effect("is not asked for before the server's retry", () =>
    Effect.gen(function*() {
      const { ask, initialize, receiver, server } = yield* open({ push: false })
      yield* initialize
      let isClosed = false
      server.override.set("long", (response) => {
        response.on("close", () => {
          isClosed = true
        })
        closing("retry: 60000", "id: prime", "data:", "")(response)
      })
      onGets(server, closing("id: last", answer(1)))
      ask(1, "long")
      yield* live("closed", () => isClosed)
      // By the time another call is answered the end of the first has long been seen.
      ask(2, "echo")
      yield* live("another answer", () => receiver.answerTo(2) !== undefined)
      yield* TestClock.adjust("59 seconds")
      ask(3, "echo")
      yield* live("another answer", () => receiver.answerTo(3) !== undefined)
      assert.isEmpty(server.gets())
      yield* passing("100 millis", "the answer", () => receiver.answerTo(1) !== undefined)
    }))

  it.effect("is given up, with the outcome unknown, after six attempts that brought nothing", () =>
    Effect.gen(function*() {
      const { answered, ask, initialize, receiver, server } = yield* open({ push: false })
      yield* initialize
      server.override.set("long", closing("id: 1", notification("one")))
      onGets(server, closing(": nothing", ""))
      const call = ask(1, "long")
      yield* passing("100 millis", "a failure", () => call.failures.length > 0)
      assert.deepInclude(call.failures[0], { _tag: "Lost", delivery: "Unknown" })
      assert.match(call.failures[0]?.description ?? "", /could not be resumed: the server ended the stream/)
      assert.strictEqual(server.gets().length, 6)
      ask(2, "echo")
      yield* answered(2)
      assert.isEmpty(receiver.closings)
    }))

  it.effect("is given up at once when the server refuses, and the session is none the worse for it", () =>
    Effect.gen(function*() {
      const { answered, ask, initialize, receiver, server } = yield* open({ push: false })
      yield* initialize
      server.override.set("long", closing("id: 1", notification("one")))
      for (const [index, status] of [400, 404, 405].entries()) {
        onGets(server, refusing(status))
        const call = ask(index + 1, "long")
        yield* passing("100 millis", "a failure", () => call.failures.length > 0)
        assert.deepInclude(call.failures[0], { _tag: "Lost", delivery: "Unknown" })
        assert.match(call.failures[0]?.description ?? "", new RegExp(`HTTP ${status}`))
      }
      assert.strictEqual(server.gets().length, 3)
      ask(9, "echo")
      yield* answered(9)
      assert.isEmpty(receiver.closings)
    }))

  it.effect("is asked for again when the server is busy or has not noticed the break", () =>
    Effect.gen(function*() {
      const { ask, initialize, receiver, server } = yield* open({ push: false })
      yield* initialize
      server.override.set("long", closing("id: 1", notification("one")))
      onGets(server, refusing(409), refusing(503, { "retry-after": "3" }), closing("id: 2", answer(1)))
      const call = ask(1, "long")
      yield* passing("100 millis", "the answer", () => receiver.answerTo(1) !== undefined)
      assert.isEmpty(call.failures)
      assert.strictEqual(server.gets().length, 3)
    }))

  it.effect("is not asked for once nobody waits for the call", () =>
    Effect.gen(function*() {
      const { answered, ask, initialize, link, server } = yield* open({ push: false })
      yield* initialize
      const waiting = streamOf(server, "id: 1", "data:", "")
      const call = ask(1, "long")
      yield* live("begun", () => waiting.length === 1)
      waiting[0]?.end()
      ask(2, "echo")
      yield* answered(2)
      link.forget(1)
      yield* TestClock.adjust("1 hour")
      ask(3, "echo")
      yield* answered(3)
      assert.isEmpty(server.gets())
      assert.isEmpty(call.failures)
    }))

  it.effect("is let go of in the middle of its resumption, too", () =>
    Effect.gen(function*() {
      const { ask, initialize, link, server } = yield* open({ push: false })
      yield* initialize
      server.override.set("long", closing("id: 1", "data:", ""))
      let isCut = false
      onGets(server, (response) => {
        response.on("close", () => {
          isCut = true
        })
        events(response, ": patience", "")
      })
      const call = ask(1, "long")
      yield* passing("100 millis", "a GET", () => server.gets().length === 1)
      link.forget(1)
      yield* live("let go", () => isCut)
      assert.isEmpty(call.failures)
    }))

  it.effect("settles as unknown when the link closes meanwhile", () =>
    Effect.gen(function*() {
      const call = yield* Effect.scoped(Effect.gen(function*() {
        const { ask, initialize, server } = yield* open({ push: false })
        yield* initialize
        server.override.set("long", closing("id: 1", "data:", ""))
        onGets(server, (response) => events(response, ": patience", ""))
        const outbound = ask(1, "long")
        yield* passing("100 millis", "a GET", () => server.gets().length === 1)
        return outbound
      }))
      assert.deepInclude(call.failures, { _tag: "Lost", delivery: "Unknown", description: "closed", status: undefined })
    }))

  it.live("fails at once when the server has not numbered its events", () =>
    Effect.gen(function*() {
      const { ask, failed, initialize, server } = yield* open({ push: false })
      yield* initialize
      server.override.set("long", closing(notification("one")))
      assert.deepInclude(yield* failed(ask(1, "long")), { _tag: "Lost", delivery: "Unknown" })
      assert.isEmpty(server.gets())
    }))

  it.live("fails at once in an era that resumes nothing", () =>
    Effect.gen(function*() {
      const { ask, failed, link, server } = yield* open({ hasSessions: false })
      link.setProtocolVersion("2026-07-28")
      server.override.set("long", closing("id: 1", notification("one")))
      assert.deepInclude(yield* failed(ask(1, "long")), { _tag: "Lost", delivery: "Unknown" })
      assert.isEmpty(server.gets())
    }))

  it.effect("is over when its answer comes on another stream", () =>
    Effect.gen(function*() {
      const { answered, ask, initialize, receiver, server } = yield* open()
      let push: http.ServerResponse | undefined
      server.onGet = (response, request) => {
        if (request.headers["last-event-id"] === undefined) push = response
        events(response, ": welcome", "")
      }
      yield* initialize
      yield* live("push stream", () => push !== undefined)
      server.override.set("long", closing("id: 1", "data:", ""))
      const call = ask(1, "long")
      yield* passing("100 millis", "a resumption", () => server.gets().length === 2)
      if (push !== undefined) events(push, answer(1))
      yield* answered(1)
      // The link knows that nothing is awaited any more: an unreachable server closes it now.
      yield* server.stop
      const late = ask(2, "echo")
      yield* live("closed", () => receiver.closings.length === 1)
      assert.deepInclude(late.failures[0], { delivery: "NotSent" })
      assert.isEmpty(call.failures)
    }))
})
