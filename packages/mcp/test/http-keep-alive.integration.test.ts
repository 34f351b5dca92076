/** Sockets that were kept open for the next request, and whose time was over before it came. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"

const programAt = (name: string): string => new URL(`./support/${name}.ts`, import.meta.url).pathname

/** A program in a process of its own, killed and waited for when the Scope closes. */
const start = (name: string, ...args: ReadonlyArray<string>): Effect.Effect<ChildProcess, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => spawn(process.execPath, [programAt(name), ...args], { stdio: ["ignore", "pipe", "inherit"] })),
    (child) =>
      Effect.callback<void>((resume) => {
        if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
        child.once("exit", () => resume(Effect.void))
        child.kill("SIGKILL")
      })
  )

const lineOf = (child: ChildProcess): Effect.Effect<string> =>
  Effect.map(
    Effect.promise(() => Promise.race([once(child.stdout ?? child, "data"), once(child, "exit")])),
    ([line]) => String(line).trim()
  )

describe("a kept socket", () => {
  it.live("whose time passed while the program was busy is not used again", () =>
    Effect.gen(function*() {
      const port = yield* Effect.flatMap(start("mortalHttpProgram", "0", "100"), lineOf)
      const fate = yield* Effect.flatMap(start("busyHttpProgram", `http://127.0.0.1:${port}/mcp`), lineOf)
      assert.include(fate, `"_tag":"Success"`)
    }))
})
