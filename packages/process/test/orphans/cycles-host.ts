/**
 * A program that spawns and closes again and again and watches what it holds, run as a child process with --expose-gc.
 *
 *   argument: how many cycles
 *   stdout:   JSON: what is held before and after, bytes of heap per cycle, milliseconds
 */
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import process from "node:process"
import * as Reaper from "../../src/Reaper.ts"
import * as SupervisedProcess from "../../src/SupervisedProcess.ts"

const cycles = Number(process.argv[2])
const pieces = 10
const concurrency = 8

// Every cycle writes, reads, and leaves something on stderr: all three pipes have been used.
const cycle = Effect.scoped(Effect.gen(function*() {
  const child = yield* SupervisedProcess.spawn({
    command: "sh",
    args: ["-c", "echo err >&2; read -r line; echo \"$line\"; while read -r _; do :; done"],
    onStderrLine: () => {}
  })
  child.stdin.write("hello\n")
  yield* Effect.callback<void>((resume) => void child.stdout.once("data", () => resume(Effect.void)))
}))

const run = (count: number): Effect.Effect<void, unknown> =>
  Effect.forEach(Array.from({ length: count }), () => cycle, { concurrency, discard: true })

const held = Effect.map(Reaper.status, ({ registered }) => ({
  registered,
  descriptors: fs.readdirSync("/proc/self/fd").length,
  resources: process.getActiveResourcesInfo().toSorted(),
  listeners: Object.fromEntries(
    process.eventNames().map(String).toSorted().map((name) => [name, process.listenerCount(name)])
  ),
  children: fs.readFileSync(`/proc/self/task/${process.pid}/children`, "utf8").trim().split(" ").length
}))

const heap = (): number => {
  globalThis.gc?.()
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

/** The slope of the straight line through the points, by least squares. */
const slope = (values: ReadonlyArray<number>): number => {
  const middle = (values.length - 1) / 2
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const above = values.reduce((sum, value, index) => sum + (index - middle) * (value - mean), 0)
  return above / values.reduce((sum, _, index) => sum + (index - middle) ** 2, 0)
}

const main = Effect.gen(function*() {
  // The reaper, compiled code, caches: what is there once.
  yield* run(cycles / 4)
  const before = yield* held
  const started = performance.now()
  const heaps = [heap()]
  for (let piece = 0; piece < pieces; piece++) {
    yield* run(cycles / pieces)
    heaps.push(heap())
  }
  const millis = performance.now() - started
  const bytesPerCycle = slope(heaps) / (cycles / pieces)
  const after = yield* held
  process.stdout.write(JSON.stringify({ before, after, heaps, bytesPerCycle, millis }))
})

Effect.runFork(main)
