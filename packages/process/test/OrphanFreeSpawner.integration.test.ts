import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as ChildProcess from "effect/process/ChildProcess"
import { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import process from "node:process"
import * as OrphanFreeSpawner from "../src/OrphanFreeSpawner.ts"
import * as Reaper from "../src/Reaper.ts"
import * as SupervisedProcess from "../src/SupervisedProcess.ts"
import { eventually, program, readAll } from "./support/Child.ts"
import * as ProcessTable from "./support/ProcessTable.ts"

const layer = OrphanFreeSpawner.layer.pipe(Layer.provide(NodeServices.layer))

const lives = (pid: number): boolean => ProcessTable.living().some((one) => one.pid === pid)

const pidsOf = (line: string): ReadonlyArray<number> => line.trim().split(" ").map(Number)

const firstLine = <E>(stdout: Stream.Stream<Uint8Array, E>) =>
  Effect.map(
    Stream.runHead(Stream.splitLines(Stream.decodeText(stdout))),
    (line) => line._tag === "Some" ? line.value : ""
  )

describe("SIGKILL of a program whose spawner this is", () => {
  const cases = [
    ["tree", "a group that is deaf to TERM, and one who left it"],
    ["pipeline", "each process of a pipeline"],
    ["mcp", "an MCP server that the client of effect/ai has started, and its daemon"]
  ] as const
  for (const [what, words] of cases) {
    it.live(`ends ${words}`, () =>
      Effect.gen(function*() {
        const host = yield* SupervisedProcess.spawn(program("host-spawner.ts", what, "layer"))
        const pids = pidsOf(yield* readAll(host.stdout))
        assert.strictEqual((yield* host.exit).signal, "SIGKILL", host.stderrTail())
        assert.lengthOf(pids, 2)
        yield* eventually(`${pids.join(" and ")} are gone`, () => !pids.some(lives))
      }))
  }

  it.live("leaves them behind with Node's spawner alone: what the layer is for", () =>
    Effect.gen(function*() {
      // In a Scope of ours, so that nothing is left of this test.
      const host = yield* SupervisedProcess.spawn(program("host-spawner.ts", "tree", "plain"))
      const pids = pidsOf(yield* readAll(host.stdout))
      yield* host.exit
      assert.isTrue(pids.every(lives))
      yield* host.close
      yield* eventually("they are gone", () => !pids.some(lives))
    }))
})

describe("the end of a Scope", () => {
  it.live("ends a group that is deaf to TERM, and the descendants that left it", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const script = "trap '' TERM; setsid sleep 60 </dev/null >/dev/null 2>&1 & echo $$ $!; while :; do sleep 60; done"
      const spawner = yield* ChildProcessSpawner
      const { stdout } = yield* Scope.provide(
        spawner.spawn(ChildProcess.make("sh", ["-c", script], { forceKillAfter: "10 millis" })),
        scope
      )
      const pids = pidsOf(yield* firstLine(stdout))
      assert.isTrue(pids.every(lives))
      assert.strictEqual((yield* Reaper.status).registered, 1)
      yield* Scope.close(scope, Exit.void)
      assert.isFalse(pids.some(lives))
      assert.strictEqual((yield* Reaper.status).registered, 0)
    }).pipe(Effect.provide(layer)))

  it.live("leaves a process that was given up by `unref`, under the reaper's guard", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const spawner = yield* ChildProcessSpawner
      const handle = yield* Scope.provide(spawner.spawn(ChildProcess.make("sleep", ["60"])), scope)
      const reref = yield* handle.unref
      yield* Scope.close(scope, Exit.void)
      assert.isTrue(lives(handle.pid))
      assert.strictEqual((yield* Reaper.status).registered, 1)
      yield* reref
      process.kill(handle.pid, "SIGKILL")
      yield* eventually("it is gone", () => !lives(handle.pid))
    }).pipe(Effect.provide(layer)))
})

describe("a command", () => {
  it.live("has the environment and the exit code that it has without", () =>
    Effect.gen(function*() {
      const spawner = yield* ChildProcessSpawner
      const own = ChildProcess.make("sh", ["-c", "echo $PATH-$MINE"], { env: { PATH: "/usr/bin:/bin", MINE: "here" } })
      assert.strictEqual((yield* spawner.string(own)).trim(), "/usr/bin:/bin-here")
      const inherited = yield* spawner.string(ChildProcess.make("sh", ["-c", "echo $PATH"]))
      assert.strictEqual(inherited.trim(), process.env["PATH"])
      assert.strictEqual(yield* spawner.exitCode(ChildProcess.make("sh", ["-c", "exit 7"])), 7)
      const missing = yield* Effect.flip(spawner.exitCode(ChildProcess.make("no-such-command", [])))
      assert.strictEqual(missing.reason._tag, "NotFound")
    }).pipe(Effect.provide(layer)))
})
