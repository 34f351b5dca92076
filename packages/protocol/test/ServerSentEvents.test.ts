import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as ServerSentEvents from "@holdfast/protocol/ServerSentEvents"
import { Buffer } from "node:buffer"
import { assert, describe, it } from "vitest"

const record = (maxEventBytes?: number) => {
  const events: Array<ServerSentEvents.ServerSentEvent> = []
  const retries: Array<number> = []
  const tooLong: Array<ServerSentEvents.LongEvent> = []
  const parser = ServerSentEvents.make({
    onEvent: (event) => events.push(event),
    onRetry: (millis) => retries.push(millis),
    onTooLong: (event) => tooLong.push(event),
    maxEventBytes
  })
  return { events, retries, tooLong, ...parser }
}

describe("ServerSentEvents", () => {
  it("reads the same events wherever the stream is cut and whatever ends its lines", () => {
    const text = `\uFEFF: comment\nretry: 500\nid: 1\ndata:\n\nevent: message\ndata: {"é":\ndata:  1}\nid: 2\n\n` +
      `unknown: x\ndata\nid: 3\n\ndata: last\n\ndata: unfinished\n`
    const expected = [
      { event: "message", data: `{"é":\n 1}`, lastEventId: "2" },
      { event: "message", data: "last", lastEventId: "3" }
    ]
    for (const lineEnd of ["\n", "\r\n", "\r"]) {
      const bytes = Buffer.from(text.replaceAll("\n", lineEnd))
      for (let cut = 0; cut <= bytes.length; cut++) {
        const { events, push, retries } = record()
        push(bytes.subarray(0, cut))
        push(bytes.subarray(cut))
        assert.deepStrictEqual(events, expected, `${JSON.stringify(lineEnd)}, cut at ${cut}`)
        assert.deepStrictEqual(retries, [500])
      }
      const bytewise = record()
      for (const byte of bytes) bytewise.push(Buffer.from([byte]))
      assert.deepStrictEqual(bytewise.events, expected)
    }
  })

  it("hands an event out as soon as a lone carriage return ends it", () => {
    const { events, push } = record()
    push(Buffer.from("data: now\r\r"))
    assert.strictEqual(events[0]?.data, "now")
    push(Buffer.from("\ndata: next\n\n"))
    assert.strictEqual(events[1]?.data, "next")
    assert.strictEqual(events.length, 2)
  })

  it("remembers the id of an event without data, which it does not hand out", () => {
    const { events, lastEventId, push } = record()
    push(Buffer.from("id: prime\ndata:\n\n"))
    assert.isEmpty(events)
    assert.strictEqual(lastEventId(), "prime")
    push(Buffer.from("id: bad\0id\n\nid\n\n"))
    assert.strictEqual(lastEventId(), "", "an id with NUL is ignored, an empty one resets it")
  })

  it("ignores a retry that is no number", () => {
    const { push, retries } = record()
    push(Buffer.from("retry: soon\nretry: -1\nretry: 3000\n\n"))
    assert.deepStrictEqual(retries, [3000])
  })

  it("names the event's type once", () => {
    const { events, push } = record()
    push(Buffer.from("event: endpoint\ndata: /m\n\ndata: x\n\n"))
    assert.deepStrictEqual(events.map(({ event }) => event), ["endpoint", "message"])
  })

  it("drops an event that is too long, says so and goes on, however it is cut", () => {
    const text = `data: ${"x".repeat(300)}\ndata: y\n\ndata: next\n\n`
    for (let step = 1; step < text.length; step++) {
      const { events, push, tooLong } = record(100)
      for (let at = 0; at < text.length; at += step) push(Buffer.from(text.slice(at, at + step)))
      assert.strictEqual(tooLong.length, 1, `step ${step}`)
      assert.deepStrictEqual(events.map(({ data }) => data), ["next"], `step ${step}`)
    }
  })

  it("keeps both ends of what is too long, however it is cut and written, and what else its event says", () => {
    const json = JSON.stringify({ jsonrpc: "2.0", result: { text: "é".repeat(300) }, id: 7 })
    const pretty = JSON.stringify(JSON.parse(json), undefined, 1)
    for (const message of [json, pretty]) {
      const lines = message.split("\n").map((line) => `data: ${line}\n`).join("")
      const text = Buffer.from(`event: news\n${lines}id: 5\nretry: 3\n\ndata: next\n\n`)
      for (let step = 1; step < text.length; step += 7) {
        const { events, lastEventId, push, retries, tooLong } = record(100)
        for (let at = 0; at < text.length; at += step) push(text.subarray(at, at + step))
        assert.strictEqual(tooLong.length, 1)
        assert.deepInclude(tooLong[0], { event: "news", head: message, tail: message })
        assert.deepStrictEqual([events[0]?.event, lastEventId(), retries], ["message", "5", [3]])
      }
    }
  })

  it("keeps no more than both ends, of one line or of many", () => {
    const head = `{"jsonrpc":"2.0","result":"`
    const tail = `","id":"the last"}`
    const filler = Array.from({ length: 20_000 }, (_, line) => `${line}`).join(" ")
    for (const separator of ["", "\ndata: "]) {
      const text = `data: ${head}${filler.replaceAll(" ", separator)}${tail}\n\n`
      for (const step of [997, 50_000, text.length]) {
        const { push, tooLong } = record(1000)
        for (let at = 0; at < text.length; at += step) push(Buffer.from(text.slice(at, at + step)))
        const [long] = tooLong
        assert.strictEqual(tooLong.length, 1)
        assert.isTrue(long?.head.startsWith(`${head}0`) && long.tail.endsWith(`19999${tail}`))
        assert.isAtMost(Math.max(long?.head.length ?? 0, long?.tail.length ?? 0), 4096)
        assert.isAbove(Math.min(long?.head.length ?? 0, long?.tail.length ?? 0), 4000)
        assert.strictEqual(JsonRpc.seekAnswerId(long?.head ?? "", long?.tail ?? ""), "the last")
      }
    }
  })

  it("does not take a comment without an end for an event", () => {
    const { events, push, tooLong } = record(100)
    push(Buffer.from(`: ${"x".repeat(100_000)}\n\ndata: x\n\n`))
    assert.isEmpty(tooLong)
    assert.strictEqual(events.length, 1)
  })

  it("never takes a stream of comments for one long event", () => {
    const { events, push, tooLong } = record(100)
    for (let count = 0; count < 100; count++) push(Buffer.from(": keep-alive\n"))
    push(Buffer.from("data: x\n\n"))
    assert.isEmpty(tooLong)
    assert.strictEqual(events.length, 1)
  })
})
