/** The scan server over stdio, asked in both eras by one client. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as path from "node:path"
import { npmToken } from "./support/matching.ts"
import { eventually, type Message, start } from "./support/stdioServer.ts"
import { plant, temporaryFolder } from "./support/temporaryFolder.ts"

const begun = Effect.gen(function*() {
  const folder = yield* temporaryFolder
  const database = path.join(yield* temporaryFolder, "scans.db")
  const key = `-----BEGIN RSA ${"PRIVATE"} KEY-----\n${
    "MIIEowIBAAKCAQEA0Z3VS5JJcds3xfn/ygWyF8PbnGy5AHB4hZ9Q\n".repeat(3)
  }`
  plant(folder, { "key.pem": key, "plain.txt": "nothing\n" })
  return { folder, database, server: yield* start(folder, database) }
})

const call = (name: string, args: object) => ({ name, arguments: args })

/** What a tool has answered, as JSON. */
const answerOf = ({ result }: Message): Readonly<Record<string, unknown>> => {
  const text = JSON.stringify(result?.["structuredContent"] ?? {})
  return JSON.parse(text)
}

const until = (isIt: (message: Message) => boolean) => ({ schedule: Schedule.spaced("20 millis"), until: isIt })

/** What is seen of a scan when it is over. */
const over = (server: Effect.Success<ReturnType<typeof start>>, id: unknown) =>
  server.ask("tools/call", call("get_scan_progress", { id, wait_seconds: 20 })).pipe(
    Effect.repeat(until((seen) => !["queued", "running"].includes(String(answerOf(seen)["state"]))))
  )

describe("the scan server over stdio", () => {
  it.live("says that it knows tasks, runs a scan as one without a session, and shows it in a session too", () =>
    Effect.gen(function*() {
      const { server } = yield* begun
      const { result } = yield* server.askModern("server/discover")
      assert.deepInclude(result?.["capabilities"], { extensions: { "io.modelcontextprotocol/tasks": {} } })
      const task = (yield* server.askModern("tools/call", call("scan", { path: "." }))).result
      assert.strictEqual(task?.["resultType"], "task")
      const { taskId } = task ?? {}
      const done = yield* server.askModern("tasks/get", { taskId }).pipe(
        Effect.repeat(until(({ result }) => result?.["status"] !== "working"))
      )
      assert.strictEqual(done.result?.["status"], "completed")
      assert.include(JSON.stringify(done.result?.["result"]), `\\"total\\":1`)
      yield* server.handshake
      const shown = yield* server.ask("tools/call", call("get_scan_results", { id: taskId }))
      assert.include(JSON.stringify(shown), "key.pem")
      const old = yield* server.ask("tasks/get", { taskId })
      assert.strictEqual(old.result?.["status"], "completed")
      assert.strictEqual(yield* server.ended, 0)
    }))

  it.live("begins a scan in a session that a client without one follows, and the next process still has it", () =>
    Effect.gen(function*() {
      const { database, folder, server } = yield* begun
      yield* server.handshake
      const { id } = answerOf(yield* server.ask("tools/call", call("run_scan", { path: "." })))
      assert.isString(id)
      const seen = yield* server.askModern("tools/call", call("get_scan_progress", { id }), false).pipe(
        Effect.repeat(until((message) => answerOf(message)["state"] === "succeeded"))
      )
      assert.strictEqual(answerOf(seen)["percent"], 100)
      // A tool that must be a task is none for who knows no tasks.
      const refused = yield* server.askModern("tools/call", call("scan", { path: "." }), false)
      assert.strictEqual(refused.error?.code, -32021)
      assert.strictEqual(yield* server.ended, 0)
      const next = yield* start(folder, database)
      const later = yield* next.askModern("tools/call", call("get_scan_results", { id }), false)
      assert.include(JSON.stringify(later), "key.pem")
      assert.strictEqual(yield* next.ended, 0)
    }))

  // Clients give a start and its first answer five seconds together, on machines that are busy with a whole test run, too.
  it.live("has loaded nothing of HTTP and of what matches, and started no thread, when it answers what it can do", () =>
    Effect.gen(function*() {
      const folder = yield* temporaryFolder
      plant(folder, { "plain.txt": "nothing\n" })
      const hook = path.join(import.meta.dirname, "support/tellLoads.ts")
      const server = yield* start(folder, path.join(yield* temporaryFolder, "scans.db"), ["--import", hook])
      yield* server.askModern("server/discover")
      yield* server.handshake
      yield* server.ask("tools/list")
      assert.match(server.stderr(), /loads .*StdioHost/)
      assert.notMatch(
        server.stderr(),
        /loads .*(?:McpHost|HttpServer|scanWorker|secretlint-rule|@secretlint|re2js|smol-toml)/
      )
      const { id } = answerOf(yield* server.ask("tools/call", call("run_scan", { path: "." })))
      yield* over(server, id)
      yield* eventually("a thread has started", () => /loads .*scanWorker/.test(server.stderr()))
      assert.strictEqual(yield* server.ended, 0)
    }))

  it.live("tells results once, as text, page by page, the worst first", () =>
    Effect.gen(function*() {
      const { folder, server } = yield* begun
      plant(
        folder,
        Object.fromEntries(
          Array.from(
            { length: 7 },
            (_, index) => [`${index}.txt`, index === 3 ? "token = \"q8Zt2LmN0pQxW7\"" : npmToken]
          )
        )
      )
      yield* server.handshake
      const { id } = answerOf(yield* server.ask("tools/call", call("run_scan", { path: "." })))
      yield* over(server, id)
      const page = (args: object) =>
        Effect.map(server.ask("tools/call", call("get_scan_results", { id, ...args })), ({ result }) => {
          assert.isUndefined(result?.["structuredContent"])
          const [{ text }] = JSON.parse(JSON.stringify(result?.["content"]))
          return JSON.parse(text)
        })
      const whole = yield* page({})
      assert.deepInclude(whole, { total: 8, files: 9, isComplete: true, bySeverity: { critical: 7, medium: 1 } })
      assert.isUndefined(whole.next)
      const first = yield* page({ limit: 5 })
      const second = yield* page({ limit: 5, offset: first.next })
      assert.deepStrictEqual([...first.findings, ...second.findings], whole.findings)
      assert.deepStrictEqual([first.next, second.next], [5, undefined])
      assert.strictEqual(whole.findings[7].path, "3.txt")
      assert.lengthOf((yield* page({ severity: "critical" })).findings, 7)
      const { result } = yield* server.ask("tools/call", call("get_scan_sarif", { id }))
      const [{ text }] = JSON.parse(JSON.stringify(result?.["content"]))
      assert.lengthOf(JSON.parse(text).runs[0].results, 8)
      assert.strictEqual(yield* server.ended, 0)
    }))

  it.live("says of a scan that is complete but for some files how many it could not read", () =>
    Effect.gen(function*() {
      const { server } = yield* begun
      yield* server.handshake
      // This folder has no history.
      const { id } = answerOf(yield* server.ask("tools/call", call("run_scan", { path: ".", history: true })))
      const seen = yield* over(server, id)
      assert.deepInclude(answerOf(seen), { state: "succeeded", message: "2 files, 1 findings, 1 not read" })
      const shown = yield* server.ask("tools/call", call("get_scan_results", { id }))
      assert.include(JSON.stringify(shown), "not a git repository")
      assert.strictEqual(yield* server.ended, 0)
    }))
})
