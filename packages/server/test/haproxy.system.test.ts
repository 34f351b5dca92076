/**
 * The files for HAProxy in `docs/replicas.md`, run by a real HAProxy with two replicas behind it. They are taken from the document itself.
 */
import { assert, describe, it } from "@effect/vitest"
import { ToolListChangedNotificationSchema } from "@modelcontextprotocol/sdk/types.js"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as fs from "node:fs"
import * as http2 from "node:http2"
import * as path from "node:path"
import * as Debian from "./support/debianProgram.ts"
import * as DocumentedServer from "./support/documentedServer.ts"
import { eventually, until } from "./support/eventually.ts"
import * as Haproxy from "./support/haproxy.ts"
import { eventsOf, RawClient } from "./support/rawClient.ts"
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
  openReplica,
  openStreams,
  silent
} from "./support/replicas.ts"
import { roundOf, StatelessClient, textOf } from "./support/statelessClient.ts"

/** Two replicas behind HAProxy. */
const openReplicas = (
  options: Parameters<typeof openPair>[0] = {},
  file: Omit<Haproxy.HaproxyOptions, "replicas"> = {}
) =>
  Effect.gen(function*() {
    const replicas = yield* openPair({ auth, ...options })
    const haproxy = yield* Haproxy.start({ replicas, ...file })
    /** Who answered what was asked so far. */
    const upstreams = Effect.map(haproxy.served, (served) => served.map(({ upstream }) => upstream))
    return { ...replicas, haproxy, upstreams }
  })

/** The numbers of a server or of the whole, as HAProxy shows them to operators. */
const numbersOf = (haproxy: { readonly command: (words: string) => Effect.Effect<string> }, name: string) =>
  Effect.map(haproxy.command("show stat"), (table): Readonly<Record<string, string>> => {
    const [head = "", ...lines] = table.replace(/^# /, "").split("\n")
    const columns = head.split(",")
    const values = lines.map((line) => line.split(",")).find(([, server]) => server === name) ?? []
    return Object.fromEntries(columns.map((column, index) => [column, values[index] ?? ""]))
  })

const isDown = (haproxy: Parameters<typeof numbersOf>[0], name: string) =>
  until(`${name} is known to be down`, numbersOf(haproxy, name), ({ status }) => status === "DOWN")

describe("docs/replicas.md, run by HAProxy", () => {
  it.live("is accepted as it stands, each of its variants too, without a warning", () =>
    Effect.gen(function*() {
      for (const file of [{}, { hashes: true }]) {
        const { haproxy } = yield* openReplicas({}, file)
        assert.deepStrictEqual(haproxy.check, { status: 0, stdout: "Configuration file is valid\n", stderr: "" })
        assert.notMatch(haproxy.output(), /WARNING|ALERT/)
      }
    }))

  it.live("keeps a session at the replica that opened it, from the client's first word to its last, and spreads sessions", () =>
    Effect.gen(function*() {
      const { a, b, haproxy } = yield* openReplicas()
      for (const name of names.slice(0, 4)) {
        const before = (yield* haproxy.served).length
        yield* Effect.scoped(Effect.gen(function*() {
          const { client, transport } = yield* connect(haproxy.url, name)
          let changes = 0
          client.setNotificationHandler(ToolListChangedNotificationSchema, () => void changes++)
          assert.deepInclude(yield* echo(client, "hi"), { content: [{ type: "text", text: "hi" }] })
          yield* Effect.promise(() => client.callTool({ name: "announce" }))
          yield* eventually("what was said outside of any call arrived", () => changes === 1)
          yield* Effect.promise(() => transport.terminateSession())
        }))
        const isOver = (): boolean => haproxy.logged().slice(before).some(({ method }) => method === "GET")
        yield* eventually("the stream is over", isOver)
        const mine = (yield* haproxy.served).slice(before)
        assert.includeMembers(mine.map(({ method }) => method), ["POST", "GET", "DELETE"])
        assert.deepStrictEqual(mine.filter(({ status }) => status >= 400), [])
        assert.strictEqual(new Set(mine.map(({ upstream }) => upstream)).size, 1)
      }
      assert.deepStrictEqual([yield* openedBy(a), yield* openedBy(b)], [2, 2])
      // One connection for one request: none that a replica closes while it waits for the next.
      const { idle_conn_cur: idle, reuse } = yield* numbersOf(haproxy, "BACKEND")
      assert.deepStrictEqual([Number(reuse), Number(idle)], [0, 0])
    }))

  it.live("learns ids from answers only, remembers whole ones, and counts their time anew with every request", () =>
    Effect.gen(function*() {
      const { haproxy } = yield* openReplicas()
      const client = new RawClient(haproxy.url, headersOf("user-0"))
      yield* client.initialize()
      const id = client.headers["mcp-session-id"] ?? "none"
      const table = Effect.map(
        haproxy.command("show table mcp"),
        (text) => [...text.matchAll(/key=(\S+) .*?exp=(\d+)/g)].map(([, key, left]) => ({ key, left: Number(left) }))
      )
      const [first] = yield* table
      assert.strictEqual(first?.key, id)
      yield* until("time has gone by", table, ([entry]) => (entry?.left ?? 0) < (first?.left ?? 0))
      const [before] = yield* table
      yield* Effect.promise(async () =>
        (await fetch(`http://127.0.0.1:${haproxy.port}/mcp`, {
          headers: { ...client.headers, "mcp-session-id": "a-stranger's" }
        })).text()
      )
      yield* client.call("echo", { text: "hi" })
      const after = yield* table
      assert.deepStrictEqual(after.map(({ key }) => key), [id])
      assert.isAbove(after[0]?.left ?? 0, before?.left ?? 0)
    }))

  it.live("passes every event on at once: forty calls, one after another, that each wait for a word of progress", () =>
    Effect.gen(function*() {
      const { a, b, haproxy } = yield* openReplicas(silent)
      const talk = Effect.fnUntraced(function*(url: string) {
        const { client } = yield* connect(url, "user-0")
        let progress = 0
        const begun = performance.now()
        for (let round = 1; round <= 40; round++) {
          const answer = yield* Effect.forkChild(
            Effect.promise(() => client.callTool({ name: "work" }, undefined, { onprogress: () => void progress++ })),
            { startImmediately: true }
          )
          yield* eventually("the progress arrived", () => progress === round)
          for (const { steer } of [a, b]) for (const go of steer.waiting.splice(0)) go("done")
          yield* Fiber.join(answer)
        }
        return performance.now() - begun
      })
      // HAProxy would keep each back for a fifth of a second, eight seconds in all, to what the same takes without it.
      const direct = yield* talk(`http://127.0.0.1:${a.port}/mcp`)
      assert.isBelow(yield* talk(haproxy.url), 4000 + 2 * direct)
    }))

  it.live("lets a stream's heartbeats through, and they keep it and a long call open beyond both timeouts", () =>
    Effect.gen(function*() {
      const file = { timeouts: { client: "2s", server: "2s" } }
      const quiet = yield* openReplicas(silent, file)
      const alive = yield* openReplicas({ heartbeatInterval: "100 millis", pingInterval: "1 hour" }, file)
      const streamOf = ({ haproxy }: { readonly haproxy: { readonly url: string } }) =>
        Effect.gen(function*() {
          const client = new RawClient(haproxy.url, headersOf("user-0"))
          yield* client.initialize()
          return { client, events: (yield* client.stream()).events }
        })
      const cut = yield* streamOf(quiet)
      const kept = yield* streamOf(alive)
      const answer = yield* Effect.forkChild(
        Effect.promise(() =>
          fetch(alive.haproxy.url, {
            method: "POST",
            headers: kept.client.headers,
            body: JSON.stringify({ jsonrpc: "2.0", id: "long", method: "tools/call", params: { name: "wait" } })
          }).then((response) => response.text())
        ),
        { startImmediately: true }
      )
      yield* eventually("the silent stream was cut off", cut.events.isOver)
      // From now on for longer than the timeouts: heartbeats are what is counted.
      const before = kept.events.comments()
      yield* eventually("more heartbeats than fit into it", () => kept.events.comments() > before + 22)
      assert.isFalse(kept.events.isOver())
      for (const { steer } of [alive.a, alive.b]) for (const go of steer.waiting) go("late, but here")
      assert.include(yield* Fiber.join(answer), "late, but here")
      kept.events.leave()
    }))

  it.live("keeps nothing for a client that does not read: its replica cuts its stream off, HAProxy its connection, and who waits goes on", () =>
    Effect.gen(function*() {
      const both = yield* openReplicas(silent, { timeouts: { client: "1s" } })
      const { a, b, haproxy } = both
      const waiting = new RawClient(haproxy.url, headersOf("user-0"))
      yield* waiting.initialize()
      const { events } = yield* waiting.stream()
      const call = yield* Effect.forkChild(
        Effect.flatMap(waiting.call("wait"), (response) => waiting.json(response)),
        { startImmediately: true }
      )
      yield* eventually("the call arrived", () => a.steer.waiting.length + b.steer.waiting.length === 1)

      const client = new RawClient(haproxy.url, headersOf("user-1"))
      yield* client.initialize()
      yield* neglectStream(client)
      assert.strictEqual(yield* openStreams(both), 2)
      // More than the buffers of all the sockets between.
      for (let said = 0; said < 256 && (yield* openStreams(both)) === 2; said++) {
        const answer = yield* client.call("shout", { bytes: 256 * 1024 })
        yield* Effect.promise(() => answer.text())
      }
      assert.strictEqual(yield* openStreams(both), 1)
      yield* eventually("its connection is closed", () => haproxy.logged().some(({ method }) => method === "GET"))
      // They have waited for longer than that.
      assert.isFalse(events.isOver())
      for (const { steer } of [a, b]) for (const go of steer.waiting) go("at last")
      assert.deepInclude((yield* Fiber.join(call)).result, { content: [{ type: "text", text: "at last" }] })
      events.leave()
    }))

  it.live("tells a replica that a client has left, at once: its stream ends, its call of revision 2026-07-28 is cancelled", () =>
    Effect.gen(function*() {
      const both = yield* openReplicas(silent)
      const { a, b, haproxy } = both
      const client = new RawClient(haproxy.url, headersOf("user-0"))
      yield* client.initialize()
      const { events } = yield* client.stream()
      assert.strictEqual(yield* openStreams(both), 1)
      events.leave()
      yield* until("the stream is gone", openStreams(both), (open) => open === 0)

      const call = yield* Effect.forkChild(new StatelessClient(haproxy.url, headersOf("user-0")).begin("wait"), {
        startImmediately: true
      })
      yield* eventually("the call arrived", () => a.steer.waiting.length + b.steer.waiting.length === 1)
      yield* Fiber.interrupt(call)
      yield* eventually("it is cancelled", () => a.steer.aborted + b.steer.aborted === 1)
    }))

  it.live("lets as large a body through as the replicas take, and a larger one is refused by them, in words", () =>
    Effect.gen(function*() {
      const { haproxy } = yield* openReplicas()
      const client = new RawClient(haproxy.url, headersOf("user-0"))
      yield* client.initialize()
      const limit = 4 * 1024 * 1024
      const accepted = yield* client.send(echoOf(limit))
      assert.strictEqual(accepted.status, 200)
      assert.isAbove((yield* client.json(accepted)).result?.content?.[0]?.text.length ?? 0, limit - 1024)
      for (const bytes of [limit + 1, 5 * 1024 * 1024]) {
        const refused = yield* client.send(echoOf(bytes))
        assert.strictEqual(refused.status, 413)
        assert.include(JSON.stringify(yield* client.json(refused)), `${limit} bytes`)
      }
    }))

  it.live("tells the replicas the name that it was called by, and they refuse any other", () =>
    Effect.gen(function*() {
      const { haproxy } = yield* openReplicas({ allowedHosts: ["mcp.example.org"] })
      const body = echoOf(1024)
      const statusFor = (host: string) =>
        Effect.map(
          converse(
            haproxy.port,
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

  it.live("sends nobody new to a replica that drains, lets its calls finish, and its clients begin anew on the other", () =>
    Effect.gen(function*() {
      const both = yield* openReplicas()
      const { a, b, haproxy } = both
      // In turn: the first goes to the first.
      const { client } = yield* connect(haproxy.url, "user-0")
      const { client: unharmed } = yield* connect(haproxy.url, "user-1")
      const call = yield* Effect.forkChild(Effect.promise(() => client.callTool({ name: "wait" })), {
        startImmediately: true
      })
      yield* eventually("the call arrived", () => a.steer.waiting.length === 1)
      const drain = yield* Effect.forkChild(a.registry.drain("10 seconds"), { startImmediately: true })
      yield* isDown(haproxy, "a")
      const before = (yield* haproxy.served).length
      for (const name of names.slice(2, 6)) {
        const { response } = yield* new RawClient(haproxy.url, headersOf(name)).initialize()
        assert.strictEqual(response.status, 200)
      }
      const since = (yield* haproxy.served).slice(before)
      assert.deepStrictEqual([...new Set(since.map(({ upstream }) => upstream))], [b.address])
      a.steer.waiting[0]?.("in time")
      assert.deepInclude(yield* Fiber.join(call), { content: [{ type: "text", text: "in time" }] })
      assert.deepInclude(yield* Fiber.join(drain), { cutOff: 0 })

      const { cause } = yield* Effect.flip(echo(client, "late"))
      assertNotFound(cause)
      const next = yield* connect(haproxy.url, "user-0")
      assert.deepInclude(yield* echo(next.client, "again"), { content: [{ type: "text", text: "again" }] })
      assert.deepInclude(yield* echo(unharmed, "as ever"), { content: [{ type: "text", text: "as ever" }] })
    }))

  it.live("goes around a replica that refuses connections, before it has looked after it", () =>
    Effect.gen(function*() {
      const { a, haproxy } = yield* openReplicas()
      const { client } = yield* connect(haproxy.url, "user-0")
      // It is asked no more: what HAProxy thinks of it stays as it is.
      yield* haproxy.command("disable health mcp/a")
      yield* a.stop
      const { cause } = yield* Effect.flip(echo(client, "late"))
      assertNotFound(cause)
      const next = yield* connect(haproxy.url, "user-0")
      assert.deepInclude(yield* echo(next.client, "again"), { content: [{ type: "text", text: "again" }] })
      assert.deepInclude(yield* numbersOf(haproxy, "a"), { status: "no check" })
      assert.isAbove(Number((yield* numbersOf(haproxy, "a"))["wredis"]), 0)
    }))

  for (
    const [what, signal] of [["is killed", "SIGKILL"], ["hangs", "SIGSTOP"]] as const
  ) {
    it.live(`finds out that a replica ${what}, the process of the document's server: its clients begin anew on the other`, () =>
      Effect.gen(function*() {
        const [a, b] = yield* Effect.all([DocumentedServer.start(), DocumentedServer.start()], { concurrency: 2 })
        const haproxy = yield* Haproxy.start({ replicas: { a, b }, timeouts: { check: "2s", server: "2s" } })
        const client = new RawClient(haproxy.url, { authorization: `Bearer ${DocumentedServer.tokens.client}` })
        yield* client.initialize()
        const { events } = yield* client.stream()
        yield* a.kill(signal)
        yield* Effect.addFinalizer(() => a.kill("SIGCONT"))
        yield* isDown(haproxy, "a")
        const lost = yield* client.request("ping")
        assert.strictEqual(lost.status, 404)
        const next = new RawClient(haproxy.url, { authorization: `Bearer ${DocumentedServer.tokens.client}` })
        assert.strictEqual((yield* next.initialize()).response.status, 200)
        assert.deepStrictEqual((yield* next.json(yield* next.request("ping"))).result, {})
        yield* eventually("the stream ended", events.isOver)
        const served = yield* haproxy.served
        const ofA = served.filter(({ upstream }) => upstream === a.address).map(({ method }) => method)
        assert.sameMembers(ofA, ["POST", "POST", "GET"])
        assert.lengthOf(served, ofA.length + 4)
      }))
  }

  it.live("sends requests of revision 2026-07-28 to any replica, and the answer to a question gets lost there, in words", () =>
    Effect.gen(function*() {
      const { a, b, haproxy, upstreams } = yield* openReplicas()
      const client = new StatelessClient(haproxy.url, headersOf("user-0"))
      for (const text of ["one", "two"]) assert.strictEqual(textOf(yield* client.call("echo", { text })), text)
      assert.sameMembers([...new Set(yield* upstreams)], [a.address, b.address])
      const asked = { capabilities: { elicitation: {} } }
      const { requestState } = roundOf(yield* client.call("ask", {}, asked))
      const inputResponses = { "elicitation-1": { action: "accept", content: {} } }
      const { message } = yield* client.call("ask", {}, { ...asked, more: { inputResponses, requestState } })
      assert.include(message.error?.message, "requestState belongs to no open call")
    }))

  it.live("with a hash besides: brings the answer to a question to the replica that asked, and sessions still stick", () =>
    Effect.gen(function*() {
      const both = yield* openReplicas({}, { hashes: true })
      const { a, b, haproxy, upstreams } = both
      const { ofA, ofB } = yield* nameForEach(haproxy.url, both)
      const asked = { capabilities: { elicitation: {} } }
      for (const [replica, name] of [[a, ofA], [b, ofB]] as const) {
        const before = (yield* upstreams).length
        const client = new StatelessClient(haproxy.url, headersOf(name))
        assert.strictEqual(textOf(yield* client.call("echo", { text: "modern" })), "modern")
        const { requestState } = roundOf(yield* client.call("ask", {}, asked))
        const inputResponses = { "elicitation-1": { action: "accept", content: {} } }
        const more = { inputResponses, requestState }
        assert.strictEqual(textOf(yield* client.call("ask", {}, { ...asked, more })), "accept")
        // Of a session, with somebody else's token for the hash: the table goes first.
        const session = new RawClient(haproxy.url, headersOf(name))
        yield* session.initialize()
        const stranger = new RawClient(haproxy.url, { ...session.headers, ...headersOf(name === ofA ? ofB : ofA) })
        assert.strictEqual((yield* stranger.call("echo", { text: "not mine" })).status, 404)
        assert.deepStrictEqual([...new Set((yield* upstreams).slice(before))], [replica.address])
      }
    }))

  it.live("with a hash besides: serves the deprecated HTTP+SSE, whose session is in the url", () =>
    Effect.gen(function*() {
      const both = yield* openReplicas({ legacySse: true }, { hashes: true })
      const { ofA, ofB } = yield* nameForEach(both.haproxy.url, both)
      const origin = new URL(both.haproxy.url).origin
      for (const [replica, name] of [[both.a, ofA], [both.b, ofB]] as const) {
        const events = eventsOf(yield* new RawClient(`${origin}/sse`, headersOf(name)).send(undefined, {}, "GET"))
        yield* eventually("the address", () => events.seen.length > 0)
        const poster = new RawClient(new URL(events.seen[0]?.data ?? "", `${origin}/sse`).href, headersOf(name))
        const params = { protocolVersion: "2024-11-05", capabilities: {}, clientInfo: { name: "raw", version: "1" } }
        assert.strictEqual((yield* poster.request("initialize", params)).status, 202)
        yield* eventually("the answer", () => events.messages().length === 1)
        yield* poster.notify("notifications/initialized")
        yield* poster.call("echo", { text: "hi" })
        yield* eventually("the echo", () => events.messages().length === 2)
        assert.deepInclude((yield* replica.registry.snapshot).sessions[0], { transport: "sse", state: "active" })
        events.leave()
      }
    }))

  it.live("with a hash besides: a replica that goes moves its own clients only", () =>
    Effect.gen(function*() {
      const [a, b, c] = yield* Effect.all([openReplica({ auth }), openReplica({ auth }), openReplica({ auth })])
      const haproxy = yield* Haproxy.start({ replicas: { a, b, c }, hashes: true })
      const homes = Effect.gen(function*() {
        const before = (yield* haproxy.served).length
        for (const name of names) yield* new StatelessClient(haproxy.url, headersOf(name)).call("echo", { text: "hi" })
        return (yield* haproxy.served).slice(before).map(({ upstream }) => upstream)
      })
      const all = yield* homes
      assert.sameMembers([...new Set(all)], [a.address, b.address, c.address])
      yield* haproxy.command("set server mcp/c state maint")
      const left = yield* homes
      assert.notInclude(left, c.address)
      for (const [index, home] of all.entries()) if (home !== c.address) assert.strictEqual(left[index], home)
    }))

  it.live("with a hash besides: clients that show no token go by their addresses", () =>
    Effect.gen(function*() {
      const { a, b, haproxy, upstreams } = yield* openReplicas({ auth: undefined }, { hashes: true })
      const homes = []
      for (let round = 0; round < 2; round++) {
        // All of 127.0.0.0/8 is this machine's own. An odd number: in turn, the second round would begin at the other replica.
        for (let client = 2; client < 35; client++) {
          const said = request("GET", "/mcp", [`Host: 127.0.0.1`, "Accept: text/event-stream"])
          const { status } = yield* converse(haproxy.port, said, "127.0.0.1", `127.0.0.${client}`)
          assert.strictEqual(status, 400)
        }
        homes.push((yield* upstreams).slice(-33))
      }
      assert.deepStrictEqual(homes[0], homes[1])
      assert.sameMembers([...new Set(homes[0])], [a.address, b.address])
    }))

  it.live("keeps sessions over a reload, and streams that were open stay open", () =>
    Effect.gen(function*() {
      const { haproxy } = yield* openReplicas(silent, { reloads: true })
      const clients = names.slice(0, 8).map((name) => new RawClient(haproxy.url, headersOf(name)))
      yield* Effect.forEach(clients, (client) => client.initialize(), { discard: true })
      const [first] = clients
      const stream = yield* first?.stream() ?? Effect.die("no clients")
      const pidOf = Effect.map(haproxy.command("show info"), (info) => /^Pid: (\d+)$/m.exec(info)?.[1])
      const before = yield* pidOf
      const peers = haproxy.command("show peers")
      yield* until("it can teach", peers, (text) => text.includes("resync_timeout=<PAST>"))
      yield* haproxy.kill("SIGUSR2")
      yield* until("a new process answers", pidOf, (pid) => pid !== undefined && pid !== before)
      const learned = Effect.map(haproxy.command("show table mcp"), (table) => Number(/used:(\d+)/.exec(table)?.[1]))
      yield* until("it has learned what the other knew", learned, (used) => used === clients.length)
      for (const client of clients) {
        assert.strictEqual(
          (yield* client.json(yield* client.call("echo", { text: "still" }))).result?.content?.[0]?.text,
          "still"
        )
      }
      yield* first?.call("announce") ?? Effect.void
      yield* eventually("the old stream still speaks", () => stream.events.messages().length === 1)
      stream.events.leave()
    }))

  it.live("speaks TLS and HTTP/2 with clients, and tells a replica that a stream of theirs was given up", () =>
    Effect.gen(function*() {
      const directory = yield* Debian.temporaryDirectory("tls")
      const [certificate, key] = [path.join(directory, "cert.pem"), path.join(directory, "key.pem")]
      const made = Debian.ask("openssl", [
        ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"],
        ...["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-out", certificate, "-keyout", key]
      ])
      assert.strictEqual(made.status, 0, made.stderr)
      const both = path.join(directory, "both.pem")
      const ca = fs.readFileSync(certificate, "utf8")
      fs.writeFileSync(both, ca + fs.readFileSync(key, "utf8"))
      const replicas = yield* openReplicas(silent, { certificate: both })
      const { haproxy } = replicas
      const session = yield* Effect.acquireRelease(
        Effect.sync(() => http2.connect(`https://127.0.0.1:${haproxy.port}`, { ca })),
        (session) => Effect.sync(() => session.destroy())
      )
      const send = (headers: http2.OutgoingHttpHeaders, body?: object) =>
        Effect.callback<{ stream: http2.ClientHttp2Stream; headers: http2.IncomingHttpHeaders }>((resume) => {
          const stream = session.request({
            ":method": "POST",
            ":path": "/mcp",
            "content-type": "application/json",
            accept: "application/json, text/event-stream",
            ...headersOf("user-0"),
            ...headers
          })
          stream.on("error", () => {})
          stream.once("response", (headers) => resume(Effect.succeed({ stream, headers })))
          stream.end(body === undefined ? undefined : JSON.stringify(body))
        })
      const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "raw", version: "1" } }
      const { headers } = yield* send({}, { jsonrpc: "2.0", id: 1, method: "initialize", params })
      assert.strictEqual(Number(headers[":status"]), 200)
      const id = headers["mcp-session-id"]
      assert.strictEqual(session.alpnProtocol, "h2")
      yield* send({ "mcp-session-id": id }, { jsonrpc: "2.0", method: "notifications/initialized" })
      const events = yield* send({ ":method": "GET", "mcp-session-id": id })
      assert.strictEqual(Number(events.headers[":status"]), 200)
      let said = ""
      events.stream.setEncoding("utf8").on("data", (more: string) => void (said += more))
      const announce = { jsonrpc: "2.0", id: 2, method: "tools/call", params: { name: "announce" } }
      yield* send({ "mcp-session-id": id }, announce)
      yield* eventually("the event arrived", () => said.includes("notifications/tools/list_changed"))
      assert.strictEqual(yield* openStreams(replicas), 1)
      events.stream.close(http2.constants.NGHTTP2_CANCEL)
      yield* until("the stream is gone", openStreams(replicas), (open) => open === 0)
    }))
})
