/**
 * A program that owns a stubborn group and ends without closing anything, run as a child process.
 *
 *   argument: how it ends: `exit`, `throw`, `reject`; `unref`, because nothing holds it any more; `kill`, by SIGKILL; `idle`,
 *             without having started anything but the reaper
 *   stdout:   the number of the group, or of the reaper
 */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import process from "node:process"
import * as Reaper from "../../src/Reaper.ts"
import * as SupervisedProcess from "../../src/SupervisedProcess.ts"
import { awaitOutput, program } from "./Child.ts"

const manner = process.argv[2] ?? ""

const ends: Readonly<Record<string, () => void>> = {
  exit: () => process.exit(0),
  throw: () => {
    throw new Error("uncaught")
  },
  reject: () => void Promise.reject(new Error("unhandled")),
  kill: () => void process.kill(process.pid, "SIGKILL")
}

const print = (text: string) =>
  Effect.callback<void>((resume) => {
    process.stdout.write(text, () => resume(Effect.void))
  })

const main = Effect.gen(function*() {
  const child = yield* SupervisedProcess.spawn(program("wrapper.ts", "polite", "ignore-eof,ignore-term"))
  yield* awaitOutput(child.stdout, "ready")
  yield* print(`${child.pid}\n`)
  if (manner === "unref") {
    // The scope is never closed, and no fiber waits.
    child.ref()
    child.unref()
    return
  }
  setImmediate(() => ends[manner]?.())
  return yield* Effect.never
})

const idle = Effect.gen(function*() {
  yield* Reaper.start
  const { pid } = yield* Reaper.status
  yield* print(`${pid}\n`)
})

Effect.runFork(manner === "idle" ? idle : Scope.provide(main, Scope.makeUnsafe()))
