/** Servers and gateways at their worst: each harms the call it belongs to, and nothing else. */
import { assert, describe, it } from "@effect/vitest"
import { Endpoint } from "@holdfast/mcp/Endpoint"
import { McpConnection } from "@holdfast/mcp/McpConnection"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import { TestClock } from "effect/testing"
import { Buffer } from "node:buffer"
import type * as http from "node:http"
import * as net from "node:net"
import { gzipSync } from "node:zlib"
import { answer, events, live, open } from "./support/OpenHttp.ts"
import * as SpyHttp from "./support/SpyHttp.ts"

const stateless = { hasSessions: false } as const

describe("a response that is no good", () => {
  const bodies: ReadonlyArray<
    readonly [what: string, send: (response: http.ServerResponse, id: unknown) => void, expected: object]
  > = [
    ["JSON that ends in the middle", (response, id) => {
      response.writeHead(200, { "content-type": "application/json" })
      response.end(`{"jsonrpc":"2.0","id":${String(id)},"result":{"a`)
    }, { _tag: "Unintelligible" }],
    ["JSON whose connection is cut", (response, id) => {
      response.writeHead(200, { "content-type": "application/json", "content-length": "1000" })
      response.write(`{"jsonrpc":"2.0","id":${String(id)},"result":{"a`, () => response.destroy())
    }, { _tag: "Lost", delivery: "Unknown" }],
    ["JSON that is no UTF-8", (response) => {
      response.writeHead(200, { "content-type": "application/json" }).end(Buffer.from([0x22, 0xff, 0xfe, 0x22]))
    }, { _tag: "Unintelligible", description: "it is not UTF-8" }],
    ["JSON without an end", (response) => {
      response.writeHead(200, { "content-type": "application/json" }).write("x".repeat(200_000))
    }, { _tag: "Unintelligible", description: "a message of more than 100000 bytes, which is too long" }],
    ["an event without an end", (response) => events(response, `data: ${"x".repeat(200_000)}`, ""), {
      _tag: "Unintelligible"
    }],
    ["a compressed bomb", (response) => {
      response.writeHead(200, { "content-type": "application/json", "content-encoding": "gzip" })
      response.end(gzipSync(Buffer.alloc(50_000_000)))
    }, { _tag: "Unintelligible", description: "a message of more than 100000 bytes, which is too long" }],
    ["compression that is broken", (response) => {
      response.writeHead(200, { "content-type": "application/json", "content-encoding": "gzip" })
      response.end("no gzip at all")
    }, { _tag: "Lost", delivery: "Unknown" }],
    ["compression of a kind that is not known", (response) => {
      response.writeHead(200, { "content-type": "application/json", "content-encoding": "compress" }).end("x")
    }, { _tag: "Unintelligible", description: "it is compressed in a way that is not known here (compress)" }],
    ["a page for people", (response) => {
      response.writeHead(200, { "content-type": "text/html" }).end("<h1>Welcome</h1>")
    }, { _tag: "Unintelligible" }],
    ["half an event at the end", (response, id) => {
      events(response, answer(id).trimEnd())
      response.end()
    }, { _tag: "Lost", delivery: "Unknown" }],
    ["nothing at all", (response) => void response.destroy(), { _tag: "Lost", delivery: "Unknown" }]
  ]
  for (const [what, send, expected] of bodies) {
    it.live(`(${what}) fails its own call and no other`, () =>
      Effect.gen(function*() {
        const { answered, ask, failed, receiver, server } = yield* open({ ...stateless, maxMessageBytes: 100_000 })
        const neighbour = ask(1, "hold")
        yield* live("held", () => server.open.has("hold"))
        server.override.set("bad", (response, { id }) => send(response, id))
        assert.deepInclude(yield* failed(ask(2, "bad")), expected)
        ask(3, "release")
        yield* answered(1)
        yield* answered(3)
        assert.isEmpty(neighbour.failures)
        assert.isEmpty(receiver.closings)
      }))
  }

  it.effect("(a refusal without an end) is taken for what has come of it within two seconds", () =>
    Effect.gen(function*() {
      const { ask, link, server } = yield* open(stateless)
      let isCut = false
      server.override.set("bad", (response) => {
        response.on("close", () => {
          isCut = true
        })
        response.writeHead(403, { "content-type": "text/plain" }).write("not you")
      })
      const before = link.received()
      const call = ask(1, "bad")
      yield* live("its beginning", () => link.received() > before + 1)
      yield* TestClock.adjust("1999 millis")
      assert.isEmpty(call.failures)
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(call.failures, [
        { _tag: "Rejected", status: 403, description: "not you", retryAfterMillis: undefined }
      ])
      yield* live("cut", () => isCut)
    }))

  it.effect("(a stream after 202) does not hold its socket", () =>
    Effect.gen(function*() {
      const { ask, server } = yield* open(stateless)
      let isCut = false
      server.override.set("notifications/x", (response) => {
        response.on("close", () => {
          isCut = true
        })
        events(response, ": for ever", "")
      })
      const notice = ask(undefined, "notifications/x")
      yield* live("sent", () => notice.sent === 1)
      yield* TestClock.adjust("2 seconds")
      yield* live("cut", () => isCut)
      assert.isEmpty(notice.failures)
    }))

  for (
    const [what, text] of [
      ["CRLF", `event: message\r\ndata: {"jsonrpc":"2.0",\r\ndata: "id":1,"result":{}}\r\n\r\n`],
      ["CR", `: hello\rdata: {"jsonrpc":"2.0",\rdata: "id":1,"result":{}}\r\r`],
      ["a byte order mark", `\uFEFFdata: {"jsonrpc":"2.0",\ndata: "id":1,"result":{}}\n\n`],
      [
        "other events",
        `event: other\ndata: {"jsonrpc":"2.0","id":1,"result":{"no":1}}\n\ndata:{"jsonrpc":"2.0","id":1,"result":{}}\n\n`
      ]
    ] as const
  ) {
    it.live(`is none if it is only a stream with ${what}, in pieces of one byte`, () =>
      Effect.gen(function*() {
        const { answered, ask, receiver, server } = yield* open(stateless)
        server.override.set("good", (response) => {
          response.writeHead(200, { "content-type": "Text/Event-Stream ; charset=utf-8" })
          for (const byte of Buffer.from(text)) response.write(Buffer.from([byte]))
          response.end()
        })
        const call = ask(1, "good")
        yield* answered(1)
        assert.deepStrictEqual(receiver.answerTo(1), { _tag: "Success", id: 1, result: {} })
        assert.isEmpty(call.failures)
      }))
  }
})

describe("a refusal", () => {
  it.live("says by its status and headers whether and when to come back", () =>
    Effect.gen(function*() {
      const { ask, failed, server } = yield* open(stateless)
      const inAMinute = new Date(Date.now() + 60_000).toUTCString()
      const error = `{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"too many sessions"}}`
      const cases: ReadonlyArray<
        readonly [status: number, retryAfter: string | undefined, body: string, tag: string, wait: number | undefined]
      > = [
        [401, undefined, "", "Rejected", undefined],
        [403, undefined, "", "Rejected", undefined],
        [429, "3", "", "Rejected", 3000],
        [429, undefined, "", "Rejected", 1000],
        [503, "2", "", "Rejected", 2000],
        [503, inAMinute, "", "Rejected", 60_000],
        [503, "Thu, 01 Jan 1970 00:00:00 GMT", "", "Rejected", 0],
        [503, "1.5", "", "Lost", undefined],
        [503, "soon", "", "Lost", undefined],
        [503, "9".repeat(400), "", "Rejected", 999_999_999_000],
        [503, undefined, error, "Rejected", 1000],
        [503, undefined, "", "Lost", undefined],
        [502, "5", "", "Lost", undefined],
        [504, undefined, "", "Lost", undefined],
        [500, undefined, error, "Lost", undefined]
      ]
      for (const [index, [status, retryAfter, body, tag, wait]] of cases.entries()) {
        server.override.set("echo", (response) => {
          response.writeHead(status, retryAfter === undefined ? {} : { "retry-after": retryAfter }).end(body)
        })
        const failure = yield* failed(ask(index, "echo"))
        const label = `${status} ${retryAfter ?? ""} ${body}`
        assert.strictEqual(failure?._tag, tag, label)
        if (failure?._tag === "Lost") assert.strictEqual(failure.delivery, "Unknown", label)
        if (failure?._tag !== "Rejected") continue
        if (wait === undefined) assert.isUndefined(failure.retryAfterMillis, label)
        else assert.approximately(failure.retryAfterMillis ?? -1, wait, wait === 60_000 ? 30_000 : 0, label)
      }
    }))
})

describe("a redirection", () => {
  for (const status of [307, 308]) {
    it.live(`by ${status} within the origin repeats the same POST`, () =>
      Effect.gen(function*() {
        const { answered, ask, receiver, server } = yield* open(stateless)
        server.override.set("echo", (response) => {
          server.override.clear()
          response.writeHead(status, { location: "/elsewhere?a=b" }).end()
        })
        const call = ask(1, "echo", { text: "the same" })
        yield* answered(1)
        assert.deepInclude(receiver.answerTo(1), { result: { echo: { text: "the same" } } })
        assert.deepStrictEqual(server.requests.map(({ method, url }) => `${method} ${url}`), [
          "POST /mcp",
          "POST /elsewhere?a=b"
        ])
        assert.strictEqual(call.handOffs, 1)
      }))
  }

  it.live("that would make a GET of a POST is refused with the place it names", () =>
    Effect.gen(function*() {
      const { ask, failed, server } = yield* open(stateless)
      for (const [index, status] of [301, 302, 303].entries()) {
        server.override.set("echo", (response) => void response.writeHead(status, { location: "/other" }).end())
        assert.deepInclude(yield* failed(ask(index, "echo")), {
          _tag: "Rejected",
          status,
          description: `it redirects to ${server.url.replace("/mcp", "/other")}; ` +
            "if that is the server you mean, put its url into the config"
        })
      }
      assert.strictEqual(server.requests.length, 3)
    }))

  it.live("in a circle ends after five", () =>
    Effect.gen(function*() {
      const { ask, failed, server } = yield* open(stateless)
      server.override.set("echo", (response) => void response.writeHead(307, { location: "/mcp" }).end())
      assert.match((yield* failed(ask(1, "echo")))?.description ?? "", /in a circle/)
      assert.strictEqual(server.requests.length, 6)
    }))
})

describe("a secret in a header", () => {
  it.live("is in no message and no log, however the server quotes it", () =>
    Effect.gen(function*() {
      const sentinel = "sentinel-4711-secret"
      const server = yield* SpyHttp.make({ answers: "json" })
      const logged: Array<string> = []
      const logger = Logger.make(({ message }) => void logged.push(String(message)))
      const url = server.url.replace("http://", "http://user:sentinel-password@")
      const secrets = [sentinel, "sentinel-password", btoa("user:sentinel-password")]
      const endpoint = Endpoint.http({ url, headers: { "X-Key": Redacted.make(`Bearer ${sentinel}`) } })
      const connect = McpConnection.connect({
        server: "spy",
        endpoint,
        era: "legacy",
        clientInfo: { name: "test", version: "1" }
      })
      const said: Array<string> = []
      yield* Effect.gen(function*() {
        const connection = yield* connect
        const quoting: ReadonlyArray<readonly [status: number, type: string, location?: string]> = [
          [401, "text/plain"],
          [400, "application/json"],
          [502, "text/plain"],
          [200, "text/plain"],
          [200, "application/json"],
          [307, "text/plain", `http://other.invalid/${sentinel}`]
        ]
        for (const [status, type, location] of quoting) {
          server.override.set("echo", (response) => {
            const { authorization, "x-key": key } = server.requests.at(-1)?.headers ?? {}
            response.writeHead(status, { "content-type": type, ...(location !== undefined && { location }) })
            response.end(`you said ${String(key)} and ${authorization}`)
          })
          const failure = yield* Effect.flip(connection.request("echo"))
          said.push(failure.message, JSON.stringify(failure))
        }
        server.override.set("initialize", (response) => void response.writeHead(401).end(`no: ${secrets.join(" ")}`))
        const refused = yield* Effect.flip(Effect.scoped(connect))
        said.push(refused.message, JSON.stringify(refused))
      }).pipe(Effect.scoped, Effect.provide(Logger.layer([logger])))
      assert.strictEqual(said.length, 14)
      for (const text of [...said, ...logged]) for (const secret of secrets) assert.notInclude(text, secret)
    }))
})

describe("a server that takes connections and nothing else", () => {
  /** Never reads a byte. */
  const deaf = Effect.acquireRelease(
    Effect.callback<{ readonly url: string; readonly stop: () => void }>((resume) => {
      const sockets: Array<net.Socket> = []
      const server = net.createServer({ pauseOnConnect: true }, (socket) => {
        socket.on("error", () => {})
        sockets.push(socket)
      })
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        const port = typeof address === "object" && address !== null ? address.port : 0
        const stop = (): void => {
          server.close()
          for (const socket of sockets) socket.destroy()
        }
        resume(Effect.succeed({ url: `http://127.0.0.1:${port}/mcp`, stop }))
      })
    }),
    ({ stop }) => Effect.sync(stop)
  )

  it.live("has been handed what was given to its socket, and what became of it is unknown", () =>
    Effect.gen(function*() {
      const { stop, url } = yield* deaf
      const { ask, failed, link, receiver } = yield* open({ url })
      const large = ask(1, "write", { text: "x".repeat(30_000_000) })
      yield* live("handed over", () => large.handOffs === 1)
      const small = ask(2, "write")
      yield* live("handed over", () => small.handOffs === 1)
      assert.isFalse(link.withdraw(large))
      assert.isEmpty([...large.failures, ...small.failures])
      stop()
      for (const call of [large, small]) {
        assert.deepInclude(yield* failed(call), { _tag: "Lost", delivery: "Unknown" })
      }
      assert.isEmpty(receiver.closings)
    }))

  it.live("lets go of a call that nobody waits for, and of all when the link closes", () =>
    Effect.gen(function*() {
      const { url } = yield* deaf
      const calls = yield* Effect.scoped(Effect.gen(function*() {
        const { ask, link } = yield* open({ url })
        const forgotten = ask(1, "write", { text: "x".repeat(30_000_000) })
        const pending = ask(2, "write")
        yield* live("handed over", () => forgotten.handOffs + pending.handOffs === 2)
        link.forget(1)
        return { forgotten, pending }
      }))
      assert.isEmpty(calls.forgotten.failures)
      assert.deepInclude(calls.pending.failures[0], { _tag: "Lost", delivery: "Unknown" })
    }))

  it.live("has been handed nothing when it does not speak TLS", () =>
    Effect.gen(function*() {
      const server = yield* SpyHttp.make({ answers: "json" })
      const { ask, failed } = yield* open({ url: server.url.replace("http://", "https://") })
      const call = ask(1, "echo")
      assert.deepInclude(yield* failed(call), { _tag: "Lost", delivery: "NotSent" })
      assert.strictEqual(call.handOffs, 0)
    }))
})
