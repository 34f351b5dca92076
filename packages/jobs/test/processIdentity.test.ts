import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { ProcessIdentity } from "../src/internal/ProcessIdentity.ts"

describe("the machine of a program", () => {
  it.live("knows a process that is there from one that has ended, and from one that has its number now", () =>
    Effect.gen(function*() {
      const host = yield* ProcessIdentity
      const { identity } = host
      // Births are known on Linux: elsewhere nothing is told from what has its number.
      const isLinux = identity.birth !== ""
      assert.deepStrictEqual([host.isAlive(identity), host.isDead(identity)], [isLinux, false])
      const earlier = { ...identity, birth: "1" }
      assert.deepStrictEqual([host.isAlive(earlier), host.isDead(earlier)], [false, isLinux])
      const elsewhere = { ...identity, machine: "another", birth: "1" }
      assert.deepStrictEqual([host.isAlive(elsewhere), host.isDead(elsewhere)], [false, false])
      const pid = yield* Effect.callback<number>((resume) => {
        const child = spawn(process.execPath, ["--version"], { stdio: "ignore" })
        child.once("close", () => resume(Effect.succeed(child.pid ?? 0)))
      })
      const ended = { ...identity, pid, birth: "" }
      assert.deepStrictEqual([host.isAlive(ended), host.isDead(ended)], [false, true])
    }))
})
