import { assert, describe, it } from "@effect/vitest"
import * as Job from "@holdfast/jobs/Job"
import * as JobPolicy from "@holdfast/jobs/JobPolicy"
import { JobTasks, JobTools } from "@holdfast/jobs/mcp"
import * as Runner from "@holdfast/jobs/Runner"
import * as SqliteStore from "@holdfast/jobs/SqliteStore"
import * as McpHost from "@holdfast/server/McpHost"
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { temporaryFile } from "./support/temporaryFile.ts"

const Scan = Job.make("scan", { version: 1, payload: { files: Schema.Int }, success: Schema.Array(Schema.Int) })

/** What the scans of one test have done, over all the servers that it starts. */
const makeLog = () => ({
  begun: new Map<number, number>(),
  reached: Deferred.makeUnsafe<void>(),
  gate: { isOpen: false }
})

const scanning = ({ begun, gate, reached }: ReturnType<typeof makeLog>) =>
  Runner.toLayer(Scan, ({ files }, job) =>
    Effect.gen(function*() {
      const found: Array<number> = []
      for (let file = 1; file <= files; file++) {
        found.push(
          yield* job.step(
            `file ${file}`,
            Effect.gen(function*() {
              begun.set(file, (begun.get(file) ?? 0) + 1)
              if (file * 2 > files && !gate.isOpen) {
                yield* Deferred.succeed(reached, undefined)
                return yield* Effect.never
              }
              return file
            })
          )
        )
        yield* job.progress({ percent: file / files * 100, message: `file ${file}` })
      }
      return found
    }))

const tokens = {
  alice: Redacted.make("alice-0123456789abcdef"),
  bob: Redacted.make("bob-0123456789abcdef")
}

/** A server on a port of its own; its url. Ends with the Scope. */
const serve = (database: string, log: ReturnType<typeof makeLog>, onAdmin: (port: number) => void = () => {}) => {
  const server = Effect.gen(function*() {
    const tasks = yield* JobTasks.make()
    const mcp = new McpServer({ name: "scanner", version: "1.0.0" }, tasks.serverOptions)
    yield* JobTools.register(mcp, Scan, { tasks })
    return mcp
  })
  const host = McpHost.layerHttp({
    server,
    port: 0,
    auth: McpHost.bearerTokens(tokens),
    admin: { port: 0, onListen: onAdmin },
    drainTimeout: "1 second"
  }).pipe(
    Layer.provide(scanning(log)),
    Layer.provide(SqliteStore.layer(database)),
    Layer.provide(JobPolicy.layer({ pollInterval: "100 millis", progressInterval: "20 millis" }))
  )
  return Effect.map(Layer.build(host), (context) => {
    const { address } = Context.get(context, HttpServer.HttpServer)
    return `http://127.0.0.1:${"port" in address ? address.port : 0}/mcp`
  })
}

interface Value {
  readonly id: string
  readonly state: string
  readonly percent: number
  readonly result?: unknown
}

const session = (url: string, name: keyof typeof tokens = "alice") =>
  Effect.gen(function*() {
    const client = new Client({ name: "test", version: "1.0.0" })
    const headers = { authorization: `Bearer ${Redacted.value(tokens[name])}` }
    const transport = new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } })
    yield* Effect.acquireRelease(
      // The SDK's own types disagree about an optional property of its transports.
      Effect.promise(() => client.connect(transport as Parameters<typeof client.connect>[0])),
      () => Effect.promise(() => client.close())
    )
    const call = (name: string, args: Record<string, unknown>) =>
      Effect.map(Effect.promise(() => client.callTool({ name, arguments: args })), (result) => ({
        isError: result.isError === true,
        // By the output schemas of the tools.
        value: (result.structuredContent ?? {}) as Value
      }))
    return { client, call }
  })

interface TaskAnswer {
  readonly result?: {
    readonly resultType: string
    readonly taskId: string
    readonly status: string
    readonly result?: { readonly content: ReadonlyArray<{ readonly text: string }> }
  }
  readonly error?: { readonly code: number }
}

/** Requests of revision 2026-07-28, which has tasks as an extension and no sessions. */
const stateless =
  (url: string, name: keyof typeof tokens = "alice", extensions: object = { "io.modelcontextprotocol/tasks": {} }) =>
  (method: string, params: { readonly name?: string; readonly taskId?: string; readonly arguments?: object }) =>
    Effect.promise(async (signal): Promise<TaskAnswer> => {
      const response = await fetch(url, {
        method: "POST",
        signal,
        headers: {
          "content-type": "application/json",
          accept: "application/json, text/event-stream",
          authorization: `Bearer ${Redacted.value(tokens[name])}`,
          "mcp-protocol-version": "2026-07-28",
          "mcp-method": method,
          "mcp-name": params.name ?? params.taskId ?? ""
        },
        body: JSON.stringify({
          jsonrpc: "2.0",
          id: 1,
          method,
          params: {
            ...params,
            _meta: {
              "io.modelcontextprotocol/protocolVersion": "2026-07-28",
              "io.modelcontextprotocol/clientCapabilities": { extensions }
            }
          }
        })
      })
      const answer: TaskAnswer = JSON.parse(await response.text())
      return answer
    })

describe("a scan as a task of revision 2026-07-28", () => {
  it.live("is begun, polled and cancelled without a session, by its owner and by nobody else", () =>
    Effect.scoped(Effect.gen(function*() {
      const log = makeLog()
      const url = yield* serve(yield* temporaryFile("jobs.db"), log)
      const alice = stateless(url)
      const begun = yield* alice("tools/call", { name: "scan", arguments: { files: 10 } })
      assert.deepInclude(begun.result, { resultType: "task", status: "working" })
      const taskId = begun.result?.taskId ?? ""
      yield* Deferred.await(log.reached)
      assert.strictEqual((yield* alice("tasks/get", { taskId })).result?.status, "working")
      const bob = stateless(url, "bob")
      for (const method of ["tasks/get", "tasks/cancel"]) {
        assert.strictEqual((yield* bob(method, { taskId })).error?.code, -32602)
      }
      // It is the job of the same id, for those who poll by tools.
      const { call } = yield* session(url)
      assert.strictEqual((yield* call("get_scan_progress", { id: taskId })).value.state, "running")
      assert.strictEqual((yield* alice("tasks/cancel", { taskId })).result?.resultType, "complete")
      assert.strictEqual((yield* alice("tasks/get", { taskId })).result?.status, "cancelled")
    })))

  it.live("has its result with it in the end, and is for clients that know tasks", () =>
    Effect.scoped(Effect.gen(function*() {
      const log = makeLog()
      log.gate.isOpen = true
      const url = yield* serve(yield* temporaryFile("jobs.db"), log)
      const alice = stateless(url)
      const { result } = yield* alice("tools/call", { name: "scan", arguments: { files: 4 } })
      const taskId = result?.taskId ?? ""
      const done = yield* alice("tasks/get", { taskId }).pipe(
        Effect.repeat({ schedule: Schedule.spaced("10 millis"), until: ({ result }) => result?.status !== "working" }),
        Effect.timeout("2 minutes"),
        Effect.orDie
      )
      assert.strictEqual(done.result?.status, "completed")
      assert.strictEqual(done.result?.result?.content[0]?.text, "[1,2,3,4]")
      const unaware = stateless(url, "alice", {})
      assert.strictEqual((yield* unaware("tools/call", { name: "scan", arguments: { files: 4 } })).error?.code, -32021)
      assert.strictEqual((yield* unaware("tasks/get", { taskId })).error?.code, -32021)
    })))
})

describe("a scan on a server over HTTP", () => {
  it.live("goes on when its client disconnects, for several clients to poll, and for nobody else", () =>
    Effect.scoped(Effect.gen(function*() {
      const log = makeLog()
      const url = yield* serve(yield* temporaryFile("jobs.db"), log)
      const first = yield* session(url)
      const { value: { id } } = yield* first.call("run_scan", { files: 10 })
      yield* Deferred.await(log.reached)
      yield* Effect.promise(() => first.client.close())

      const again = yield* session(url)
      const other = yield* session(url)
      for (const { call } of [again, other]) {
        const { value } = yield* call("get_scan_progress", { id })
        assert.strictEqual(value.state, "running")
      }
      const bob = yield* session(url, "bob")
      assert.isTrue((yield* bob.call("get_scan_progress", { id })).isError)
      assert.isTrue((yield* bob.call("cancel_scan", { id })).isError)
      assert.strictEqual((yield* other.call("cancel_scan", { id })).value.state, "cancelled")
      assert.strictEqual((yield* again.call("get_scan_progress", { id })).value.state, "cancelled")
    })))

  it.live("goes on after a restart of the server, behind the files that it has done, with the same id", () =>
    Effect.scoped(Effect.gen(function*() {
      const log = makeLog()
      const database = yield* temporaryFile("jobs.db")
      const { id, percent } = yield* Effect.scoped(Effect.gen(function*() {
        const { call } = yield* session(yield* serve(database, log))
        const { value } = yield* call("run_scan", { files: 10 })
        yield* Deferred.await(log.reached)
        return (yield* call("get_scan_progress", { id: value.id, wait_seconds: 0.2 })).value
      }))
      log.gate.isOpen = true
      const { call } = yield* session(yield* serve(database, log))
      const { value } = yield* Effect.repeat(call("get_scan_progress", { id, wait_seconds: 1 }), {
        until: ({ value }) => value.state !== "queued" && value.state !== "running"
      })
      assert.strictEqual(value.state, "succeeded")
      assert.isAtLeast(value.percent, percent)
      const { value: results } = yield* call("get_scan_results", { id })
      assert.deepInclude(results, { result: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] })
      // The file at which it was interrupted was begun twice, no other.
      assert.deepStrictEqual([...log.begun].filter(([, times]) => times > 1), [[6, 2]])
    })))
})

describe("a host with jobs", () => {
  it.live("shows them on its operators' page", () =>
    Effect.scoped(Effect.gen(function*() {
      const log = makeLog()
      let port = 0
      const page = Effect.promise((signal) =>
        fetch(`http://127.0.0.1:${port}/metrics`, { signal }).then((response) => response.text())
      )
      const url = yield* serve(yield* temporaryFile("jobs.db"), log, (bound) => void (port = bound))
      const { call } = yield* session(url)
      yield* call("run_scan", { files: 4 })
      yield* Deferred.await(log.reached)
      const lines = (yield* page).split("\n")
      for (
        const line of [
          `holdfast_jobs_running{store="jobs",kind="scan"} 1`,
          `holdfast_jobs_attempts{store="jobs",kind="scan"} 1`,
          `holdfast_jobs_steps{store="jobs",kind="scan"} 2`,
          `holdfast_jobs_store_troubled{store="jobs"} 0`
        ]
      ) assert.include(lines, line)
    })))
})
