/** The stream of what a server says on its own account. */
import { assert, describe, it } from "@effect/vitest"
import * as Deadlines from "@holdfast/core/Deadlines"
import { Endpoint } from "@holdfast/mcp/Endpoint"
import * as HttpLink from "@holdfast/mcp/HttpLink"
import { McpConnection } from "@holdfast/mcp/McpConnection"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import { TestClock } from "effect/testing"
import type * as http from "node:http"
import { FakeHttp, type FakeRequest, type FakeResponse } from "./support/FakeHttp.ts"
import { events, live, notification, open, passing } from "./support/OpenHttp.ts"
import { RecordingOutbound, RecordingReceiver } from "./support/RecordingReceiver.ts"

/** A link to a server without sockets, its handshake done. `onGet` is the server's side of every GET. */
const openFake = (
  onGet: (response: FakeResponse, count: number, request: FakeRequest) => void,
  options: Partial<HttpLink.HttpLinkOptions> = {}
) =>
  Effect.gen(function*() {
    const server = new FakeHttp((request, response) => {
      if (request.method === "GET") return onGet(response, server.count("GET"), request)
      if (request.method === "DELETE") return response.begin(405)
      response.begin(202, {})
      response.end()
    })
    const receiver = new RecordingReceiver()
    const deadlines = yield* Deadlines.make
    const make = HttpLink.make({ url: "http://fake/mcp", headers: {}, deadlines, ...options }, receiver)
    // Every pause is exactly what the back-off says.
    const middle = { nextDoubleUnsafe: () => 0.5, nextIntUnsafe: () => 0 }
    const link = yield* Effect.provideService(server.provide(make), Random.Random, middle)
    link.post(new RecordingOutbound(undefined, "notifications/initialized"))
    return { server, link, receiver }
  })

const methodsOf = (receiver: RecordingReceiver): ReadonlyArray<string> =>
  receiver.messages.flatMap((message) => "method" in message ? [message.method] : [])

describe("the push stream over real sockets", () => {
  it.live("is asked for after the handshake, and brings notifications and requests of the server", () =>
    Effect.gen(function*() {
      const { initialize, link, receiver, server } = yield* open()
      let stream: http.ServerResponse | undefined
      server.onGet = (response) => {
        stream = response
        events(response, ": welcome\n")
      }
      assert.isEmpty(server.gets())
      yield* initialize
      yield* live("GET", () => stream !== undefined)
      const [get] = server.gets()
      assert.deepInclude(get?.headers, { accept: "text/event-stream", "mcp-session-id": [...server.sessions][0] })
      assert.notProperty(get?.headers, "last-event-id")
      const before = link.received()
      if (stream !== undefined) {
        events(
          stream,
          notification("notifications/tools/list_changed"),
          `data: {"jsonrpc":"2.0","id":7,"method":"ping"}\n`
        )
      }
      yield* live("both arrived", () => receiver.messages.length === 3)
      assert.deepStrictEqual(methodsOf(receiver), ["notifications/tools/list_changed", "ping"])
      assert.isAbove(link.received(), before)
      assert.strictEqual(server.gets().length, 1)
    }))

  it.live("is not asked for by a link that does not want it", () =>
    Effect.gen(function*() {
      const { answered, ask, initialize, server } = yield* open({ push: false })
      yield* initialize
      ask(1, "echo")
      yield* answered(1)
      assert.isEmpty(server.gets())
    }))

  it.live("is not asked for in an era that has none, where requests say what they are about instead", () =>
    Effect.gen(function*() {
      const { answered, link, receiver, server } = yield* open({ hasSessions: false })
      link.setProtocolVersion("2026-07-28")
      for (const [id, name] of ["plain", "grün ", undefined].entries()) {
        link.post(Object.assign(new RecordingOutbound(id, "echo"), { name }))
        yield* answered(id)
      }
      link.post(new RecordingOutbound(undefined, "notifications/initialized"))
      yield* live("notified", () => server.requests.length === 4)
      assert.deepStrictEqual(
        server.requests.slice(0, 3).map(({ headers }) => [headers["mcp-method"], headers["mcp-name"]]),
        [
          ["echo", "plain"],
          ["echo", `=?base64?${Buffer.from("grün ").toString("base64")}?=`],
          ["echo", undefined]
        ]
      )
      assert.isEmpty(server.gets())
      assert.isEmpty(receiver.closings)
    }))

  it.effect("is resumed after its last event when its connection is cut, and repeats nothing", () =>
    Effect.gen(function*() {
      const { answered, ask, initialize, receiver, server } = yield* open()
      const streams: Array<http.ServerResponse> = []
      server.onGet = (response) => {
        streams.push(response)
        // The second stream begins with what the first has brought already.
        events(response, "id: a", notification("first"), "id: b", notification("second"))
        if (streams.length === 1) events(response, "id: c", `data: {"jsonrpc":"2.0","meth`)
        else events(response, "id: c", notification("third"), notification("fourth"))
      }
      yield* initialize
      yield* live("two arrived", () => methodsOf(receiver).length === 2)
      streams[0]?.destroy()
      ask(1, "echo")
      yield* answered(1)
      yield* passing("50 millis", "a second stream", () => streams.length === 2)
      yield* live("the others arrived", () => methodsOf(receiver).length >= 4)
      assert.deepStrictEqual(methodsOf(receiver), ["first", "second", "third", "fourth"])
      // The third event was not there in full, so it is asked for again.
      assert.strictEqual(server.gets()[1]?.headers["last-event-id"], "b")
      assert.isEmpty(receiver.closings)
    }))

  it.live("ends with the link, before the session does", () =>
    Effect.gen(function*() {
      const { isCut, server } = yield* Effect.scoped(Effect.gen(function*() {
        const opened = yield* open()
        let isOpen = false
        let wasCut = false
        opened.server.onGet = (response) => {
          isOpen = true
          response.on("close", () => {
            wasCut = true
          })
          events(response, ": welcome\n")
        }
        yield* opened.initialize
        yield* live("stream", () => isOpen)
        return { server: opened.server, isCut: () => wasCut }
      }))
      yield* live("cut", isCut)
      assert.strictEqual(server.requests.at(-1)?.method, "DELETE")
    }))
})

describe("a server that is no good at pushing", () => {
  it.effect("is not asked again for a message that is too long, and the call it answers is told", () =>
    Effect.gen(function*() {
      const long = (message: object) => `data: ${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`
      const { ask, initialize, receiver, server } = yield* open({ maxMessageBytes: 10_000 })
      const streams: Array<http.ServerResponse> = []
      server.onGet = (response) => {
        streams.push(response)
        events(response, ": welcome")
      }
      yield* initialize
      const call = ask(1, "hold")
      yield* live("held", () => server.open.has("hold") && streams.length === 1)
      // A comment ends what is written, so that only the event itself can have told its id.
      const [stream] = streams
      if (stream !== undefined) {
        events(stream, "", long({ method: "n", params: { text: "x".repeat(20_000) } }))
        events(stream, long({ id: 1, result: { text: "x".repeat(20_000) } }).trimEnd(), "id: a", "", ": ")
      }
      yield* live("both told", () => receiver.malformed.length === 2)
      assert.deepStrictEqual(receiver.malformed.map(({ answerTo }) => answerTo), [undefined, 1])
      assert.isEmpty(call.failures)
      streams[0]?.destroy()
      yield* passing("50 millis", "a second stream", () => streams.length === 2)
      assert.strictEqual(server.gets()[1]?.headers["last-event-id"], "a")
      assert.isEmpty(receiver.closings)
    }))

  for (const status of [405, 404, 400, 501, 403] as const) {
    it.effect(`is not asked again after ${status}`, () =>
      Effect.gen(function*() {
        const { receiver, server } = yield* openFake((response) => {
          response.begin(status)
          response.end()
        })
        yield* TestClock.adjust("1 hour")
        assert.strictEqual(server.count("GET"), 1)
        assert.isEmpty(receiver.closings)
      }))
  }

  it.effect("is not asked again when it answers something else", () =>
    Effect.gen(function*() {
      const { server } = yield* openFake((response) => {
        response.begin(200, { "content-type": "text/html" })
        response.end()
      })
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(server.count("GET"), 1)
    }))

  it.effect("is asked eleven times in the first minute if it ends every stream at once, and twice in every other", () =>
    Effect.gen(function*() {
      const { server } = yield* openFake((response) => {
        response.begin(200)
        response.end()
      })
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(server.count("GET"), 11)
      yield* TestClock.adjust("10 minutes")
      assert.isAtMost(server.count("GET"), 11 + 2 * 10)
      assert.isAtLeast(server.count("GET"), 11 + 2 * 10 - 1)
    }))

  it.effect("spins no faster for a retry of zero, nor for news in every stream", () =>
    Effect.gen(function*() {
      const { receiver, server } = yield* openFake((response, count) => {
        response.begin(200)
        response.write(`retry: 0\nid: ${count}\n${notification(`news/${count}`)}\n`)
        response.end()
      })
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(server.count("GET"), 11)
      assert.strictEqual(receiver.messages.length, 11)
    }))

  it.effect("is left alone as long as its retry says", () =>
    Effect.gen(function*() {
      const { server } = yield* openFake((response) => {
        response.begin(200)
        response.write("retry: 5000\n\n")
        response.end()
      })
      yield* TestClock.adjust("4999 millis")
      assert.strictEqual(server.count("GET"), 1)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(server.count("GET"), 2)
    }))

  it.effect("is left alone as long as its Retry-After says", () =>
    Effect.gen(function*() {
      const { server } = yield* openFake((response) => {
        response.begin(503, { "retry-after": "7" })
        response.end()
      })
      yield* TestClock.adjust("6999 millis")
      assert.strictEqual(server.count("GET"), 1)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(server.count("GET"), 2)
    }))

  it.effect("is asked soon again after a stream that has lasted", () =>
    Effect.gen(function*() {
      let current: FakeResponse | undefined
      const { server } = yield* openFake((response, count) => {
        current = response
        response.begin(200)
        if (count < 6) response.end()
      })
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual(server.count("GET"), 6)
      current?.end()
      yield* TestClock.adjust("250 millis")
      assert.strictEqual(server.count("GET"), 7)
    }))

  it.effect("is asked without a place in the stream once it has forgotten that place", () =>
    Effect.gen(function*() {
      const { receiver, server } = yield* openFake((response, count) => {
        if (count === 2) {
          response.begin(400, {})
          return response.end()
        }
        response.begin(200)
        response.write(`id: ${count}\n\n`)
        if (count === 1) response.end()
      })
      yield* TestClock.adjust("10 seconds")
      const places = server.requests.filter(({ method }) => method === "GET").map(({ headers }) =>
        headers["last-event-id"]
      )
      assert.deepStrictEqual(places, [undefined, "1", undefined])
      assert.isEmpty(receiver.closings)
    }))

  it.effect("is believed dead when its heartbeats stop, and not before", () =>
    Effect.gen(function*() {
      let current: FakeResponse | undefined
      const { server } = yield* openFake((response) => {
        current = response
        response.begin(200)
      })
      for (let beat = 0; beat < 4; beat++) {
        yield* TestClock.adjust("15 seconds")
        current?.write(": keepalive\n\n")
      }
      yield* TestClock.adjust("44 seconds")
      assert.strictEqual(server.count("GET"), 1)
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(server.count("GET"), 2)
    }))

  it.effect("may be silent for ever if it never had a rhythm", () =>
    Effect.gen(function*() {
      const { server } = yield* openFake((response) => {
        response.begin(200)
        response.write(": welcome\n\n")
      })
      yield* TestClock.adjust("1 day")
      assert.strictEqual(server.count("GET"), 1)
    }))

  it.effect("is followed within its origin when it redirects, and nowhere else", () =>
    Effect.gen(function*() {
      const places = ["/one", "http://fake/two", "//other/three"]
      const { server } = yield* openFake((response, count) => {
        response.begin(302, { location: places[count - 1] ?? "" })
        response.end()
      })
      yield* TestClock.adjust("1 hour")
      const asked = server.requests.filter(({ method }) => method === "GET").map(({ url }) => url)
      assert.deepStrictEqual(asked, ["http://fake/mcp", "http://fake/one", "http://fake/two"])
    }))

  it.effect("is asked no more than six times in a row when it redirects in a circle", () =>
    Effect.gen(function*() {
      const { server } = yield* openFake((response) => {
        response.begin(307, { location: "/mcp" })
        response.end()
      })
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(server.count("GET"), 6)
    }))

  it.effect("is not asked any more once the link is closed, whatever it waited for", () =>
    Effect.gen(function*() {
      // They outlive the link, as a pool's do.
      const deadlines = yield* Deadlines.make
      for (const isOpen of [true, false]) {
        let current: FakeResponse | undefined
        const { receiver, server } = yield* Effect.scoped(Effect.gen(function*() {
          const opened = yield* openFake((response) => {
            current = response
            response.begin(200)
            if (!isOpen) response.end()
          }, { deadlines })
          yield* TestClock.adjust("1 second")
          return opened
        }))
        const count = server.count("GET")
        assert.isAtLeast(count, 1)
        if (isOpen) assert.isTrue(current?.isAborted())
        current?.write(notification("too/late"))
        current?.end()
        yield* TestClock.adjust("1 hour")
        assert.strictEqual(server.count("GET"), count)
        assert.isEmpty(receiver.messages)
      }
    }))
})

describe("a connection that offers something to the server", () => {
  const sampling = () => Effect.succeed({ role: "assistant", content: { type: "text", text: "" }, model: "none" })

  it.live("is used only when the server's own stream is open: what it asks at once is heard", () =>
    Effect.gen(function*() {
      const { server } = yield* open()
      let stream: http.ServerResponse | undefined
      server.onGet = (response) => void (stream = response)
      const connecting = yield* Effect.forkChild(
        McpConnection.connect({
          server: "spy",
          endpoint: Endpoint.http({ url: server.url }),
          clientInfo: { name: "test", version: "1" },
          era: "legacy",
          handlers: { sampling }
        }),
        { startImmediately: true }
      )
      yield* live("GET", () => stream !== undefined)
      assert.isUndefined(connecting.pollUnsafe())
      if (stream !== undefined) events(stream, ": welcome\n")
      yield* Fiber.join(connecting)
    }))

  it.live("does not wait for a stream when the server has none, nor when nothing is offered", () =>
    Effect.gen(function*() {
      const { server } = yield* open()
      const options = {
        server: "spy",
        endpoint: Endpoint.http({ url: server.url }),
        clientInfo: { name: "test", version: "1" },
        era: "legacy"
      } as const
      yield* McpConnection.connect({ ...options, handlers: { sampling } })
      // Never answered.
      server.onGet = () => {}
      yield* McpConnection.connect(options)
    }))
})
