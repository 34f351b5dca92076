/** The table at the end of a run says what is met, and names what is not there. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { vi } from "vitest"
import { inTurn } from "./InTurn.ts"
import * as Report from "./Report.ts"
import * as Summary from "./Summary.ts"

const line = (name: string, gate?: Report.Gate, more: Partial<Report.Printed> = {}): Report.Printed => ({
  benchmark: "core leaseCost",
  title: "t",
  name,
  figure: "5 ns",
  gate,
  ...more
})

const times = (value: number, bounds: Report.Bounds): Report.Gate => ({ value, unit: "×", ...bounds })

const statesOf = (lines: ReadonlyArray<Report.Printed>) =>
  Summary.summarise(lines).judged.map(({ row, state }) => [row, state])

describe("the table at the end of a run", () => {
  it("has every row with a gate or a goal, and says met, goal met, not yet or missed", () => {
    assert.deepStrictEqual(
      statesOf([
        line("a figure alone"),
        line("above", times(0.7, { atLeast: 0.65, goal: 0.75 })),
        line("far above", times(0.8, { atLeast: 0.65, goal: 0.75 })),
        line("below", times(0.6, { atLeast: 0.65, goal: 0.75 })),
        line("under", times(1.25, { atMost: 1.5, goal: 1.2 })),
        line("far under", times(1.1, { atMost: 1.5, goal: 1.2 })),
        line("over", times(1.6, { atMost: 1.5, goal: 1.2 })),
        line("a goal alone", times(4.9, { goal: 3 })),
        line("a goal alone, reached", times(2.9, { goal: 3 })),
        line("a goal alone, of more", times(2.9, { goal: 3, isGoalAtLeast: true })),
        line("no number", times(Number.NaN, { atMost: 1.5, goal: 1.2 })),
        line("no figure", undefined, { isMissed: true })
      ]),
      [
        ["above", "met"],
        ["far above", "goal met"],
        ["below", "missed"],
        ["under", "met"],
        ["far under", "goal met"],
        ["over", "missed"],
        ["a goal alone", "not yet"],
        ["a goal alone, reached", "goal met"],
        ["a goal alone, of more", "not yet"],
        ["no number", "missed"],
        ["no figure", "missed"]
      ]
    )
  })

  it("is aligned, with figure, gate and goal, and without colours where there is no terminal", () => {
    const lines = Summary.linesOf(Summary.summarise([
      line("use"),
      line("  ÷ Pool.use", times(0.873, { atMost: 1, goal: 0.8 })),
      line("  ÷ RcMap.get", times(12, { atMost: 0.5 }), { benchmark: "core x" })
    ]))
    assert.deepStrictEqual(lines, [
      "What is met",
      "benchmark       row              figure  gate           goal",
      "core leaseCost  use ÷ Pool.use   0.87 ×  at most 1 ×    at most 0.8 ×  met",
      "core x          use ÷ RcMap.get    12 ×  at most 0.5 ×  –              missed",
      "",
      "0 at the goal, 1 within the gate, 0 without a gate, 1 missed"
    ])
  })

  it.effect("names what failed with the reason, the comparisons that have no figure, and what was not run", () =>
    Effect.gen(function*() {
      const log = vi.spyOn(console, "log").mockImplementation(() => {})
      const { comparison, row } = yield* inTurn([
        { name: "ours", round: Effect.succeed(1) },
        { name: "theirs", round: Effect.fail("cannot connect"), isForeign: true }
      ], { rounds: 1 })
      const before = Report.printed().length
      Report.begin("mcp some")
      Report.print("t", [
        row("ours", () => "1 ms"),
        row("theirs", () => "1 ms"),
        comparison("ours ÷ theirs", ["ours", "theirs"], Number.NaN, { atMost: 1 })
      ])
      log.mockRestore()
      const summary = Summary.summarise(Report.printed().slice(before), ["core leaseCost"])
      assert.deepStrictEqual(summary, {
        judged: [],
        failed: ["mcp some: theirs failed: cannot connect"],
        leftOut: ["mcp some: ours ÷ theirs no figure: theirs failed"],
        notRun: ["core leaseCost"],
        missed: 0
      })
      const said = Summary.linesOf(summary).join("\n")
      for (const text of ["theirs failed: cannot connect", "no figure: theirs failed", "Not run: core leaseCost"]) {
        assert.include(said, text)
      }
    }))

  it("counts as missed what the run has counted", () => {
    const log = vi.spyOn(console, "log").mockImplementation(() => {})
    const before = [Report.printed().length, Report.missed()] as const
    Report.print("t", [
      { name: "a", figure: "1", gate: times(2, { atMost: 1, goal: 0.5 }) },
      { name: "b", figure: "1", gate: times(2, { goal: 0.5 }) },
      { name: "c", figure: "failed", isMissed: true }
    ])
    log.mockRestore()
    assert.strictEqual(Summary.summarise(Report.printed().slice(before[0])).missed, Report.missed() - before[1])
    assert.strictEqual(Report.missed() - before[1], 2)
  })
})
