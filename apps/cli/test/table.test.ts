import { assert, describe, it } from "@effect/vitest"
import * as CliOutput from "effect/cli/CliOutput"
import { table, wrap } from "../src/Table.ts"

const widest = (text: string): number => Math.max(...text.split("\n").map((line) => CliOutput.displayWidth(line)))

const tools = [
  ["everything.echo", "message", "Echoes back the input string"],
  ["everything.get-sum", "a b", "Returns the sum of two numbers"],
  ["everything.trigger-long-running-operation", "[duration] [steps]", "Demonstrates a long running operation"],
  ["everything.toggle-logging", "", "Toggles simulated, random-leveled logging on or off"]
]

describe("a table", () => {
  it("is aligned, wide characters too, without spaces at the ends", () => {
    const rows = [["漢字", "x", "first"], ["a", "", ""], ["abc", "yy", "a longer text that does not fit in this table"]]
    assert.strictEqual(
      table(rows, { width: 42 }),
      ["漢字  x   first", "a", "abc   yy  a longer text that does not fit…"].join("\n")
    )
  })

  it("is whole where there is no terminal", () => {
    const long = "x".repeat(500)
    assert.strictEqual(table([["a", long, long]]), `a  ${long}  ${long}`)
  })

  for (const width of [80, 60, 40]) {
    it(`fits a terminal of ${width} columns and keeps every name whole`, () => {
      for (const overflow of ["cut", "wrap"] as const) {
        const rows = width < 41 ? tools.filter(([name = ""]) => name.length <= width) : tools
        const text = table(rows, { width, overflow })
        assert.isAtMost(widest(text), width, text)
        for (const [name = ""] of rows) assert.include(text, name)
        assert.notMatch(text, / $/m)
      }
    })
  }

  it("gives up width in the last column first, then in those before it, and then goes below the names", () => {
    const rows = [["name", "a".repeat(20), "b".repeat(40)]]
    assert.strictEqual(table(rows, { width: 60 }), `name  ${"a".repeat(20)}  ${"b".repeat(31)}…`)
    assert.strictEqual(table(rows, { width: 52 }), `name  ${"a".repeat(13)}…  ${"b".repeat(29)}…`)
    assert.strictEqual(table(rows, { width: 46 }), `name  ${"a".repeat(20)}\n    ${"b".repeat(40)}`)
    assert.strictEqual(table(rows, { width: 25 }), `name\n    ${"a".repeat(20)}\n    ${"b".repeat(20)}…`)
  })

  it("can show all of its last column on several lines", () => {
    assert.strictEqual(
      table([["--flag", "what it is for, in some words"]], { indent: "  ", width: 32, overflow: "wrap" }),
      "  --flag  what it is for, in\n          some words"
    )
  })

  it("shortens nothing that it can show on several lines", () => {
    const row = ["name", "\"one\" | \"two\" | \"three\"", "required", "what it is for"]
    assert.strictEqual(
      table([row], { width: 36, overflow: "wrap" }),
      "name  \"one\" | \"two\" | \"three\"\n    required\n    what it is for"
    )
  })

  it("paints no cell that is empty, and lets nothing through that a terminal would obey", () => {
    const paint = (cell: string) => `<${cell}>`
    assert.strictEqual(table([["a", "", "c"], ["b\u001b[2J", "x", ""]], { paint }), "<a>        <c>\n<b[2J>  <x>")
  })
})

describe("wrapped text", () => {
  it("breaks between words, and leaves a word whole that is too long", () => {
    assert.deepStrictEqual(wrap("one two three", 8), ["one two", "three"])
    assert.deepStrictEqual(wrap("a verylongword b", 6), ["a", "verylongword", "b"])
    assert.deepStrictEqual(wrap("", 6), [""])
  })
})
