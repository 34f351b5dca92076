/**
 * A program that owns a stubborn group and ends without closing anything, run as a child process.
 *
 *   argument: how it ends, `exit`, `throw` or `reject`
 *   stdout:   the number of the group
 */
import * as Effect from "effect/Effect"
import process from "node:process"
import * as SupervisedProcess from "../../src/SupervisedProcess.ts"
import { awaitOutput, program } from "./Child.ts"

const ends: Readonly<Record<string, () => void>> = {
  exit: () => process.exit(0),
  throw: () => {
    throw new Error("uncaught")
  },
  reject: () => void Promise.reject(new Error("unhandled"))
}

const main = Effect.gen(function*() {
  const child = yield* SupervisedProcess.spawn(program("wrapper.ts", "polite", "ignore-eof,ignore-term"))
  yield* awaitOutput(child.stdout, "ready")
  yield* Effect.callback<void>((resume) => {
    process.stdout.write(`${child.pid}\n`, () => resume(Effect.void))
  })
  setImmediate(() => ends[process.argv[2] ?? ""]?.())
  return yield* Effect.never
})

Effect.runFork(Effect.scoped(main))
