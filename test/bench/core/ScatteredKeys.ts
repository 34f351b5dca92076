/**
 * A hundred thousand keys touched in a scattered order: nothing is in the processor's caches. How much dearer that makes a use than with ten
 * keys, beside what it does to a bare `Map`. And what it costs to hand a connection on to a waiting caller.
 */
import * as Effect from "effect/Effect"
import * as Report from "../Report.ts"
import * as BestProcess from "./BestProcess.ts"
import type { Task } from "./contender.ts"
import { contenderOf } from "./LeaseCost.ts"

const task: Task = { times: 300_000, goes: 3 }
const names = ["use, few", "use, many", "Map, few", "Map, many", "hand-off"] as const

export const scatteredKeys = Effect.gen(function*() {
  const { best, comparison, ratio, row } = yield* BestProcess.run(names.map((name) => contenderOf(name, task)))
  const more = (of: string) => best(`${of}, many`) - best(`${of}, few`)
  Report.print("100 000 keys in scattered order, beside ten of them: the best of 4 processes", [
    ...names.map((name) => row(name, () => Report.nanos(best(name)))),
    ratio("use, many ÷ few", ["use, many", "use, few"]),
    ratio("Map, many ÷ few", ["Map, many", "Map, few"]),
    comparison("what it adds to a use ÷ what it adds to a Map", names.slice(0, 4), more("use") / more("Map"))
  ])
})
