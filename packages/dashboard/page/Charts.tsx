/**
 * What went on in the last hour, as lines; and the same in words and as a table, for those that see no canvas.
 */
import { useEffect, useRef, useState } from "preact/hooks"
import uPlot from "uplot"
import type { Chart, Sample } from "../src/DashboardContract.ts"
import { clockOf, sizeOf } from "./Words.ts"

const dark = matchMedia("(prefers-color-scheme: dark)")

/** A colour of the style, as it is now. */
const colour = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim()

const shown = (value: number | undefined, { unit }: Chart): string =>
  value === undefined ? "-" : unit === "bytes" ? sizeOf(value) : String(Math.round(value * 10) / 10)

const optionsOf = (chart: Chart, width: number): uPlot.Options => {
  const axis = {
    stroke: colour("--quiet"),
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { stroke: colour("--line"), width: 1 }
  }
  return {
    width,
    height: 150,
    legend: { show: false },
    cursor: { show: false },
    scales: { y: { range: (_, __, most) => [0, Math.max(1, most * 1.1)] } },
    axes: [
      { ...axis, values: (_, at) => at.map((each) => clockOf(each * 1000).slice(0, 5)) },
      { ...axis, size: 60, values: (_, values) => values.map((each) => shown(each, chart)) }
    ],
    series: [
      {},
      ...chart.series.map(({ label }, index) => ({
        label,
        stroke: colour(`--series-${index % 4}`),
        width: 1.5,
        dash: index % 4 === 0 ? [] : [6 - index, 2 + index],
        points: { show: false }
      }))
    ]
  }
}

const dataOf = (chart: Chart, samples: ReadonlyArray<Sample>): uPlot.AlignedData => [
  samples.map(({ at }) => at / 1000),
  ...chart.series.map(({ key }) => samples.map(({ values }) => values[key] ?? null))
]

/** The last one, and the highest: what a look at the lines tells first. */
const summaryOf = (chart: Chart, samples: ReadonlyArray<Sample>): string =>
  chart.series.map(({ key, label }) => {
    const values = samples.map(({ values }) => values[key]).filter((each) => each !== undefined)
    const most = values.length === 0 ? undefined : values.reduce((a, b) => Math.max(a, b))
    return `${label}: now ${shown(samples.at(-1)?.values[key], chart)}, at most ${shown(most, chart)}`
  }).join("; ")

/** Rows of the table, spread over the time. */
const mostRows = 12

const spread = (samples: ReadonlyArray<Sample>): ReadonlyArray<Sample> => {
  const step = Math.max(1, Math.ceil(samples.length / mostRows))
  return samples.filter((_, index) => (samples.length - 1 - index) % step === 0)
}

const Lines = ({ chart, samples }: { readonly chart: Chart; readonly samples: ReadonlyArray<Sample> }) => {
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot>(undefined)
  const [isDark, setDark] = useState(dark.matches)
  useEffect(() => {
    const change = () => setDark(dark.matches)
    dark.addEventListener("change", change)
    return () => dark.removeEventListener("change", change)
  }, [])
  const series = chart.series.map(({ key }) => key).join()
  useEffect(() => {
    const { current } = place
    if (current === null) return
    const made = plot.current = new uPlot(optionsOf(chart, current.clientWidth), dataOf(chart, samples), current)
    const observer = new ResizeObserver(() => {
      if (current.clientWidth > 0 && current.clientWidth !== made.width) {
        made.setSize({ width: current.clientWidth, height: 150 })
      }
    })
    observer.observe(current)
    return () => {
      observer.disconnect()
      made.destroy()
    }
  }, [isDark, chart.title, series])
  useEffect(() => plot.current?.setData(dataOf(chart, samples)), [samples])
  return <div ref={place} class="plot" aria-hidden="true" />
}

export const ChartFigure = ({ chart, samples }: { readonly chart: Chart; readonly samples: ReadonlyArray<Sample> }) => (
  <figure class="chart">
    <figcaption>
      <strong>{chart.title}</strong>
      <ul class="keys">
        {chart.series.map(({ key, label }, index) => <li key={key} class={`series-${index % 4}`}>{label}</li>)}
      </ul>
    </figcaption>
    <Lines chart={chart} samples={samples} />
    <p class="quiet">{summaryOf(chart, samples)}</p>
    <details>
      <summary>
        As a table<span class="unseen">: {chart.title}</span>
      </summary>
      <table>
        <thead>
          <tr>
            <th scope="col">Time</th>
            {chart.series.map(({ key, label }) => <th scope="col" key={key}>{label}</th>)}
          </tr>
        </thead>
        <tbody>
          {spread(samples).map(({ at, values }) => (
            <tr key={at}>
              <th scope="row">{clockOf(at)}</th>
              {chart.series.map(({ key }) => <td key={key}>{shown(values[key], chart)}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  </figure>
)
