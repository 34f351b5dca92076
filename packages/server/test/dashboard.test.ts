/** The page of the operators' port, without a browser: what it reads and asks, on a real socket. */
import { assert, describe, it } from "@effect/vitest"
import * as Contract from "@holdfast/dashboard/DashboardContract"
import { type AdminJob, AdminJobProblem, type AdminJobs } from "@holdfast/server/AdminJobs"
import * as McpHost from "@holdfast/server/McpHost"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { eventually } from "./support/eventually.ts"
import { open } from "./support/hosted.ts"
import { RawClient } from "./support/rawClient.ts"

const token = "operators-token-0123456789"

const decode = Schema.decodeUnknownSync(Schema.fromJsonString(Contract.Snapshot))

const ready = (options: Parameters<typeof open>[0] = {}) =>
  Effect.gen(function*() {
    let port = 0
    const admin = { port: 0, onListen: (bound: number) => void (port = bound), ...options.admin }
    const host = yield* open({ ...options, admin })
    const ask = (path: string, init: RequestInit = {}) =>
      Effect.promise(async (signal) => {
        const response = await fetch(`http://127.0.0.1:${port}${path}`, { redirect: "manual", signal, ...init })
        return { status: response.status, headers: response.headers, text: await response.text() }
      })
    const act = (action: Contract.Action, headers: Record<string, string> = {}) =>
      ask("/dashboard/api/do", {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify(action)
      })
    const state = Effect.map(ask("/dashboard/api/state"), ({ text }) => decode(text))
    return { ...host, adminPort: port, ask, act, state }
  })

const job = (more: Partial<AdminJob> = {}): AdminJob => ({
  id: "j1",
  kind: "scan",
  principal: "alice",
  state: "running",
  isCancelling: false,
  percent: 40.5,
  attempts: 1,
  steps: ["plan"],
  createdAt: 1,
  ...more
})

const jobsOf = (list: AdminJobs["list"], more: Partial<AdminJobs> = {}): AdminJobs => ({
  list,
  cancel: (id) => Effect.succeed(`${id} is being cancelled`),
  again: () => Effect.fail(new AdminJobProblem({ message: "it has not ended" })),
  ...more
})

describe("the operators' page", () => {
  it.live("is where browsers are led to, and programs get their list", () =>
    Effect.gen(function*() {
      const { ask } = yield* ready()
      const browser = { headers: { accept: "text/html,application/xhtml+xml" } }
      for (const path of ["/dashboard", "/"]) {
        const { headers, status } = yield* ask(path, browser)
        assert.deepStrictEqual([status, headers.get("location")], [303, "dashboard/"])
      }
      assert.match((yield* ask("/")).text, /^GET \/dashboard +/m)
      const page = yield* ask("/dashboard/", browser)
      assert.strictEqual(page.status, 200)
      assert.match(page.headers.get("content-type") ?? "", /^text\/html/)
      assert.match(page.headers.get("content-security-policy") ?? "", /default-src 'none'.*script-src 'self'/)
      assert.strictEqual((yield* ask("/dashboard/page.js")).status, 200)
      assert.strictEqual((yield* ask("/dashboard/../sessions")).status, 200)
      assert.strictEqual((yield* ask("/dashboard/none")).status, 404)
    }))

  it.live("is not there where it is not wanted", () =>
    Effect.gen(function*() {
      const { ask } = yield* ready({ admin: { dashboard: false } })
      assert.strictEqual((yield* ask("/dashboard/")).status, 404)
      const { status, text } = yield* ask("/", { headers: { accept: "text/html" } })
      assert.strictEqual(status, 200)
      assert.notInclude(text, "dashboard")
    }))

  it.live("shows sessions and their streams, and refusals counted by reason; no id of a session", () =>
    Effect.gen(function*() {
      const { ask, state, url } = yield* ready({ maxSessions: 1 })
      const client = new RawClient(url)
      yield* client.initialize()
      yield* Effect.promise(() => fetch(url, { headers: { ...client.headers, accept: "text/event-stream" } }))
      const refused = yield* Effect.promise(async () => {
        const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" })
        const text = await fetch(url, { method: "POST", headers: { "content-type": "text/plain" }, body })
        const initialize = {
          jsonrpc: "2.0",
          id: 1,
          method: "initialize",
          params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "second", version: "1" } }
        }
        const second = await fetch(url, {
          method: "POST",
          headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
          body: JSON.stringify(initialize)
        })
        return [text.status, second.status]
      })
      assert.deepStrictEqual(refused, [415, 503])
      const seen = yield* state
      assert.deepInclude(seen.sessions?.[0], {
        id: "1",
        state: "active",
        client: "#1 raw 1",
        principal: "local",
        transport: "Streamable HTTP",
        streams: 1,
        inFlight: 0,
        actions: ["close"]
      })
      assert.isAbove(seen.sessions?.[0]?.openedAt ?? 0, 0)
      assert.deepInclude(seen.streams?.[0], { id: "1.1", session: "1", kind: "what the server says" })
      assert.deepStrictEqual(seen.refused?.map(({ reason }) => reason), ["not JSON", "no room, or draining"])
      assert.deepInclude(seen.head.facts, { label: "Refused: not JSON", value: "1" })
      assert.isUndefined(seen.jobs)
      const { text } = yield* ask("/dashboard/api/state")
      assert.notInclude(text, client.headers["mcp-session-id"] ?? "none")
      // Nothing has changed, so nothing is said to have.
      assert.deepStrictEqual((yield* state).sessions, seen.sessions)
    }))

  it.live("ends a session, says that there is none, and drains", () =>
    Effect.gen(function*() {
      const { act, registry, state, url } = yield* ready()
      yield* new RawClient(url).initialize()
      const ended = yield* act({ action: "close", of: "session", target: "1" })
      assert.deepStrictEqual([ended.status, ended.text], [200, "{\"message\":\"session 1 has ended\"}"])
      assert.deepStrictEqual((yield* state).sessions, [])
      assert.deepInclude((yield* registry.snapshot).closed, { operator: 1 })
      const again = yield* act({ action: "close", of: "session", target: "1" })
      assert.deepStrictEqual([again.status, JSON.parse(again.text).message], [409, "there is no session 1 any more"])
      assert.strictEqual((yield* act({ action: "cancel", of: "job", target: "j1" })).status, 409)
      assert.strictEqual((yield* act({ action: "drain", of: "host" })).status, 200)
      yield* eventually("it drains", () => registry.isDraining())
      assert.strictEqual((yield* state).head.state, "draining")
    }))

  it.live("shows jobs with progress and steps, and asks for their end or for a new one", () =>
    Effect.gen(function*() {
      const steps = Array.from({ length: 80 }, (_, index) => `batch ${index + 1}`)
      const list = () =>
        Effect.succeed([
          job({ message: "4 files", steps }),
          job({ id: "j2", state: "failed", failure: "no such folder", percent: 0, endedAt: 2 })
        ])
      const { act, state } = yield* ready({ admin: { jobs: jobsOf(list) } })
      const [running, failed] = (yield* state).jobs ?? []
      assert.deepInclude(running, {
        id: "j1",
        mood: "busy",
        principal: "alice",
        progress: { done: 40, total: 100, message: "4 files" },
        actions: ["cancel"]
      })
      assert.strictEqual(running?.steps.length, 51)
      assert.strictEqual(running?.steps[0]?.name, "30 before")
      assert.deepInclude(failed, { mood: "bad", error: "no such folder", actions: ["again"] })
      assert.include((yield* act({ action: "cancel", of: "job", target: "j1" })).text, "j1 is being cancelled")
      const again = yield* act({ action: "again", of: "job", target: "j1" })
      assert.deepStrictEqual([again.status, JSON.parse(again.text).message], [409, "it has not ended"])
    }))

  // ShaneK/Matador#31: the page read every job, and got stuck. felixmosh/bull-board#348: looks piled up where one took longer than the time between two.
  it.live("reads a page of the jobs once a second for all pages, one look after another, and never without a page", () =>
    Effect.gen(function*() {
      let looks = 0
      let now = 0
      let most = 0
      const list = (limit: number) =>
        Effect.gen(function*() {
          looks++
          assert.isAtMost(limit, 100)
          most = Math.max(most, ++now)
          yield* Effect.sleep("50 millis")
          now--
          return [job()]
        })
      const { adminPort, state } = yield* ready({ admin: { jobs: jobsOf(list) } })
      assert.strictEqual(looks, 0)
      yield* Effect.all(Array.from({ length: 20 }, () => state), { concurrency: 20 })
      assert.strictEqual(looks, 1)
      const answer = yield* Effect.promise(() => fetch(`http://127.0.0.1:${adminPort}/dashboard/api/live`))
      assert.strictEqual(answer.headers.get("content-type"), "text/event-stream; charset=utf-8")
      yield* eventually("it is looked at while a page is open", () => looks >= 3)
      yield* Effect.promise(async () => answer.body?.cancel())
      assert.strictEqual(most, 1)
    }))

  it.live("says what is wrong with the jobs, and goes on with all else", () =>
    Effect.gen(function*() {
      const list = () => Effect.fail(new AdminJobProblem({ message: "the store is locked" }))
      const { state, url } = yield* ready({ admin: { jobs: jobsOf(list) } })
      yield* new RawClient(url).initialize()
      const { head, jobs, sessions } = yield* state
      assert.match(head.message ?? "", /the store is locked/)
      assert.deepStrictEqual([jobs?.length, sessions?.length], [0, 1])
    }))

  it.live("tells nothing without a token where there are any, and gives a session for one in the address", () =>
    Effect.gen(function*() {
      const { act, ask } = yield* ready({ admin: { auth: McpHost.bearerTokens({ ops: Redacted.make(token) }) } })
      assert.strictEqual((yield* ask("/dashboard/")).status, 200)
      for (const path of ["state", "live", "log?of=", "why?of=x", "none"]) {
        const { status, text } = yield* ask(`/dashboard/api/${path}`)
        assert.strictEqual(status, 401)
        assert.match(JSON.parse(text).message, /with # and the token/)
      }
      assert.strictEqual((yield* act({ action: "drain", of: "host" })).status, 401)
      const enter = (token: string) =>
        ask("/dashboard/api/enter", {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ token })
        })
      for (const wrong of ["", "none", `${token}\r\nx: y`, `${token} `]) {
        assert.strictEqual((yield* enter(wrong)).status, 401)
      }
      const { session } = JSON.parse((yield* enter(token)).text)
      assert.notStrictEqual(session, token)
      const headers = { "holdfast-session": session }
      assert.strictEqual((yield* ask("/dashboard/api/state", { headers })).status, 200)
      assert.strictEqual((yield* act({ action: "drain", of: "host" }, headers)).status, 200)
      const bearer = { headers: { authorization: `Bearer ${token}` } }
      assert.strictEqual((yield* ask("/dashboard/api/state", bearer)).status, 200)
      const guessed = { headers: { authorization: "Bearer x", "holdfast-session": "open" } }
      assert.strictEqual((yield* ask("/dashboard/api/state", guessed)).status, 401)
    }))

  it.live("is for its own pages alone: another host, another site and another origin get nothing", () =>
    Effect.gen(function*() {
      const { act, ask, registry } = yield* ready()
      const drain = { action: "drain", of: "host" } as const
      assert.strictEqual((yield* act(drain, { origin: "https://evil.example" })).status, 403)
      assert.strictEqual((yield* act(drain, { "sec-fetch-site": "cross-site" })).status, 403)
      assert.strictEqual((yield* act(drain, { "content-type": "text/plain" })).status, 415)
      assert.strictEqual(
        (yield* ask("/dashboard/api/state", { headers: { "sec-fetch-site": "same-site" } })).status,
        403
      )
      assert.isFalse(registry.isDraining())
    }))

  // lidge-jun/opencodex#760: behind a proxy with TLS the page could read everything, and change nothing.
  it.live("acts behind a proxy with TLS, whose name is listed", () =>
    Effect.gen(function*() {
      const { adminPort } = yield* ready({ admin: { allowedHosts: ["ops.example.org"] } })
      const { request } = yield* Effect.promise(() => import("node:http"))
      const status = yield* Effect.callback<number | undefined>((resume) => {
        const sent = request({
          port: adminPort,
          method: "POST",
          path: "/dashboard/api/do",
          headers: {
            host: "ops.example.org",
            origin: "https://ops.example.org",
            "sec-fetch-site": "same-origin",
            "content-type": "application/json"
          }
        }, (response) => {
          response.resume()
          resume(Effect.succeed(response.statusCode))
        })
        sent.end(JSON.stringify({ action: "drain", of: "host" }))
      })
      assert.strictEqual(status, 200)
    }))

  it.live("keeps no server from its end while it is open", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { adminPort } = yield* Scope.provide(ready(), scope)
      const answer = yield* Effect.promise(() => fetch(`http://127.0.0.1:${adminPort}/dashboard/api/live`))
      const reader = answer.body?.getReader()
      yield* Effect.promise(async () => reader?.read())
      yield* Scope.close(scope, Exit.void)
      const rest = yield* Effect.promise(async () => {
        try {
          while ((await reader?.read())?.done === false);
          return "ended"
        } catch {
          return "cut"
        }
      })
      assert.include(["ended", "cut"], rest)
    }))
})
