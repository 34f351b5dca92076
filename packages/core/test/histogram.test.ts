import { assert, describe, it } from "@effect/vitest"
import { Histogram } from "../src/internal/instruments.ts"

/** What each bucket adds to those before it. */
const own = ({ buckets }: ReturnType<Histogram["state"]>) =>
  buckets.map(([boundary, count], i) => [boundary, count - (buckets[i - 1]?.[1] ?? 0)])

describe("a histogram of milliseconds", () => {
  it("counts each observation in the first bucket that is no smaller, and cumulates", () => {
    const histogram = new Histogram()
    const boundaries = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000]
    for (const boundary of boundaries) {
      histogram.record(boundary)
      histogram.record(boundary + 0.5)
    }
    const state = histogram.state()
    assert.deepStrictEqual(own(state), boundaries.map((boundary, i) => [boundary, i === 0 ? 1 : 2]))
    const sum = boundaries.reduce((sum, boundary) => sum + 2 * boundary + 0.5, 0)
    assert.deepInclude(state, { count: 28, min: 1, max: 30_000.5, sum })
  })

  it("counts what was instant as zero, without having been told of each", () => {
    const histogram = new Histogram()
    assert.deepInclude(histogram.state(), { count: 0, min: 0, max: 0, sum: 0 })
    histogram.record(3)
    assert.deepInclude(histogram.state(), { count: 1, min: 3, max: 3, sum: 3 })
    const state = histogram.state(4)
    assert.deepInclude(state, { count: 5, min: 0, max: 3, sum: 3 })
    assert.deepStrictEqual(state.buckets.slice(0, 3), [[1, 4], [2, 4], [5, 5]])
  })
})
