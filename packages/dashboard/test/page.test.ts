/** The parts of the page that need no browser. */
import { assert, describe, it } from "@effect/vitest"
import { coalesced } from "../page/Frames.ts"
import { reader } from "../page/ServerSentEvents.ts"
import { visible } from "../page/Visible.ts"
import { overscan, rangeOf, shownIn } from "../page/Windowing.ts"

describe("the window of a long list", () => {
  it("has every row that is seen, and never more than those and a few", () => {
    for (const rows of [0, 1, 2, 11, 500, 20_000]) {
      for (const rowHeight of [1, 22, 44, 224]) {
        for (const height of [0, 1, 43, 44, 400, 2000]) {
          const end = Math.max(0, rows * rowHeight - height)
          for (
            const top of [0, 1, rowHeight - 1, rowHeight, end / 3, end - 1, end].filter((top) => top >= 0 && top <= end)
          ) {
            const { from, to } = rangeOf({ rows, rowHeight, top, height })
            assert.isAtMost(from, Math.floor(top / rowHeight))
            assert.isAtLeast(to, Math.min(rows, Math.ceil((top + height) / rowHeight)))
            assert.isAtMost(to - from, Math.ceil(height / rowHeight) + 1 + 2 * overscan)
            assert.isTrue(from >= 0 && to <= rows && from <= to)
          }
        }
      }
    }
  })

  it("shows the end of a list that has become shorter than it is scrolled", () => {
    assert.deepStrictEqual(rangeOf({ rows: 10, rowHeight: 20, top: 4000, height: 100 }), { from: 0, to: 10 })
    assert.deepStrictEqual(rangeOf({ rows: 0, rowHeight: 20, top: 4000, height: 100 }), { from: 0, to: 0 })
  })

  it("keeps the row that has the focus, wherever it is, and once", () => {
    const range = { from: 10, to: 13 }
    assert.deepStrictEqual(shownIn(range, -1), [10, 11, 12])
    assert.deepStrictEqual(shownIn(range, 11), [10, 11, 12])
    assert.deepStrictEqual(shownIn(range, 2), [2, 10, 11, 12])
    assert.deepStrictEqual(shownIn(range, 13), [10, 11, 12, 13])
  })
})

describe("changes", () => {
  it("are drawn once a frame, however many come, and the next ones at the next", () => {
    const frames: Array<() => void> = []
    let drawn = 0
    const draw = coalesced((next) => void frames.push(next), () => void drawn++)
    for (let i = 0; i < 10_000; i++) draw()
    assert.deepStrictEqual([frames.length, drawn], [1, 0])
    frames[0]?.()
    assert.strictEqual(drawn, 1)
    draw()
    draw()
    frames[1]?.()
    assert.deepStrictEqual([frames.length, drawn], [2, 2])
  })

  it("are read as they were sent, wherever their text is cut", () => {
    const sent = `event: state\ndata: {"a":"b\\nc"}\n\n: \n\nevent: change\ndata: {}\n\n`
    for (let cut = 0; cut <= sent.length; cut++) {
      const read = reader()
      assert.deepStrictEqual([...read(sent.slice(0, cut)), ...read(sent.slice(cut))], [
        { name: "state", data: `{"a":"b\\nc"}` },
        { name: "change", data: "{}" }
      ])
    }
  })
})

describe("text of servers", () => {
  it("is shown as it is, and what is not seen or turns text is shown by its number", () => {
    assert.strictEqual(visible("añ 日本 👩‍💻\ta\r\nb"), "añ 日本 👩‍💻\ta\nb")
    assert.strictEqual(visible("\u001b[31m\u0000\u007f\u009b"), "⟨U+001B⟩[31m⟨U+0000⟩⟨U+007F⟩⟨U+009B⟩")
    // Trojan Source, CVE-2021-42574.
    for (
      const mark of "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c\u200b\ufeff\u{e0041}"
    ) {
      assert.match(visible(`a${mark}b`), /^a⟨U\+[\dA-F]+⟩b$/)
    }
  })
})
