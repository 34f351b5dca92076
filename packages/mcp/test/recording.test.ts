/** What is recorded, and what is not: the events of a link, the secrets in them, and the flight recorder's files. */
import { assert, describe, it } from "@effect/vitest"
import { Endpoint } from "@holdfast/mcp/Endpoint"
import { McpConfig } from "@holdfast/mcp/McpConfig"
import { McpConnections } from "@holdfast/mcp/McpConnections"
import { CommandNotFound, ServerExited } from "@holdfast/mcp/McpRuntimeError"
import type { RecorderOptions } from "@holdfast/mcp/Recorder"
import * as Recording from "@holdfast/mcp/Recording"
import { MemoryServer, type MemoryServerOptions } from "@holdfast/mcp/testing"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { inTime, settled } from "./support/memoryTime.ts"
import { tapped } from "./support/tapped.ts"

/** The compiler's library does not know it yet; Node has it. */
const { rawJSON } = JSON as unknown as { readonly rawJSON: (text: string) => object }

const clientInfo = { name: "test", version: "0.0.0" }

const echo: MemoryServerOptions = {
  era: "legacy",
  tools: { echo: { run: ({ text }) => Effect.succeed(String(text)) } }
}

const messages = (events: ReadonlyArray<Recording.Event>) =>
  events.filter((event): event is Recording.Message => event.event === "message")

describe("a recording", () => {
  it.effect("has every message of a connection, each with its head, and how the connection began and ended", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.make(echo)
      const { events, head, result } = yield* tapped(
        server,
        (mcp) => mcp.callTool("it", { name: "echo", arguments: { text: "hi" } }, { idempotent: false })
      )
      assert.deepStrictEqual(result.content, [{ type: "text", text: "hi" }])
      assert.isTrue(head.bodies)
      assert.deepStrictEqual(events.map(({ event }) => event).filter((event) => event !== "message"), [
        "opened",
        "closed"
      ])
      const said = messages(events).map(({ from, kind, method, name }) => [from, kind, method, name].join(" ").trim())
      assert.deepStrictEqual(said.filter((each) => !each.includes("server/discover")), [
        "client request initialize",
        "server answer initialize",
        "client notification notifications/initialized",
        "client request tools/call echo",
        "server answer tools/call echo"
      ])
      const [request, answer] = messages(events).slice(-2)
      assert.deepInclude(request?.body, { name: "echo", arguments: { text: "hi" } })
      assert.deepStrictEqual(answer?.body, { content: [{ type: "text", text: "hi" }] })
      assert.strictEqual(answer?.id, request?.id)
      assert.isNumber(answer?.took)
      assert.strictEqual(answer?.size, JSON.stringify({ jsonrpc: "2.0", id: request?.id, result: answer?.body }).length)
    }))

  it.effect("without bodies has heads alone, sizes included", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.make(echo)
      const text = "x".repeat(1000)
      const { events, head } = yield* tapped(
        server,
        (mcp) => mcp.callTool("it", { name: "echo", arguments: { text } }, { idempotent: false }),
        { bodies: false }
      )
      assert.isFalse(head.bodies)
      assert.notInclude(JSON.stringify(events), "xxxx")
      const [request, answer] = messages(events).slice(-2)
      assert.isAbove(request?.size ?? 0, 1000)
      assert.isAbove(answer?.size ?? 0, 1000)
      assert.deepInclude(answer, { method: "tools/call", name: "echo" })
    }))

  it.effect("is the same after it was written and read, failures of dials and long numbers included", () =>
    Effect.gen(function*() {
      const long = "12345678901234567890"
      const server = yield* MemoryServer.make({
        ...echo,
        handlers: {
          "tools/call": () => Effect.succeed({ content: [], structuredContent: { n: rawJSON(long) } })
        }
      })
      const { events, head } = yield* tapped(
        server,
        (mcp) => mcp.request("it", { method: "tools/call", params: { name: "n" } }, { idempotent: false })
      )
      const text = Recording.encode({ head, events })
      const read = Result.getOrThrow(Recording.decode(text))
      assert.strictEqual(Recording.encode(read), text)
      assert.include(text, long)
    }))

  it("that was cut off in its last line is read without it", () => {
    const head = JSON.stringify({
      holdfast: "recording",
      version: 1,
      startedAt: "2026-01-01T00:00:00.000Z",
      bodies: true
    })
    const event = JSON.stringify({ event: "forgotten", at: 1, connection: 1, id: 3 })
    const read = Result.getOrThrow(Recording.decode(`${head}\n${event}\n${event.slice(0, 20)}`))
    assert.lengthOf(read.events, 1)
    assert.strictEqual(read.cutOff, event.slice(0, 20))
    // Anywhere else it is no accident.
    const wrong = Recording.decode(`${head}\n${event.slice(0, 20)}\n${event}\n`, "f.ndjson")
    assert.match(String(Result.isFailure(wrong) && wrong.failure.message), /^f\.ndjson:2: this is no event/)
  })

  it("of a newer version is refused by a sentence that says so", () => {
    const read = Recording.decode(`{"holdfast":"recording","version":9}\n`, "f.ndjson")
    assert.match(String(Result.isFailure(read) && read.failure.message), /its version is 9, and this holdfast reads 1/)
    const other = Recording.decode(`{"log":{}}\n`)
    assert.match(String(Result.isFailure(other) && other.failure.message), /no recording of holdfast/)
  })
})

describe("docs/recordings.md", () => {
  it("has every event, and every member of it", () => {
    const page = fs.readFileSync(new URL("../../../docs/recordings.md", import.meta.url), "utf8")
    const members = [Recording.Head, ...Recording.Event.members].flatMap(({ fields }) => Object.keys(fields))
    const events = Recording.Event.members.map(({ fields }) => fields.event.literal)
    assert.isAbove(events.length, 5)
    for (const each of new Set([...members, ...events])) assert.include(page, `\`${each}\``)
  })
})

describe("a secret", () => {
  const secret = "s3cr\"et\nvalue"

  /** As a server that was given it would. */
  const telltale = MemoryServer.make({
    era: "legacy",
    tools: {
      tell: {
        run: (_, { connection }) =>
          Effect.sync(() => {
            connection.warn(`the key is ${secret}\n`)
            connection.send({
              jsonrpc: "2.0",
              method: "notifications/message",
              params: { data: { [secret]: 12345678 } }
            })
            return `it is ${secret}`
          })
      }
    }
  })

  /** The same endpoint, with secrets. */
  const confided = ({ endpoint }: MemoryServer, env: Record<string, string>) =>
    endpoint._tag === "Stdio" ? Endpoint.stdio({ ...endpoint, env }) : endpoint

  // A JSON body in which a secret is masked must stay JSON: labsai/EDDI#703.
  it.effect("of the environment is in no event, however it is written there, and what is left is JSON", () =>
    Effect.gen(function*() {
      const endpoint = confided(yield* telltale, { API_KEY: secret, PIN: "12345678" })
      const { events, head } = yield* tapped(
        { endpoint },
        (mcp) => mcp.callTool("it", { name: "tell", arguments: { seen: `${secret}!` } }, { idempotent: false })
      )
      const text = Recording.encode({ head, events })
      for (const each of [secret, JSON.stringify(secret).slice(1, -1), "12345678"]) assert.notInclude(text, each)
      assert.include(text, "it is <redacted>")
      assert.include(text, "the key is <redacted>")
      assert.isTrue(Result.isSuccess(Recording.decode(text)))
    }))

  // Key names such as `password` and `accessJwt` went to disk in clear: mvanhorn/last30days-skill#1115.
  it.effect("that only its name gives away is in no event, and what has a like name stays", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.make(echo)
      const args = {
        password: "hunter2!",
        accessJwt: "eyJh",
        client_secret: "abc",
        nested: [{ "x-api-key": 7 }],
        monkey: "business",
        progressToken: "p1",
        tokens: 3
      }
      const { events } = yield* tapped(
        server,
        (mcp) => mcp.callTool("it", { name: "echo", arguments: args }, { idempotent: false })
      )
      const call = messages(events).find(({ kind, name }) => kind === "request" && name === "echo")
      assert.deepInclude(call?.body, {
        arguments: {
          password: "<redacted>",
          accessJwt: "<redacted>",
          client_secret: "<redacted>",
          nested: [{ "x-api-key": "<redacted>" }],
          monkey: "business",
          progressToken: "p1",
          tokens: 3
        }
      })
    }))

  it.effect("of the options is kept out, and of headers only the names are there", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.make({ ...echo, transport: "http" })
      const { endpoint } = server
      if (endpoint._tag !== "Http") return assert.fail("it is no url")
      const withHeaders = Endpoint.http({ ...endpoint, headers: { "X-Own": Redacted.make("Bearer of-things-unsaid") } })
      const { events } = yield* tapped(
        { endpoint: withHeaders },
        (mcp) =>
          mcp.callTool("it", { name: "echo", arguments: { text: "of-things-unsaid, known-to-me" } }, {
            idempotent: false
          }),
        { secrets: ["known-to-me"] }
      )
      assert.deepInclude(events[0], { event: "opened", transport: "http", headers: ["X-Own"] })
      assert.notInclude(JSON.stringify(events), "unsaid")
      assert.notInclude(JSON.stringify(events), "known-to-me")
    }))
})

describe("the flight recorder", () => {
  const dying: MemoryServerOptions = {
    era: "legacy",
    tools: {
      echo: { run: ({ text }) => Effect.succeed(String(text)) },
      die: { run: (_, { connection }) => Effect.sync(() => (connection.exit({ code: 3 }), "")) },
      refuse: { run: () => Effect.fail({ code: -32000, message: "no" }) }
    }
  }

  const flown = (options: Omit<RecorderOptions, "to"> = {}) =>
    Effect.gen(function*() {
      const recordings: Array<Recording.Recording> = []
      const server = yield* MemoryServer.make(dying)
      const config = yield* McpConfig.make({ it: server.endpoint })
      const mcp = yield* McpConnections.make(config, {
        clientInfo,
        recorder: { ...options, to: (recording) => recordings.push(recording) }
      })
      const call = (name: string, text = "") =>
        inTime(Effect.result(mcp.callTool("it", { name, arguments: { text } }, { idempotent: false })))
      return { call, mcp, recordings }
    })

  it.effect("writes what was said before a call failed, and why, and nothing for answers", () =>
    Effect.gen(function*() {
      const { call, recordings } = yield* flown()
      yield* call("echo")
      yield* call("refuse")
      assert.lengthOf(recordings, 0)
      yield* call("die")
      yield* settled
      assert.lengthOf(recordings, 1)
      const [{ events, head } = assert.fail("there is none")] = recordings
      assert.deepInclude(head.failures?.[0], { reason: "OutcomeUnknown", server: "it" })
      assert.isFalse(head.bodies)
      assert.deepStrictEqual(
        messages(events).filter(({ from, method }) => from === "client" && method === "tools/call").map(({ name }) =>
          name
        ),
        [
          "echo",
          "refuse",
          "die"
        ]
      )
      assert.deepInclude(events.at(-1), { event: "closed" })
    }))

  it.effect("tells calls that fail together in one recording", () =>
    Effect.gen(function*() {
      const recordings: Array<Recording.Recording> = []
      const server = yield* MemoryServer.make({ era: "legacy", tools: { hang: { run: () => Effect.never } } })
      const mcp = yield* McpConnections.make(yield* McpConfig.make({ it: server.endpoint }), {
        clientInfo,
        recorder: { to: (recording) => recordings.push(recording) }
      })
      const call = Effect.result(mcp.callTool("it", { name: "hang" }, { idempotent: false }))
      const fibers = yield* Effect.forEach([1, 2, 3, 4, 5], () => Effect.forkChild(call, { startImmediately: true }))
      yield* inTime(server.awaitCall("hang", 5))
      yield* server.kill
      yield* inTime(Effect.forEach(fibers, Fiber.join))
      yield* settled
      assert.deepStrictEqual(recordings.map(({ head }) => head.failures?.length), [5])
    }))

  it.effect("keeps the handshake and the last events, in bounded room, and says how many are missing", () =>
    Effect.gen(function*() {
      const { call, recordings } = yield* flown({ bodies: true, maxEvents: 32, maxBodies: 20_000 })
      for (let index = 0; index < 50; index++) yield* call("echo", `${index} `.repeat(1000))
      yield* call("die")
      yield* settled
      const [{ events } = assert.fail("there is none")] = recordings
      const gap = events.find((event) => event.event === "skipped")
      assert.lengthOf(events, 32 + 1)
      // Opened, handshake, 51 calls with an answer each but the last, the end; a question of the era where it was asked.
      assert.isAbove(gap?.events ?? 0, 60)
      assert.isDefined(messages(events).find(({ kind, method }) => method === "initialize" && kind === "answer")?.body)
      const size = messages(events).reduce(
        (sum, { body }) => sum + (body === undefined ? 0 : JSON.stringify(body).length),
        0
      )
      assert.isBelow(size, 20_000)
      assert.isTrue(messages(events).some(({ omitted }) => omitted === true))
      assert.deepInclude(events.at(-1), { event: "closed" })
    }))

  it.effect("writes into a folder, for this user alone, and keeps so many files", () =>
    Effect.gen(function*() {
      const folder = path.join(fs.mkdtempSync(path.join(os.tmpdir(), "recorder-")), "made", "here")
      yield* Effect.addFinalizer(() => Effect.sync(() => fs.rmSync(path.resolve(folder, "../.."), { recursive: true })))
      fs.mkdirSync(folder, { recursive: true })
      fs.writeFileSync(path.join(folder, "mine.ndjson"), "not yours")
      const server = yield* MemoryServer.make(dying)
      const config = yield* McpConfig.make({ "../it": server.endpoint })
      yield* Effect.scoped(Effect.gen(function*() {
        const mcp = yield* McpConnections.make(config, { clientInfo, recorder: { to: folder, keep: 2 } })
        for (let index = 0; index < 4; index++) {
          yield* inTime(Effect.result(mcp.callTool("../it", { name: "die" }, { idempotent: false })))
        }
      }))
      const files = fs.readdirSync(folder)
      assert.include(files, "mine.ndjson")
      const own = files.filter((file) => file !== "mine.ndjson")
      assert.lengthOf(own, 2)
      for (const file of own) {
        assert.match(file, /^[\w-]+Z-[\w.]+-OutcomeUnknown(?:-\d)?\.ndjson$/)
        assert.strictEqual(fs.statSync(path.join(folder, file)).mode & 0o077, 0)
        yield* Recording.load(path.join(folder, file))
      }
    }).pipe(Effect.scoped))

  /** Fails at once, on a clock that stands still. */
  const missing = new CommandNotFound({ server: "it", command: "gone", searched: "/bin" })
  const gone = (recorder: RecorderOptions) =>
    Effect.scoped(Effect.gen(function*() {
      const server = yield* MemoryServer.make({ ...dying, onDial: () => Effect.fail(missing) })
      const mcp = yield* McpConnections.make(yield* McpConfig.make({ it: server.endpoint }), { clientInfo, recorder })
      yield* Effect.flip(mcp.callTool("it", { name: "echo" }, { idempotent: false }))
    }))

  it.effect("has written everything when its program ends", () =>
    Effect.gen(function*() {
      const recordings: Array<Recording.Recording> = []
      yield* gone({ to: (recording) => recordings.push(recording) })
      assert.lengthOf(recordings, 1)
      const [{ events } = assert.fail("there is none")] = recordings
      assert.deepStrictEqual(events.map(({ event }) => event), ["opened", "unopened"])
      assert.deepInclude(events[1], { reason: missing })
    }))

  it.effect("gives each of two failures of one instant a file", () =>
    Effect.gen(function*() {
      const folder = fs.mkdtempSync(path.join(os.tmpdir(), "recorder-"))
      yield* Effect.addFinalizer(() => Effect.sync(() => fs.rmSync(folder, { recursive: true })))
      yield* gone({ to: folder })
      yield* gone({ to: folder })
      assert.lengthOf(fs.readdirSync(folder), 2)
    }).pipe(Effect.scoped))

  it.effect("writes nothing anew for calls that fail without a further word", () =>
    Effect.gen(function*() {
      const recordings: Array<Recording.Recording> = []
      const end = { code: 1, signal: null, uptimeMillis: 1, stderrTail: "" }
      const server = yield* MemoryServer.make({
        ...dying,
        onDial: (server) => Effect.fail(new ServerExited({ server, command: "it", end }))
      })
      const mcp = yield* McpConnections.make(yield* McpConfig.make({ it: server.endpoint }), {
        clientInfo,
        recorder: { to: (recording) => recordings.push(recording) }
      })
      const call = Effect.flip(mcp.callTool("it", { name: "echo" }, { idempotent: false, waitForReady: false }))
      const reasons: Array<string> = []
      for (let index = 0; index < 3; index++) {
        reasons.push((yield* call).reason._tag)
        yield* settled
      }
      assert.deepStrictEqual(reasons.slice(1), ["NotReady", "NotReady"])
      assert.lengthOf(recordings, 1)
    }))

  it.effect("that cannot write harms no call", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.make(dying)
      const config = yield* McpConfig.make({ it: server.endpoint })
      const mcp = yield* McpConnections.make(config, {
        clientInfo,
        recorder: {
          to: () => {
            throw new Error("no")
          }
        }
      })
      yield* inTime(Effect.result(mcp.callTool("it", { name: "die" }, { idempotent: false })))
      const { content } = yield* inTime(mcp.callTool("it", { name: "echo", arguments: { text: "still here" } }))
      assert.deepStrictEqual(content, [{ type: "text", text: "still here" }])
    }))
})
