/**
 * The files for nginx in `docs/replicas.md`, run by a real nginx with two replicas behind it.
 *
 * They are taken from the document itself. The hash is tested; the other example, which learns, wants a newer nginx than Debian has, and
 * shares its `server` with this one.
 */
import { assert, describe, it } from "@effect/vitest"
import type * as McpHost from "@holdfast/server/McpHost"
import { ToolListChangedNotificationSchema } from "@modelcontextprotocol/sdk/types.js"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as http from "node:http"
import { eventually, until } from "./support/eventually.ts"
import * as Nginx from "./support/nginx.ts"
import { RawClient } from "./support/rawClient.ts"
import { converse, request } from "./support/rawSocket.ts"
import {
  assertNotFound,
  auth,
  connect,
  echo,
  echoOf,
  headersOf,
  nameForEach,
  names,
  neglectStream,
  openedBy,
  openPair,
  openStreams,
  silent
} from "./support/replicas.ts"
import { StatelessClient, textOf } from "./support/statelessClient.ts"

/** Two replicas behind nginx. */
const openReplicas = (
  options: Partial<McpHost.HttpOptions> = { auth },
  file: Omit<Nginx.NginxOptions, "replicas"> = {}
) =>
  Effect.gen(function*() {
    const { a, b } = yield* openPair(options)
    const nginx = yield* Nginx.start({ replicas: [a.port, b.port], ...file })
    /** Who answered what was asked so far. */
    const upstreams = Effect.map(nginx.served, (served) => served.map(({ upstream }) => upstream))
    return { a, b, nginx, upstreams }
  })

describe("docs/replicas.md, run by nginx", () => {
  it.live("is accepted as it stands, and has its directives in force", () =>
    Effect.gen(function*() {
      const { nginx } = yield* openReplicas()
      const { status, stderr } = nginx.ask("-t")
      assert.strictEqual(status, 0, stderr)
      assert.notInclude(stderr, "[warn]")
      const { stdout } = nginx.ask("-T")
      for (
        const directive of [
          "hash $mcp_client consistent;",
          "proxy_http_version 1.1;",
          "proxy_set_header Connection \"\";",
          "proxy_set_header Host $host;",
          "proxy_buffering off;",
          "proxy_read_timeout 1h;",
          "client_max_body_size 4m;"
        ]
      ) assert.include(stdout, directive)
      assert.notMatch(nginx.errors(), /\[(warn|error|crit|alert|emerg)\]/)
    }))

  it.live("keeps a client at one replica, from its first word to its last", () =>
    Effect.gen(function*() {
      const both = yield* openReplicas()
      const { a, b, nginx } = both
      const { ofA, ofB } = yield* nameForEach(both.nginx.url, both)
      for (const [replica, name] of [[a, ofA], [b, ofB]] as const) {
        const before = (yield* nginx.served).length
        yield* Effect.scoped(Effect.gen(function*() {
          const { client, transport } = yield* connect(nginx.url, name)
          let changes = 0
          client.setNotificationHandler(ToolListChangedNotificationSchema, () => void changes++)
          const { tools } = yield* Effect.promise(() => client.listTools())
          assert.include(tools.map(({ name }) => name), "work")
          assert.deepInclude(yield* echo(client, "hi"), { content: [{ type: "text", text: "hi" }] })
          yield* Effect.promise(() => client.callTool({ name: "announce" }))
          yield* eventually("what was said outside of any call arrived", () => changes === 1)
          yield* Effect.promise(() => transport.terminateSession())
        }))
        const isOver = (): boolean => nginx.logged().slice(before).some(({ method }) => method === "GET")
        yield* eventually("the stream is over", isOver)
        const mine = (yield* nginx.served).slice(before)
        assert.includeMembers(mine.map(({ method }) => method), ["POST", "GET", "DELETE"])
        assert.deepStrictEqual(mine.filter(({ status }) => status >= 400), [])
        assert.deepStrictEqual([...new Set(mine.map(({ upstream }) => upstream))], [replica.address])
        assert.deepInclude(yield* replica.registry.snapshot, { sessions: [] })
      }
    }))

  it.live("lets progress through while the call runs", () =>
    Effect.gen(function*() {
      const both = yield* openReplicas()
      const { ofA } = yield* nameForEach(both.nginx.url, both)
      const { client } = yield* connect(both.nginx.url, ofA)
      const progress: Array<number> = []
      const call = yield* Effect.forkChild(
        Effect.promise(() =>
          client.callTool({ name: "work" }, undefined, {
            onprogress: ({ progress: step }) => void progress.push(step)
          })
        ),
        { startImmediately: true }
      )
      yield* eventually("the progress arrived", () => progress.length === 1)
      both.a.steer.waiting[0]?.("done")
      assert.deepInclude(yield* Fiber.join(call), { content: [{ type: "text", text: "done" }] })
    }))

  it.live("keeps nothing for a client that does not read: its replica finds out, and cuts its stream off", () =>
    Effect.gen(function*() {
      const both = yield* openReplicas()
      const { a, nginx } = both
      const { ofA } = yield* nameForEach(both.nginx.url, both)
      const client = new RawClient(nginx.url, headersOf(ofA))
      yield* client.initialize()
      yield* neglectStream(client)
      const streams = Effect.map(a.registry.snapshot, ({ openStreams }) => openStreams)
      assert.strictEqual(yield* streams, 1)
      // More than the buffers of all the sockets between.
      for (let said = 0; said < 256 && (yield* streams) === 1; said++) {
        const answer = yield* client.call("shout", { bytes: 256 * 1024 })
        yield* Effect.promise(() => answer.text())
      }
      assert.strictEqual(yield* streams, 0)
    }))

  it.live("tells a replica that a client has left, at once: its stream ends, its call of revision 2026-07-28 is cancelled", () =>
    Effect.gen(function*() {
      const both = yield* openReplicas({ auth, ...silent })
      const { a, b, nginx } = both
      const client = new RawClient(nginx.url, headersOf("user-0"))
      yield* client.initialize()
      const { events } = yield* client.stream()
      assert.strictEqual(yield* openStreams(both), 1)
      events.leave()
      yield* until("the stream is gone", openStreams(both), (open) => open === 0)

      const call = yield* Effect.forkChild(new StatelessClient(nginx.url, headersOf("user-0")).begin("wait"), {
        startImmediately: true
      })
      yield* eventually("the call arrived", () => a.steer.waiting.length + b.steer.waiting.length === 1)
      yield* Fiber.interrupt(call)
      yield* eventually("it is cancelled", () => a.steer.aborted + b.steer.aborted === 1)
    }))

  it.live("lets a stream's heartbeats through, and they keep it open beyond the read timeout", () =>
    Effect.gen(function*() {
      const streamOf = (heartbeatInterval: "100 millis" | "1 hour") =>
        Effect.gen(function*() {
          const { nginx } = yield* openReplicas({ heartbeatInterval, pingInterval: "1 hour" }, { readTimeout: "2s" })
          const client = new RawClient(nginx.url)
          yield* client.initialize()
          return (yield* client.stream()).events
        })
      const silent = yield* streamOf("1 hour")
      const alive = yield* streamOf("100 millis")
      yield* eventually("the silent stream was cut off", silent.isOver)
      // From now on for longer than the timeout: heartbeats are what is counted.
      const before = alive.comments()
      yield* eventually("more heartbeats than fit into it", () => alive.comments() > before + 22)
      assert.isFalse(alive.isOver())
      alive.leave()
    }))

  it.live("spreads clients over the replicas, by their tokens", () =>
    Effect.gen(function*() {
      const { a, b, nginx, upstreams } = yield* openReplicas()
      const clients = names.slice(0, 32).map((name) => new RawClient(nginx.url, headersOf(name)))
      yield* Effect.forEach(clients, (client) => client.initialize(), { discard: true })
      // Each says two things: `initialize` and `initialized`.
      const homes = (yield* upstreams).filter((_, index) => index % 2 === 0)
      for (const client of clients) {
        const { result } = yield* client.json(yield* client.call("echo", { text: "here" }))
        assert.strictEqual(result?.content?.[0]?.text, "here")
      }
      assert.deepStrictEqual((yield* upstreams).slice(-clients.length), homes)
      assert.sameMembers([...new Set(homes)], [a.address, b.address])
      const opened = [yield* openedBy(a), yield* openedBy(b)]
      assert.strictEqual(opened.reduce((sum, count) => sum + count), clients.length)
      assert.isTrue(opened.every((count) => count > 0), `both are used: ${opened.join(" and ")}`)
    }))

  it.live("spreads clients that show no token by their addresses", () =>
    Effect.gen(function*() {
      const { a, b, nginx, upstreams } = yield* openReplicas({})
      const from = (localAddress: string) =>
        Effect.callback<number | undefined>((resume) => {
          const { headers } = new RawClient(nginx.url)
          const sent = http.request(nginx.url, { method: "POST", headers, localAddress, agent: false }, (answer) => {
            answer.resume().once("end", () => resume(Effect.succeed(answer.statusCode)))
          })
          sent.once("error", (cause) => resume(Effect.die(cause)))
          sent.end(JSON.stringify({
            jsonrpc: "2.0",
            id: 1,
            method: "initialize",
            params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "raw", version: "1" } }
          }))
        })
      const homes = []
      for (let round = 0; round < 2; round++) {
        // All of 127.0.0.0/8 is this machine's own.
        // An odd number: in turn, the second round would begin at the other replica.
        for (let client = 2; client < 35; client++) assert.strictEqual(yield* from(`127.0.0.${client}`), 200)
        homes.push((yield* upstreams).slice(-33))
      }
      assert.deepStrictEqual(homes[0], homes[1])
      assert.sameMembers([...new Set(homes[0])], [a.address, b.address])
    }))

  it.live("lets as large a body through as the replicas take, and refuses a larger one itself", () =>
    Effect.gen(function*() {
      const { nginx } = yield* openReplicas()
      const client = new RawClient(nginx.url, headersOf("user-0"))
      yield* client.initialize()
      const limit = 4 * 1024 * 1024
      for (const bytes of [limit - 1024, limit]) {
        const response = yield* client.send(echoOf(bytes))
        assert.strictEqual(response.status, 200)
        const { result } = yield* client.json(response)
        assert.isAbove(result?.content?.[0]?.text.length ?? 0, bytes - 1024)
      }
      const before = (yield* nginx.served).length
      for (const bytes of [limit + 1, 5 * 1024 * 1024]) {
        const response = yield* client.send(echoOf(bytes))
        assert.strictEqual(response.status, 413)
        yield* Effect.promise(() => response.text())
      }
      // Nginx reads for a while what it has refused, and logs it after that.
      yield* eventually("both are in the log", () => nginx.logged().length >= before + 2)
      assert.deepStrictEqual((yield* nginx.served).slice(before), [
        { upstream: "", method: "POST", status: 413 },
        { upstream: "", method: "POST", status: 413 }
      ])
      const { result } = yield* client.json(yield* client.call("echo", { text: "unharmed" }))
      assert.strictEqual(result?.content?.[0]?.text, "unharmed")
    }))

  it.live("tells the replicas the name that it was called by, and they refuse any other", () =>
    Effect.gen(function*() {
      const { nginx } = yield* openReplicas({ auth, allowedHosts: ["mcp.example.org"] })
      const body = echoOf(1024)
      const statusFor = (host: string) =>
        Effect.map(
          converse(
            nginx.port,
            request("POST", "/mcp", [
              `Host: ${host}`,
              `Authorization: ${headersOf("user-0").authorization}`,
              "Content-Type: application/json",
              "Accept: application/json, text/event-stream",
              `Content-Length: ${body.length}`
            ], body)
          ),
          ({ status, text }) => [status, text.includes("the header Host")]
        )
      // Past the guard: it is the session that is missing.
      assert.deepStrictEqual(yield* statusFor("mcp.example.org"), [400, false])
      assert.deepStrictEqual(yield* statusFor("mcp.example.com"), [403, true])
    }))

  it.live("passes a drain's 503 on, and goes around a replica that stopped: its clients begin anew on the other", () =>
    Effect.gen(function*() {
      const both = yield* openReplicas()
      const { a, b, nginx } = both
      const { ofA, ofB } = yield* nameForEach(both.nginx.url, both)
      const { client } = yield* connect(nginx.url, ofA)
      const { client: unharmed } = yield* connect(nginx.url, ofB)
      const call = yield* Effect.forkChild(Effect.promise(() => client.callTool({ name: "wait" })), {
        startImmediately: true
      })
      yield* eventually("the call arrived", () => a.steer.waiting.length === 1)
      const drain = yield* Effect.forkChild(a.registry.drain("10 seconds"), { startImmediately: true })
      const { response: told } = yield* new RawClient(nginx.url, headersOf(ofA)).initialize()
      assert.strictEqual(told.status, 503)
      assert.isAtLeast(Number(told.headers.get("retry-after")), 1)
      a.steer.waiting[0]?.("in time")
      assert.deepInclude(yield* Fiber.join(call), { content: [{ type: "text", text: "in time" }] })
      yield* Fiber.join(drain)

      yield* a.stop
      const before = (yield* nginx.served).length
      const { cause } = yield* Effect.flip(echo(client, "late"))
      assertNotFound(cause)
      const next = yield* connect(nginx.url, ofA)
      assert.deepInclude(yield* echo(next.client, "again"), { content: [{ type: "text", text: "again" }] })
      assert.deepInclude(yield* echo(unharmed, "as ever"), { content: [{ type: "text", text: "as ever" }] })
      const since = (yield* nginx.served).slice(before)
      assert.include(since.map(({ upstream }) => upstream), `${a.address}, ${b.address}`)
      const posts = since.filter(({ method }) => method === "POST")
      assert.isTrue(posts.every(({ upstream }) => upstream.endsWith(b.address)))
    }))

  it.live("brings the answer to a question of revision 2026-07-28 to the replica that asked", () =>
    Effect.gen(function*() {
      const both = yield* openReplicas()
      const { a, b, nginx, upstreams } = both
      const { ofA, ofB } = yield* nameForEach(both.nginx.url, both)
      const asked = { capabilities: { elicitation: {} } }
      for (const [replica, name] of [[a, ofA], [b, ofB]] as const) {
        const before = (yield* upstreams).length
        const client = new StatelessClient(nginx.url, headersOf(name))
        assert.strictEqual(textOf(yield* client.call("echo", { text: "modern" })), "modern")
        const steps = yield* client.call("steps", { count: 3 }, { meta: { progressToken: "p" } })
        assert.deepStrictEqual(steps.before.map(({ params }) => params?.["progress"]), [1, 2, 3])
        const { message: { result } } = yield* client.call("ask", {}, asked)
        assert.strictEqual(result?.["resultType"], "input_required")
        const more = {
          inputResponses: { "elicitation-1": { action: "accept", content: {} } },
          requestState: result?.["requestState"]
        }
        assert.strictEqual(textOf(yield* client.call("ask", {}, { ...asked, more })), "accept")
        assert.deepStrictEqual((yield* upstreams).slice(before), Array.from({ length: 4 }, () => replica.address))
      }
    }))
})
