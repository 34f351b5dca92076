/** A Postgres of the run's own, from Debian's package: a program that is ended in order with the Scope, so that nothing of it is left. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import * as path from "node:path"

export class PostgresFailed extends Data.TaggedError("PostgresFailed")<{ readonly message: string }> {}

const program = path.join(import.meta.dirname, "../../../packages/jobs/test/support/postgresServer.ts")

/** With a database `bench`. */
export const open = Effect.gen(function*() {
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => spawn(process.execPath, [program], { stdio: ["ignore", "ignore", "inherit", "ipc"] })),
    (child) =>
      Effect.callback<void>((resume) => {
        if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
        child.once("exit", () => resume(Effect.void))
        child.disconnect()
      })
  )
  const said = Effect.callback<unknown, PostgresFailed>((resume) => {
    const onExit = () => resume(Effect.fail(new PostgresFailed({ message: `Postgres ended with ${child.exitCode}` })))
    child.once("exit", onExit).once("message", (message) => {
      child.off("exit", onExit)
      resume(Effect.succeed(message))
    })
  })
  // What `postgresServer.ts` says first, and then.
  const { folder } = (yield* said) as { readonly folder: string }
  return {
    /** Of its socket. */
    folder,
    /** Milliseconds of the processor so far. */
    processor: Effect.suspend(() => {
      child.send({ what: "usage" })
      return Effect.map(said, (answer) => (answer as { readonly millis: number }).millis)
    })
  }
})
