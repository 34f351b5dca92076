/** The deprecated HTTP+SSE transport, as a client on a real socket sees it. */
import { assert, describe, it } from "@effect/vitest"
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js"
import * as Effect from "effect/Effect"
import { eventually } from "./support/eventually.ts"
import { open } from "./support/hosted.ts"
import { eventsOf, RawClient } from "./support/rawClient.ts"

const connect = Effect.gen(function*() {
  const host = yield* open({ legacySse: true })
  const client = new RawClient(`${host.origin}/sse`)
  const events = eventsOf(yield* client.send(undefined, {}, "GET"))
  yield* eventually("the address", () => events.seen.length > 0)
  const address = new URL(events.seen[0]?.data ?? "", `${host.origin}/sse`).href
  return { ...host, events, address, poster: new RawClient(address) }
})

describe("a server over HTTP+SSE", () => {
  it.live("serves the SDK's own client, and is not there unless asked for", () =>
    Effect.gen(function*() {
      const { origin } = yield* open({ legacySse: true })
      const client = new Client({ name: "sdk", version: "1" })
      yield* Effect.promise(() => client.connect(new SSEClientTransport(new URL(`${origin}/sse`))))
      const result = yield* Effect.promise(() => client.callTool({ name: "echo", arguments: { text: "hi" } }))
      assert.deepInclude(result, { content: [{ type: "text", text: "hi" }] })
      yield* Effect.promise(() => client.close())
      const without = yield* open()
      assert.strictEqual((yield* new RawClient(`${without.origin}/sse`).send(undefined, {}, "GET")).status, 404)
    }))

  it.live("the end of the stream is the end of the session, and its handlers' late words harm nobody", () =>
    Effect.gen(function*() {
      const { events, poster, registry, steer } = yield* connect
      yield* poster.request("initialize", {
        protocolVersion: "2024-11-05",
        capabilities: {},
        clientInfo: { name: "raw", version: "1" }
      })
      yield* eventually("the handshake's answer", () => events.messages().length > 0)
      yield* poster.notify("notifications/initialized")
      yield* poster.call("wait")
      yield* eventually("the call arrived", () => steer.waiting.length === 1)
      events.leave()
      const after = yield* registry.snapshot.pipe(
        Effect.repeat({ until: ({ sessions }) => sessions.length === 0 }),
        Effect.timeout("2 minutes")
      )
      assert.deepInclude(after.closed, { client: 1 })
      steer.waiting[0]?.("too late")
      yield* eventually("the handler finished", () => steer.finished === 1)
    }))

  it.live("a batch is taken; what is no message is refused, and fails the question that it was to answer", () =>
    Effect.gen(function*() {
      const { events, poster } = yield* connect
      yield* poster.send([{
        jsonrpc: "2.0",
        id: 1,
        method: "initialize",
        params: {
          protocolVersion: "2024-11-05",
          capabilities: { elicitation: {} },
          clientInfo: { name: "raw", version: "1" }
        }
      }])
      yield* eventually("the handshake's answer", () => events.messages().length === 1)
      assert.strictEqual((yield* poster.send("{")).status, 400)
      yield* poster.send([
        { jsonrpc: "2.0", id: 2, method: "tools/call", params: { name: "ask", arguments: {} } },
        { jsonrpc: "2.0", method: "notifications/initialized" }
      ])
      yield* eventually("the question", () => events.messages().length === 2)
      const { id } = events.messages()[1] ?? {}
      assert.strictEqual((yield* poster.send({ jsonrpc: "2.0", id, error: { code: 1 } })).status, 400)
      yield* eventually("the answer to the call", () => events.messages().length === 3)
      assert.include(events.messages()[2]?.result?.content?.[0]?.text, "the client's answer is none")
    }))

  it.live("sessions have a limit, and who comes too late is told when to come back", () =>
    Effect.gen(function*() {
      const { origin } = yield* open({ legacySse: true, maxSessions: 1 })
      const client = new RawClient(`${origin}/sse`)
      const first = eventsOf(yield* client.send(undefined, {}, "GET"))
      const late = yield* client.send(undefined, {}, "GET")
      assert.deepStrictEqual([late.status, late.headers.get("retry-after")], [503, "10"])
      first.leave()
    }))

  it.live("a message for a session that is not there is answered, and 404", () =>
    Effect.gen(function*() {
      const { address, origin } = yield* connect
      for (const url of [`${origin}/message`, `${origin}/message?sessionId=guess`, `${address}x`]) {
        assert.strictEqual((yield* new RawClient(url).request("ping")).status, 404, url)
      }
    }))
})
