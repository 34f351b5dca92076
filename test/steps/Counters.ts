/**
 * Wraps the platform: counts what this process does, from its load on. Import it before what is to be counted.
 *
 * Nothing here is a time: fibers, the steps that they run, what is scheduled, timers, writes, JSON read and written, promises, and the bytes
 * allocated. The same program gives the same counts on any machine and under any load.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"
import * as stream from "node:stream"
import * as v8 from "node:v8"
import type { Counts } from "./Counts.ts"

const counted: Record<Exclude<keyof Counts, "fibers" | "bytes">, number> = {
  steps: 0,
  tasks: 0,
  turns: 0,
  timers: 0,
  promises: 0,
  writes: 0,
  parses: 0,
  prints: 0
}

/** Puts a function before a method, which is called as before. */
const before = <Name extends string>(
  owner: { [name in Name]: unknown },
  name: Name,
  count: () => void
): void => {
  // Each name given here is that of a method.
  const method = owner[name] as (...args: ReadonlyArray<unknown>) => unknown
  const replaced = function(this: unknown, ...args: ReadonlyArray<unknown>): unknown {
    count()
    return Reflect.apply(method, this, args)
  }
  owner[name] = Object.assign(replaced, method)
}

/** Any fiber will do, to find what all of them share. */
const fiber = (): Fiber.Fiber<void> => Effect.runFork(Effect.void)

before(globalThis, "setTimeout", () => counted.timers++)
before(globalThis, "setInterval", () => counted.timers++)
before(globalThis, "setImmediate", () => counted.turns++)
before(JSON, "parse", () => counted.parses++)
before(JSON, "stringify", () => counted.prints++)
// A duplex has a copy of it.
before(stream.Writable.prototype, "write", () => counted.writes++)
before(stream.Duplex.prototype, "write", () => counted.writes++)
// Shared by all dispatchers, of which each has its own tasks.
const dispatcher: Scheduler.SchedulerDispatcher = Object.getPrototypeOf(
  new Scheduler.MixedScheduler().makeDispatcher()
)
before(dispatcher, "scheduleTask", () => counted.tasks++)

interface Loop {
  readonly currentOpCount: number
}
const loops: { runLoop: (effect: unknown) => unknown } = Object.getPrototypeOf(fiber())
const { runLoop } = loops
loops.runLoop = function(this: Loop, effect) {
  const exit = Reflect.apply(runLoop, this, [effect])
  counted.steps += this.currentOpCount
  return exit
}

v8.promiseHooks.onInit(() => void counted.promises++)

/** From the start of the process, on the fiber that is counted. */
export const read = (): Counts => {
  // Its loop has not ended yet.
  const current: Fiber.Fiber<unknown, unknown> & Partial<Loop> | undefined = Fiber.getCurrent()
  const { steps } = counted
  return {
    ...counted,
    steps: steps + (current?.currentOpCount ?? 0),
    // Fibers are numbered.
    fibers: fiber().id,
    bytes: process.memoryUsage().heapUsed
  }
}
