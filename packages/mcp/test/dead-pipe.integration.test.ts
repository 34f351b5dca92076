/**
 * A server that was killed while nothing was asked of it, and a call that comes before this program hears of its death. A real process, of which
 * nothing but the zombie is left when the call is made.
 */
import { assert, describe, it } from "@effect/vitest"
import { Endpoint } from "@holdfast/mcp/Endpoint"
import { McpConfig } from "@holdfast/mcp/McpConfig"
import { McpConnections } from "@holdfast/mcp/McpConnections"
import * as StdioLink from "@holdfast/mcp/StdioLink"
import * as Effect from "effect/Effect"
import { spawnSync } from "node:child_process"
import { eventually } from "./support/eventually.ts"
import { RecordingOutbound, RecordingReceiver } from "./support/RecordingReceiver.ts"

const spyStdio = new URL("./support/spyStdio.ts", import.meta.url).pathname
const offering = new URL("./support/offering-server.ts", import.meta.url).pathname

/** Returns when it is dead and its ends of the pipes are closed. No event of this program comes in between. */
const kill = (pid: number): void => {
  process.kill(pid, "SIGKILL")
  const untilGone = `while state=$(ps -o stat= -p ${pid}) && case $state in Z*) false;; esac; do :; done`
  assert.strictEqual(spawnSync("sh", ["-c", untilGone]).status, 0)
}

describe("a call in the instant in which its idle server was killed", () => {
  it.live("is not handed over to a pipe that nothing holds the other end of", () =>
    Effect.gen(function*() {
      const receiver = new RecordingReceiver()
      const link = yield* StdioLink.make({ command: process.execPath, args: [spyStdio] }, receiver)
      link.post(new RecordingOutbound(1, "echo"))
      yield* eventually("an answer", () => receiver.answerTo(1) !== undefined)
      kill(link.process?.pid ?? 0)
      const late = new RecordingOutbound(2, "echo")
      link.post(late)
      assert.isEmpty(receiver.closings, "its death is not known yet")
      yield* link.closed
      assert.strictEqual(late.handOffs, 0)
      assert.deepStrictEqual(late.failures.map((failure) => "delivery" in failure && failure.delivery), ["NotSent"])
    }))

  it.live("is made on the next connection, whatever it does", () =>
    Effect.gen(function*() {
      const endpoint = Endpoint.stdio({ command: process.execPath, args: [offering] })
      const mcp = yield* McpConnections.make(yield* McpConfig.make({ it: endpoint }))
      const call = mcp.request("it", { method: "prompts/list" }, { idempotent: false })
      yield* call
      const pid = yield* mcp.use("it", ({ process }) => Effect.succeed(process?.pid ?? 0))
      kill(pid)
      yield* call
      assert.notStrictEqual(yield* mcp.use("it", ({ process }) => Effect.succeed(process?.pid)), pid)
    }))
})
