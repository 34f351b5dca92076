/**
 * Calls over stdio: a raw client (the floor), the whole runtime, and the official SDK's clients, each in a process of its own with a
 * server of its own, in turn. Client and server are pinned to one core where `taskset` is at hand, so that what is compared is work
 * and not the luck of waking another core.
 */
import * as Effect from "effect/Effect"
import { spawn, spawnSync } from "node:child_process"
import * as path from "node:path"
import * as Report from "../Report.ts"
import type { Measured, Task } from "./stdioContender.ts"

const names = ["floor", "runtime", "runtime, a span each", "SDK v1", "SDK v2"] as const
type Name = typeof names[number]
type Contender = (task: Task) => Effect.Effect<Measured>

const inFlight = 64
const calls = 100_000
const sequential = 4000
const rounds = 5
const large = 32 * 1024 * 1024

const isPinned = spawnSync("taskset", ["-c", "0", "true"]).status === 0

const open = (name: Name) => {
  const program = path.join(import.meta.dirname, "stdioContender.ts")
  const [command = "", ...args] = [...(isPinned ? ["taskset", "-c", "0"] : []), process.execPath, program, name]
  return Effect.acquireRelease(
    Effect.callback<{ readonly ask: Contender; readonly close: Effect.Effect<void> }>((resume) => {
      const child = spawn(command, args, { stdio: ["ignore", "ignore", "inherit", "ipc"] })
      const ask: Contender = (task) =>
        Effect.callback((answer) => {
          // It answers with nothing else.
          child.once("message", (measured) => answer(Effect.succeed(measured as Measured)))
          child.send(task)
        })
      const close = Effect.callback<void>((ended) => {
        child.once("exit", () => ended(Effect.void))
        child.disconnect()
      })
      child.once("message", () => resume(Effect.succeed({ ask, close })))
    }),
    ({ close }) => close
  )
}

/** All of them in turn, several times over; the first time is to warm up. */
const inTurn = Effect.fnUntraced(function*(
  contenders: ReadonlyMap<Name, Contender>,
  task: Task,
  of: ReadonlyArray<Name> = names
) {
  const all = new Map<Name, Array<Measured>>(of.map((name) => [name, []]))
  for (let round = 0; round <= rounds; round++) {
    for (const name of of) {
      const measured = yield* contenders.get(name)?.(task) ?? Effect.never
      if (round > 0) all.get(name)?.push(measured)
    }
  }
  return {
    median: (name: Name, figure: (measured: Measured) => number) => Report.median((all.get(name) ?? []).map(figure)),
    micros: (name: Name) => (all.get(name) ?? []).flatMap(({ micros }) => micros)
  }
})

const atLeast = (name: string, value: number, gate: number): Report.Line => ({
  name,
  figure: `${Report.round(value)} ×`,
  gate: { value, atLeast: gate, unit: "×" }
})

const atMost = (name: string, value: number, gate: number): Report.Line => ({
  name,
  figure: `${Report.round(value)} ×`,
  gate: { value, atMost: gate, unit: "×" }
})

export const stdioCalls = Effect.scoped(Effect.gen(function*() {
  const contenders = new Map<Name, Contender>()
  for (const name of names) contenders.set(name, (yield* open(name)).ask)
  const pinned = isPinned ? "client and server on one core" : "not pinned: there is no taskset"

  const many = yield* inTurn(contenders, { calls, inFlight })
  const rate = (name: Name) => many.median(name, ({ perSecond }) => perSecond)
  Report.print(`${calls} calls over stdio, ${inFlight} at once, ${pinned}`, [
    ...names.map((name) => ({
      name,
      figure: `${rate(name).toFixed(0)} calls/s, ${
        many.median(name, ({ cpuMicros }) => cpuMicros).toFixed(1)
      } us of the client's processor each`
    })),
    atLeast("runtime ÷ floor", rate("runtime") / rate("floor"), 0.5),
    atLeast("runtime ÷ SDK v1", rate("runtime") / rate("SDK v1"), 1.6),
    {
      name: "runtime with a span each ÷ floor",
      figure: `${Report.round(rate("runtime, a span each") / rate("floor"))} ×`
    }
  ])

  const single = yield* inTurn(contenders, { calls: sequential, inFlight: 1 })
  const at = (name: Name, share: number) => Report.percentile(single.micros(name), share)
  Report.print(`${sequential} calls one after the other, ${pinned}`, [
    ...names.map((name) => ({
      name,
      figure: `p50 ${at(name, 0.5).toFixed(0)} us, p99 ${at(name, 0.99).toFixed(0)} us`
    })),
    atMost("runtime ÷ floor, p50", at("runtime", 0.5) / at("floor", 0.5), 1.3)
  ])

  const compared = ["floor", "runtime", "SDK v1"] as const
  const big = yield* inTurn(contenders, { calls: 1, inFlight: 1, bytes: large }, compared)
  const millis = (name: Name) => 1000 / big.median(name, ({ perSecond }) => perSecond)
  Report.print(`One result of 32 MB, ${pinned}`, [
    ...compared.map((name) => ({ name, figure: `${millis(name).toFixed(0)} ms` })),
    atMost("runtime ÷ floor", millis("runtime") / millis("floor"), 1.5)
  ])
}))
