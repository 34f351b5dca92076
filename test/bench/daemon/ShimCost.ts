/**
 * What a shim costs that stands beside a host: its memory beside that of a Node which waits for its input, the first list through it beside a
 * Node that does nothing, and what the daemon does for many that are idle.
 */
import * as DaemonClient from "@holdfast/daemon/DaemonClient"
import * as DaemonPlace from "@holdfast/daemon/DaemonPlace"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import { inTurn } from "../InTurn.ts"
import * as Report from "../Report.ts"
import * as World from "./World.ts"

const rounds = 11
const shims = 200
const seconds = 10

const wrapped = [World.holdfast, "wrap", "--", process.execPath, World.server]
const waiting = ["-e", "process.stdin.resume()"]

/** A host's first questions, answered. */
const greeted = ({ ask }: World.Spoken) => Effect.andThen(ask("initialize", World.initialize), ask("tools/list", {}))

/** It has come to rest when its memory is what it was. */
const restingKib = Effect.fnUntraced(function*(pid: number | undefined) {
  let before = Number.NaN
  for (let kib = World.privateKib(pid); kib !== before; kib = World.privateKib(pid)) {
    before = kib
    yield* Effect.sleep("500 millis")
  }
  return before
})

/** Processor time of a process, in seconds. */
const busySeconds = (pid: number): number => {
  const [, rest = ""] = fs.readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")
  const fields = rest.split(" ").map(Number)
  return ((fields[11] ?? Number.NaN) + (fields[12] ?? Number.NaN)) / 100
}

const idle = Effect.fnUntraced(function*(world: World.World) {
  const place = DaemonPlace.open({ environment: world.environment })
  const connections = yield* Effect.forEach(
    Array.from({ length: shims }),
    () =>
      Effect.acquireRelease(
        Effect.promise(() =>
          DaemonClient.connect({
            place,
            wants: { endpoint: { command: process.execPath, args: [World.server] } },
            program: "bench",
            shared: true,
            directory: world.directory,
            environment: world.environment,
            first: `${JSON.stringify({ jsonrpc: "2.0", id: 0, method: "initialize", params: World.initialize })}\n`
          })
        ),
        ({ socket }) => Effect.sync(() => socket.destroy())
      )
  )
  yield* Effect.forEach(connections, ({ socket }) =>
    Effect.callback<void>((resume) => {
      socket.once("data", () => resume(Effect.void)).resume()
    }))
  const pid = connections[0]?.daemon.pid ?? 0
  yield* Effect.sleep("2 seconds")
  const before = busySeconds(pid)
  yield* Effect.sleep(`${seconds} seconds`)
  return (busySeconds(pid) - before) / seconds * 100
})

export const shimCost = Effect.scoped(Effect.gen(function*() {
  const world = yield* World.make
  const [shim, node, nothing] = ["the first list through wrap", "node -e 0", "a Node that waits"] as const
  const list = Effect.scoped(Effect.gen(function*() {
    const begun = performance.now()
    yield* greeted(yield* World.speak(world, wrapped))
    return performance.now() - begun
  }))
  const { comparison, median, row } = yield* inTurn([
    { name: shim, round: list },
    { name: node, round: World.timeOf(world, ["-e", "0"], "") }
  ], { rounds, warmUp: 2 })
  const of = (name: string): number => median(name, (value) => value)
  Report.print(`From the start of a shim to its first list, ${rounds} times in turn, on one processor`, [
    row(shim, () => `${of(shim).toFixed(1)} ms`),
    comparison("  ÷ node -e 0 (goal 1.5)", [shim, node], of(shim) / of(node), { atMost: 1.8 }),
    row(node, () => `${of(node).toFixed(1)} ms`)
  ])
  if (process.platform !== "linux") return
  const memory = yield* inTurn([
    {
      name: shim,
      round: Effect.scoped(Effect.gen(function*() {
        const spoken = yield* World.speak(world, wrapped)
        yield* greeted(spoken)
        return yield* restingKib(spoken.child.pid)
      }))
    },
    {
      name: nothing,
      round: Effect.scoped(Effect.flatMap(World.speak(world, waiting), ({ child }) => restingKib(child.pid)))
    }
  ], { rounds: 3 })
  const kib = (name: string): number => memory.median(name, (value) => value)
  Report.print("What an idle shim has for itself (Private_Dirty)", [
    memory.row(shim, () => `${kib(shim)} KiB`, { title: "a shim" }),
    memory.comparison("  ÷ a Node that waits", [shim, nothing], kib(shim) / kib(nothing), { atMost: 1.3 }),
    memory.row(nothing, () => `${kib(nothing)} KiB`)
  ])
  const share = yield* Effect.scoped(idle(world))
  Report.print(`The daemon with ${shims} idle sessions, over ${seconds} s`, [
    { name: "of one processor", figure: `${share.toFixed(2)} %`, gate: { atMost: 1, value: share, unit: "%" } }
  ])
}))
