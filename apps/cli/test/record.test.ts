/** `record` and `replay` without their processes; as processes: `record.integration.test.ts`. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as http from "node:http"
import * as path from "node:path"
import { run } from "../src/Program.ts"
import { makeDirectory } from "./support/Cli.ts"
import * as FakeShell from "./support/FakeShell.ts"

const request = (id: number | string, method: string, params: object = {}) => ({ jsonrpc: "2.0", id, method, params })
const initialize = request(1, "initialize", {
  protocolVersion: "2025-06-18",
  capabilities: {},
  clientInfo: { name: "host", version: "1" }
})
const call = (id: number | string, text: string) => request(id, "tools/call", { name: "echo", arguments: { text } })
const asLines = (...messages: ReadonlyArray<object>) => messages.map((each) => `${JSON.stringify(each)}\n`).join("")

/** Runs a command line in a folder, with this on stdin. */
const holdfast = (directory: string, words: ReadonlyArray<string>, stdin = "") =>
  Effect.gen(function*() {
    const shell = FakeShell.make({ directory, stdin, columns: 80 })
    const code = yield* Effect.provide(run(words), shell.layer)
    const out = shell.out.join("").split("\n").filter((line) => line !== "").map((line): object => JSON.parse(line))
    return { code, out, err: shell.err.join("") }
  })

const folder = Effect.acquireDisposable(Effect.sync(() => makeDirectory({ mcpServers: {} })))

/** A server behind a url: `echo` says it back, but for `away`, which a gateway answers. Headers that it was sent are in `seen`. */
const webServer = Effect.acquireRelease(
  Effect.promise(() =>
    new Promise<{ readonly url: string; readonly seen: Array<http.IncomingHttpHeaders>; readonly stop: () => void }>(
      (resolve) => {
        const seen: Array<http.IncomingHttpHeaders> = []
        const server = http.createServer((incoming, response) => {
          seen.push(incoming.headers)
          let body = ""
          incoming.on("data", (chunk) => body += chunk).on("end", () => {
            if (incoming.method !== "POST") return void response.writeHead(405).end()
            const { id, method, params } = JSON.parse(body)
            if (id === undefined) return void response.writeHead(202).end()
            if (params?.arguments?.text === "away") return void response.writeHead(503).end("no one is home")
            const answer = method === "initialize"
              ? {
                result: {
                  protocolVersion: "2025-06-18",
                  capabilities: { tools: {} },
                  serverInfo: { name: "web", version: "1" }
                }
              }
              : method === "tools/call"
              ? { result: { content: [{ type: "text", text: params.arguments.text }] } }
              : { error: { code: -32601, message: "Method not found" } }
            response.writeHead(200, { "content-type": "application/json" }).end(
              JSON.stringify({ jsonrpc: "2.0", id, ...answer })
            )
          })
        }).listen(0, "127.0.0.1", () => {
          const address = server.address()
          const port = typeof address === "object" ? address?.port : undefined
          resolve({
            url: `http://127.0.0.1:${port}/mcp?key=in-the-query`,
            seen,
            stop: () => (server.closeAllConnections(), server.close())
          })
        })
      }
    )
  ),
  ({ stop }) => Effect.sync(stop)
)

describe("record, in front of a host", () => {
  it.live("passes on what either side says, over a url as well, and writes all of it down, without secrets", () =>
    Effect.gen(function*() {
      const { path: directory } = yield* folder
      const { seen, url } = yield* webServer
      const words = ["record", "--url", url, "-H", "Authorization: Bearer very-secret-token", "-o", "web.ndjson"]
      const stdin = asLines(
        initialize,
        { jsonrpc: "2.0", method: "notifications/initialized" },
        call("x", "very-secret-token"),
        call(3, "away")
      )
      const { code, err, out } = yield* holdfast(directory, words, stdin)
      assert.strictEqual(code, 0)
      assert.match(err, /^holdfast: \d+ messages are in web\.ndjson; holdfast replay web\.ndjson answers as they do\n$/)
      assert.deepInclude(out, {
        jsonrpc: "2.0",
        id: "x",
        result: { content: [{ type: "text", text: "very-secret-token" }] }
      })
      const message = "HTTP 503: no one is home; the request was sent and may have run"
      assert.deepInclude(out, { jsonrpc: "2.0", id: 3, error: { code: -32010, message } })
      assert.strictEqual(seen.at(-1)?.["mcp-protocol-version"], "2025-06-18")
      const file = path.join(directory, "web.ndjson")
      const text = fs.readFileSync(file, "utf8")
      assert.notInclude(text, "very-secret-token")
      assert.notInclude(text, "in-the-query")
      assert.include(text, `"headers":["Authorization"]`)
      assert.include(text, `"event":"lost"`)
      assert.strictEqual(fs.statSync(file).mode & 0o077, 0)
      // Hosts start a server again that has failed: its recording must still be there.
      yield* holdfast(directory, words, asLines(initialize))
      assert.strictEqual(fs.readFileSync(file, "utf8"), text)
      assert.isTrue(fs.existsSync(path.join(directory, "web-2.ndjson")))
      const replayed = yield* holdfast(directory, ["replay", "web.ndjson"], stdin)
      assert.lengthOf(replayed.out, out.length)
      assert.deepInclude(replayed.out, { jsonrpc: "2.0", id: 3, error: { code: -32010, message } })
      assert.strictEqual(replayed.err, "")
    }))
})

describe("record, of one call", () => {
  it.live("leaves out the values of variables whose names say that they are secrets", () =>
    Effect.gen(function*() {
      const { path: directory } = yield* folder
      const { url } = yield* webServer
      const name = "HOLDFAST_TEST_API_KEY"
      yield* Effect.acquireRelease(
        Effect.sync(() => void (process.env[name] = "of-the-environment")),
        () => Effect.sync(() => void delete process.env[name])
      )
      const shell = FakeShell.make({ directory })
      const words = ["record", "--url", url, "echo", "text=it is of-the-environment", "--unchecked", "-o", "f.ndjson"]
      assert.strictEqual(yield* Effect.provide(run(words), shell.layer), 0)
      assert.strictEqual(shell.out.join(""), "it is of-the-environment\n")
      const text = fs.readFileSync(path.join(directory, "f.ndjson"), "utf8")
      assert.include(text, "it is <redacted>")
      assert.notInclude(text, "of-the-environment")
    }))

  it.live("prints what the call prints, and replaces the file", () =>
    Effect.gen(function*() {
      const { path: directory } = yield* folder
      const { url } = yield* webServer
      for (const text of ["one", "two"]) {
        const shell = FakeShell.make({ directory })
        const words = ["record", "--url", url, "echo", `text=${text}`, "--unchecked", "-o", "f.ndjson"]
        assert.strictEqual(yield* Effect.provide(run(words), shell.layer), 0)
        assert.strictEqual(shell.out.join(""), `${text}\n`)
      }
      assert.deepStrictEqual(fs.readdirSync(directory).toSorted(), [".mcp.json", "f.ndjson"])
      const replayed = yield* holdfast(directory, ["replay", "f.ndjson"], asLines(call(1, "two"), call(2, "one")))
      assert.match(JSON.stringify(replayed.out[0]), /"text":"two"/)
      assert.match(JSON.stringify(replayed.out[1]), /the recording has no tools\/call of echo/)
    }))
})

describe("replay", () => {
  const recording = (...events: ReadonlyArray<object>) =>
    asLines(
      { holdfast: "recording", version: 1, startedAt: "2026-01-01T00:00:00.000Z", bodies: true },
      { event: "opened", at: 0, connection: 1, server: "it", transport: "stdio", target: "it" },
      ...events.map((event, at) => ({ event: "message", at: at * 60_000, connection: 1, size: 1, ...event }))
    )
  const asked = {
    from: "client",
    kind: "request",
    id: 7,
    method: "tools/call",
    body: { name: "echo", arguments: { text: "hi" } }
  }
  const answered = { from: "server", kind: "answer", id: 7, body: { content: [] } }

  it.live("answers at once under the ids of the host, and says on stderr what was not recorded", () =>
    Effect.gen(function*() {
      const { path: directory } = yield* folder
      fs.writeFileSync(path.join(directory, "f.ndjson"), `${recording(asked, answered)}{"event":"mess`)
      const { code, err, out } = yield* holdfast(
        directory,
        ["replay", "f.ndjson"],
        asLines(call("a", "hi"), call(2, "ho"), request(3, "ping"))
      )
      assert.strictEqual(code, 0)
      const sentence =
        `the recording has no tools/call of echo {"text":"ho"}; the nearest is tools/call of echo {"text":"hi"} in line 3`
      assert.deepStrictEqual(out, [
        { jsonrpc: "2.0", id: "a", result: { content: [] } },
        { jsonrpc: "2.0", id: 2, error: { code: -32602, message: sentence } },
        { jsonrpc: "2.0", id: 3, result: {} }
      ])
      assert.strictEqual(err, `holdfast: f.ndjson: its last line is cut off, and left out\nholdfast: ${sentence}\n`)
    }))

  it.live("ends as the server did, with its last words", () =>
    Effect.gen(function*() {
      const { path: directory } = yield* folder
      const end = { code: 3, signal: null, uptimeMillis: 5, stderrTail: "no memory\n" }
      fs.writeFileSync(
        path.join(directory, "f.ndjson"),
        recording(asked, { event: "stderr", text: "no memory\n" }, {
          event: "closed",
          closed: { _tag: "ProcessEnded", end }
        })
      )
      const { code, err, out } = yield* holdfast(directory, ["replay", "f.ndjson"], asLines(call(1, "hi")))
      assert.deepStrictEqual({ code, err, out }, { code: 3, err: "no memory\n", out: [] })
    }))

  it.live("refuses what is no recording, in one sentence", () =>
    Effect.gen(function*() {
      const { path: directory } = yield* folder
      fs.writeFileSync(path.join(directory, "f.ndjson"), recording({ from: "someone" }))
      const { code, err } = yield* holdfast(directory, ["replay", "f.ndjson"])
      assert.strictEqual(code, 2)
      assert.match(err, /^holdfast: f\.ndjson:3: this is no event: /)
      assert.strictEqual(
        (yield* holdfast(directory, ["replay", "none.ndjson"])).err,
        "holdfast: none.ndjson: the file cannot be read (ENOENT)\n"
      )
      assert.match(
        (yield* holdfast(directory, ["record", "it"])).err,
        /say where to: holdfast record <server> -o recording\.ndjson/
      )
      assert.match(
        (yield* holdfast(directory, ["record", "-o", "no/f", "--url", "http://127.0.0.1:9/"])).err,
        /-o no\/f: there is no such folder/
      )
    }))
})
