/** What a client accepts, in every form in which clients say it. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { acceptedBy } from "../src/internal/http/accept.ts"
import { open } from "./support/hosted.ts"
import { RawClient } from "./support/rawClient.ts"
import { converse, request } from "./support/rawSocket.ts"

describe("the header Accept", () => {
  it("is read by the most specific range that fits, its weight, and nothing else of it", () => {
    const both = { json: true, stream: true }
    const json = { json: true, stream: false }
    const stream = { json: false, stream: true }
    const none = { json: false, stream: false }
    const cases: ReadonlyArray<readonly [string | undefined, typeof both]> = [
      [undefined, both],
      ["", both],
      ["  ", both],
      ["*/*", both],
      ["*", both],
      ["application/json, text/event-stream", both],
      ["Text/Event-Stream ,APPLICATION/JSON", both],
      ["application/*, text/*", both],
      ["application/json;charset=utf-8, text/event-stream; charset=\"utf-8\"", both],
      ["text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", both],
      ["application/json", json],
      ["application/*", json],
      ["application/json;q=0.9, */*;q=0.1", { json: true, stream: true }],
      ["text/event-stream", stream],
      ["text/*", stream],
      ["text/event-stream, application/json;q=0.5", stream],
      ["application/json;q=0, */*", stream],
      ["*/*, text/event-stream;q=0", json],
      ["*/*, text/event-stream;q=0.000", json],
      ["application/json ; Q = 0 , text/event-stream", stream],
      ["text/html", none],
      ["application/jsonp", none],
      ["*/*;q=0", none],
      ["application/json;q=0, text/event-stream;q=0", none]
    ]
    for (const [accept, expected] of cases) {
      assert.deepStrictEqual(acceptedBy({ headers: { accept } }), expected, accept)
    }
  })

  const initialize = JSON.stringify({
    jsonrpc: "2.0",
    id: 1,
    method: "initialize",
    params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "raw", version: "1" } }
  })
  const modern = JSON.stringify({
    jsonrpc: "2.0",
    id: 1,
    method: "tools/list",
    params: {
      _meta: {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {}
      }
    }
  })
  const kinds = [
    ["with a session", initialize, [], {}],
    ["in a revision without sessions", modern, ["MCP-Protocol-Version: 2026-07-28", "Mcp-Method: tools/list"], {}],
    ["without sessions in a revision that has them", initialize, [], { sessions: false }]
  ] as const
  for (const [kind, body, lines, options] of kinds) {
    it.live(`decides what an answer is: events alone are events, several lines are one list, ${kind}`, () =>
      Effect.gen(function*() {
        const { port, registry } = yield* open(options)
        const ask = (...accept: ReadonlyArray<string>) =>
          converse(
            port,
            request("POST", "/mcp", [
              `Host: localhost:${port}`,
              "Content-Type: application/json",
              `Content-Length: ${body.length}`,
              "Connection: close",
              ...lines,
              ...accept.map((value) => `Accept: ${value}`)
            ], body)
          )
        const events = yield* ask("text/event-stream")
        assert.match(events.text, /^HTTP\/1\.1 200 [\s\S]*content-type: text\/event-stream\r\n/i)
        for (
          const accept of [[], ["*/*"], ["application/json"], ["text/plain", "application/*;q=0.1"], [
            "application/json",
            "text/event-stream"
          ]]
        ) {
          const { text } = yield* ask(...accept)
          assert.match(text, /^HTTP\/1\.1 200 [\s\S]*content-type: application\/json\r\n/i, accept.join())
        }
        const { opened } = yield* registry.snapshot
        const { status, text } = yield* ask("text/html")
        assert.strictEqual(status, 406, text)
        assert.strictEqual((yield* registry.snapshot).opened, opened)
      }))
  }

  it.live("of a client that takes events alone: it has a session, whose answers, errors and lists are events", () =>
    Effect.gen(function*() {
      const { url } = yield* open()
      const client = new RawClient(url, { accept: "text/event-stream" })
      const said = (response: Response) =>
        Effect.map(Effect.promise(() => response.text()), (text) => {
          assert.strictEqual(response.headers.get("content-type"), "text/event-stream")
          assert.match(text, /^event: message\ndata: \{.*\}\n\n$/)
          return JSON.parse(text.slice(text.indexOf("{")))
        })
      const hello = yield* client.request("initialize", {
        protocolVersion: "2025-03-26",
        capabilities: {},
        clientInfo: { name: "raw", version: "1" }
      })
      client.headers["mcp-session-id"] = hello.headers.get("mcp-session-id") ?? ""
      assert.strictEqual((yield* said(hello)).result.serverInfo.name, "echo")
      assert.strictEqual((yield* client.notify("notifications/initialized")).status, 202)
      assert.strictEqual((yield* said(yield* client.call("echo", { text: "hi" }))).result.content[0].text, "hi")
      assert.strictEqual((yield* said(yield* client.request("no/such"))).error.code, -32601)
      const batch = yield* client.send([{ jsonrpc: "2.0", id: "a", method: "ping" }, {
        jsonrpc: "2.0",
        id: "b",
        method: "ping"
      }])
      const text = yield* Effect.promise(() => batch.text())
      assert.strictEqual(text.split("\n\n").length, 3)
    }))
})
