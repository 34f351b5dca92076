/** Servers and gateways that do not take the handshake as it comes, over real HTTP. */
import { assert, describe, it } from "@effect/vitest"
import { Endpoint } from "@holdfast/mcp/Endpoint"
import { McpConfig } from "@holdfast/mcp/McpConfig"
import { type ConnectOptions, McpConnection, type Spoken } from "@holdfast/mcp/McpConnection"
import { McpConnections } from "@holdfast/mcp/McpConnections"
import { McpRuntimeError } from "@holdfast/mcp/McpRuntimeError"
import * as OAuth from "@holdfast/mcp/OAuth"
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import type * as http from "node:http"
import { passing } from "./support/OpenHttp.ts"
import type { SpyFrame } from "./support/spyBehaviour.ts"
import * as SpyHttp from "./support/SpyHttp.ts"

type Override = (response: http.ServerResponse, frame: SpyFrame) => void

const say = (response: http.ServerResponse, status: number, body = "", headers: Record<string, string> = {}): void =>
  void response.writeHead(status, headers).end(body)

const saying = (status: number, body?: string, headers?: Record<string, string>): Override => (response) =>
  say(response, status, body, headers)

const json = { "content-type": "application/json" }

/** A JSON-RPC error for the frame itself. */
const refusing = (error: object, status = 200): Override => (response, { id }) =>
  say(response, status, JSON.stringify({ jsonrpc: "2.0", id, error }), json)

const accepting = (result: object): Override => (response, { id }) =>
  say(response, 200, JSON.stringify({ jsonrpc: "2.0", id, result }), json)

/** A server that answers these frames so, and keeps what it is asked. */
const serving = (overrides: Readonly<Record<string, Override>>) =>
  Effect.map(SpyHttp.make({ answers: "json", hasSessions: false }), (server) => {
    const asked: Array<SpyFrame> = []
    for (const [method, override] of Object.entries(overrides)) {
      server.override.set(method, (response, frame) => {
        asked.push(frame)
        override(response, frame)
      })
    }
    return {
      server,
      methods: () => asked.map(({ method }) => method),
      revisions: () => asked.filter(({ method }) => method === "initialize").map(revisionOf)
    }
  })

const revisionOf = ({ params }: SpyFrame): unknown =>
  typeof params === "object" && params !== null && "protocolVersion" in params ? params.protocolVersion : undefined

const connect = (
  server: SpyHttp.SpyHttp,
  options: Partial<ConnectOptions> = {}
) =>
  McpConnection.connect({
    server: "spy",
    endpoint: Endpoint.http({ url: server.url }),
    clientInfo: { name: "test", version: "0.0.0" },
    connectTimeout: "2 minutes",
    ...options
  })

const accepted = (protocolVersion = "2025-06-18") => ({
  protocolVersion,
  capabilities: {},
  serverInfo: { name: "old", version: "1" }
})

describe("the question of the era", () => {
  const answers: Readonly<Record<string, Override>> = {
    "500 with a page": saying(500, "<pre>TypeError: Cannot read properties of undefined</pre>", {
      "content-type": "text/html"
    }),
    "500 with JSON of its own": saying(500, `{"message":"Internal Server Error"}`, json),
    "501": saying(501),
    "502": saying(502, "bad gateway"),
    "503 without a time": saying(503),
    "302 to a login": saying(302, "", { location: "/login" }),
    "400 with a JSON-RPC error": refusing({ code: -32600, message: "Bad Request: Missing session ID" }, 400),
    "400 with an error of no call": saying(
      400,
      `{"jsonrpc":"2.0","id":"server-error","error":{"code":-32600,"message":"no"}}`,
      json
    ),
    "401 of a gateway": saying(401, "method is not allowed"),
    "403 of a gateway": saying(403, "method is not allowed"),
    "404": saying(404, "Invalid session ID"),
    "405": saying(405),
    "406": saying(406),
    "410": saying(410),
    "415": saying(415),
    "422": saying(422, `{"detail":[]}`, json),
    "a page": saying(200, "<h1>It works!</h1>", { "content-type": "text/html" }),
    "JSON that is no answer": saying(200, `{"status":"ok"}`, json),
    "an empty list": saying(200, "[]", json),
    "nothing": saying(200),
    "202": saying(202),
    "an event stream without the answer": saying(200, ": hello\n\n", { "content-type": "text/event-stream" }),
    "a yes that is none": accepting({}),
    "a closed socket": (response) => void response.destroy(),
    "half an answer": (response) => {
      response.writeHead(200, { ...json, "content-length": "100" }).write(`{"jsonrpc"`)
      setImmediate(() => response.destroy())
    }
  }
  for (const [name, answer] of Object.entries(answers)) {
    it.live(`is followed by the handshake of old after ${name}`, () =>
      Effect.gen(function*() {
        const { methods, server } = yield* serving({ "server/discover": answer, initialize: accepting(accepted()) })
        const { era } = yield* connect(server)
        assert.strictEqual(era, "legacy")
        assert.deepStrictEqual(methods(), ["server/discover", "initialize"])
      }))
  }

  it.live("ends with a proxy that wants credentials (407): nothing else is asked", () =>
    Effect.gen(function*() {
      const overrides = { "server/discover": saying(407), initialize: accepting(accepted()) }
      const { methods, server } = yield* serving(overrides)
      assert.strictEqual((yield* Effect.flip(connect(server)))._tag, "HttpRejected")
      assert.deepStrictEqual(methods(), ["server/discover"])
    }))

  const waits: Readonly<Record<string, Override>> = {
    "429": saying(429),
    "503 with a time": saying(503, "", { "retry-after": "1" })
  }
  for (const [name, answer] of Object.entries(waits)) {
    it.live(`is put again after a wait (${name}), and nothing else is asked meanwhile`, () =>
      Effect.gen(function*() {
        let asked = 0
        const busyOnce: Override = (...exchange) => (++asked === 1 ? answer : saying(404))(...exchange)
        const { methods, server } = yield* serving({ "server/discover": busyOnce, initialize: accepting(accepted()) })
        assert.strictEqual((yield* connect(server)).era, "legacy")
        assert.deepStrictEqual(methods(), ["server/discover", "server/discover", "initialize"])
      }))
  }

  it.live("is the authorizer's where it is refused for credentials, and nothing else is asked", () =>
    Effect.gen(function*() {
      const { methods, server } = yield* serving({ "server/discover": saying(403), initialize: accepting(accepted()) })
      const authorizer = yield* OAuth.fromTokens({ token: Effect.succeed(Redacted.make("t")) })
      const reason = yield* Effect.flip(connect(server, { endpoint: Endpoint.http({ url: server.url, authorizer }) }))
      assert.deepInclude(reason, { _tag: "HttpRejected", status: 403 })
      assert.deepStrictEqual([...new Set(methods())], ["server/discover"])
    }))

  /** How often the question is asked when a server is dialled three times. */
  const askedInThree = (answer: Override) =>
    Effect.gen(function*() {
      const { methods, server } = yield* serving({
        "server/discover": answer,
        initialize: accepting(accepted()),
        "tools/call": accepting({ content: [] })
      })
      const mcp = yield* McpConnections.make(
        yield* McpConfig.make({ s: { endpoint: Endpoint.http({ url: server.url }), policy: { reuse: false } } })
      )
      for (let call = 0; call < 3; call++) yield* mcp.callTool("s", { name: "any" }, { idempotent: false })
      return methods().filter((method) => method === "server/discover").length
    })

  it.live("is asked once of a server that says no, and again of one behind a gateway that failed", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* askedInThree(saying(404)), 1)
      for (
        const gateway of [saying(500), saying(501), saying(502), (response: http.ServerResponse) => response.destroy()]
      ) {
        assert.strictEqual(yield* askedInThree((response) => void gateway(response, {})), 3)
      }
    }))

  const begun: ReadonlyArray<Override> = [
    refusing({ code: -32600, message: "Invalid Request: Server already initialized" }, 400),
    refusing({ code: -32603, message: "Transport already started" }),
    saying(400, "already connected to a transport"),
    saying(500, "Error: already_initialized")
  ]
  it.live("answered in the modern way over HTTP is told once, with what a bridge makes of it", () => {
    const lines: Array<string> = []
    const logger = Logger.make(({ message }) => void lines.push(String(message)))
    return Effect.gen(function*() {
      const { server } = yield* serving({
        "server/discover": accepting({
          resultType: "complete",
          supportedVersions: ["2026-07-28"],
          capabilities: {}
        })
      })
      const endpoint = Endpoint.http({ url: server.url })
      const mcp = yield* McpConnections.make(
        yield* McpConfig.make({
          s: { endpoint, policy: { reuse: false } },
          stated: { endpoint: Endpoint.http({ url: `${server.url}/` }), era: "modern" }
        })
      )
      for (const name of ["s", "s", "stated"]) yield* mcp.use(name, () => Effect.void)
      const told = lines.filter((line) => /a process for each request.*"era": "legacy"/.test(line))
      assert.lengthOf(told, 1)
      assert.match(told[0] ?? "", /^s: /)
    }).pipe(Effect.provide(Logger.layer([logger])))
  })

  it.live("that a bridge takes for its start costs one dial more, and is not asked again", () =>
    Effect.gen(function*() {
      for (const refusal of begun) {
        let isBegun = false
        const { methods, server } = yield* serving({
          "server/discover": (response, frame) => {
            isBegun = true
            refusing({ code: -32601, message: "Method not found" })(response, frame)
          },
          initialize: (response, frame) => {
            if (!isBegun) return accepting(accepted())(response, frame)
            isBegun = false
            refusal(response, frame)
          }
        })
        const told: Array<unknown> = []
        yield* connect(server, { onSpoken: (spoken) => told.push(spoken?.era) })
        assert.deepStrictEqual(methods(), ["server/discover", "initialize", "initialize"])
        assert.deepStrictEqual(told, ["legacy first", "legacy first"])
      }
    }))

  it.live("costs no more than that one where the server goes on refusing", () =>
    Effect.gen(function*() {
      const [refusal = saying(400)] = begun
      const { methods, server } = yield* serving({ "server/discover": saying(404), initialize: refusal })
      const reason = yield* Effect.flip(connect(server))
      assert.include(new McpRuntimeError({ reason }).message, "Server already initialized")
      assert.deepStrictEqual(methods(), ["server/discover", "initialize", "initialize"])
    }))
})

describe("a revision that a server refuses", () => {
  const older = "2024-11-05"
  const refusals: Readonly<Record<string, readonly [Override, ReadonlyArray<string>]>> = {
    "by data.supported": [
      refusing({ code: -32602, message: "Unsupported protocol version", data: { supported: [older, "2025-06-18"] } }),
      ["2025-11-25", "2025-06-18"]
    ],
    "by data of its own": [
      refusing({ code: -32602, message: "Unsupported protocol version", data: { code: "X", expected: "2025-06-18" } }),
      ["2025-11-25", "2025-06-18"]
    ],
    "by words": [
      refusing({ code: -32602, message: "Unsupported protocol version: 2025-11-25. Supported: 2024-11-05" }),
      ["2025-11-25", "2024-11-05"]
    ],
    "by HTTP 400 and a JSON-RPC error of no call": [
      saying(
        400,
        `{"jsonrpc":"2.0","id":"server-error","error":{"code":-32600,"message":"Bad Request: Unsupported protocol version: 2025-11-25. Supported versions: 2025-03-26, 2024-11-05"}}`,
        json
      ),
      ["2025-11-25", "2025-03-26"]
    ],
    "by HTTP 400 and plain text": [
      saying(400, "Bad Request: Unsupported protocol version (supported versions: 2025-06-18,2025-03-26,2024-11-05)"),
      ["2025-11-25", "2025-06-18"]
    ],
    "by a schema's complaint": [
      refusing({
        code: -32603,
        message: `[{"code":"invalid_enum_value","options":["2025-03-26"],"path":["params","protocolVersion"]}]`
      }),
      ["2025-11-25", "2025-03-26"]
    ],
    "without naming another": [
      refusing({ code: -32602, message: "Unsupported protocol version" }),
      ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"]
    ]
  }
  for (const [how, [refusal, asked]] of Object.entries(refusals)) {
    it.live(`${how} is replaced by the newest that both speak`, () =>
      Effect.gen(function*() {
        const last = asked.at(-1)
        const { revisions, server } = yield* serving({
          "server/discover": saying(404),
          initialize: (response, frame) =>
            revisionOf(frame) === last
              ? accepting(accepted(last))(response, frame)
              : refusal(response, frame)
        })
        const told: Array<Spoken | undefined> = []
        const connection = yield* connect(server, { onSpoken: (spoken) => void told.push(spoken) })
        assert.strictEqual(connection.protocolVersion, last)
        assert.deepStrictEqual(revisions(), [...asked])
        assert.strictEqual(told[0]?.revision, last)
        // The next connection begins with it.
        yield* connect(server, { spoken: told[0] })
        assert.deepStrictEqual(revisions(), [...asked, last])
      }))
  }

  it.live("and every other one as well is told in the server's words, after four questions at most", () =>
    Effect.gen(function*() {
      for (
        const [message, count] of [
          ["Unsupported protocol version", 4],
          ["Unsupported protocol version; speak 2019-01-01", 1],
          ["the access key is missing", 1]
        ] as const
      ) {
        const { revisions, server } = yield* serving({
          "server/discover": saying(404),
          initialize: refusing({ code: -32602, message })
        })
        const reason = yield* Effect.flip(connect(server))
        assert.include(new McpRuntimeError({ reason }).message, message)
        assert.lengthOf(revisions(), count)
      }
    }))

  it.live("is the only one that is asked with when it is pinned, and the question of the era is spared", () =>
    Effect.gen(function*() {
      const { methods, revisions, server } = yield* serving({
        "server/discover": saying(404),
        initialize: refusing({ code: -32602, message: "Unsupported protocol version", data: { supported: [older] } })
      })
      const config = { type: "http", url: server.url }
      const dial = (entry: object) =>
        Effect.flatMap(
          McpConfig.decode({ mcpServers: { s: { ...config, ...entry } } }),
          (config) => Effect.flatMap(McpConnections.make(config), (mcp) => Effect.flip(mcp.use("s", () => Effect.void)))
        )
      assert.match((yield* dial({ holdfast: { protocolVersion: "2025-03-26" } })).message, /Unsupported/)
      assert.match((yield* dial({ protocolVersion: "2025-06-18" })).message, /Unsupported/)
      assert.deepStrictEqual(revisions(), ["2025-03-26", "2025-06-18"])
      assert.notInclude(methods(), "server/discover")
    }))

  it.effect("and that is spoken by nobody, or of another era than is said, is a fault of its entry", () =>
    Effect.gen(function*() {
      for (
        const [entry, expected] of [
          [{ protocolVersion: "2023-01-01" }, /s\.protocolVersion: expected "2026-07-28" \| .*, got "2023-01-01"/],
          [{ protocolVersion: 2025 }, /s\.protocolVersion: expected a string/],
          [{ holdfast: { protocolVersion: "1" } }, /s\.holdfast\.protocolVersion: expected .*2025-11-25/],
          [{ holdfast: { protocolVersion: "2026-07-28", era: "legacy" } }, /expected a revision of the era "legacy"/]
        ] as const
      ) {
        const { servers, unusable } = yield* McpConfig.decode({
          mcpServers: { s: { command: "x", ...entry }, other: { command: "x" } }
        })
        assert.match(unusable.get("s")?.message ?? "", expected)
        assert.deepStrictEqual([...servers.keys()], ["other"])
      }
      const endpoint = Endpoint.stdio({ command: "x" })
      const error = yield* Effect.flip(McpConfig.make({ s: { endpoint, protocolVersion: "soon" } }))
      assert.match(error.message, /s\.protocolVersion: expected/)
    }))
})

describe("an answer to initialize that lacks something", () => {
  const whole = accepted()
  const { capabilities, protocolVersion, serverInfo } = whole
  const answers: Readonly<Record<string, readonly [object, RegExp]>> = {
    protocolVersion: [{ capabilities, serverInfo }, /protocolVersion is missing, and taken for 2025-11-25/],
    serverInfo: [{ protocolVersion, capabilities }, /serverInfo is missing/],
    "serverInfo.version": [{ ...whole, serverInfo: { name: "old" } }, /serverInfo has no version/],
    "serverInfo.name": [{ ...whole, serverInfo: { version: "1" } }, /serverInfo has no name/],
    capabilities: [{ protocolVersion, serverInfo }, /capabilities are missing/]
  }
  for (const [name, [answer, expected]] of Object.entries(answers)) {
    it.live(`(${name}) is used, and told once`, () => {
      const lines: Array<string> = []
      const logger = Logger.make(({ message }) => void lines.push(String(message)))
      return Effect.gen(function*() {
        const { server } = yield* serving({ "server/discover": saying(404), initialize: accepting(answer) })
        let spoken: Spoken | undefined
        const onSpoken = (told: Spoken | undefined) => {
          spoken = told
        }
        yield* connect(server, { onSpoken })
        yield* connect(server, { onSpoken, spoken })
        assert.lengthOf(lines.filter((line) => expected.test(line)), 1)
      }).pipe(Effect.provide(Logger.layer([logger])))
    })
  }

  it.live("and all else besides is no answer", () =>
    Effect.gen(function*() {
      const { server } = yield* serving({ "server/discover": saying(404), initialize: accepting({ ok: true }) })
      const reason = yield* Effect.flip(connect(server))
      assert.match(new McpRuntimeError({ reason }).message, /answer to initialize is wrong: .*protocolVersion/)
    }))
})

describe("a handshake that is refused for now", () => {
  const busy = (id: unknown, retryAfter: string): Override => (response) =>
    say(response, 429, JSON.stringify({ jsonrpc: "2.0", id, error: { code: -32004, message: "slow down" } }), {
      ...json,
      "retry-after": retryAfter
    })

  it.live("is said again when the server has asked for it, whichever part of it that is", () =>
    Effect.gen(function*() {
      const asked: Array<string> = []
      const twice = (then: Override): Override => (response, frame) => {
        const { id, method = "" } = frame
        asked.push(method)
        const isBusy = asked.filter((each) => each === method).length < 3
        ;(isBusy ? busy(id, "0") : then)(response, frame)
      }
      const { server } = yield* serving({
        initialize: twice(accepting(accepted())),
        "notifications/initialized": twice(saying(202))
      })
      const { era } = yield* connect(server, { era: "legacy" })
      assert.strictEqual(era, "legacy")
      assert.deepStrictEqual(asked, [
        ...Array.from({ length: 3 }, () => "initialize"),
        ...Array.from({ length: 3 }, () => "notifications/initialized")
      ])
    }))

  /** When `initialize` was said, in seconds of the test's time, until it was given up. */
  const saidAt = (retryAfter: string, connectTimeout: Duration.Input) =>
    Effect.gen(function*() {
      const clock = yield* Clock.Clock
      const times: Array<number> = []
      const { server } = yield* serving({
        initialize: (response, frame) => {
          times.push(clock.currentTimeMillisUnsafe() / 1000)
          busy(frame.id, retryAfter)(response, frame)
        }
      })
      const dial = Effect.flip(connect(server, { era: "legacy", connectTimeout }))
      const fiber = yield* Effect.forkChild(dial, { startImmediately: true })
      yield* passing("50 millis", "the end", () => fiber.pollUnsafe() !== undefined)
      assert.deepInclude(yield* Fiber.join(fiber), { _tag: "HttpRejected", status: 429 })
      return times
    })

  it.effect("waits as long as the server says", () =>
    Effect.gen(function*() {
      const times = yield* saidAt("7", "30 seconds")
      assert.strictEqual(times.length, 5)
      for (const [index, time] of times.entries()) assert.isAtLeast(time, (times[0] ?? 0) + 7 * index)
    }))

  it.effect("waits ever longer where the server wants no pause", () =>
    Effect.gen(function*() {
      const times = yield* saidAt("0", "20 seconds")
      assert.isAtLeast(times.length, 5)
      assert.isAtMost(times.length, 10)
    }))

  it.effect("is given up at once where that would be too late", () =>
    Effect.gen(function*() {
      const { methods, server } = yield* serving({
        initialize: (response, frame) => busy(frame.id, "4")(response, frame)
      })
      // No time passes here.
      const reason = yield* Effect.flip(connect(server, { era: "legacy", connectTimeout: "3 seconds" }))
      assert.deepInclude(reason, {
        _tag: "HttpRejected",
        status: 429,
        description: "slow down",
        retryAfterMillis: 4000
      })
      assert.deepStrictEqual(methods(), ["initialize"])
    }))
})

describe("what is offered to a server that does not know it", () => {
  const unknown = (field: string): string =>
    `Unrecognized field "${field}" (class io.modelcontextprotocol.spec.McpSchema$ClientCapabilities), not marked as ignorable`
  const capabilitiesIn = ({ params }: SpyFrame): unknown =>
    typeof params === "object" && params !== null && "capabilities" in params ? params.capabilities : undefined

  // https://github.com/modelcontextprotocol/java-sdk/issues/724, https://github.com/oracle/mcp/issues/215
  for (const status of [200, 400]) {
    it.live(`is less, until it takes it: an error with status ${status}`, () =>
      Effect.gen(function*() {
        const offered: Array<unknown> = []
        const { server } = yield* serving({
          "server/discover": saying(404),
          initialize: (response, frame) => {
            offered.push(capabilitiesIn(frame))
            const said = JSON.stringify(capabilitiesIn(frame))
            const field = said.includes("form") ? "form" : said.includes("elicitation") ? "elicitation" : undefined
            if (field === undefined) return accepting(accepted())(response, frame)
            refusing({ code: -32603, message: unknown(field) }, status)(response, frame)
          }
        })
        yield* connect(server, {
          handlers: { elicitation: () => Effect.succeed({ action: "cancel" }), elicitationModes: ["form", "url"] }
        })
        assert.deepStrictEqual(offered, [{ elicitation: { form: {}, url: {} } }, { elicitation: {} }, {}])
      }))
  }
})
