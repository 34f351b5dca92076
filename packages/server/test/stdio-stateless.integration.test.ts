/** Revision 2026-07-28 over real pipes, with clients that do what they should not. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Buffer } from "node:buffer"
import { spawn } from "node:child_process"
import * as path from "node:path"
import { eventually } from "./support/eventually.ts"
import { initialize, wordsOf } from "./support/lineClient.ts"
import { startProgram, startServer } from "./support/stdioProcess.ts"

const listening = { notifications: { toolsListChanged: true } }

describe("a server over stdio", () => {
  it.live("answers what comes in pieces, and goes on after garbage and a line of 100 MB", () =>
    Effect.gen(function*() {
      const { child, client } = yield* startServer()
      const write = (chunk: string | Buffer) =>
        Effect.callback<void>((resume) => void child.stdin.write(chunk, () => resume(Effect.void)))
      yield* client.ask("server/discover")
      client.say("garbage\n{}\n[]\n[1]\nnull\n\n")
      yield* write(Buffer.from([0x22, 0xff, 0xfe, 0x22, 0x0a]))
      const half = Buffer.alloc(1024 * 1024, "x")
      yield* write(`{"jsonrpc":"2.0","id":"big","method":"`)
      for (let megabytes = 0; megabytes < 100; megabytes++) yield* write(half)
      yield* write(`"}\n`)
      client.begin("tools/call", { name: "echo", arguments: { text: "ü" } }, { id: "after" })
      assert.strictEqual(wordsOf(yield* client.answer("after")), "ü")
      const codes = client.answersTo(null).map(({ error }) => error?.code)
      // What begins as no message is passed over.
      assert.deepStrictEqual(codes, [-32600, -32600, -32700, -32700])
      const whole = `{"jsonrpc":"2.0","id":"cut","method":"server/discover","params":{"_meta":{"a":"ü"}}}\n`
      const bytes = Buffer.from(whole)
      for (const byte of bytes) yield* write(Buffer.from([byte]))
      assert.strictEqual((yield* client.answer("cut")).error?.code, -32602)
    }))

  it.live("answers a thousand requests at once before it ends", () =>
    Effect.gen(function*() {
      const { child, client, exited } = yield* startServer()
      const ids = Array.from({ length: 1000 }, (_, index) => client.beginCall("echo", { text: String(index) }))
      child.stdin.end()
      assert.strictEqual(yield* exited, 0)
      assert.strictEqual(client.said.length, 1000)
      for (const [index, id] of ids.entries()) {
        assert.strictEqual(wordsOf(client.answersTo(id)[0] ?? {}), String(index))
      }
    }))

  it.live("says that half a line was no message, when that was all that came", () =>
    Effect.gen(function*() {
      const { child, client, exited } = yield* startServer()
      child.stdin.end(`{"jsonrpc":"2.0","id":1,"method":"server/disc`)
      assert.strictEqual(yield* exited, 0)
      assert.deepStrictEqual(client.said.map(({ error }) => error?.code), [-32700])
    }))

  it.live("ends with a client that was killed while it was asked something", () =>
    Effect.gen(function*() {
      const server = path.join(import.meta.dirname, "support/stdioServer.ts")
      const meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": { elicitation: {} }
      }
      const call = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "ask", arguments: {}, _meta: meta } }
      const program = `
        const server = require("node:child_process").spawn(process.execPath, [${JSON.stringify(server)}], {
          stdio: ["pipe", "pipe", "inherit"]
        })
        server.stdin.write(${JSON.stringify(`${JSON.stringify(call)}\n`)})
        server.stdout.setEncoding("utf8").on("data", (text) => {
          if (text.includes("input_required")) console.log("asked", server.pid)
        })`
      let said = ""
      let isOver = false
      const client = yield* Effect.acquireRelease(
        Effect.sync(() => spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "pipe"] })),
        (client) => Effect.sync(() => client.kill("SIGKILL"))
      )
      client.stdout.setEncoding("utf8").on("data", (text: string) => void (said += text))
      // Every process that could write to it has ended.
      client.stderr.resume().once("close", () => void (isOver = true))
      const pid = () => Number(/asked (\d+)\n/.exec(said)?.[1] ?? 0)
      yield* Effect.addFinalizer(() => Effect.sync(() => isOver || process.kill(pid(), "SIGKILL")))
      yield* eventually("the client was asked", () => pid() > 0)
      client.kill("SIGKILL")
      yield* eventually("the server has ended", () => isOver)
    }))

  it.live("ends when its client lets more of a call pile up than any client would that reads", () =>
    Effect.gen(function*() {
      const { child, client, exited } = yield* startProgram(`
        const server = () => {
          const made = new Server({ name: "loud", version: "1" }, { capabilities: { logging: {}, tools: {} } })
          made.fallbackRequestHandler = ({ method }, { sendNotification, signal }) => new Promise((resolve) => {
            if (method === "tools/list") return resolve({ tools: [] })
            const params = { level: "info", data: "x".repeat(1e6) }
            const shout = () => sendNotification({ method: "notifications/message", params }).then(() => setImmediate(shout))
            shout()
            signal.addEventListener("abort", () => console.error("aborted"))
          })
          return made
        }
        const ended = StdioHost.run({ server }).pipe(Effect.tap((end) => Effect.sync(() => console.error("end:", end))))
        StdioHost.runMain(ended)
      `)
      child.stdout.pause()
      let complaints = ""
      child.stderr.on("data", (text: string) => void (complaints += text))
      client.begin("tools/call", { name: "x" }, { meta: { "io.modelcontextprotocol/logLevel": "info" } })
      yield* eventually("it says why it ends", () => complaints.includes("end:"))
      assert.match(complaints, /aborted[^]*end: stdout broke/)
      child.stdout.resume()
      assert.strictEqual(yield* exited, 0)
    }))

  it.live("ends when nobody can read its answers", () =>
    Effect.gen(function*() {
      const { child, client } = yield* startServer()
      yield* client.ask("server/discover")
      child.stdout.destroy()
      client.begin("server/discover")
      yield* eventually("it has ended", () => child.exitCode === 0)
    }))

  it.live("tells who listens and who waits that it ends, when it was told to", () =>
    Effect.gen(function*() {
      const { child, client, exited } = yield* startServer("stdioStuckServer.ts")
      yield* client.handshake
      const heard = client.begin("subscriptions/listen", listening)
      const called = client.beginCall("wait")
      client.say({ id: "s1", method: "tools/call", params: { name: "wait", arguments: {} } })
      client.say({ id: "s2", method: "ping" })
      yield* client.answer("s2")
      yield* client.ask("server/discover")
      yield* eventually("it listens", () => client.told("subscriptions/acknowledged").length === 1)
      child.kill("SIGTERM")
      assert.strictEqual(yield* exited, 0)
      assert.strictEqual(client.answersTo(heard)[0]?.result?.["resultType"], "complete")
      assert.strictEqual(client.answersTo(called)[0]?.error?.code, -32000)
      assert.strictEqual(client.answersTo("s1")[0]?.error?.code, -32000)
    }))

  it.live("answers that it could not be made, and ends by that in a session, which says why on stderr", () =>
    Effect.gen(function*() {
      const { client, complaints, exited, strays } = yield* startProgram(`
        StdioHost.runMain(StdioHost.run({ server: Effect.fail(new Error("no database")) }))
      `)
      assert.strictEqual((yield* client.ask("server/discover")).error?.code, -32000)
      client.say(initialize)
      assert.strictEqual(yield* exited, 1)
      assert.strictEqual(client.answersTo(0)[0]?.error?.code, -32000)
      // Once for the request, once for the end.
      assert.match(complaints(), /no database[^]*no database/)
      assert.deepStrictEqual(strays, [])
    }))
})
