/**
 * Closing polite children, one and fifty at once, beside the same with Node's own means: end the input, wait for the exit. That
 * one looks for nobody who was left behind.
 *
 * `cat` exits in no time, so that fifty of them show what the machine and Node can do at all: their ratio cannot be that of
 * children that need a moment to leave, as servers do.
 */
import * as SupervisedProcess from "@holdfast/process/SupervisedProcess"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as ChildProcess from "node:child_process"
import type { Readable, Writable } from "node:stream"
import * as Report from "../Report.ts"

const many = 50
const rounds = 15

type Command = readonly [string, ReadonlyArray<string>]

const cat: Command = ["cat", []]
const leisurely: Command = ["sh", ["-c", "echo up; while read -r _; do :; done; exec sleep 0.1"]]

// It runs, and is past its own start, when it has said something.
const isUp = ({ stdin, stdout }: { readonly stdin: Writable; readonly stdout: Readable }): Effect.Effect<void> =>
  Effect.callback((resume) => {
    stdout.once("data", () => resume(Effect.void))
    stdin.write("hello\n")
  })

const timed = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<number, E> =>
  Effect.suspend(() => {
    const started = performance.now()
    return Effect.map(effect, () => performance.now() - started)
  })

const supervised = Effect.fnUntraced(function*([command, args]: Command, count: number) {
  const scope = yield* Scope.make("parallel")
  for (let index = 0; index < count; index++) {
    yield* isUp(yield* Scope.provide(SupervisedProcess.spawn({ command, args }), scope))
  }
  return yield* timed(Scope.close(scope, Exit.void))
})

const bare = Effect.fnUntraced(function*([command, args]: Command, count: number) {
  const children: Array<ChildProcess.ChildProcessWithoutNullStreams> = []
  for (let index = 0; index < count; index++) {
    const child = ChildProcess.spawn(command, [...args], { stdio: ["pipe", "pipe", "pipe"], detached: true })
    children.push(child)
    yield* isUp(child)
  }
  const ends = children.map((child) =>
    Effect.callback<void>((resume) => {
      child.once("close", () => resume(Effect.void))
      child.stdout.resume()
      child.stderr.resume()
      child.stdin.end()
    })
  )
  return yield* timed(Effect.all(ends, { concurrency: "unbounded" }))
})

const compare = Effect.fnUntraced(function*(title: string, command: Command) {
  const samples = [supervised(command, 1), bare(command, 1), supervised(command, many), bare(command, many)].map(
    (effect) => ({ effect, millis: new Array<number>() })
  )
  for (let round = -2; round < rounds; round++) {
    for (const { effect, millis } of samples) {
      const taken = yield* effect
      if (round >= 0) millis.push(taken)
    }
  }
  const [one = 0, bareOne = 0, fifty = 0, bareFifty = 0] = samples.map(({ millis }) => Report.median(millis))
  const worst = Math.max(...samples[0]?.millis ?? [])
  const millis = (value: number): string => `${value.toFixed(2)} ms`
  const isQuick = command === cat
  Report.print(`Closing children ${title}, ${rounds} times in turn`, [
    { name: "one", figure: millis(one), ...(isQuick ? { gate: { atMost: 50, value: one, unit: "ms" } } : {}) },
    { name: "  worst", figure: millis(worst) },
    { name: `${many} at once`, figure: millis(fifty) },
    { name: "  ÷ one", figure: `${Report.round(fifty / one)} ×`, gate: { atMost: 2, value: fifty / one, unit: "×" } },
    { name: `  ÷ child_process, ${many} at once`, figure: `${Report.round(fifty / bareFifty)} ×` },
    { name: "child_process, one", figure: millis(bareOne) },
    { name: `child_process, ${many} at once`, figure: millis(bareFifty) },
    { name: "  ÷ one", figure: `${Report.round(bareFifty / bareOne)} ×` }
  ])
})

export const closeCost = Effect.andThen(
  compare("that exit at once on the end of their input (cat)", cat),
  compare("that need 100 ms to leave", leisurely)
)
