/**
 * From the spawn to the first reply, beside Node's own `spawn` with the same options. The two take turns, so that what slows the
 * machine slows both.
 */
import * as SupervisedProcess from "@holdfast/process/SupervisedProcess"
import * as Effect from "effect/Effect"
import * as ChildProcess from "node:child_process"
import type { Readable, Writable } from "node:stream"
import * as Report from "../Report.ts"

const rounds = 100
const warmUp = 10

const firstReply = ({ stdin, stdout }: { readonly stdin: Writable; readonly stdout: Readable }): Effect.Effect<void> =>
  Effect.callback((resume) => {
    stdout.once("data", () => resume(Effect.void))
    stdin.write("hello\n")
  })

const supervised = Effect.scoped(Effect.gen(function*() {
  const started = performance.now()
  const child = yield* SupervisedProcess.spawn({ command: "cat", args: [] })
  yield* firstReply(child)
  return performance.now() - started
}))

const bare = Effect.gen(function*() {
  const started = performance.now()
  const child = ChildProcess.spawn("cat", [], { stdio: ["pipe", "pipe", "pipe"], detached: true })
  yield* firstReply(child)
  const millis = performance.now() - started
  yield* Effect.callback<void>((resume) => {
    child.once("close", () => resume(Effect.void))
    child.stdin.end()
    child.stdout.resume()
    child.stderr.resume()
  })
  return millis
})

export const spawnCost = Effect.gen(function*() {
  const ours: Array<number> = []
  const nodes: Array<number> = []
  for (let round = -warmUp; round < rounds; round++) {
    const own = yield* supervised
    const other = yield* bare
    if (round < 0) continue
    ours.push(own)
    nodes.push(other)
  }
  const [own, other] = [Report.median(ours), Report.median(nodes)]
  const added = own - other
  Report.print(`Spawn to first reply of "cat", ${rounds} times in turn`, [
    { name: "SupervisedProcess.spawn", figure: `${own.toFixed(2)} ms` },
    { name: "child_process.spawn", figure: `${other.toFixed(2)} ms` },
    { name: "  added", figure: `${added.toFixed(2)} ms`, gate: { atMost: 5, value: added, unit: "ms" } },
    { name: "  ratio", figure: `${Report.round(own / other)} ×` },
    { name: "SupervisedProcess.spawn, 95 %", figure: `${Report.percentile(ours, 0.95).toFixed(2)} ms` },
    { name: "child_process.spawn, 95 %", figure: `${Report.percentile(nodes, 0.95).toFixed(2)} ms` }
  ])
})
