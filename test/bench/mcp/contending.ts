/** How a contender alone in its process is measured: told by messages what to do, it answers with figures. */
import * as Effect from "effect/Effect"
import type { Failed } from "../ContenderProcess.ts"
import { processorTime } from "./processorTime.ts"

/** What is asked for: `calls` calls, so many at once, and with how large an answer. */
export interface Task {
  readonly calls: number
  readonly inFlight: number
  readonly bytes?: number
}

/** What came of it. */
export interface Measured {
  readonly perSecond: number
  /** Processor time of the client, per call. */
  readonly cpuMicros: number
  /** Of client and server. */
  readonly bothMicros: number
  /** Of every call, when one is made after the other. */
  readonly micros: ReadonlyArray<number>
}

export const inputOf = ({ bytes }: Task) => bytes === undefined ? { text: "hello" } : { bytes }

export type Run = (task: Task) => Promise<Measured>
export type Contender = (measure: (run: Run) => Promise<void>) => Promise<void>

export const clocked = async (task: Task, work: (micros: Array<number>) => Promise<unknown>): Promise<Measured> => {
  const micros: Array<number> = []
  const before = processorTime()
  const start = performance.now()
  await work(micros)
  const millis = performance.now() - start
  const after = processorTime()
  const own = after.own - before.own
  return {
    perSecond: task.calls / millis * 1000,
    cpuMicros: own / task.calls,
    bothMicros: (own + after.servers - before.servers) / task.calls,
    micros
  }
}

export const withPromises = (call: (input: object) => Promise<unknown>): Run => (task) =>
  clocked(task, (micros) => {
    const input = inputOf(task)
    const sender = async (): Promise<void> => {
      for (let i = 0; i < task.calls / task.inFlight; i++) {
        const start = performance.now()
        await call(input)
        if (task.inFlight === 1) micros.push((performance.now() - start) * 1000)
      }
    }
    return Promise.all(Array.from({ length: task.inFlight }, sender))
  })

/** The same for an effect, so many of which run in fibers of one runtime. */
export const withFibers = (call: (input: object) => Effect.Effect<unknown, unknown>): Effect.Effect<Run> =>
  Effect.map(Effect.context<never>(), (context) => (task) =>
    clocked(task, (micros) => {
      const asked = call(inputOf(task))
      const sender = Effect.gen(function*() {
        for (let i = 0; i < task.calls / task.inFlight; i++) {
          const start = performance.now()
          yield* asked
          if (task.inFlight === 1) micros.push((performance.now() - start) * 1000)
        }
      })
      return Effect.runPromiseWith(context)(
        Effect.all(Array.from({ length: task.inFlight }, () => sender), { concurrency: "unbounded", discard: true })
      )
    }))

/** Is one of these contenders, as the argument says. */
export const contend = async (contenders: Readonly<Record<string, Contender>>): Promise<void> => {
  await contenders[process.argv[2] ?? ""]?.(measure)
}

/** Answers every task, if only with why it failed, until the other side hangs up. */
const measure = (run: Run): Promise<void> =>
  new Promise((resolve) => {
    process.on("message", (task: Task) =>
      void run(task).catch((error: unknown): Failed => ({ failed: String(error) })).then((said) =>
        process.send?.(said)
      ))
    process.once("disconnect", resolve)
    process.send?.("ready")
  })
