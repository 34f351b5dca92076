/**
 * How one subject grows, as a small picture: SVG as text, two panels side by side, what one takes of the processor and what it holds. Counts stand at equal
 * distances, each ten times the last; heights begin at nothing, so that a level line means: the next one costs what the first one did. Colours follow
 * what the reader's screen prefers, dark or light.
 */
import type { Point, Subject } from "./Subjects.ts"

const width = 560
const height = 190
const panel = { width: 236, top: 50, bottom: 156 }
const lefts = [28, 300] as const

const style = `
  text { font: 11px system-ui, sans-serif; fill: #57606a }
  .title { font-size: 13px; font-weight: 600; fill: #1f2328 }
  .value { fill: #1f2328; stroke: #ffffff; stroke-width: 3px; paint-order: stroke }
  .axis { stroke: #8c959f; stroke-width: 1 }
  .line { fill: none; stroke: #0969da; stroke-width: 2 }
  .dot { fill: #0969da }
  @media (prefers-color-scheme: dark) {
    text { fill: #9198a1 }
    .title, .value { fill: #f0f6fc }
    .value { stroke: #0d1117 }
    .axis { stroke: #656c76 }
    .line { stroke: #58a6ff }
    .dot { fill: #58a6ff }
  }
`

/** `1 000`. */
export const grouped = (count: number): string => String(Math.round(count)).replaceAll(/\B(?=(\d{3})+$)/g, " ")

/** Three digits, and the unit that fits. */
const scaled = (value: number, units: ReadonlyArray<readonly [number, string]>): string => {
  const [size, unit] = units.findLast(([size]) => value >= size) ?? units[0] ?? [1, ""]
  const of = value / size
  return `${of < 10 && size > 1 ? of.toFixed(1) : of < 10 && unit !== "B" ? of.toFixed(2) : of.toFixed(0)} ${unit}`
}

export const time = (micros: number): string => scaled(micros, [[1, "µs"], [1000, "ms"], [1_000_000, "s"]])

export const size = (bytes: number): string => scaled(bytes, [[1, "B"], [1024, "KiB"], [1024 * 1024, "MiB"]])

const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;")

/** Where a point is: by its place in the row, and by its share of the highest. */
export const placeOf = (index: number, of: number, share: number, left: number): readonly [number, number] => [
  Math.round((left + 16 + (panel.width - 32) * (of < 2 ? 0.5 : index / (of - 1))) * 10) / 10,
  Math.round((panel.bottom - (panel.bottom - panel.top - 16) * share) * 10) / 10
]

const drawn = (
  points: ReadonlyArray<Point>,
  left: number,
  caption: string,
  figure: (point: Point) => number,
  words: (value: number) => string
): ReadonlyArray<string> => {
  const highest = Math.max(...points.map(figure), Number.MIN_VALUE)
  const places = points.map((point, index) => placeOf(index, points.length, figure(point) / highest, left))
  return [
    `<text x="${left}" y="40">${escaped(caption)}</text>`,
    `<line class="axis" x1="${left}" y1="${panel.bottom}" x2="${left + panel.width}" y2="${panel.bottom}"/>`,
    `<polyline class="line" points="${places.map(([x, y]) => `${x},${y}`).join(" ")}"/>`,
    ...points.flatMap((point, index) => {
      const [x, y] = places[index] ?? [0, 0]
      return [
        `<circle class="dot" cx="${x}" cy="${y}" r="3"/>`,
        `<text class="value" x="${x}" y="${y - 7}" text-anchor="middle">${words(figure(point))}</text>`,
        `<text x="${x}" y="${panel.bottom + 16}" text-anchor="middle">${grouped(point.count)}</text>`
      ]
    })
  ]
}

/** The text of the file. */
export const draw = (subject: Subject, points: ReadonlyArray<Point>): string =>
  [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>${escaped(subject.title)}</title>`,
    `<style>${style}</style>`,
    `<text class="title" x="${lefts[0]}" y="18">${escaped(subject.title)}</text>`,
    ...drawn(points, lefts[0], "processor time of each", ({ micros }) => micros, time),
    ...drawn(points, lefts[1], "memory of each", ({ bytes }) => bytes, size),
    "</svg>",
    ""
  ].join("\n")
