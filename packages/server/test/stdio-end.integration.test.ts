/** Ends that stdin does not tell of, or that a handler would put off for ever. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { type ChildProcess, spawn } from "node:child_process"
import * as path from "node:path"
import { eventually } from "./support/eventually.ts"

const programOf = (name: string): string => path.join(import.meta.dirname, "support", name)

const lines = (...messages: ReadonlyArray<object>): string =>
  messages.map((message) => `${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`).join("")

const initialize = {
  id: 0,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "raw", version: "1" } }
}

/** A process and what it has said. Its standard streams stay open in the test. */
const start = (args: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const said = { stdout: "", stderr: "", isOver: false }
    const child = yield* Effect.acquireRelease(
      Effect.sync((): ChildProcess => spawn(process.execPath, args, { stdio: ["pipe", "pipe", "pipe"] })),
      (child) => Effect.sync(() => void child.kill("SIGKILL"))
    )
    child.stdout?.setEncoding("utf8").on("data", (text: string) => void (said.stdout += text))
    // Every process that could write to it has ended.
    child.stdout?.once("close", () => void (said.isOver = true))
    child.stderr?.setEncoding("utf8").on("data", (text: string) => void (said.stderr += text))
    child.stdin?.on("error", () => {})
    return { child, said }
  })

describe("a server over stdio", () => {
  it.live("ends when its parent was killed, though somebody else still holds its stdin and its stdout", () =>
    Effect.gen(function*() {
      const server = programOf("stdioServer.ts")
      const parent = `
        const server = require("node:child_process").spawn(process.execPath, [${
        JSON.stringify(server)
      }], { stdio: "inherit" })
        console.error("server", server.pid)
        setInterval(() => {}, 1000)`
      // Holds the other end of stdin open: the test's own is closed with the process that was killed.
      const elder = `
        const parent = require("node:child_process").spawn(process.execPath, ["-e", ${
        JSON.stringify(parent)
      }], { stdio: "inherit" })
        require("node:fs").closeSync(1)
        console.error("parent", parent.pid)
        setInterval(() => {}, 1000)`
      const { child, said } = yield* start(["-e", elder])
      const pidOf = (name: string) => Number(new RegExp(`${name} (\\d+)\n`).exec(said.stderr)?.[1] ?? 0)
      yield* Effect.addFinalizer(() => Effect.sync(() => said.isOver || kill(pidOf("parent"), pidOf("server"))))
      yield* eventually("all have started", () => pidOf("parent") > 0 && pidOf("server") > 0)
      child.stdin?.write(lines(initialize))
      yield* eventually("it answered", () => said.stdout.includes("\"id\":0"))
      process.kill(pidOf("parent"), "SIGKILL")
      yield* eventually("the server has ended", () => said.isOver)
      assert.isNull(child.exitCode)
      assert.isTrue(child.stdin?.writable)
    }))

  it.live("waits for a handler that never ends no longer than it was told", () =>
    Effect.gen(function*() {
      const { child, said } = yield* start([programOf("stdioStuckServer.ts")])
      child.stdin?.end(
        lines(
          initialize,
          { method: "notifications/initialized" },
          { id: 1, method: "tools/call", params: { name: "wait", arguments: {} } }
        )
      )
      yield* eventually("it ended", () => child.exitCode !== null || child.signalCode !== null)
      assert.strictEqual(child.exitCode, 0, said.stderr)
      assert.include(said.stdout, "\"id\":0")
    }))
})

const kill = (...pids: ReadonlyArray<number>): void => {
  for (const pid of pids) {
    try {
      if (pid > 0) process.kill(pid, "SIGKILL")
    } catch {
      // It has ended already.
    }
  }
}
