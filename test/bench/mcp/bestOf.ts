/**
 * A race of processes: each contender in turn in a new process, with a server of its own, so many times; the best of each counts. Client and server are
 * pinned to one core where `taskset` is at hand, so that what is compared is work and not the luck of waking another core.
 */
import * as Effect from "effect/Effect"
import { spawnSync } from "node:child_process"
import * as path from "node:path"
import * as ContenderProcess from "../ContenderProcess.ts"
import { inTurn } from "../InTurn.ts"
import type { Measured, Task } from "./contending.ts"

/** The best of each counts. */
export const processes = 4

/** After one that warms up. */
const rounds = 3

const isPinned = spawnSync("taskset", ["-c", "0", "true"]).status === 0

export const pinned = isPinned ? "client and server on one core" : "not pinned: there is no taskset"

/** A contender's program that is named by its argument, pinned. */
export const openPinned = (program: string, name: string) => {
  const file = path.join(import.meta.dirname, program)
  const [command = "", ...args] = [...(isPinned ? ["taskset", "-c", "0"] : []), process.execPath, file, name]
  return ContenderProcess.open(command, args)
}

/** What came of a process: its best rounds, figure by figure. */
export interface Best {
  readonly perSecond: number
  /** Processor time of the client, and of client and server, per call. */
  readonly cpuMicros: number
  readonly bothMicros: number
  /** Half of the calls were faster, and 99 of a hundred, when they were made one after the other. */
  readonly p50: number
  readonly p99: number
}

const inProcess = (program: string, name: string, task: Task) =>
  Effect.scoped(Effect.gen(function*() {
    const { ask } = yield* openPinned(program, name)
    // Its first word is that it is ready.
    yield* ask()
    const measured: Array<Measured> = []
    // It answers a task with nothing else.
    for (let round = 0; round <= rounds; round++) measured.push((yield* ask(task)) as Measured)
    return bestOf(measured.slice(1))
  }))

const bestOf = (measured: ReadonlyArray<Measured>): Best => {
  const sorted = measured.map(({ micros }) => micros.toSorted((left, right) => left - right))
  const at = (share: number) =>
    Math.min(...sorted.map((micros) => micros[Math.floor(micros.length * share)] ?? Number.NaN))
  return {
    perSecond: Math.max(...measured.map(({ perSecond }) => perSecond)),
    cpuMicros: Math.min(...measured.map(({ cpuMicros }) => cpuMicros)),
    bothMicros: Math.min(...measured.map(({ bothMicros }) => bothMicros)),
    p50: at(0.5),
    p99: at(0.99)
  }
}

/** Races them. `best` is the best process of one; not a number if it has failed. */
export const race = Effect.fnUntraced(function*(program: string, names: ReadonlyArray<string>, task: Task) {
  const results = yield* inTurn(
    names.map((name) => ({
      name,
      round: inProcess(program, name, task),
      isForeign: name.startsWith("SDK") || name.startsWith("undici")
    })),
    { rounds: processes, warmUp: 0, limit: "5 minutes" }
  )
  const least = (name: string, figure: (one: Best) => number): number => {
    const figures = results.all(name).map(figure)
    return figures.length === 0 ? Number.NaN : Math.min(...figures)
  }
  const rate = (name: string): number => -least(name, ({ perSecond }) => -perSecond)
  return {
    ...results,
    least,
    rate,
    rowOf: (name: string) =>
      results.row(
        name,
        () =>
          `${rate(name).toFixed(0)} calls/s, ${
            least(name, ({ cpuMicros }) => cpuMicros).toFixed(1)
          } us of the client's processor each, ${
            least(name, ({ bothMicros }) => bothMicros).toFixed(1)
          } us with the server's`
      ),
    /** By the clock, and by the processor time of both ends, which a busy machine changes less. */
    ratios: (a: string, b: string, gate?: { readonly atLeast: number }) => [
      results.comparison(`${a} ÷ ${b}`, [a, b], rate(a) / rate(b), gate),
      results.comparison(
        "  by processor time",
        [a, b],
        least(b, ({ bothMicros }) => bothMicros) / least(a, ({ bothMicros }) => bothMicros)
      )
    ]
  }
})
