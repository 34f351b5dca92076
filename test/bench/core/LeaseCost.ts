/**
 * What borrowing a warm connection costs, beside the nearest thing in Effect. `Pool` has one key and no life cycle, `RcMap` has
 * keys and no limits. Each in processes of its own: what the compiler learns of one is no part of another. Processor time counts.
 */
import * as Effect from "effect/Effect"
import * as path from "node:path"
import * as Report from "../Report.ts"
import * as BestProcess from "./BestProcess.ts"
import type { Task } from "./contender.ts"

const task: Task = { times: 200_000, goes: 5 }

const names = ["use", "lease", "Pool.use", "Pool.get", "RcMap.get"] as const

export const contenderOf = (name: string, task: Task): BestProcess.Contender => ({
  name,
  args: [path.join(import.meta.dirname, "contender.ts"), name],
  task
})

export const leaseCost = Effect.gen(function*() {
  const { best, ratio, row } = yield* BestProcess.run(names.map((name) => contenderOf(name, task)))
  const line = (title: string, of: string): Report.Line => row(of, () => Report.nanos(best(of)), { title })
  Report.print(`A warm connection, borrowed and given back: the best of ${BestProcess.processes} processes`, [
    line("ConnectionPool.use", "use"),
    ratio("  ÷ Pool.use", ["use", "Pool.use"], { atMost: 1 }),
    ratio("  ÷ RcMap.get", ["use", "RcMap.get"], { atMost: 0.5 }),
    line("ConnectionPool.lease in a Scope of its own", "lease"),
    ratio("  ÷ Pool.get", ["lease", "Pool.get"], { atMost: 1 }),
    line("Effect Pool.use", "Pool.use"),
    line("Effect Pool.get in a Scope of its own", "Pool.get"),
    line("Effect RcMap.get in a Scope of its own", "RcMap.get")
  ])
})
