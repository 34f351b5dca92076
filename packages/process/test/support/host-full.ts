/**
 * A program that opens files until it may open no more, then spawns, run as a child process. Prints the failure as JSON.
 */
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import process from "node:process"
import * as SupervisedProcess from "../../src/SupervisedProcess.ts"

const opened: Array<number> = []
const openAll = (): void => {
  try {
    for (;;) opened.push(fs.openSync("/dev/null", "r"))
  } catch {
    // The limit is reached, which is what was wanted.
  }
}

const main = Effect.gen(function*() {
  openAll()
  const error = yield* Effect.flip(Effect.scoped(SupervisedProcess.spawn({ command: "true", args: [] })))
  for (const descriptor of opened) fs.closeSync(descriptor)
  const { message, reason, retryable } = error
  process.stdout.write(
    JSON.stringify({ tag: reason._tag, code: "code" in reason ? reason.code : "", retryable, message })
  )
})

Effect.runFork(main)
