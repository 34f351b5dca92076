/**
 * What it costs that a call can be followed: the client as it is, with no tracer and with one, beside a client without the code for it. Each in a
 * process of its own, over a link in memory, so that nothing but the work of the client and of a server in memory is in it.
 */
import * as Effect from "effect/Effect"
import * as path from "node:path"
import * as ContenderProcess from "../ContenderProcess.ts"
import { inTurn } from "../InTurn.ts"
import * as Report from "../Report.ts"
import type { Measured, Task } from "./traceContender.ts"

const names = ["tracing off", "without trace code", "without metrics", "a span each"] as const
type Name = typeof names[number]

const rounds = 5
const timed: Task = { calls: 20_000 }
/** So few that their garbage fits into the young space: nothing is collected while they are made. */
const weighed: Task = { calls: 12_000 }

const flags = ["--expose-gc", "--min-semi-space-size=512", "--max-semi-space-size=512"]

const race = Effect.fnUntraced(function*(task: Task, warmUp: number) {
  const contenders = yield* Effect.forEach(names, (name) => {
    const program = path.join(import.meta.dirname, "traceContender.ts")
    return Effect.map(ContenderProcess.open(process.execPath, [...flags, program, name]), ({ ask, end }) => {
      // Its first word is that it is ready.
      let isReady = false
      const ready = Effect.suspend(() => isReady ? Effect.void : Effect.map(ask(), () => void (isReady = true)))
      // It answers a task with nothing else.
      return { name, end, round: Effect.map(Effect.andThen(ready, ask(task)), (measured) => measured as Measured) }
    })
  })
  return yield* inTurn(contenders, { rounds, warmUp })
}, Effect.scoped)

export const traceCost = Effect.gen(function*() {
  const times = yield* race(timed, 3)
  const nanos = (name: Name) => times.median(name, (one) => one.nanos)
  const ratio = (a: Name, b: Name, gate?: Report.Bounds) =>
    times.comparison(`${a} ÷ ${b}`, [a, b], nanos(a) / nanos(b), gate)
  Report.print(`${timed.calls} calls over a link in memory, one after the other: processor time of each`, [
    ...names.map((name) => times.row(name, () => Report.nanos(nanos(name)))),
    ratio("tracing off", "without trace code", { atMost: 1.1 }),
    ratio("tracing off", "without metrics"),
    ratio("a span each", "tracing off")
  ])

  const weights = yield* race(weighed, 3)
  const bytes = (name: Name) => weights.median(name, (one) => one.bytes)
  const more = bytes("tracing off") - bytes("without trace code")
  Report.print("Allocated by such a call, client and server together", [
    ...names.map((name) => weights.row(name, () => `${bytes(name).toFixed(0)} B`)),
    {
      name: "tracing off − without trace code",
      figure: `${more.toFixed(0)} B`,
      // What the compiler makes of the same code differs by 200 B from process to process; a span is twenty times as much.
      gate: { value: more, unit: "B", atMost: 512 }
    }
  ])
})
