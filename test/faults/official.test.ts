/**
 * What the client of the official SDK (1.32) does where docs/faults.md says so in its last column, and no other test here measures it.
 * The day it does something else, the document is to be changed.
 */
import { assert, describe, it } from "@effect/vitest"
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js"
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js"
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import { ListRootsRequestSchema } from "@modelcontextprotocol/sdk/types.js"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import type * as http from "node:http"
import * as path from "node:path"
import * as BadHttp from "./support/badHttp.ts"
import * as Faults from "./support/faults.ts"

type Answer = (message: BadHttp.Message, response: http.ServerResponse) => void

const json = { "content-type": "application/json" }
const events = { "content-type": "text/event-stream" }

/** Answers each frame of this method so. */
const on = (method: string, answer: Answer): BadHttp.Misbehaviour => ({
  onPost: (message, response) => {
    if (message.method !== method) return false
    answer(message, response)
    return true
  }
})

const saying = (status: number, body: string, headers: object = json): Answer => (_, response) =>
  void response.writeHead(status, { ...headers }).end(body)

const message = (members: object): string => JSON.stringify({ jsonrpc: "2.0", ...members })
const event = (members: object): string => `data: ${message(members)}\n\n`

/** A client on such a server, what it was told by `onerror`, and how its calls end. */
const before = (misbehaviour: BadHttp.Misbehaviour) =>
  Effect.gen(function*() {
    const server = yield* BadHttp.make(misbehaviour)
    const client = yield* Faults.sdkOverHttp(server.url)
    const told: Array<string> = []
    client.onerror = (error) => void told.push(error.message)
    return { server, client, told, call: (timeout?: number) => Faults.sdkCall(client, timeout) }
  })

/** How connecting ends. */
const connecting = (misbehaviour: BadHttp.Misbehaviour) =>
  Effect.gen(function*() {
    const server = yield* BadHttp.make(misbehaviour)
    const client = new Client({ name: "sdk", version: "1" })
    // The SDK's declaration of its own transport does not allow for exact optional properties.
    const transport = new StreamableHTTPClientTransport(new URL(server.url)) as Parameters<typeof client.connect>[0]
    const end = yield* Faults.ended(() => client.connect(transport))
    yield* Effect.promise(() => client.close())
    return { server, end }
  })

describe("the SDK's client, where a session or a server is lost,", () => {
  for (
    const [status, body] of [
      [401, "Unauthorized: Session not found"],
      [410, "session expired"],
      [422, "unknown session"],
      [500, "session not found"],
      [503, "Session unavailable; please reconnect"],
      [200, message({ id: null, error: { code: -32000, message: "Session not found" } })],
      [400, message({ id: null, error: { code: -32000, message: "Bad Request: Server not initialized" } })]
    ] as const
  ) {
    it.live(`fails for good after ${status}: ${body.slice(0, 30)}`, () =>
      Effect.gen(function*() {
        const { call, server } = yield* before(on("tools/call", saying(status, body)))
        for (let calls = 0; calls < 2; calls++) assert.notStrictEqual(yield* call(), "resolved")
        assert.strictEqual(server.count("POST initialize"), 1)
      }))
  }

  it.live("keeps the session when one tool is refused", () =>
    Effect.gen(function*() {
      let refused = 0
      const { call, server } = yield* before({
        onPost: ({ method }, response) => {
          if (method !== "tools/call" || refused++ > 0) return false
          response.writeHead(422).end("unprocessable")
          return true
        }
      })
      assert.match(yield* call(), /unprocessable/)
      assert.strictEqual(yield* call(), "resolved")
      assert.strictEqual(server.count("POST initialize"), 1)
    }))

  it.live("fails at once on 429, 502 and 503, whatever they say of coming back, and shows a page as it is", () =>
    Effect.gen(function*() {
      const page = "<html><title>502 Bad Gateway</title></html>"
      for (
        const [status, body, headers] of [
          [429, "slow down", { "retry-after": "0" }],
          [503, "busy", { "retry-after": "0" }],
          [502, page, { "content-type": "text/html" }]
        ] as const
      ) {
        const { call, server } = yield* before(on("tools/call", saying(status, body, headers)))
        assert.include(yield* call(), body)
        assert.strictEqual(server.count("POST tools/call"), 1)
        const { end, server: other } = yield* connecting(on("initialize", saying(status, body, headers)))
        assert.include(end, body)
        assert.strictEqual(other.count("POST initialize"), 1)
      }
    }))

  it.live("sends no cookie back", () =>
    Effect.gen(function*() {
      const { call, server } = yield* before(
        on("initialize", (asked, response) =>
          void response.writeHead(200, { ...json, "set-cookie": "route=a; Path=/" }).end(BadHttp.answerTo(asked)))
      )
      assert.strictEqual(yield* call(), "resolved")
      assert.isTrue(server.headers.every(({ cookie }) =>
        cookie === undefined
      ))
    }))

  it.live("makes calls whatever becomes of the push stream", () =>
    Effect.gen(function*() {
      const { call, server } = yield* before({ onGet: (response) => void response.writeHead(500).end() })
      yield* Faults.eventually("the stream was asked for", () => server.count("GET") > 0)
      assert.strictEqual(yield* call(), "resolved")
    }))
})

describe("the SDK's client, where an answer is odd,", () => {
  for (
    const [name, error] of [
      ["a code out of range", { code: 1e20, message: "out of paper" }],
      ["a broken code", { code: 1.5, message: "out of paper" }],
      ["no code", { message: "out of paper" }],
      ["a text for an error", "out of paper"]
    ] as const
  ) {
    it.live(`fails with the complaint of its schema and without the server's words: ${name}`, () =>
      Effect.gen(function*() {
        const { call } = yield* before(
          on("tools/call", ({ id }, response) => saying(200, message({ id, error }))({}, response))
        )
        const end = yield* call()
        assert.match(end, /"code": "(?:invalid_union|too_big)"/)
        assert.notInclude(end, "out of paper")
      }))
  }

  it.live("waits for its timeout after an error without an id, and fails with the complaint of its schema where the id is null", () =>
    Effect.gen(function*() {
      const error = { code: -32000, message: "out of paper" }
      const absent = yield* before(on("tools/call", saying(200, message({ error }))))
      assert.match(yield* absent.call(300), /timed out/i)
      const empty = yield* before(on("tools/call", saying(200, message({ id: null, error }))))
      assert.match(yield* empty.call(), /invalid_union/)
    }))

  for (
    const [name, answer] of [
      ["an id that comes back as a text", ({ id }) => message({ id: String(id), result: { content: [] } })],
      ["a byte order mark", (asked) => `\ufeff${BadHttp.answerTo(asked)}`],
      [
        "deep nesting",
        ({ id }) =>
          `{"jsonrpc":"2.0","id":${id},"result":{"content":[],"structuredContent":{"a":${"[".repeat(100_000)}${
            "]".repeat(100_000)
          }}}}`
      ]
    ] as ReadonlyArray<readonly [string, (asked: BadHttp.Message) => string]>
  ) {
    it.live(`reads ${name}`, () =>
      Effect.gen(function*() {
        const { call } = yield* before(on("tools/call", (asked, response) => saying(200, answer(asked))({}, response)))
        assert.strictEqual(yield* call(), "resolved")
      }))
  }

  for (
    const [name, answer] of [
      ["an event that is cut short", ({ id }) => `data: {"jsonrpc":"2.0","id":${id},`],
      ["an event named error", ({ id }) => `event: error\n${event({ id, error: { code: -1, message: "no" } })}`]
    ] as ReadonlyArray<readonly [string, (asked: BadHttp.Message) => string]>
  ) {
    it.live(`waits for its timeout after ${name}`, () =>
      Effect.gen(function*() {
        const { call } = yield* before(
          on("tools/call", (asked, response) => saying(200, answer(asked), events)({}, response))
        )
        assert.match(yield* call(300), /timed out/i)
      }))
  }

  it.live("tells of progress for a foreign token, and goes on", () =>
    Effect.gen(function*() {
      const { call, told } = yield* before(on("tools/call", ({ id }, response) => {
        const progress = event({ method: "notifications/progress", params: { progressToken: 999, progress: 1 } })
        saying(200, progress + event({ id, result: { content: [] } }), events)({}, response)
      }))
      assert.strictEqual(yield* call(), "resolved")
      assert.match(told.join(), /unknown token/)
    }))

  it.live("lets a progress listener that rejects end the program", () =>
    Effect.gen(function*() {
      const server = yield* BadHttp.make(on("tools/call", ({ id, params }, response) => {
        const meta = params?.["_meta"]
        const token = typeof meta === "object" && meta !== null && "progressToken" in meta ? meta.progressToken : 0
        const progress = event({ method: "notifications/progress", params: { progressToken: token, progress: 1 } })
        saying(200, progress + event({ id, result: { content: [] } }), events)({}, response)
      }))
      const program = path.join(import.meta.dirname, "support/rejecting.ts")
      const { code, stderr } = yield* Effect.callback<{ readonly code: number | null; readonly stderr: string }>(
        (resume) => {
          const child = spawn(process.execPath, [program, server.url], { stdio: ["ignore", "ignore", "pipe"] })
          let stderr = ""
          child.stderr.on("data", (chunk) => stderr += String(chunk))
          child.once("close", (code) => resume(Effect.succeed({ code, stderr })))
          return Effect.sync(() => void child.kill("SIGKILL"))
        }
      )
      assert.strictEqual(code, 1)
      assert.include(stderr, "the listener's own")
    }))

  it.live("answers a question of the server whose handler throws", () =>
    Effect.gen(function*() {
      const server = yield* BadHttp.make(on("tools/call", ({ id }, response) => {
        const question = event({ id: "q", method: "roots/list" })
        saying(200, question + event({ id, result: { content: [] } }), events)({}, response)
      }))
      const client = new Client({ name: "sdk", version: "1" }, { capabilities: { roots: {} } })
      client.setRequestHandler(ListRootsRequestSchema, () => {
        throw new Error("no roots")
      })
      // The SDK's declaration of its own transport does not allow for exact optional properties.
      const transport = new StreamableHTTPClientTransport(new URL(server.url)) as Parameters<typeof client.connect>[0]
      yield* Effect.acquireRelease(
        Effect.promise(() => client.connect(transport)),
        () => Effect.promise(() => client.close())
      )
      assert.strictEqual(yield* Faults.sdkCall(client), "resolved")
      yield* Faults.eventually("an answer", () => server.count("POST answer") === 1)
    }))
})

describe("the SDK's client, at its handshake,", () => {
  it.live("never asks which era a server speaks", () =>
    Effect.gen(function*() {
      const { call, server } = yield* before({})
      yield* call()
      assert.strictEqual(server.count("POST server/discover"), 0)
    }))

  const words = "Bad Request: Unsupported protocol version (supported versions: 2025-06-18)"
  for (
    const [name, answer, expected] of [
      [
        "a revision is refused",
        ({ id }, response) => saying(400, message({ id, error: { code: -32000, message: words } }))({}, response),
        /Unsupported/
      ],
      [
        "the answer has no revision",
        ({ id }, response) =>
          saying(200, message({ id, result: { capabilities: {}, serverInfo: { name: "x", version: "1" } } }))(
            {},
            response
          ),
        /protocolVersion/
      ],
      [
        "the answer does not say who it is",
        ({ id }, response) =>
          saying(200, message({ id, result: { protocolVersion: "2025-11-25", capabilities: {} } }))({}, response),
        /serverInfo/
      ],
      ["the url is one of HTTP+SSE", saying(405, "Method Not Allowed"), /Method Not Allowed/]
    ] as ReadonlyArray<readonly [string, Answer, RegExp]>
  ) {
    it.live(`fails where ${name}`, () =>
      Effect.gen(function*() {
        const { end, server } = yield* connecting(on("initialize", answer))
        assert.match(end, expected)
        assert.deepStrictEqual(server.seen, ["POST initialize"])
      }))
  }

  it.live("posts to an address of HTTP+SSE that is a path, a relative path or a url, and to a wrong place if it is JSON", () =>
    Effect.gen(function*() {
      const postedTo = (address: string) =>
        Effect.gen(function*() {
          let stream: http.ServerResponse | undefined
          const posted: Array<string> = []
          const server = yield* BadHttp.make({
            onGet: (response) => {
              stream = response
              response.writeHead(200, events).write(`event: endpoint\ndata: ${address}\n\n`)
            },
            onPost: (asked, response, { url = "" }) => {
              posted.push(url)
              response.writeHead(202).end()
              if (asked.id !== undefined) stream?.write(`event: message\ndata: ${BadHttp.answerTo(asked)}\n\n`)
              return true
            }
          })
          const client = new Client({ name: "sdk", version: "1" })
          yield* Faults.ended(() => client.connect(new SSEClientTransport(new URL(server.url))))
          yield* Effect.promise(() => client.close())
          return posted[0]
        })
      assert.strictEqual(yield* postedTo("/messages"), "/messages")
      assert.strictEqual(yield* postedTo("messages"), "/messages")
      for (const address of [`"/messages"`, `{"uri":"/messages"}`]) {
        assert.notStrictEqual(yield* postedTo(address), "/messages")
      }
    }))
})

describe("the SDK's client, on a process,", () => {
  const open = (fault: string) =>
    Effect.gen(function*() {
      const bad = yield* Faults.badStdio(fault)
      const client = yield* Faults.sdkOverStdio(bad)
      const told: Array<string> = []
      client.onerror = (error) => void told.push(error.message)
      return { bad, client, told }
    })

  for (const fault of ["noise on stdout", "answers twice"]) {
    it.live(`tells its onerror of what is no answer, and goes on: ${fault}`, () =>
      Effect.gen(function*() {
        const { client, told } = yield* open(fault)
        for (let calls = 0; calls < 2; calls++) assert.strictEqual(yield* Faults.sdkCall(client), "resolved")
        yield* Faults.eventually("an error", () => told.length > 0)
      }))
  }

  it.live("tells its onerror of an answer that comes too late", () =>
    Effect.gen(function*() {
      const { client, told } = yield* open("late")
      assert.match(yield* Faults.sdkCall(client, 20), /timed out/i)
      yield* Faults.eventually("an error", () => told.some((words) => words.includes("unknown message ID")))
    }))

  for (const fault of ["half a line", "dies in a call"]) {
    it.live(`settles the call, and does not start the server anew: ${fault}`, () =>
      Effect.gen(function*() {
        const { bad, client } = yield* open(fault)
        assert.match(yield* Faults.sdkCall(client), /Connection closed/)
        assert.match(yield* Faults.sdkCall(client), /Not connected/)
        assert.strictEqual(bad.count("started"), 1)
      }))
  }

  it.live("settles a call by its timeout while the server does not read", () =>
    Effect.gen(function*() {
      const { client } = yield* open("stops reading")
      assert.match(yield* Faults.sdkCall(client, 300), /timed out/i)
    }))

  for (
    const [fault, timeout] of [["ignores the end of stdin", 120_000], ["never answers the handshake", 300]] as const
  ) {
    it.live(`leaves nothing when it is closed or gives up: ${fault}`, () =>
      Effect.gen(function*() {
        const bad = yield* Faults.badStdio(fault)
        const client = new Client({ name: "sdk", version: "1" })
        const transport = new StdioClientTransport({ command: bad.command, args: [...bad.args], stderr: "ignore" })
        yield* Faults.ended(() => client.connect(transport, { timeout }))
        yield* Effect.promise(() => client.close())
        yield* Faults.eventually("gone", () => bad.pids().every((pid) => !Faults.isRunning(pid)))
      }))
  }

  it.live("does not start a server again that crashes at once", () =>
    Effect.gen(function*() {
      const bad = yield* Faults.badStdio("crashes at start")
      const client = new Client({ name: "sdk", version: "1" })
      const transport = new StdioClientTransport({ command: bad.command, args: [...bad.args], stderr: "ignore" })
      assert.match(yield* Faults.ended(() => client.connect(transport)), /Connection closed/)
      assert.strictEqual(bad.count("started"), 1)
    }))
})
