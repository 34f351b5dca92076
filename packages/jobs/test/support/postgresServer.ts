/**
 * A Postgres for the benchmarks, as a program: says where it is when it runs, answers each message with the processor time that it has had so far,
 * in milliseconds, and ends with its parent.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as childProcess from "node:child_process"
import * as fs from "node:fs"
import * as Postgres from "./Postgres.ts"

const millisPerTick = 10

/** Of a process, and of those of its children that have ended. */
const ticksOf = (pid: number): { readonly own: number; readonly ended: number } => {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8")
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ").map(Number)
    return { own: (fields[11] ?? 0) + (fields[12] ?? 0), ended: (fields[13] ?? 0) + (fields[14] ?? 0) }
  } catch {
    // It has ended meanwhile: its parent has its time.
    return { own: 0, ended: 0 }
  }
}

const processorOf = (pid: number): number => {
  const children = childProcess.spawnSync("pgrep", ["-P", String(pid)], { encoding: "utf8" }).stdout.split("\n").map(
    Number
  )
  const { ended, own } = ticksOf(pid)
  return (own + ended + children.reduce((sum, child) => sum + ticksOf(child).own, 0)) * millisPerTick
}

const program = Effect.gen(function*() {
  const { admin, folder, pid } = yield* Postgres.start
  yield* admin("CREATE DATABASE bench")
  const isOver = Effect.callback<void>((resume) => void process.once("disconnect", () => resume(Effect.void)))
  process.on("message", () => process.send?.({ millis: processorOf(pid()) }))
  process.send?.({ folder })
  yield* isOver
})

NodeRuntime.runMain(Effect.scoped(program))
