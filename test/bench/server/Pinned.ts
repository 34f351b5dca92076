/** A server of the benchmark and its clients, each in a process of its own, and each on a core of its own where the platform has `taskset`. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { spawnSync } from "node:child_process"
import * as path from "node:path"
import * as ContenderProcess from "../ContenderProcess.ts"
import type { Rate, Task } from "./load.ts"

export interface Usage {
  /** Microseconds, when it was asked. */
  readonly cpu: number
  /** The same, when it has answered: collecting garbage takes its time, too. */
  readonly cpuAfter: number
  readonly rss: number
  readonly heap: number
  /** Milliseconds of one sweep over all sessions; of our host only. */
  readonly sweepMillis: number | undefined
}

type Of<A> = A extends unknown ? Omit<A, "port"> : never

export interface Pair {
  readonly usage: Effect.Effect<Usage, ContenderProcess.ContenderFailed>
  /** How many a second the clients get through, and what one costs the server in processor time, in microseconds. */
  readonly run: (
    task: Of<Task>,
    count: number
  ) => Effect.Effect<{ readonly perSecond: number; readonly micros: number }, ContenderProcess.ContenderFailed>
}

const isPinned = process.platform === "linux" && spawnSync("taskset", ["-c", "1", "true"]).status === 0

/** What the figures depend on, for the report's title. */
export const pinning = isPinned ? "each end on a core of its own" : "not pinned: there is no taskset, or one core"

const open = (core: number, file: string, args: ReadonlyArray<string>, stdio: "ignore" | "pipe") => {
  const node = [process.execPath, "--expose-gc", path.join(import.meta.dirname, file), ...args]
  return isPinned
    ? ContenderProcess.open("taskset", ["-c", String(core), ...node], stdio)
    : ContenderProcess.open(process.execPath, node.slice(1), stdio)
}

export const pair = (name: string): Effect.Effect<Pair, ContenderProcess.ContenderFailed, Scope.Scope> =>
  Effect.gen(function*() {
    const server = yield* open(0, "contender.ts", [name], "pipe")
    const load = yield* open(1, "load.ts", [], "ignore")
    const port = yield* Effect.callback<number>((resume) =>
      void server.stdout?.once("data", (said) => resume(Effect.succeed(Number(String(said)))))
    )
    // They answer nothing else.
    const usage = Effect.map(server.ask({ what: "usage" }), (said) => said as Usage)
    const time = Effect.map(server.ask({ what: "time" }), (said) => (said as Pick<Usage, "cpu">).cpu)
    return {
      usage,
      run: (task, count) =>
        Effect.gen(function*() {
          const before = yield* time
          const { perSecond } = (yield* load.ask({ ...task, port })) as Rate
          return { perSecond, micros: ((yield* time) - before) / count }
        })
    }
  })
