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

/** What the whole program goes on with, and its connection. */
const goOn = (socket: net.Socket, method: string, answer?: string, rest = "") => {
  const begun = new Begun({ _tag: "Open", socket, asked: { id: "h0", method, answer }, rest: Buffer.from(rest) })
  if (begun.connection === undefined) throw new Error("it has none")
  return { begun, connection: begun.connection }
}

const notTaken = { code: -32000, message: "m", data: { reason: "NotTaken", delivery: "NotSent" } }

describe("a call that the hot path has begun", () => {
  it("is answered by what came, byte for byte, and what was not asked is passed on", async () => {
    using ends = await sockets()
    const answer = `{"jsonrpc":"2.0","id":"h0","error":{"code":1,"x":12345678901234567890}}`
    const rest = `{"jsonrpc":"2.0","id":7,"method":"ping"}\n{"jsonrpc":"2.0","met`
    const { connection } = goOn(ends.near, "server/discover", answer, rest)
    const next = messagesOf(connection)
    const far = messagesOf(ends.far)
    assert.deepInclude(await next(), { id: 7, method: "ping" })
    ends.far.write(`hod":"notifications/x"}\n`)
    assert.deepInclude(await next(), { method: "notifications/x" })
    say(connection, { id: 1, method: "server/discover" })
    assert.deepInclude(await next(), { id: 1 })
    say(connection, { id: 2, method: "server/discover" })
    assert.deepInclude(await far(), { id: 2, method: "server/discover" })
    say(connection, { id: 3, method: "tools/list" })
    assert.deepInclude(await far(), { id: 3, method: "tools/list" })
    connection.destroy()
  })

  it("and that is under way has its progress, its cancelling, its answer and its loss", async () => {
    using ends = await sockets()
    const { begun, connection } = goOn(ends.near, "tools/call")
    const next = messagesOf(connection)
    const far = messagesOf(ends.far)
    say(connection, { id: 9, method: "tools/call" })
    say(ends.far, { method: "notifications/progress", params: { progressToken: "h0", progress: 1 } })
    assert.deepInclude(await next(), { params: { progressToken: 9, progress: 1 } })
    say(connection, { method: "notifications/cancelled", params: { requestId: 9 } })
    assert.deepInclude(await far(), { params: { requestId: "h0" } })
    say(ends.far, { id: "h0", result: {} })
    assert.deepInclude(await next(), { id: 9, result: {} })
    ends.far.end()
    assert.isUndefined(await next())
    assert.isUndefined(begun.takeLoss())
  })

  it("and has told how far it is before it is made again has told it then: the last of it", async () => {
    using ends = await sockets()
    const told = (progress: number) =>
      `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"h0","progress":${progress}}}\n`
    const { connection } = goOn(ends.near, "tools/call", undefined, `${told(1)}${told(2)}`)
    const next = messagesOf(connection)
    say(connection, { id: 9, method: "tools/call" })
    assert.deepInclude(await next(), { params: { progressToken: 9, progress: 2 } })
    say(ends.far, { id: "h0", result: {} })
    assert.deepInclude(await next(), { id: 9, result: {} })
    connection.destroy()
  })

  it("and that the daemon leaves to others is sent, once it is made again", async () => {
    for (const isEarly of [true, false]) {
      using ends = await sockets()
      const { connection } = goOn(ends.near, "tools/call")
      const next = messagesOf(connection)
      const far = messagesOf(ends.far)
      const leave = async () => {
        say(ends.far, { id: "h0", error: notTaken })
        say(ends.far, { method: "notifications/x" })
        assert.deepInclude(await next(), { method: "notifications/x" })
      }
      if (isEarly) await leave()
      say(connection, { id: 4, method: "tools/call", params: { name: "a" } })
      if (!isEarly) await leave()
      assert.deepInclude(await far(), { id: 4, method: "tools/call", params: { name: "a" } })
      connection.destroy()
    }
  })

  it("and that is lost before it is made again is lost then, once: it is not to be sent a second time", async () => {
    for (const answer of [undefined, `{"jsonrpc":"2.0","id":"h0","result":{}}`]) {
      using ends = await sockets()
      const { begun, connection } = goOn(ends.near, "tools/call", answer)
      const closed = new Promise((resolve) => connection.once("close", resolve).resume())
      ends.far.end()
      await closed
      assert.deepStrictEqual([begun.takeLoss(), begun.takeLoss()], ["the daemon has ended", undefined])
    }
    const lost = new Begun({ _tag: "Lost", description: "why" })
    assert.deepStrictEqual([lost.connection, lost.takeLoss(), lost.takeLoss()], [undefined, "why", undefined])
  })
})
