import { assert, describe, it } from "@effect/vitest"
import type * as Deadlines from "@holdfast/core/Deadlines"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import * as net from "node:net"
import { eventually } from "./support/eventually.ts"
import * as OpenHttp from "./support/OpenHttp.ts"
import { live } from "./support/OpenHttp.ts"
import * as SpyHttp from "./support/SpyHttp.ts"

const open = (options: Parameters<typeof OpenHttp.open>[0] = {}) => OpenHttp.open({ hasSessions: false, ...options })

/** A port that nobody listens on. */
const deadPort = Effect.callback<number>((resume) => {
  const server = net.createServer().listen(0, "127.0.0.1", () => {
    const address = server.address()
    server.close(() => resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0)))
  })
})

describe("HttpLink", () => {
  it.live("sends the headers that the protocol and the endpoint demand", () =>
    Effect.gen(function*() {
      const { answered, ask, link, server } = yield* open({
        hasSessions: true,
        headers: { "X-Team": Redacted.make("blue"), Accept: Redacted.make("text/html") }
      })
      ask(1, "initialize")
      yield* answered(1)
      link.setProtocolVersion("2025-11-25")
      ask(2, "echo")
      yield* answered(2)
      const [first, second] = server.requests
      assert.deepInclude(first?.headers, {
        "x-team": "blue",
        accept: "application/json, text/event-stream",
        "accept-encoding": "identity",
        "content-type": "application/json"
      })
      assert.isUndefined(first?.headers["mcp-session-id"])
      assert.isUndefined(first?.headers["mcp-protocol-version"])
      assert.deepInclude(second?.headers, { "mcp-session-id": "session-1", "mcp-protocol-version": "2025-11-25" })
    }))

  it.live("makes an authorization of a name and a password in the url, and shows them nowhere", () =>
    Effect.gen(function*() {
      const { answered, ask, server } = yield* Effect.gen(function*() {
        const inner = yield* SpyHttp.make({ answers: "json", hasSessions: false })
        return yield* open({ url: inner.url.replace("http://", "http://me:p%40ss@") }).pipe(
          Effect.map((opened) => ({ ...opened, server: inner }))
        )
      })
      ask(1, "echo")
      yield* answered(1)
      assert.strictEqual(server.requests[0]?.headers.authorization, `Basic ${btoa("me:p@ss")}`)
    }))

  it.live("ends its session with a DELETE when its Scope closes", () =>
    Effect.gen(function*() {
      const server = yield* SpyHttp.make({ answers: "sse" })
      yield* Effect.scoped(Effect.gen(function*() {
        const { answered, ask } = yield* open({ url: server.url })
        ask(1, "initialize")
        yield* answered(1)
        assert.strictEqual(server.sessions.size, 1)
      }))
      assert.deepStrictEqual(server.requests.map(({ method }) => method), ["POST", "DELETE"])
      assert.strictEqual(server.sessions.size, 0)
    }))

  it.effect("waits two seconds at most for the server to end the session", () =>
    Effect.gen(function*() {
      const server = yield* SpyHttp.make({ answers: "sse" })
      server.onDelete = () => {}
      const scope = yield* Scope.make()
      const { ask, receiver } = yield* Scope.provide(open({ url: server.url }), scope)
      ask(1, "initialize")
      yield* TestClock.withLive(eventually("initialized", () => receiver.answerTo(1) !== undefined))
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      yield* TestClock.withLive(eventually("DELETE", () => server.requests.at(-1)?.method === "DELETE"))
      yield* TestClock.adjust("1999 millis")
      assert.isUndefined(closing.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(closing)
    }))

  it.live("settles a request whose stream ends, breaks or turns to nonsense before the answer", () =>
    Effect.gen(function*() {
      const { ask, failed, receiver, server } = yield* open()
      const held = ask(1, "hold")
      yield* eventually("held", () => server.open.has("hold"))
      server.open.get("hold")?.writeHead(200, { "content-type": "text/event-stream" }).end(": nothing\n\n")
      assert.deepStrictEqual(yield* failed(held), {
        _tag: "Lost",
        delivery: "Unknown",
        description: "the response ended without the answer",
        status: undefined
      })
      const cut = ask(2, "hold")
      yield* eventually("held", () => server.open.get("hold")?.writableEnded === false)
      server.open.get("hold")?.destroy()
      assert.deepInclude(yield* failed(cut), { _tag: "Lost", delivery: "Unknown" })
      server.override.set("echo", (response) => {
        response.writeHead(200, { "content-type": "text/event-stream" }).end("data: {nonsense\n\n")
      })
      assert.deepInclude(yield* failed(ask(3, "echo")), { _tag: "Lost", delivery: "Unknown" })
      assert.deepInclude(receiver.malformed[0], { reason: "not JSON", excerpt: "{nonsense" })
      server.override.delete("echo")
      ask(4, "echo")
      yield* eventually("the link lives on", () => receiver.answerTo(4) !== undefined)
      assert.isEmpty(receiver.closings)
    }))

  it.live("gives up a response that stays open after the answer, on its own deadline", () =>
    Effect.gen(function*() {
      let expire: () => void = () => {}
      let armed = 0
      const deadlines: Pick<Deadlines.Deadlines, "arm"> = {
        arm: (_, onExpire) => {
          armed++
          expire = onExpire
          return { cancel: () => {}, renew: () => {} }
        }
      }
      const { answered, ask, receiver, server } = yield* open({ deadlines })
      let isCut = false
      server.override.set("echo", (response, { id }) => {
        response.on("close", () => {
          isCut = true
        })
        response.writeHead(200, { "content-type": "text/event-stream" })
        response.write(`data: ${JSON.stringify({ jsonrpc: "2.0", id, result: {} })}\n\n`)
      })
      const outbound = ask(1, "echo")
      yield* answered(1)
      assert.strictEqual(armed, 1)
      assert.isFalse(isCut)
      expire()
      yield* eventually("cut", () => isCut)
      assert.isEmpty(outbound.failures)
      assert.isEmpty(receiver.closings)
    }))

  it.live("calls nonsense what is no MCP answer, and goes on", () =>
    Effect.gen(function*() {
      const { answered, ask, failed, server } = yield* open({ maxMessageBytes: 1000 })
      const answers: ReadonlyArray<readonly [status: number, type: string, body: string, expected: RegExp]> = [
        [200, "text/html", "<html>", /HTTP 200 with text\/html/],
        [202, "", "", /HTTP 202 with nothing/],
        [200, "application/json", "oops", /not JSON: oops/],
        [200, "application/json", `{"jsonrpc":"2.0","method":"n"}`, /not the answer/],
        [200, "application/json", `{"x":"${"y".repeat(2000)}"}`, /more than 1000 bytes/],
        [200, "text/event-stream", `data: ${"y".repeat(2000)}\n\n`, /too long/]
      ]
      for (const [index, [status, type, body, expected]] of answers.entries()) {
        server.override.set("echo", (response) => {
          response.writeHead(status, type === "" ? {} : { "content-type": type }).end(body)
        })
        const failure = yield* failed(ask(index, "echo"))
        assert.strictEqual(failure?._tag, "Unintelligible", body.slice(0, 40))
        assert.match(failure?.description ?? "", expected)
      }
      server.override.clear()
      ask(100, "echo")
      yield* answered(100)
    }))

  it.live("tells by the status whether a call can have run", () =>
    Effect.gen(function*() {
      const { ask, failed, receiver, server } = yield* open()
      const unknown = { _tag: "Lost", delivery: "Unknown" }
      const cases: ReadonlyArray<
        readonly [status: number, headers: Record<string, string>, body: string, expected: object]
      > = [
        [401, {}, `{"error":"invalid_token","error_description":"token expired"}`, {
          _tag: "Rejected",
          status: 401,
          description: "token expired"
        }],
        [403, {}, "<html>", { _tag: "Rejected", status: 403, description: "forbidden" }],
        [404, {}, "", { _tag: "Rejected", status: 404, description: "not found" }],
        [403, {}, `{"message":"the key is wrong"}`, { _tag: "Rejected", status: 403, description: "the key is wrong" }],
        [403, {}, `{"detail":"the key is wrong"}`, { _tag: "Rejected", status: 403, description: "the key is wrong" }],
        [403, {}, `{"error":"the key is wrong"}`, { _tag: "Rejected", status: 403, description: "the key is wrong" }],
        [403, {}, `{"error":{"code":"x","message":"the key is wrong"}}`, {
          _tag: "Rejected",
          status: 403,
          description: "the key is wrong"
        }],
        [403, {}, `{"message":5,"error":[]}`, {
          _tag: "Rejected",
          status: 403,
          description: `{"message":5,"error":[]}`
        }],
        [403, {}, `{"message":"the key`, { _tag: "Rejected", status: 403, description: `{"message":"the key` }],
        [400, {}, `{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"bad\\nheader"}}`, {
          _tag: "Rejected",
          status: 400,
          description: "bad header"
        }],
        [429, { "retry-after": "3" }, "slow down", {
          _tag: "Rejected",
          status: 429,
          description: "slow down",
          retryAfterMillis: 3000
        }],
        [503, { "retry-after": "1" }, "", { _tag: "Rejected", status: 503, retryAfterMillis: 1000 }],
        [503, {}, "", { ...unknown, status: 503 }],
        [502, {}, "", { ...unknown, status: 502, description: "bad gateway" }],
        [500, {}, "", { ...unknown, status: 500 }]
      ]
      for (const [index, [status, headers, body, expected]] of cases.entries()) {
        server.override.set("echo", (response) => void response.writeHead(status, headers).end(body))
        assert.deepInclude(yield* failed(ask(index, "echo")), expected)
      }
      assert.isEmpty(receiver.closings, "no status but a lost session ends the link")
    }))

  it.live("takes a JSON-RPC error for the answer that it is, whatever the status", () =>
    Effect.gen(function*() {
      const { answered, ask, receiver, server } = yield* open()
      server.override.set("echo", (response, { id }) => {
        const error = { code: -32602, message: "no session argument" }
        response.writeHead(400, { "content-type": "application/json" }).end(
          JSON.stringify({ jsonrpc: "2.0", id, error })
        )
      })
      const outbound = ask(1, "echo")
      yield* answered(1)
      assert.strictEqual(receiver.answerTo(1)?._tag, "Failure")
      assert.isEmpty(outbound.failures)
    }))

  it.live("closes when the server has forgotten the session and says so by 404", () =>
    Effect.gen(function*() {
      const { answered, ask, failed, link, receiver, server } = yield* open({ hasSessions: true })
      ask(1, "initialize")
      yield* answered(1)
      server.lostSession = { status: 404, body: "" }
      server.sessions.clear()
      const refused = ask(2, "echo")
      assert.deepInclude(yield* failed(refused), { _tag: "Lost", delivery: "Refused" })
      assert.deepInclude(yield* link.closed, { _tag: "SessionLost", status: 404 })
      assert.strictEqual(receiver.closings.length, 1)
    }))

  const words = (message: string, id: unknown = null) =>
    JSON.stringify({ jsonrpc: "2.0", id, error: { code: -32000, message } })
  for (
    const [status, body, delivery] of [
      [400, words("No valid session ID provided"), "Refused"],
      [400, words("Bad Request: Server not initialized"), "Refused"],
      [401, "Unauthorized: Session not found", "Refused"],
      [410, `{"detail":"the session has expired"}`, "Refused"],
      [422, "<title>Unknown session</title>", "Refused"],
      [503, words("Session unavailable; please reconnect"), "Refused"],
      // It may have died over the call: the words tell of the session, and the status of the call.
      [500, words("Session not found", "server-error"), "Unknown"],
      [503, "session not found", "Unknown"],
      [200, words("Session not found"), "Refused"]
    ] as const
  ) {
    it.live(`tells of its doubts when the server says ${status} ${body}, and harms no other call`, () =>
      Effect.gen(function*() {
        const { answered, ask, failed, initialize, link, receiver, server } = yield* open({ hasSessions: true })
        yield* initialize
        const held = ask(1, "hold")
        yield* live("held", () => server.open.has("hold"))
        server.override.set("echo", (response) => {
          response.writeHead(status, { "content-type": "application/json" }).end(body)
        })
        assert.deepInclude(yield* failed(ask(2, "echo")), { _tag: "Lost", delivery, status })
        const doubt = yield* link.doubts?.next ?? Effect.die("no doubts")
        assert.strictEqual(doubt._tag, "Named")
        assert.include(doubt.description, `HTTP ${status}`)
        ask(3, "release")
        yield* answered(1)
        assert.isEmpty(held.failures)
        assert.isEmpty(receiver.closings)
      }))
  }

  it.live("doubts without session ids, too, when the server says that it was never greeted, and of nothing else", () =>
    Effect.gen(function*() {
      const { ask, failed, initialize, link, server } = yield* open()
      const doubt = yield* Effect.forkChild(link.doubts?.next ?? Effect.die("no doubts"), { startImmediately: true })
      const say = (status: number, body: string) =>
        server.override.set("echo", (response) => void response.writeHead(status).end(body))
      say(400, words("Bad Request: Server not initialized"))
      assert.deepInclude(yield* failed(ask(1, "echo")), { _tag: "Rejected" })
      yield* initialize
      say(404, "session not found")
      assert.deepInclude(yield* failed(ask(2, "echo")), { _tag: "Rejected" })
      assert.isUndefined(doubt.pollUnsafe())
      say(400, words("Bad Request: Server not initialized"))
      assert.deepInclude(yield* failed(ask(3, "echo")), { _tag: "Lost", delivery: "Refused" })
      assert.strictEqual((yield* Fiber.join(doubt))._tag, "Named")
    }))

  it.live("takes a lost session for a refusal only at the beginning of a stream: after progress the call has begun", () =>
    Effect.gen(function*() {
      const { answered, ask, failed, initialize, receiver, server } = yield* open({ hasSessions: true })
      yield* initialize
      let before = ""
      server.override.set("echo", (response) => {
        response.writeHead(200, { "content-type": "text/event-stream" })
        response.end(`${before}data: ${words("Session terminated")}\n\n`)
      })
      assert.deepInclude(yield* failed(ask(1, "echo")), { _tag: "Lost", delivery: "Refused" })
      before = `data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":2,"progress":1}}\n\n`
      const begun = ask(2, "echo")
      yield* answered(2)
      assert.strictEqual(receiver.answerTo(2)?._tag, "Failure")
      assert.isEmpty(begun.failures)
    }))

  it.live("takes refusals for no sign of life", () =>
    Effect.gen(function*() {
      const { ask, failed, initialize, link, server } = yield* open({ hasSessions: true })
      yield* initialize
      const alive = link.alive?.()
      server.override.set("echo", (response) => void response.writeHead(502).end("x".repeat(1000)))
      const before = link.received()
      yield* failed(ask(1, "echo"))
      assert.strictEqual(link.alive?.(), alive)
      assert.isAbove(link.received(), before)
    }))

  it.live("says that nothing was sent and closes when nobody listens", () =>
    Effect.gen(function*() {
      const port = yield* deadPort
      const { ask, failed, link } = yield* open({ url: `http://127.0.0.1:${port}/mcp` })
      const outbounds = [ask(1, "echo"), ask(2, "echo"), ask(undefined, "notifications/x")]
      for (const outbound of outbounds) {
        assert.deepInclude(yield* failed(outbound), {
          _tag: "Lost",
          delivery: "NotSent",
          description: "connection refused"
        })
        assert.strictEqual(outbound.handOffs, 0)
      }
      assert.deepStrictEqual(yield* link.closed, { _tag: "Unreachable", description: "connection refused" })
    }))

  it.live("lets requests that wait for answers finish before it closes as unreachable", () =>
    Effect.gen(function*() {
      const { answered, ask, failed, link, receiver, server } = yield* open()
      ask(1, "hold")
      yield* eventually("held", () => server.open.has("hold"))
      // Its idle connections are closed, too: a new request needs a new one, which is refused.
      yield* server.stopListening
      assert.deepInclude(yield* failed(ask(2, "echo")), { delivery: "NotSent" })
      assert.isEmpty(receiver.closings)
      server.open.get("hold")?.writeHead(200, { "content-type": "application/json" })
        .end(`{"jsonrpc":"2.0","id":1,"result":{}}`)
      yield* answered(1)
      assert.strictEqual((yield* link.closed)._tag, "Unreachable")
    }))

  it.live("follows a redirection within the origin and remembers it", () =>
    Effect.gen(function*() {
      const { answered, ask, server } = yield* open({ answers: "json" })
      let redirected = 0
      server.override.set("echo", (response) => {
        redirected++
        server.override.clear()
        response.writeHead(307, { location: "/mcp/" }).end()
      })
      const outbound = ask(1, "echo")
      yield* answered(1)
      ask(2, "echo")
      yield* answered(2)
      assert.strictEqual(redirected, 1)
      assert.strictEqual(outbound.handOffs, 1)
      assert.deepStrictEqual(server.requests.map(({ url }) => url), ["/mcp", "/mcp/", "/mcp/"])
    }))

  it.live("sends nothing to another origin, however it is asked to", () =>
    Effect.gen(function*() {
      const elsewhere = yield* SpyHttp.make({ answers: "json", hasSessions: false })
      const { ask, failed, server } = yield* open()
      for (const [index, status] of [301, 302, 303, 307, 308].entries()) {
        server.override.set("echo", (response) => void response.writeHead(status, { location: elsewhere.url }).end())
        const failure = yield* failed(ask(index, "echo"))
        assert.deepInclude(failure, { _tag: "Rejected", status })
        assert.include(failure?.description, `it redirects to ${elsewhere.url}`)
      }
      assert.isEmpty(elsewhere.requests)
      server.override.set("echo", (response) => void response.writeHead(308, { location: "/mcp" }).end())
      const circle = yield* failed(ask(100, "echo"))
      assert.match(circle?.description ?? "", /in a circle/)
    }))

  it.live("takes back a frame that has not left, and lets go of the stream of one that has", () =>
    Effect.gen(function*() {
      const { answered, ask, link, server } = yield* open()
      const early = ask(1, "hold")
      assert.isTrue(link.withdraw(early))
      ask(2, "echo")
      yield* answered(2)
      assert.notInclude(JSON.stringify(server.spy.received), "hold")
      assert.deepStrictEqual([early.handOffs, early.failures.length], [0, 0])
      const late = ask(3, "hold")
      yield* eventually("held", () => server.open.has("hold"))
      let isCut = false
      server.open.get("hold")?.on("close", () => {
        isCut = true
      })
      assert.isFalse(link.withdraw(late))
      link.forget(3)
      yield* eventually("let go", () => isCut)
      assert.isEmpty(late.failures)
    }))

  it.live("refuses a url and headers that cannot be sent, and names the place but no value", () =>
    Effect.gen(function*() {
      const secret = Redacted.make("s3cret\nvalue")
      for (
        const [options, expected] of [
          [{ url: "not a url" }, /the url is ill-formed/],
          [{ url: "ftp://host/" }, /begins with ftp:/],
          [{ headers: { "bad name": Redacted.make("x") } }, /"bad name" is no name/],
          [{ headers: { "Content-Length": Redacted.make("5") } }, /Content-Length belongs to the connection/],
          [{ headers: { "X-Key": secret } }, /the value of the header X-Key/]
        ] as const
      ) {
        const { description } = yield* Effect.flip(open(options))
        assert.match(description, expected)
        assert.notInclude(description, "s3cret")
      }
    }))

  it.live("accepts no session id with characters that could forge a header", () =>
    Effect.gen(function*() {
      const { answered, ask, failed, receiver, server } = yield* open()
      server.override.set("initialize", (response, { id }) => {
        response.writeHead(200, { "content-type": "application/json", "mcp-session-id": "a b" })
        response.end(JSON.stringify({ jsonrpc: "2.0", id, result: {} }))
      })
      assert.deepInclude(yield* failed(ask(1, "initialize")), { _tag: "Unintelligible" })
      ask(2, "echo")
      yield* answered(2)
      assert.isUndefined(server.requests[1]?.headers["mcp-session-id"])
      assert.isUndefined(receiver.answerTo(1), "no answer after a failure")
    }))
})
