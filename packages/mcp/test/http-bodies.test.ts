/**
 * Answers that are right, in bodies that are announced as something else, or compressed without having been asked for it.
 *
 * As servers have them: no type in helidon-mcp#97 and dify-plugin-agent-mcp_sse#79, `text/plain` in java-sdk#748, Brotli in codex#37228, zstd in
 * python-sdk#2649, gzip in ai-dial-core#1586.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as http from "node:http"
import * as zlib from "node:zlib"
import { live, open } from "./support/OpenHttp.ts"

const result = (id: unknown): string => JSON.stringify({ jsonrpc: "2.0", id, result: { ok: "é" } })

const answersIn = (name: string, send: (response: http.ServerResponse, id: unknown) => void): void =>
  it.live(name, () =>
    Effect.gen(function*() {
      const { answered, ask, receiver, server } = yield* open({ hasSessions: false })
      server.override.set("odd", (response, { id }) => send(response, id))
      ask(1, "odd")
      yield* answered(1)
      assert.deepInclude(receiver.answerTo(1), { result: { ok: "é" } })
    }))

describe("an answer in JSON is read", () => {
  for (
    const type of [
      undefined,
      "text/plain",
      "text/json",
      "application/vnd.api+json",
      "application/x-ndjson",
      "APPLICATION/JSON; charset=utf-8"
    ]
  ) {
    answersIn(`as ${type ?? "a body without a type"}`, (response, id) => {
      response.writeHead(200, type === undefined ? {} : { "content-type": type }).end(result(id))
    })
  }

  answersIn("behind a byte order mark and blank lines, without a type", (response, id) => {
    response.writeHead(200, {})
    response.write("\n", () => response.end(`\ufeff\r\n${result(id)}`))
  })

  const ways = {
    gzip: zlib.gzipSync,
    "x-gzip": zlib.gzipSync,
    GZIP: zlib.gzipSync,
    deflate: zlib.deflateSync,
    br: zlib.brotliCompressSync,
    zstd: zlib.zstdCompressSync
  }
  for (const [encoding, compress] of Object.entries(ways)) {
    answersIn(`compressed as ${encoding}, although none was asked for`, (response, id) => {
      response.writeHead(200, { "content-type": "application/json", "content-encoding": encoding })
      response.end(compress(result(id)))
    })
  }
})

describe("a body without a type that is blank", () => {
  it.live("fails its call, also when it does not end", () =>
    Effect.gen(function*() {
      const { ask, failed, server } = yield* open({ hasSessions: false })
      server.override.set("odd", (response) => {
        response.writeHead(200, {})
        for (let lines = 0; lines < 10; lines++) response.write("\n".repeat(1000))
      })
      assert.deepInclude(yield* failed(ask(1, "odd")), { _tag: "Unintelligible" })
    }))
})

describe("a compressed event stream", () => {
  it.live("is read event by event, while it goes on", () =>
    Effect.gen(function*() {
      const { answered, ask, receiver, server } = yield* open({ hasSessions: false })
      const stream = zlib.createGzip()
      server.override.set("odd", (response, { id }) => {
        response.writeHead(200, { "content-type": "text/event-stream", "content-encoding": "gzip" })
        stream.pipe(response)
        stream.write(`data: {"jsonrpc":"2.0","method":"notifications/first"}\n\n`)
        stream.flush()
        server.override.set("go on", (other, { id: second }) => {
          other.writeHead(200, { "content-type": "application/json" }).end(result(second))
          stream.end(`data: ${result(id)}\n\n`)
        })
      })
      ask(1, "odd")
      yield* live("the first event", () =>
        receiver.messages.some((frame) => frame._tag === "Notification" && frame.method === "notifications/first"))
      assert.isUndefined(receiver.answerTo(1))
      ask(2, "go on")
      yield* answered(1)
    }))
})

describe("the words of a compressed refusal", () => {
  it.live("are told", () =>
    Effect.gen(function*() {
      const { ask, failed, server } = yield* open({ hasSessions: false })
      server.override.set("odd", (response) => {
        response.writeHead(400, { "content-type": "text/plain", "content-encoding": "gzip" })
        response.end(zlib.gzipSync("the text is missing"))
      })
      assert.deepInclude(yield* failed(ask(1, "odd")), {
        _tag: "Rejected",
        status: 400,
        description: "the text is missing"
      })
    }))
})

describe("an empty session id", () => {
  it.live("is none", () =>
    Effect.gen(function*() {
      const { answered, ask, server } = yield* open({ hasSessions: false })
      server.override.set("initialize", (response, { id }) => {
        response.writeHead(200, { "content-type": "application/json", "mcp-session-id": "" }).end(result(id))
      })
      ask(1, "initialize")
      yield* answered(1)
      ask(2, "echo")
      yield* answered(2)
      assert.isUndefined(server.requests[1]?.headers["mcp-session-id"])
    }))
})
