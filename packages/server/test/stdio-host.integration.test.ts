/** A server over stdio, as a process of its own. */
import { assert, describe, it } from "@effect/vitest"
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js"
import * as Effect from "effect/Effect"
import { type ChildProcess, spawn } from "node:child_process"
import * as path from "node:path"
import { eventually } from "./support/eventually.ts"

const program = path.join(import.meta.dirname, "support/stdioServer.ts")

const start = Effect.acquireRelease(
  Effect.sync(() => {
    const child = spawn(process.execPath, [program], { stdio: ["pipe", "pipe", "inherit"] })
    const lines: Array<
      { readonly id?: unknown; readonly result?: unknown; readonly error?: { readonly code: number } }
    > = []
    let rest = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      const all = (rest + text).split("\n")
      rest = all.pop() ?? ""
      for (const line of all) lines.push(JSON.parse(line))
    })
    // A server that has ended hears nothing more: that is no error of the test's.
    child.stdin.on("error", () => {})
    const say = (message: object | string): void =>
      void child.stdin.write(
        `${typeof message === "string" ? message : JSON.stringify({ jsonrpc: "2.0", ...message })}\n`
      )
    return { child, lines, say }
  }),
  ({ child }) => Effect.sync(() => child.kill("SIGKILL"))
)

const initialize = {
  id: 0,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "raw", version: "1" } }
}

const exited = (child: ChildProcess) =>
  Effect.map(
    eventually("it ended", () => child.exitCode !== null || child.signalCode !== null),
    () => child.exitCode ?? child.signalCode
  )

describe("a server over stdio", () => {
  it.live("serves the SDK's own client, and ends with it", () =>
    Effect.gen(function*() {
      const client = new Client({ name: "sdk", version: "1" })
      const transport = new StdioClientTransport({ command: process.execPath, args: [program] })
      yield* Effect.promise(() => client.connect(transport))
      const { pid } = transport
      const result = yield* Effect.promise(() => client.callTool({ name: "echo", arguments: { text: "hi" } }))
      assert.deepInclude(result, { content: [{ type: "text", text: "hi" }] })
      yield* Effect.promise(() => client.close())
      yield* eventually("the process is gone", () => !isRunning(pid ?? 0))
    }))

  it.live("ends when stdin does, though a timer would keep it, and finishes what was asked before", () =>
    Effect.gen(function*() {
      const { child, lines, say } = yield* start
      say(initialize)
      say({ method: "notifications/initialized" })
      say({ id: 1, method: "tools/call", params: { name: "wait", arguments: {} } })
      child.stdin.end()
      assert.strictEqual(yield* exited(child), 0)
      assert.deepInclude(lines.at(-1), { id: 1, result: { content: [{ type: "text", text: "in time" }] } })
    }))

  it.live("ends when nobody reads what it writes", () =>
    Effect.gen(function*() {
      const { child, lines, say } = yield* start
      say(initialize)
      yield* eventually("it answered", () => lines.length === 1)
      child.stdout.destroy()
      const again = setInterval(() => say({ id: 2, method: "ping" }), 10)
      const code = yield* Effect.ensuring(exited(child), Effect.sync(() => clearInterval(again)))
      assert.strictEqual(code, 0)
    }))

  it.live("ends at a signal, and says that this is no failure", () =>
    Effect.gen(function*() {
      const { child, lines, say } = yield* start
      say(initialize)
      yield* eventually("it answered", () => lines.length === 1)
      child.kill("SIGTERM")
      assert.strictEqual(yield* exited(child), 0)
    }))

  it.live("answers what is no message, and goes on", () =>
    Effect.gen(function*() {
      const { lines, say } = yield* start
      say("{")
      say("[]")
      say(initialize)
      yield* eventually("three answers", () => lines.length === 3)
      assert.deepStrictEqual(lines.map(({ error, id }) => error?.code ?? id), [-32600, -32600, 0])
    }))
})

const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
