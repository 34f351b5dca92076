/** What docs/performance.md shows is the stored run, and a picture shows what it is given. */
import { assert, describe, it } from "@effect/vitest"
import * as Machine from "../Machine.ts"
import * as Document from "./Document.ts"
import * as Picture from "./Picture.ts"
import { counts, type Point, type Run, subjects } from "./Subjects.ts"

const stored = (): Run => {
  const run = Document.stored()
  assert.isDefined(run)
  return run
}

describe("docs/performance.md", () => {
  it("has the figures of the stored run, and says machine, Node and day", () => {
    const run = stored()
    const text = Document.text()
    assert.strictEqual(text, Document.document(text, run))
    assert.include(text, Machine.words(run.machine))
    for (const { name, timed, title } of subjects) {
      // The last one takes minutes, and may not have been measured: the table says so.
      const measured = run.points[name].map(({ count }) => count)
      assert.deepStrictEqual(measured, counts.slice(0, measured.length), name)
      assert.isAtLeast(measured.length, 3, name)
      for (const said of [`### ${title}`, `| ${timed}`]) assert.include(text, said)
    }
    assert.isAbove(run.seeds.length, 0)
  })

  it("shows the pictures of the stored run", () => {
    for (const [name, svg] of Document.pictures(stored())) {
      assert.include(Document.text(), `](${name})`)
      assert.strictEqual(Document.picture(name), svg, name)
    }
  })

  it("keeps what stands outside of the markers, and is refused without them", () => {
    const text = "before\n<!-- growth -->\nold\n<!-- end of growth -->\nafter\n"
    assert.strictEqual(
      Document.between(text, "growth", "new"),
      "before\n<!-- growth -->\n\nnew\n\n<!-- end of growth -->\nafter\n"
    )
    assert.throws(() => Document.between(text, "seeds", "new"), /<!-- seeds -->/)
  })
})

describe("a picture", () => {
  const [subject] = subjects
  const points: ReadonlyArray<Point> = [
    { count: 10, micros: 100, bytes: 1000 },
    { count: 100, micros: 50, bytes: 1000 },
    { count: 1000, micros: 100, bytes: 2000 },
    { count: 10_000, micros: 200, bytes: 4000 }
  ]

  it("has each point at its place: counts at equal distances, heights by their share of the highest, from nothing on", () => {
    const svg = Picture.draw(subject, points)
    const lines = [...svg.matchAll(/<polyline class="line" points="([^"]+)"/g)].map(([, list = ""]) =>
      list.split(" ").map((pair) => pair.split(",").map(Number))
    )
    const [micros = [], bytes = []] = lines
    assert.strictEqual(lines.length, 2)
    const floor = Picture.placeOf(0, 4, 0, 0)[1]
    const heights = (line: ReadonlyArray<ReadonlyArray<number>>) => {
      const all = line.map(([, y = Number.NaN]) => floor - y)
      return all.map((height) => Math.round(height / Math.max(...all) * 1000) / 1000)
    }
    assert.deepStrictEqual(heights(micros), [0.5, 0.25, 0.5, 1])
    assert.deepStrictEqual(heights(bytes), [0.25, 0.25, 0.5, 1])
    const xs = micros.map(([x = Number.NaN]) => x)
    const steps = xs.slice(1).map((x, index) => Math.round(x - (xs[index] ?? 0)))
    assert.deepStrictEqual(steps, [68, 68, 68])
  })

  it("says title, counts and figures with their units, and can be read on a dark screen and on a light one", () => {
    const svg = Picture.draw({ ...subject, title: "Calls < & in flight" }, points)
    for (const text of ["Calls &lt; &amp; in flight", "10 000", "50 µs", "200 µs", "1000 B", "2.0 KiB", "3.9 KiB"]) {
      assert.include(svg, `>${text}<`)
    }
    assert.include(svg, "prefers-color-scheme: dark")
    assert.match(svg, /^<svg xmlns="http:\/\/www.w3.org\/2000\/svg"/)
  })

  it("of nothing but zeros, or of one point, has no place that is no number", () => {
    for (const some of [points.map((point) => ({ ...point, bytes: 0, micros: 0 })), points.slice(0, 1), []]) {
      assert.notInclude(Picture.draw(subject, some), "NaN")
      assert.notInclude(Picture.draw(subject, some), "Infinity")
    }
  })

  it("has units that fit the figure", () => {
    assert.deepStrictEqual([0.5, 12.3, 1500, 2_500_000].map(Picture.time), ["0.50 µs", "12 µs", "1.5 ms", "2.5 s"])
    assert.deepStrictEqual([0, 12, 5000, 5_000_000].map(Picture.size), ["0 B", "12 B", "4.9 KiB", "4.8 MiB"])
    assert.strictEqual(Picture.grouped(1_234_567), "1 234 567")
  })
})
