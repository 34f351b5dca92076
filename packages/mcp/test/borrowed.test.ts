/** What becomes of the failures of a function that is lent a connection: they are its own. */
import { assert, describe, it } from "@effect/vitest"
import { ConnectionPool, type Connector, PoolError } from "@holdfast/core"
import { McpConfig } from "@holdfast/mcp/McpConfig"
import { McpConnections } from "@holdfast/mcp/McpConnections"
import { McpRuntimeError, ServerError } from "@holdfast/mcp/McpRuntimeError"
import { MemoryServer } from "@holdfast/mcp/testing"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { inTime } from "./support/memoryTime.ts"

class DbDown extends Data.TaggedError("DbDown")<{ readonly message: string }> {}

const database: Connector.Connector<string, string, DbDown> = {
  fingerprint: (key) => key,
  classify: () => "permanent",
  dial: () => Effect.fail(new DbDown({ message: "the database is down" }))
}

const connected = Effect.gen(function*() {
  const server = yield* MemoryServer.make({ tools: {} })
  const config = yield* McpConfig.make({ it: server.endpoint })
  return { server, mcp: yield* McpConnections.make(config) }
})

describe("a function that is lent a connection", () => {
  it.effect("may use another pool, whose refusal reaches its caller as it is", () =>
    Effect.gen(function*() {
      const { mcp } = yield* connected
      const pool = yield* ConnectionPool.make(database)
      const failure = yield* Effect.flip(mcp.use("it", () => pool.use("db", Effect.succeed)))
      assert(failure instanceof PoolError)
      assert.deepInclude(failure.reason, { _tag: "DialFailed", key: "db" })
      assert.strictEqual((yield* mcp.snapshot).leases, 0)
    }))

  it.effect("fails with the very value it fails with, of whatever type", () =>
    Effect.gen(function*() {
      const { mcp } = yield* connected
      const own = new McpRuntimeError({
        reason: new ServerError({ server: "another", method: "x", code: 1, description: "not this one" })
      })
      const values = ["a text", 5, undefined, null, own, new Error("plain"), { _tag: "PoolError", reason: {} }]
      for (const value of values) {
        const failure: unknown = yield* Effect.flip(mcp.use("it", () => Effect.fail(value)))
        assert.strictEqual(failure, value)
      }
    }))

  it.effect("that dies or is not even an effect gives the connection back", () =>
    Effect.gen(function*() {
      const { mcp, server } = yield* connected
      const defect = new Error("a bug of the caller's")
      const thrown = yield* Effect.exit(mcp.use<never, never, never>("it", () => {
        throw defect
      }))
      const died = yield* Effect.exit(mcp.use("it", () => Effect.die(defect)))
      for (const exit of [thrown, died]) {
        assert(Exit.isFailure(exit))
        assert.deepStrictEqual(exit.cause.reasons.map((reason) => reason._tag === "Die" && reason.defect), [defect])
      }
      // What a program in JavaScript may give.
      const promised = yield* Effect.exit(mcp.use<never, never, never>("it", (() => Promise.resolve(1)) as never))
      assert.match(String(promised), /must give an Effect, and gave a promise/)
      assert.strictEqual((yield* mcp.snapshot).leases, 0)
      assert.strictEqual(server.opened(), 1)
    }))

  it.effect("is not run when there is no connection, and that is told as a failure of the runtime", () =>
    Effect.gen(function*() {
      const server = yield* MemoryServer.make({ onDial: () => Effect.never })
      const mcp = yield* McpConnections.make(yield* McpConfig.make({ it: server.endpoint }))
      let runs = 0
      const use = mcp.use("it", () => Effect.sync(() => runs++), { timeout: "1 second" })
      const failure = yield* inTime(Effect.flip(use))
      assert.deepInclude(failure.reason, { _tag: "DeadlineExceeded", kind: "caller", server: "it", method: "use" })
      assert.strictEqual(runs, 0)
    }))
})
