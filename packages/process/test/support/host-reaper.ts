/**
 * A program that owns a stubborn group and one who left it, loses its reaper, gets another one and dies of SIGKILL, run as a
 * child process.
 *
 *   stdout: the number of the group, of the one who left, of the first and of the second reaper
 */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import process from "node:process"
import * as Reaper from "../../src/Reaper.ts"
import * as SupervisedProcess from "../../src/SupervisedProcess.ts"
import { awaitOutput } from "./Child.ts"

// Deaf to the end of its input and to TERM, as the one is that it sends away.
const script = "trap '' TERM; setsid sleep 60 </dev/null >/dev/null 2>&1 & echo ready $!; while :; do sleep 60; done"

const main = Effect.gen(function*() {
  const child = yield* SupervisedProcess.spawn({ command: "sh", args: ["-c", script] })
  const escapee = /ready (\d+)/.exec(yield* awaitOutput(child.stdout, "\n"))?.[1]
  const { pid: first = 0 } = yield* Reaper.status
  process.kill(first, "SIGKILL")
  let second = first
  yield* Effect.tap(Reaper.status, ({ pid = first }) =>
    Effect.sync(() => {
      second = pid
    })).pipe(Effect.repeat({ until: () => second !== first, schedule: Schedule.spaced("5 millis") }))
  yield* Effect.callback<void>((resume) => {
    process.stdout.write(`${child.pid} ${escapee} ${first} ${second}\n`, () => resume(Effect.void))
  })
  process.kill(process.pid, "SIGKILL")
  return yield* Effect.never
})

Effect.runFork(Effect.scoped(main))
