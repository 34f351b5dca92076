import * as LineFraming from "@holdfast/protocol/LineFraming"
import { Buffer } from "node:buffer"
import { assert, describe, it, vi } from "vitest"

const record = (maxLineBytes?: number) => {
  const lines: Array<string> = []
  const faults: Array<LineFraming.LineFault> = []
  const framing = LineFraming.make({
    onLine: (line) => lines.push(line),
    onFault: (fault) => faults.push(fault),
    maxLineBytes
  })
  return { lines, faults, ...framing }
}

describe("LineFraming", () => {
  it("finds the same lines wherever the stream is cut, inside characters too", () => {
    const text = `{"a":1}\n\n  \r\n{"b":"é€😀"}\r\n{"c":"\uFFFD"}\n`
    const bytes = Buffer.from(text)
    const expected = [`{"a":1}`, `{"b":"é€😀"}`, `{"c":"\uFFFD"}`]
    for (let first = 0; first <= bytes.length; first++) {
      for (let second = first; second <= bytes.length; second++) {
        const { faults, lines, push } = record()
        push(bytes.subarray(0, first))
        push(bytes.subarray(first, second))
        push(bytes.subarray(second))
        assert.deepStrictEqual(lines, expected, `cut at ${first} and ${second}`)
        assert.isEmpty(faults)
      }
    }
  })

  it("reports a line that is not UTF-8 instead of repairing it, and goes on", () => {
    const { faults, lines, push } = record()
    push(Buffer.concat([Buffer.from(`{"id":1,"x":"`), Buffer.from([0xe9]), Buffer.from(`"}\nnext\n`)]))
    assert.deepStrictEqual(lines, ["next"])
    assert.deepInclude(faults[0], { _tag: "NotUtf8", bytes: 16, head: `{"id":1,"x":"\uFFFD"}` })
  })

  it("keeps of a line that is too long its length, its beginning and its end, and goes on", () => {
    for (const step of [1, 7, 100_000]) {
      const { faults, lines, push } = record(10_000)
      const bytes = Buffer.from(`BEGIN${"x".repeat(50_000)}END\nnext\n`)
      for (let at = 0; at < bytes.length; at += step) push(bytes.subarray(at, at + step))
      assert.deepStrictEqual(lines, ["next"])
      assert.strictEqual(faults.length, 1)
      const [fault] = faults
      assert.deepInclude(fault, { _tag: "TooLong", bytes: 50_008 })
      assert.isTrue(fault?.head.startsWith("BEGINxxx") && fault.tail.endsWith("xxxEND"))
      assert.isTrue((fault?.head.length ?? Infinity) <= 4096 && (fault?.tail.length ?? Infinity) <= 4096)
    }
  })

  it("accepts a line of exactly the limit", () => {
    const { faults, lines, push } = record(5)
    push(Buffer.from("12345\n123456\n"))
    assert.deepStrictEqual(lines, ["12345"])
    assert.strictEqual(faults.length, 1)
  })

  it("reports what is left when the stream ends in mid-line, and nothing when it ends between lines", () => {
    const halfway = record()
    halfway.push(Buffer.from("done\nhalf a li"))
    halfway.end()
    assert.deepStrictEqual(halfway.lines, ["done"])
    assert.deepInclude(halfway.faults[0], { _tag: "Unfinished", head: "half a li" })
    const clean = record()
    clean.push(Buffer.from("done\n\r"))
    clean.end()
    assert.isEmpty(clean.faults)
  })

  it("copies no byte of a line more than once, in however many chunks it comes", () => {
    const concat = vi.spyOn(Buffer, "concat")
    try {
      const chunk = Buffer.alloc(64, "x")
      const { lines, push } = record()
      for (let index = 0; index < 16_384; index++) push(chunk)
      push(Buffer.from("\n"))
      assert.strictEqual(lines[0]?.length, 1024 * 1024)
      const copied = concat.mock.results.reduce(
        (sum, { value }) => sum + (Buffer.isBuffer(value) ? value.length : 0),
        0
      )
      assert.strictEqual(copied, 1024 * 1024)
    } finally {
      concat.mockRestore()
    }
  })

  it("keeps little of an endless line", () => {
    const concat = vi.spyOn(Buffer, "concat")
    try {
      const { faults, lines, push } = record(1000)
      for (let index = 0; index < 10_000; index++) push(Buffer.alloc(1000, "x"))
      assert.isEmpty(lines)
      assert.isEmpty(faults)
      const largest = Math.max(...concat.mock.results.map(({ value }) => Buffer.isBuffer(value) ? value.length : 0))
      assert.isBelow(largest, 100_000)
    } finally {
      concat.mockRestore()
    }
  })
})
