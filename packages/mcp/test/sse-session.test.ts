/** Servers of HTTP+SSE that have forgotten the session while its stream stays open: another replica takes the messages, for example. */
import { assert, describe, it } from "@effect/vitest"
import { McpConfig } from "@holdfast/mcp/McpConfig"
import { McpConnections } from "@holdfast/mcp/McpConnections"
import * as Effect from "effect/Effect"
import * as SseServer from "./support/SseServer.ts"

const open = Effect.gen(function*() {
  const server = yield* SseServer.make
  const config = yield* McpConfig.decode({
    mcpServers: { old: { type: "sse", url: server.url, holdfast: { era: "legacy" } } }
  })
  const mcp = yield* McpConnections.make(config)
  const ask = mcp.request("old", { method: "echo" }, { deadline: "20 seconds", idempotent: false })
  yield* ask
  const streams = () => server.requests.filter((request) => request.startsWith("GET")).length
  const answer = server.onPost
  /** Refuses the messages of the session that is open now. */
  const forget = (refuse: SseServer.SseServer["onPost"]) => {
    const before = streams()
    server.onPost = (message, response) => streams() === before ? refuse(message, response) : answer(message, response)
  }
  return { ask, forget, server, streams }
})

describe("a server of HTTP+SSE that has forgotten the session while its stream stays open", () => {
  it.live("and says so costs one handshake, and the call is sent again", () =>
    Effect.gen(function*() {
      const { ask, forget, streams } = yield* open
      forget((_, response) => void response.writeHead(404).end("Session not found"))
      yield* Effect.all([ask, ask, ask], { concurrency: "unbounded" })
      assert.strictEqual(streams(), 2)
    }))

  for (
    const [how, refuse] of [
      ["refuses everything", (_, { response }) => void response.writeHead(422).end("unprocessable")],
      ["answers everything with the same error", ({ id }, { response, send }) => {
        response.writeHead(202).end("Accepted")
        if (id !== undefined) send({ id, error: { code: -32602, message: "Invalid request parameters" } })
      }]
    ] as ReadonlyArray<
      readonly [
        string,
        (
          message: { readonly id?: unknown },
          to: {
            readonly response: Parameters<SseServer.SseServer["onPost"]>[1]
            readonly send: SseServer.SseServer["send"]
          }
        ) => void
      ]
    >
  ) {
    it.live(`and ${how} is asked a ping, and connected anew`, () =>
      Effect.gen(function*() {
        const { ask, forget, server, streams } = yield* open
        forget((message, response) => refuse(message, { response, send: server.send }))
        for (let calls = 0; calls < 3; calls++) yield* Effect.flip(ask)
        yield* Effect.retry(ask, { times: 100 })
        assert.strictEqual(streams(), 2)
      }))
  }
})
