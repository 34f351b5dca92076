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
import { inTurn } from "../InTurn.ts"
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
  const [one, fifty, bareOne, bareFifty] = [
    "one",
    `${many} at once`,
    "child_process, one",
    `child_process, ${many} at once`
  ] as const
  const { all, comparison, median, row } = yield* inTurn([
    { name: one, round: supervised(command, 1) },
    { name: bareOne, round: bare(command, 1), isForeign: true },
    { name: fifty, round: supervised(command, many) },
    { name: bareFifty, round: bare(command, many), isForeign: true }
  ], { rounds, warmUp: 2 })
  const of = (name: string): number => median(name, (millis) => millis)
  const millis = (value: number): string => `${value.toFixed(2)} ms`
  const plain = (name: string): Report.Line => row(name, () => millis(of(name)))
  const isQuick = command === cat
  Report.print(`Closing children ${title}, ${rounds} times in turn`, [
    isQuick ? row(one, () => millis(of(one)), { gate: { atMost: 50, value: of(one), unit: "ms" } }) : plain(one),
    row(one, () => millis(Math.max(...all(one))), { title: "  worst" }),
    plain(fifty),
    comparison("  ÷ one", [fifty, one], of(fifty) / of(one), { atMost: 2 }),
    comparison(`  ÷ child_process, ${many} at once`, [fifty, bareFifty], of(fifty) / of(bareFifty), { atMost: 1.3 }),
    plain(bareOne),
    plain(bareFifty),
    comparison("  ÷ one", [bareFifty, bareOne], of(bareFifty) / of(bareOne))
  ])
})

export const closeCost = Effect.andThen(
  compare("that exit at once on the end of their input (cat)", cat),
  compare("that need 100 ms to leave", leisurely)
)
