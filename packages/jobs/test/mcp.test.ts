import { assert, describe, it } from "@effect/vitest"
import * as Job from "@holdfast/jobs/Job"
import { JobError, JobStoreTooNew, JobStoreUnavailable } from "@holdfast/jobs/JobError"
import * as JobPolicy from "@holdfast/jobs/JobPolicy"
import * as Jobs from "@holdfast/jobs/Jobs"
import { JobStore } from "@holdfast/jobs/JobStore"
import { JobTasks, JobTools } from "@holdfast/jobs/mcp"
import * as MemoryStore from "@holdfast/jobs/MemoryStore"
import * as Runner from "@holdfast/jobs/Runner"
import * as Principal from "@holdfast/protocol/Principal"
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import type { Progress } from "@modelcontextprotocol/sdk/types.js"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { on, Rows } from "./support/Rows.ts"
import { until } from "./support/until.ts"

const Scan = Job.make("scan", {
  version: 1,
  payload: { path: Schema.String.annotate({ description: "What to scan." }), depth: Schema.optionalKey(Schema.Int) },
  success: Schema.Struct({ files: Schema.Int, at: Schema.Date }),
  error: Schema.Struct({ message: Schema.String }),
  idempotencyKey: ({ path }) => path,
  // A machine may have one core.
  concurrency: 2
})

const names = [
  "run_scan",
  "get_scan_progress",
  "get_scan_results",
  "cancel_scan",
  "list_scans",
  "remove_scan",
  "answer_scan"
]

interface Value {
  readonly id: string
  readonly state: string
  readonly percent: number
  readonly pollAfterSeconds?: number
  readonly waits?: string
  readonly isFinished?: boolean
  readonly result?: unknown
  readonly jobs: ReadonlyArray<{ readonly id: string }>
}

const connected = (mcp: McpServer) =>
  Effect.gen(function*() {
    const [ours, theirs] = InMemoryTransport.createLinkedPair()
    const client = new Client({ name: "test", version: "1.0.0" })
    yield* Effect.promise(() => mcp.connect(ours))
    yield* Effect.acquireRelease(
      Effect.promise(() => client.connect(theirs)),
      () => Effect.promise(() => client.close())
    )
    return client
  })

/** A session: a client of its own, of this principal. */
const session = (principal: Principal.Principal = Principal.local) =>
  Effect.gen(function*() {
    const mcp = new McpServer({ name: "scanner", version: "1.0.0" })
    yield* JobTools.register(mcp, Scan, { principal: Effect.succeed(principal), annotations: { readOnlyHint: true } })
    const client = yield* connected(mcp)
    const call = (name: string, args: Record<string, unknown> = {}, onprogress?: (progress: Progress) => void) =>
      Effect.map(
        Effect.promise((signal) =>
          client.callTool({ name, arguments: args }, undefined, { signal, ...onprogress && { onprogress } })
        ),
        (result) => {
          const [content] = Array.isArray(result.content) ? result.content : []
          // What every answer of these tools has, by their output schemas.
          const value = (result.structuredContent ?? {}) as Value
          return { isError: result.isError === true, text: String(content?.text), value }
        }
      )
    return { client, call }
  })

const gates = new Map<string, Deferred.Deferred<void>>()
const gateOf = (path: string) => {
  const gate = gates.get(path) ?? Deferred.makeUnsafe<void>()
  gates.set(path, gate)
  return gate
}

const ScanLive = Layer.provideMerge(
  Runner.toLayer(Scan, ({ path }, job) =>
    Effect.gen(function*() {
      if (path === "/none") return yield* Effect.fail({ message: "there is no /none" })
      if (path === "/broken") return yield* Effect.die(new Error("s3cret"))
      yield* job.progress({ percent: 25, message: "reading" })
      yield* Deferred.await(gateOf(path))
      yield* job.progress({ percent: 75 })
      return { files: 7, at: new Date(0) }
    })),
  MemoryStore.layer
)

const live = (sentence: string, test: Effect.Effect<void, unknown, Jobs.Jobs | JobStore | Scope.Scope>) =>
  it.live(sentence, () => Effect.provide(Effect.scoped(test), ScanLive))

describe("the tools of a job", () => {
  live(
    "are five for a kind that never asks, and whose results have a tool of their own",
    Effect.gen(function*() {
      const mcp = new McpServer({ name: "scanner", version: "1.0.0" })
      yield* JobTools.register(mcp, Scan, { results: false, answer: false })
      const client = yield* connected(mcp)
      const { tools } = yield* Effect.promise(() => client.listTools())
      const left = names.filter((name) => name !== "get_scan_results" && name !== "answer_scan")
      assert.deepStrictEqual(tools.map(({ name }) => name), left)
    })
  )

  live(
    "are seven, with schemas, hints, and words on how often to ask",
    Effect.gen(function*() {
      const { client } = yield* session()
      const { tools } = yield* Effect.promise(() => client.listTools())
      assert.deepStrictEqual(tools.map(({ name }) => name), names)
      const [run, progress, results, cancel, list, remove, answer] = tools
      assert.deepStrictEqual(run?.inputSchema.required, ["path"])
      assert.deepInclude(run?.inputSchema.properties?.["path"], { type: "string", description: "What to scan." })
      assert.deepInclude(run?.annotations, { idempotentHint: true, readOnlyHint: true })
      assert.deepInclude(progress?.annotations, { readOnlyHint: true })
      assert.deepInclude(cancel?.annotations, { destructiveHint: true, idempotentHint: true })
      assert.deepInclude(list?.annotations, { readOnlyHint: true })
      assert.deepInclude(run?.inputSchema.properties?.["again"], { type: "boolean" })
      assert.deepInclude(remove?.annotations, { destructiveHint: true })
      assert.deepStrictEqual(answer?.annotations, {
        readOnlyHint: false,
        destructiveHint: false,
        idempotentHint: false,
        openWorldHint: false
      })
      assert.deepInclude(progress?.inputSchema.properties?.["wait_seconds"], { minimum: 0, maximum: 30 })
      assert.include(run?.description, "The same arguments give the same job")
      for (const tool of [run, progress, results, cancel, list, remove, answer]) assert.isDefined(tool?.outputSchema)
      assert.include(JSON.stringify(results?.outputSchema), "files")
      assert.match(run?.description ?? "", /every 3 seconds/)
    })
  )

  live(
    "are listed with the same schemas however often they are asked for, their task too",
    Effect.gen(function*() {
      const tasks = yield* JobTasks.make()
      const mcp = new McpServer({ name: "scanner", version: "1.0.0" }, tasks.serverOptions)
      yield* JobTools.register(mcp, Scan, { tasks })
      const client = yield* connected(mcp)
      const listed = Effect.promise(() => client.listTools())
      const first = yield* listed
      assert.deepInclude(first.tools.at(-1), { name: "scan" })
      assert.notInclude(JSON.stringify(first), `{"$ref":"#"}`)
      assert.deepStrictEqual(yield* listed, first)
      assert.deepStrictEqual(yield* listed, first)
    })
  )

  live(
    "are told in words that fit any kind, and named by its plural",
    Effect.gen(function*() {
      const options = { version: 1, payload: {}, success: Schema.Int } as const
      const mcp = new McpServer({ name: "others", version: "1.0.0" })
      yield* JobTools.register(mcp, Job.make("data_crunch", options))
      yield* JobTools.register(mcp, Job.make("audit_query", options))
      yield* JobTools.register(mcp, Job.make("analysis", { ...options, plural: "analyses" }))
      const client = yield* connected(mcp)
      const { tools } = yield* Effect.promise(() => client.listTools())
      const listing = tools.map(({ name }) => name).filter((name) => name.startsWith("list_"))
      assert.deepStrictEqual(listing, ["list_data_crunches", "list_audit_queries", "list_analyses"])
      for (const { description = "", name, title = "" } of tools) {
        const words = name.includes("crunch") ? "data crunch" : name.includes("quer") ? "audit query" : "analysis"
        assert.include(title, words)
        assert.include(description, words)
        assert.notMatch(`${title} ${description}`, /\ba (?:audit|analysis)|found/)
        // They have no key by which a job is known again.
        assert.notInclude(description, "The same arguments")
      }
      assert.throws(() => Job.make("crunch", { ...options, plural: "Many Crunches" }), /plural/)
    })
  )

  live(
    "start a job and answer at once; another session of the principal polls it and has its results",
    Effect.gen(
      function*() {
        const first = yield* session()
        const started = yield* first.call("run_scan", { path: "/a" })
        assert.isFalse(started.isError)
        const { id } = started.value
        assert.include(["queued", "running"], started.value.state)
        assert.strictEqual(started.value.pollAfterSeconds, 3)
        assert.include(started.text, id)
        assert.include(started.text, "Ask get_scan_progress every 3 seconds")
        assert.strictEqual((yield* first.call("run_scan", { path: "/a" })).value.id, id)
        yield* Effect.promise(() => first.client.close())

        const second = yield* session()
        const early = yield* second.call("get_scan_results", { id })
        assert.isFalse(early.isError)
        assert.strictEqual(early.value.isFinished, false)
        yield* Deferred.succeed(gateOf("/a"), undefined)
        const last = yield* second.call("get_scan_progress", { id, wait_seconds: 20 })
        assert.deepInclude(last.value, { state: "succeeded", percent: 100, id })
        assert.include(last.text, "get_scan_results")
        const results = yield* second.call("get_scan_results", { id })
        const result = { files: 7, at: "1970-01-01T00:00:00.000Z" }
        assert.deepInclude(results.value, { isFinished: true })
        assert.deepStrictEqual(results.value.result, result)
        assert.deepStrictEqual(JSON.parse(results.text), result)
        const list = yield* second.call("list_scans")
        assert.deepStrictEqual(list.value.jobs.map((job) => job.id), [id])
        assert.include(list.text, id)
      }
    )
  )

  live(
    "tell a waiting caller by notifications, and lose nothing when it goes away",
    Effect.gen(function*() {
      const { call, client } = yield* session()
      const { value: { id } } = yield* call("run_scan", { path: "/b" })
      const seen: Array<number> = []
      const told = Deferred.makeUnsafe<void>()
      const waiting = yield* Effect.forkChild(
        call("get_scan_progress", { id, wait_seconds: 20 }, ({ progress }) => {
          seen.push(progress)
          if (progress >= 25) Deferred.doneUnsafe(told, Effect.void)
        }),
        { startImmediately: true }
      )
      yield* Deferred.await(told)
      waiting.interruptUnsafe()
      yield* Effect.promise(() => client.close())
      yield* Deferred.succeed(gateOf("/b"), undefined)
      const next = yield* session()
      assert.strictEqual((yield* next.call("get_scan_progress", { id, wait_seconds: 20 })).value.state, "succeeded")
      assert.deepStrictEqual(seen, seen.toSorted((a, b) => a - b))
    })
  )

  live(
    "cancel a job, which then has no results",
    Effect.gen(function*() {
      const { call } = yield* session()
      const { value: { id } } = yield* call("run_scan", { path: "/c" })
      const cancelled = yield* call("cancel_scan", { id })
      assert.strictEqual(cancelled.value.state, "cancelled")
      const results = yield* call("get_scan_results", { id })
      assert.isTrue(results.isError)
      assert.include(results.text, "was cancelled")
    })
  )

  live(
    "show nothing of a job to another principal, in the words for one that never was",
    Effect.gen(function*() {
      const alice = yield* session(Principal.make("alice"))
      const bob = yield* session(Principal.make("bob"))
      const { value: { id } } = yield* alice.call("run_scan", { path: "/d" })
      const never = "00000000-0000-4000-8000-000000000000"
      for (const name of ["get_scan_progress", "get_scan_results", "cancel_scan"]) {
        const theirs = yield* bob.call(name, { id })
        assert.isTrue(theirs.isError)
        assert.strictEqual(theirs.text.replace(id, never), (yield* bob.call(name, { id: never })).text)
      }
      assert.deepStrictEqual((yield* bob.call("list_scans")).value.jobs, [])
      assert.strictEqual((yield* alice.call("get_scan_progress", { id })).isError, false)
    })
  )

  live(
    "take the id of a job of another kind for none",
    Effect.gen(function*() {
      const Other = Job.make("other", { version: 1, payload: {}, success: Schema.Void })
      const { call } = yield* session()
      const jobs = yield* Jobs.Jobs
      // Nothing runs it.
      const id = yield* jobs.start(Other, {})
      for (const name of ["get_scan_progress", "get_scan_results", "cancel_scan", "remove_scan"]) {
        const { isError, text } = yield* call(name, { id })
        assert.isTrue(isError, name)
        assert.include(text, `no job "${id}"`)
      }
      assert.isTrue((yield* call("answer_scan", { id, question: "q", answer: 1 })).isError)
      assert.deepInclude(yield* jobs.status(id), { state: "queued", isCancelling: false })
    })
  )

  live(
    "leave a field of the payload alone that has the name of one of theirs",
    Effect.gen(function*() {
      const Repeated = Job.make("repeated", {
        version: 1,
        payload: { again: Schema.String.annotate({ description: "What is said again." }) },
        success: Schema.String,
        idempotencyKey: ({ again }) => again
      })
      const mcp = new McpServer({ name: "repeats", version: "1.0.0" })
      yield* JobTools.register(mcp, Repeated)
      const client = yield* connected(mcp)
      const { tools } = yield* Effect.promise(() => client.listTools())
      assert.deepInclude(tools[0]?.inputSchema.properties?.["again"], {
        type: "string",
        description: "What is said again."
      })
    })
  )

  live(
    "tell a failure in its own words, and a break without internals",
    Effect.gen(function*() {
      const { call } = yield* session()
      const { value: { id } } = yield* call("run_scan", { path: "/none" })
      yield* call("get_scan_progress", { id, wait_seconds: 20 })
      const failed = yield* call("get_scan_results", { id })
      assert.isTrue(failed.isError)
      assert.include(failed.text, "there is no /none")
      const { value } = yield* call("run_scan", { path: "/broken" })
      yield* call("get_scan_progress", { id: value.id, wait_seconds: 20 })
      const broken = yield* call("get_scan_results", { id: value.id })
      assert.isTrue(broken.isError)
      assert.notInclude(JSON.stringify(broken), "s3cret")
    })
  )

  live(
    "refuse arguments that do not fit, and name the place",
    Effect.gen(function*() {
      const { call } = yield* session()
      const wrong = yield* call("run_scan", { path: 5 })
      assert.isTrue(wrong.isError)
      assert.include(wrong.text, "path")
      assert.isTrue((yield* call("get_scan_progress", { id: "x", wait_seconds: 4000 })).isError)
      assert.isTrue((yield* call("list_scans", { limit: 0 })).isError)
      assert.deepStrictEqual((yield* call("list_scans")).value.jobs, [])
    })
  )
})

describe("the trouble of a store", () => {
  it.live("of a newer program is told without the place of the store", () => {
    const newer = new JobError({ reason: new JobStoreTooNew({ store: "/var/lib/jobs.db", found: 9, supported: 1 }) })
    const said: Array<string> = []
    const logger = Logger.make(({ message }) => void said.push(String(message)))
    return Effect.scoped(Effect.gen(function*() {
      const { call } = yield* session()
      const { isError, text } = yield* call("list_scans")
      assert.isTrue(isError)
      assert.include(text, "their store is of a newer version")
      assert.notInclude(text, "/var/lib")
      // The operator is told.
      assert.include(said.join(), "/var/lib/jobs.db")
    })).pipe(Effect.provide(Layer.mergeAll(
      Layer.effect(Jobs.Jobs, Effect.map(Jobs.Jobs, (jobs) => ({ ...jobs, list: () => Effect.fail(newer) }))).pipe(
        Layer.provide(Jobs.layer),
        Layer.provide(MemoryStore.layer)
      ),
      Logger.layer([logger])
    )))
  })

  it.live("is told by whoever asks how an unfinished job is, and not of one that has ended", () => {
    let isOut = false
    const troubled = Layer.effect(
      Rows,
      Effect.map(Rows, (store) => {
        const down = new JobError({
          reason: new JobStoreUnavailable({
            store: "/var/lib/jobs.db",
            operation: "renew a lease",
            problem: "full",
            detail: "disk is full"
          })
        })
        const held: typeof store.held = (runner) => Effect.suspend(() => isOut ? Effect.fail(down) : store.held(runner))
        return { ...store, held }
      })
    ).pipe(Layer.provide(Rows.layerMemory), (rows) => Layer.provide(Rows.jobStore, rows))
    const gate = Deferred.makeUnsafe<void>()
    const kind = Runner.toLayer(
      Scan,
      ({ path }) => Effect.as(path === "quick" ? Effect.void : Deferred.await(gate), { files: 1, at: new Date(0) })
    )
    return Effect.scoped(Effect.gen(function*() {
      const jobs = yield* Jobs.Jobs
      const { call } = yield* session()
      const id = (yield* call("run_scan", { path: "slow" })).value.id
      const quick = (yield* call("run_scan", { path: "quick" })).value.id
      const ended = yield* Effect.repeat(call("get_scan_progress", { id: quick, wait_seconds: 1 }), {
        until: ({ value }) => value.state !== "queued" && value.state !== "running"
      })
      assert.strictEqual(ended.value.state, "succeeded")
      assert.isUndefined((yield* call("get_scan_progress", { id })).value.waits)
      isOut = true
      yield* until(jobs.storeTrouble, (trouble) => trouble !== undefined)
      const asked = yield* call("get_scan_progress", { id })
      assert.isFalse(asked.isError)
      assert.match(
        asked.text,
        /is running: 0 %; it waits: the server's store of jobs has no room left; nothing is lost/
      )
      assert.include(asked.value.waits, "no room left")
      assert.notInclude(JSON.stringify(asked), "/var/lib")
      assert.match((yield* call("get_scan_results", { id })).text, /it waits: /)
      assert.isUndefined((yield* call("get_scan_progress", { id: quick })).value.waits)
      yield* Deferred.succeed(gate, undefined)
    })).pipe(Effect.provide(kind.pipe(
      Layer.provide(troubled),
      Layer.provide(JobPolicy.layer({ pollInterval: "20 millis" }))
    )))
  })

  it.live("is told to callers without where it is", () =>
    Effect.gen(function*() {
      const store = yield* Rows
      const trouble = new JobError({
        reason: new JobStoreUnavailable({
          store: "/var/lib/jobs.db",
          operation: "list jobs",
          problem: "full",
          detail: "disk is full"
        })
      })
      const troubled = on({ ...store, list: () => Effect.fail(trouble) })
      const { isError, text } = yield* Effect.scoped(Effect.flatMap(session(), ({ call }) => call("list_scans"))).pipe(
        Effect.provide(Jobs.layer.pipe(Layer.provide(troubled)))
      )
      assert.isTrue(isError)
      assert.include(text, "their store has no room left; what was started is not lost")
      assert.notInclude(text, "/var/lib")
    }).pipe(Effect.provide(Rows.layerMemory)))
})
