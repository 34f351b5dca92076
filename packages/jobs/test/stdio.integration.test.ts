import { assert, describe, it } from "@effect/vitest"
import * as Jobs from "@holdfast/jobs/Jobs"
import * as SqliteStore from "@holdfast/jobs/SqliteStore"
import * as Principal from "@holdfast/protocol/Principal"
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { fileURLToPath } from "node:url"
import { temporaryFile } from "./support/temporaryFile.ts"
import { callerOver, Scan } from "./support/tenants.ts"

const program = fileURLToPath(new URL("./support/stdioServer.ts", import.meta.url))

interface Value {
  readonly id: string
  readonly state: string
  readonly percent: number
  readonly result?: ReadonlyArray<number>
}

/** A client with a server process of its own, both killed with the Scope. */
const session = (database: string, ...how: ReadonlyArray<number>) =>
  Effect.gen(function*() {
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: [program, database, ...how.map(String)],
      stderr: "ignore"
    })
    const client = new Client({ name: "test", version: "1.0.0" })
    const closed = Deferred.makeUnsafe<void>()
    Object.assign(client, { onclose: () => Deferred.doneUnsafe(closed, Effect.void) })
    yield* Effect.promise(() => client.connect(transport))
    const pid = transport.pid ?? 0
    const kill = Effect.andThen(
      Effect.try({ try: () => process.kill(pid, "SIGKILL"), catch: () => "it is dead already" }).pipe(Effect.ignore),
      Deferred.await(closed)
    )
    yield* Effect.addFinalizer(() => kill)
    const call = (name: string, args: Record<string, unknown>) =>
      Effect.map(
        Effect.promise(() => client.callTool({ name, arguments: args })),
        // By the output schemas of the tools.
        (result) => (result.structuredContent ?? {}) as unknown as Value
      )
    return { call, kill, pid }
  })

describe("a scan that was started over stdio", () => {
  it.live("is completed by the next process after its own was killed, with what was done kept", () =>
    Effect.scoped(Effect.gen(function*() {
      const database = yield* temporaryFile("jobs.db")
      const first = yield* session(database, 1, 15)
      const { id } = yield* first.call("run_scan", { files: 30 })
      let before = yield* first.call("get_scan_progress", { id })
      while (before.percent < 50) before = yield* first.call("get_scan_progress", { id, wait_seconds: 0.1 })
      yield* first.kill

      const second = yield* session(database, 1)
      let after = before
      while (["queued", "running"].includes(after.state)) {
        after = yield* second.call("get_scan_progress", { id, wait_seconds: 1 })
      }
      assert.strictEqual(after.state, "succeeded")
      const { result = [] } = yield* second.call("get_scan_results", { id })
      assert.strictEqual(result.length, 30)
      // Each file tells who scanned it: the first ones the first process, and none twice.
      const handedOver = result.indexOf(second.pid)
      assert.strictEqual(handedOver, 15)
      assert.isTrue(result.slice(0, handedOver).every((pid) => pid === first.pid))
      assert.isTrue(result.slice(handedOver).every((pid) => pid === second.pid))
    })))

  it.live("is polled by another process while it runs, and cancelled from there", () =>
    Effect.scoped(Effect.gen(function*() {
      const database = yield* temporaryFile("jobs.db")
      const first = yield* session(database, 60_000)
      const { id } = yield* first.call("run_scan", { files: 2 })
      const second = yield* session(database, 1)
      let seen = yield* second.call("get_scan_progress", { id })
      while (seen.state === "queued") seen = yield* second.call("get_scan_progress", { id, wait_seconds: 0.1 })
      assert.strictEqual(seen.state, "running")
      assert.strictEqual((yield* second.call("cancel_scan", { id })).state, "cancelled")
      assert.strictEqual((yield* first.call("get_scan_progress", { id })).state, "cancelled")
    })))
})

describe("a job of somebody else in the same file", () => {
  it.live("is as none to a client over stdio, by tools and by tasks, in both eras", () =>
    Effect.scoped(Effect.gen(function*() {
      const database = yield* temporaryFile("jobs.db")
      const owner = Principal.make("alice")
      const id = yield* Effect.flatMap(Jobs.Jobs, (jobs) => jobs.start(Scan, { path: "/never" }, { owner })).pipe(
        Effect.provide(Jobs.layer.pipe(Layer.provide(SqliteStore.layer(database))))
      )
      const args = [fileURLToPath(new URL("./support/stdioTasks.ts", import.meta.url)), database]
      const { ask } = yield* callerOver(new StdioClientTransport({ command: process.execPath, args }))
      const prefix = "io.modelcontextprotocol/"
      const modern = {
        [`${prefix}protocolVersion`]: "2026-07-28",
        [`${prefix}clientCapabilities`]: { extensions: { [`${prefix}tasks`]: {} } }
      }
      const attempts = [undefined, modern].flatMap((_meta) => {
        const tool = (name: string) => (id: string) => ask("tools/call", { name, arguments: { id }, _meta })
        const methods = _meta === undefined
          ? ["tasks/get", "tasks/result", "tasks/cancel"]
          : ["tasks/get", "tasks/update", "tasks/cancel"]
        return [
          ...["get_scan_progress", "get_scan_results", "cancel_scan"].map(tool),
          ...methods.map((method) => (taskId: string) => ask(method, { taskId, _meta }))
        ]
      })
      for (const attempt of attempts) {
        const said = (asked: string) =>
          Effect.map(attempt(asked), (answer) => JSON.stringify(answer).replaceAll(asked, "ID"))
        const answer = yield* said(id)
        assert.match(answer, /Task not found|no job/)
        assert.strictEqual(answer, yield* said(unknown))
      }
      for (
        const [method, params] of [["tasks/list", {}], ["tools/call", { name: "list_scans", arguments: {} }]] as const
      ) {
        const answer = yield* ask(method, params)
        assert.property(answer, "result")
        assert.notInclude(JSON.stringify(answer), id)
      }
    })))
})

/** An id that is nobody's. */
const unknown = "5b6cf0c2-1b1d-4c3e-9f0c-0f4b4a9a7e11"
