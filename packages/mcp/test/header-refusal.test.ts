/** A call that is refused for its headers has not run, whatever becomes of the question that is asked then. */
import { assert, describe, it } from "@effect/vitest"
import { McpConfig, McpConnections } from "@holdfast/mcp"

import { type Handler, MemoryServer } from "@holdfast/mcp/testing"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"

const headerMismatch = { code: -32020, message: "a header is missing" }

const tools = [{
  name: "deploy",
  inputSchema: { type: "object", properties: { region: { type: "string", "x-mcp-header": "Region" } } }
}]

/** Refuses the first `refusals` calls; does with each question for its tools, in turn, what `lists` says. */
const refusing = (refusals: number, ...lists: ReadonlyArray<Handler>) =>
  Effect.gen(function*() {
    const said: Array<string> = []
    let runs = 0
    let asked = 0
    const server = yield* MemoryServer.make({
      era: "modern",
      transport: "http",
      tools: {},
      handlers: {
        "tools/call": () => {
          said.push("call")
          return said.filter((word) => word === "call").length <= refusals
            ? Effect.fail(headerMismatch)
            : Effect.sync(() => {
              runs++
              return { content: [{ type: "text", text: "deployed" }] }
            })
        },
        "tools/list": (params, call) => {
          said.push("list")
          return lists[asked++]?.(params, call) ?? Effect.succeed({ tools })
        }
      }
    })
    const config = yield* McpConfig.make({
      s: { endpoint: server.endpoint, policy: { backoff: { initial: 10, max: 100 } } }
    })
    const mcp = yield* McpConnections.make(config)
    return { mcp, said, runs: () => runs, server }
  })

// A write, of which nobody says that it may be repeated. Nor are hints asked for beside it.
const deploy = (mcp: McpConnections["Service"], deadline?: "1 second") =>
  mcp.callTool("s", { name: "deploy", arguments: { region: "eu" } }, { idempotent: false, deadline })

/** Without time going by. */
const until = (isTrue: () => boolean) => Effect.repeat(Effect.yieldNow, { until: isTrue, times: 10_000 })

describe("a call that is refused for its headers", () => {
  it.effect("is sent again when the connection is lost over the list of tools, and runs once", () =>
    Effect.gen(function*() {
      const { mcp, runs, said } = yield* refusing(1, (_, { connection }) => {
        connection.exit({ signal: "SIGKILL" })
        return Effect.never
      })
      const calling = yield* Effect.forkChild(deploy(mcp), { startImmediately: true })
      yield* until(() => said.length === 2)
      yield* Effect.repeat(TestClock.adjust("10 millis"), {
        until: () => calling.pollUnsafe() !== undefined,
        times: 1000
      })
      assert.deepStrictEqual((yield* Fiber.join(calling)).content, [{ type: "text", text: "deployed" }])
      assert.deepStrictEqual(said, ["call", "list", "call"])
      assert.strictEqual(runs(), 1)
    }))

  it.effect("has not run when its deadline passes over the list, and says so", () =>
    Effect.gen(function*() {
      const { mcp, runs, said } = yield* refusing(1, () => Effect.never)
      const calling = yield* Effect.forkChild(Effect.flip(deploy(mcp, "1 second")), { startImmediately: true })
      yield* until(() => said.length === 2)
      yield* TestClock.adjust("1 second")
      const { reason } = yield* Fiber.join(calling)
      assert.deepInclude(reason, {
        _tag: "DeadlineExceeded",
        method: "tools/call",
        kind: "caller",
        delivery: "Refused"
      })
      assert.strictEqual(runs(), 0)
    }))

  it.effect("fails for that, not for what is wrong with the list", () =>
    Effect.gen(function*() {
      const wrong: ReadonlyArray<Handler> = [
        () => Effect.fail({ code: -32000, message: "no list today" }),
        () => Effect.succeed({ tools: "none" })
      ]
      for (const list of wrong) {
        const { mcp, said } = yield* refusing(9, list)
        const { reason } = yield* Effect.flip(deploy(mcp))
        assert.deepInclude(reason, { _tag: "ServerError", method: "tools/call", code: headerMismatch.code })
        assert.deepStrictEqual(said, ["call", "list"])
      }
    }))

  it.effect("is sent once more, and not again when that is refused, too", () =>
    Effect.gen(function*() {
      const { mcp, runs, said } = yield* refusing(2)
      const { reason } = yield* Effect.flip(deploy(mcp))
      assert.deepInclude(reason, { _tag: "ServerError", code: headerMismatch.code })
      assert.deepStrictEqual(said, ["call", "list", "call"])
      assert.strictEqual(runs(), 0)
    }))

  it.effect("is not sent again for a caller that is gone, and the question is withdrawn", () =>
    Effect.gen(function*() {
      const { mcp, said, server } = yield* refusing(1, () => Effect.never)
      const calling = yield* Effect.forkChild(deploy(mcp), { startImmediately: true })
      yield* until(() => said.length === 2)
      yield* Fiber.interrupt(calling)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(said, ["call", "list"])
      assert.deepStrictEqual(server.connections().map((peer) => peer.pending()), [[]])
      assert.strictEqual((yield* mcp.snapshot).leases, 0)
    }))
})
