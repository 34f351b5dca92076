/** What is somebody else's on the way of an HTTP request may fail: its own request learns of it, and the others go on. */
import { assert, describe, it } from "@effect/vitest"
import { AuthorizationRefused } from "@holdfast/mcp/AuthorizationRefused"
import { Endpoint } from "@holdfast/mcp/Endpoint"
import type { HttpAuthorizer } from "@holdfast/mcp/HttpAuthorizer"
import * as HttpLink from "@holdfast/mcp/HttpLink"
import { McpConnection } from "@holdfast/mcp/McpConnection"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import { TestClock } from "effect/testing"
import type * as http from "node:http"
import { Dispatcher } from "undici"
import { FakeHttp } from "./support/FakeHttp.ts"
import { live, open } from "./support/OpenHttp.ts"
import * as SpyHttp from "./support/SpyHttp.ts"

const silence = Logger.layer([])
const brokenLogger = Logger.layer([Logger.make(() => {
  throw new Error("the logger has failed")
})])

const throws = (): never => {
  throw new Error("a fault")
}

const connectTo = (endpoint: Endpoint) =>
  McpConnection.connect({
    server: "spy",
    endpoint,
    clientInfo: { name: "test", version: "0" },
    era: "legacy",
    connectTimeout: "20 seconds"
  })

describe("a classifier of lost sessions", () => {
  const classifiers: ReadonlyArray<readonly [name: string, classifier: HttpLink.SessionLostClassifier]> = [
    ["throws", throws],
    // What programs without types give: a function that answers later, and fails.
    ["answers by a promise", (() => Promise.reject(new Error("a fault"))) as unknown as HttpLink.SessionLostClassifier],
    ["answers with what is no answer", (() => "yes") as unknown as HttpLink.SessionLostClassifier]
  ]
  for (const [name, isSessionLost] of classifiers) {
    it.live(`that ${name} has not said that one is lost: the call is told of the status, and nobody else`, () =>
      Effect.gen(function*() {
        const { answered, ask, failed, initialize, receiver, server } = yield* open({
          answers: "json",
          isSessionLost
        })
        yield* initialize
        const held = ask(1, "hold")
        for (const [index, status] of [404, 400, 503, 500].entries()) {
          server.override.set("odd", (response) => void response.writeHead(status).end("no session"))
          const failure = yield* failed(ask(2 + index, "odd"))
          assert.strictEqual(failure !== undefined && "status" in failure ? failure.status : undefined, status)
        }
        server.override.set("odd", (response, { id }) => {
          response.writeHead(200, { "content-type": "application/json" })
          response.end(JSON.stringify({ jsonrpc: "2.0", id, error: { code: 1, message: "no session" } }))
        })
        ask(9, "odd")
        yield* answered(9)
        ask(10, "release")
        yield* answered(1)
        assert.isEmpty(held.failures)
        assert.isEmpty(receiver.closings)
      }).pipe(Effect.provide(silence)))
  }
})

describe("an authorizer", () => {
  const good: HttpAuthorizer = {
    identity: "me",
    headers: Effect.succeed({ authorization: Redacted.make("Bearer a-good-token") }),
    onChallenge: () => Effect.fail(new AuthorizationRefused({ description: "no more tokens" }))
  }
  const wiped = Redacted.make("Bearer a-wiped-token")
  Redacted.wipeUnsafe(wiped)
  const bad: ReadonlyArray<readonly [name: string, authorizer: HttpAuthorizer, words: RegExp]> = [
    [
      "refuses",
      { ...good, headers: Effect.fail(new AuthorizationRefused({ description: "log in first" })) },
      /log in first/
    ],
    ["dies", { ...good, headers: Effect.die(new Error("a fault")) }, /the authorizer has failed/],
    ["is interrupted from within", { ...good, headers: Effect.interrupt }, /the authorizer has failed/],
    [
      "throws",
      {
        ...good,
        get headers() {
          return throws()
        }
      },
      /the authorizer has failed/
    ],
    // What programs without types give.
    [
      "fails with something else",
      { ...good, headers: Effect.fail("no" as unknown as AuthorizationRefused) },
      /the authorizer has failed/
    ],
    [
      "gives nothing",
      { ...good, headers: undefined as unknown as HttpAuthorizer["headers"] },
      /the authorizer has failed/
    ],
    ["gives what is gone", { ...good, headers: Effect.succeed({ authorization: wiped }) }, /the authorizer has failed/],
    [
      "gives what HTTP forbids",
      { ...good, headers: Effect.succeed({ authorization: Redacted.make("Bearer a\r\nb") }) },
      /the header authorization has characters that HTTP forbids/
    ],
    ["throws at a challenge", { ...good, onChallenge: throws }, /the authorizer has failed/],
    [
      "dies at a challenge",
      { ...good, onChallenge: () => Effect.die(new Error("a fault")) },
      /the authorizer has failed/
    ],
    ["refuses at a challenge", good, /no more tokens/]
  ]
  for (const [name, authorizer, words] of bad) {
    for (const [logger, layer] of [["", silence], [", whatever becomes of the log", brokenLogger]] as const) {
      it.live(`that ${name} fails the request it was asked for, typed${logger}`, () =>
        Effect.gen(function*() {
          const server = yield* SpyHttp.make({ answers: "json", hasSessions: false })
          server.override.set("initialize", (response) => void response.writeHead(401).end())
          const reason = yield* Effect.flip(connectTo(Endpoint.http({ url: server.url, authorizer })))
          assert.include(reason, { _tag: "HttpRejected", status: 401 })
          assert.match(reason.message, words)
          assert.notMatch(reason.message, /a-good-token|a-wiped-token|Bearer/)
        }).pipe(Effect.provide(layer)))
    }
  }
})

describe("a source of sockets that throws", () => {
  it.live("is no way to the server: its frames were not sent, and the link ends", () =>
    Effect.gen(function*() {
      class Broken extends Dispatcher {
        override dispatch(): boolean {
          return throws()
        }
      }
      const { ask, failed, link } = yield* Effect.provideService(
        open({ url: "http://127.0.0.1:9/" }),
        HttpLink.HttpDispatcher,
        Effect.succeed(new Broken())
      )
      assert.deepInclude(yield* failed(ask(1, "echo")), { _tag: "Lost", delivery: "NotSent", description: "a fault" })
      assert.strictEqual((yield* link.closed)._tag, "Unreachable")
    }))
})

describe("an error that does not say what it is about", () => {
  for (
    const [form, type, write] of [
      ["JSON", "application/json", (message: object) => JSON.stringify(message)],
      ["a batch", "application/json", (message: object) => JSON.stringify([message])],
      ["an event", "text/event-stream", (message: object) => `data: ${JSON.stringify(message)}\n\n`],
      ["a numbered event", "text/event-stream", (message: object) => `id: 7\ndata: ${JSON.stringify(message)}\n\n`]
    ] as const
  ) {
    it.live(`is the answer to the call whose response it is all there is of, as ${form}`, () =>
      Effect.gen(function*() {
        const server = yield* SpyHttp.make({ answers: "json", hasSessions: false })
        const connection = yield* connectTo(Endpoint.http({ url: server.url }))
        const held = yield* Effect.forkChild(connection.request("hold"), { startImmediately: true })
        server.override.set("odd", (response) => {
          response.writeHead(200, { "content-type": type })
          response.end(write({ jsonrpc: "2.0", id: null, error: { code: -32001, message: "the key is wrong" } }))
        })
        const failure = yield* Effect.flip(connection.request("odd"))
        assert.include(failure, { _tag: "ServerError", code: -32001, description: "the key is wrong" })
        yield* connection.request("release")
        assert.deepStrictEqual(yield* Fiber.join(held), { released: true })
      }).pipe(Effect.provide(silence)))
  }
})

describe("a text for people where an answer was due", () => {
  it.live("is told to whoever called, also when it does not end", () =>
    Effect.gen(function*() {
      const server = yield* SpyHttp.make({ answers: "json", hasSessions: false })
      const connection = yield* connectTo(Endpoint.http({ url: server.url }))
      for (const ends of [true, false]) {
        server.override.set("odd", (response) => {
          response.writeHead(200, { "content-type": "text/plain" })
          response.write("The monthly quota\nis used up.")
          if (ends) response.end()
        })
        const failure = yield* Effect.flip(connection.request("odd"))
        assert.strictEqual(failure._tag, "InvalidAnswer")
        assert.include(failure.message, "The monthly quota is used up.")
      }
    }))
})

describe("a frame that gets no answer", () => {
  it.effect("is let go when the server does not say within a minute that it took it, and fails in doubt", () =>
    Effect.gen(function*() {
      const { ask, link, server } = yield* open()
      const waiting: Array<http.ServerResponse> = []
      server.override.set("notifications/x", (response) => void waiting.push(response))
      const notice = ask(undefined, "notifications/x")
      yield* live("received", () => waiting.length === 1)
      yield* TestClock.adjust("59 seconds")
      assert.isEmpty(notice.failures)
      yield* TestClock.adjust("1 second")
      assert.deepInclude(notice.failures[0], { _tag: "Lost", delivery: "Unknown" })
      yield* live("let go", () => waiting[0]?.destroyed === true)
      assert.deepStrictEqual([notice.handOffs, notice.sent, notice.failures.length], [1, 0, 1])
      assert.isFalse(link.withdraw(notice))
    }))

  it.effect("keeps no deadline once it was taken", () =>
    Effect.gen(function*() {
      const http = new FakeHttp((_, response) => {
        response.begin(202)
        response.end()
      })
      const { ask } = yield* http.provide(open())
      const notice = ask(undefined, "notifications/x")
      yield* TestClock.adjust("5 minutes")
      assert.deepStrictEqual([notice.sent, notice.failures.length], [1, 0])
    }))
})
