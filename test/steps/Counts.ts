/** What is counted of a call, as data: `Counters.ts` counts it. */

/** What is counted, and in what words it is told. */
export const what = {
  fibers: "fibers started",
  steps: "steps of fibers",
  tasks: "tasks given to the scheduler",
  turns: "turns of the event loop asked for",
  timers: "timers set",
  promises: "promises made",
  writes: "writes to a stream",
  parses: "texts of JSON read",
  prints: "texts of JSON written",
  bytes: "bytes allocated"
} as const

export type Counts = Readonly<Record<keyof typeof what, number>>

/** Of so many of the same between two readings: of each. A reading has a fiber and a step of its own. */
export const between = (from: Counts, to: Counts, count: number): Counts =>
  map((name) => (to[name] - from[name] - (name === "fibers" || name === "steps" ? 1 : 0)) / count)

export const map = (figure: (name: keyof Counts) => number): Counts => ({
  fibers: figure("fibers"),
  steps: figure("steps"),
  tasks: figure("tasks"),
  turns: figure("turns"),
  timers: figure("timers"),
  promises: figure("promises"),
  writes: figure("writes"),
  parses: figure("parses"),
  prints: figure("prints"),
  bytes: figure("bytes")
})

export const names: ReadonlyArray<keyof Counts> = [
  "fibers",
  "steps",
  "tasks",
  "turns",
  "timers",
  "promises",
  "writes",
  "parses",
  "prints",
  "bytes"
]
