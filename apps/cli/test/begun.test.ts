import { assert, describe, it } from "@effect/vitest"
import * as fs from "node:fs"
import * as net from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import { Begun } from "../src/hot/Begun.ts"

type Json = Readonly<Record<string, unknown>>

/** A socket with its other end. */
const sockets = async () => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "hfb-"))
  const server = net.createServer()
  await new Promise<void>((resolve) => server.listen(path.join(directory, "s"), resolve))
  const accepted = new Promise<net.Socket>((resolve) => server.once("connection", resolve))
  const near = net.connect(path.join(directory, "s"))
  const far = await accepted
  return {
    near,
    far,
    [Symbol.dispose]: () => {
      near.destroy()
      far.destroy()
      server.close()
      fs.rmSync(directory, { recursive: true })
    }
  }
}

/** The messages that come out of a stream, one after the other. */
const messagesOf = (stream: NodeJS.ReadableStream) => {
  const lines = (async function*() {
    let rest = ""
    for await (const chunk of stream) {
      const parts = `${rest}${String(chunk)}`.split("\n")
      rest = parts.pop() ?? ""
      yield* parts
    }
  })()
  return async (): Promise<Json | undefined> => {
    const { done, value } = await lines.next()
    return done === true ? undefined : JSON.parse(value)
  }
}

const say = (stream: NodeJS.WritableStream, message: Json): void =>
  void stream.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`)

describe("a session that the hot path has begun", () => {
  it("answers what was asked from what came, and passes on what was not", async () => {
    using ends = await sockets()
    const asked = new Map([
      ["h0", {
        method: "server/discover",
        answer: `{"jsonrpc":"2.0","id":"h0","error":{"code":1,"x":12345678901234567890}}`
      }],
      ["h1", { method: "initialize", answer: `{"jsonrpc":"2.0","id":"h1","result":{}}` }]
    ])
    const rest = Buffer.from(`{"jsonrpc":"2.0","id":7,"method":"ping"}\n{"jsonrpc":"2.0","met`)
    const begun = new Begun({ socket: ends.near, asked, rest })
    const next = messagesOf(begun)
    const far = messagesOf(ends.far)
    assert.deepInclude(await next(), { id: 7, method: "ping" })
    ends.far.write(`hod":"notifications/x"}\n`)
    assert.deepInclude(await next(), { method: "notifications/x" })
    say(begun, { id: 1, method: "server/discover" })
    assert.deepInclude(await next(), { id: 1 })
    say(begun, { id: 2, method: "initialize" })
    assert.deepInclude(await next(), { id: 2, result: {} })
    say(begun, { method: "notifications/initialized" })
    say(begun, { id: 3, method: "tools/list" })
    assert.deepInclude(await far(), { id: 3, method: "tools/list" })
    say(begun, { id: 4, method: "initialize" })
    assert.deepInclude(await far(), { id: 4, method: "initialize" })
    begun.destroy()
  })

  it("has the call that is under way: its progress, its cancelling, its answer and its loss", async () => {
    using ends = await sockets()
    const asked = new Map([["h0", { method: "tools/call", answer: undefined }]])
    const begun = new Begun({ socket: ends.near, asked, rest: Buffer.alloc(0) })
    const next = messagesOf(begun)
    const far = messagesOf(ends.far)
    say(begun, { id: 9, method: "tools/call" })
    say(ends.far, { method: "notifications/progress", params: { progressToken: "h0", progress: 1 } })
    assert.deepInclude(await next(), { params: { progressToken: 9, progress: 1 } })
    say(begun, { method: "notifications/cancelled", params: { requestId: 9 } })
    assert.deepInclude(await far(), { params: { requestId: "h0" } })
    say(ends.far, { id: "h0", result: {} })
    assert.deepInclude(await next(), { id: 9, result: {} })
    ends.far.end()
    assert.isUndefined(await next())
  })

  it("that is lost before its call is made again is lost afterwards", async () => {
    using ends = await sockets()
    const asked = new Map([["h0", { method: "tools/call", answer: undefined }]])
    const begun = new Begun({ socket: ends.near, asked, rest: Buffer.alloc(0) })
    let hasEnded = false
    const closed = new Promise<void>((resolve) =>
      begun.once("end", () => void (hasEnded = true)).once("close", resolve).resume()
    )
    await new Promise((resolve) => ends.near.once("close", resolve) && ends.far.end())
    assert.isFalse(hasEnded)
    say(begun, { id: 1, method: "tools/call" })
    await closed
    assert.isTrue(hasEnded)
  })
})
