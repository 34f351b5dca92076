/**
 * The owner: a program that supervises children and then is ended, run as a child process.
 *
 *   arguments: mark, FIFO, children (comma-separated), how it is run, where its children live
 *     children   names of Kinds.ts; `name/group` with that policy for descendants; `nested`: another such owner, with one child
 *     run        `raw`: nothing watches over it. `main`: as NodeRuntime.runMain runs a program
 *     live       `scope`: in one Scope. `fiber`: each in a Scope that a fiber of its own holds
 *   stdin:     close, close-one CHILD, interrupt, exit, throw, reject, die, return, restarted PID, nested COMMAND
 *   stdout:    runtime ID, then ready (all children are up, and so is the reaper) PID, up, then what was asked for
 *
 * Every child bears `mark:name` among its arguments. The end of stdin is nobody's sign: a test that dies is followed by LeaveNoTrace.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Runtime from "effect/Runtime"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import process from "node:process"
import type { Readable } from "node:stream"
import * as Reaper from "../../src/Reaper.ts"
import * as SupervisedProcess from "../../src/SupervisedProcess.ts"
import * as Kinds from "./Kinds.ts"

const [mark = "", fifo = "", list = "", run = "", live = ""] = process.argv.slice(2)

const say = (line: string): Effect.Effect<void> =>
  Effect.callback((resume) => void process.stdout.write(`${line}\n`, () => resume(Effect.void)))

const isUp = (stdout: Readable): Effect.Effect<void> =>
  Effect.callback((resume) => {
    let seen = ""
    stdout.on("data", (chunk: Uint8Array) => {
      seen += new TextDecoder().decode(chunk)
      if (/^up$/m.test(seen)) resume(Effect.void)
    })
  })

const commandOf = (name: string): { readonly command: string; readonly args: ReadonlyArray<string> } => {
  if (Kinds.isName(name)) return Kinds.command(name, `${mark}:${name}`, fifo)
  if (name !== "nested") throw new Error(`there is no child "${name}"`)
  const inner = [`${mark}-inner`, fifo, "ignores-term", "raw", "scope", `${mark}:nested`]
  return { command: process.execPath, args: [import.meta.filename, ...inner] }
}

const spawn = Effect.fnUntraced(function*(entry: string) {
  const [name = "", policy] = entry.split("/")
  const child = yield* SupervisedProcess.spawn({
    ...commandOf(name),
    ...(policy === "group" ? { descendants: "group" } : {}),
    gracePeriod: "100 millis",
    terminateTimeout: "100 millis"
  })
  yield* isUp(child.stdout)
  return [name, child] as const
})

const commands = Queue.unbounded<string>().pipe(Effect.tap((queue) =>
  Effect.sync(() => {
    let rest = ""
    process.stdin.on("data", (chunk: Uint8Array) => {
      const lines = (rest + new TextDecoder().decode(chunk)).split("\n")
      rest = lines.pop() ?? ""
      // A terminal says the end of a line in two characters.
      for (const line of lines) Queue.offerUnsafe(queue, line.trim())
    })
  })
))

const restarted = (old: number): Effect.Effect<number> =>
  Reaper.status.pipe(
    Effect.map(({ pid, state }) => state === "running" && pid !== old ? pid : undefined),
    Effect.repeat({ until: (pid) => pid !== undefined, schedule: Schedule.spaced("2 millis") }),
    Effect.map(Number)
  )

const owner = Effect.fnUntraced(function*(scope: Scope.Closeable) {
  const queue = yield* commands
  yield* Reaper.start
  const { pid, runtime } = yield* Reaper.status
  yield* say(`runtime ${runtime}`)
  const names = list === "" ? [] : list.split(",")
  const held = yield* Queue.unbounded<readonly [string, SupervisedProcess.SupervisedProcess]>()
  const hold = live === "scope"
    ? (name: string) => Effect.flatMap(Scope.provide(spawn(name), scope), (child) => Queue.offer(held, child))
    : (name: string) =>
      Effect.scoped(
        Effect.andThen(Effect.flatMap(spawn(name), (child) => Queue.offer(held, child)), Effect.never)
      )
  const fiber = yield* Effect.forkChild(Effect.forEach(names, hold, { concurrency: "unbounded" }))
  const children = new Map(yield* Effect.replicateEffect(Queue.take(held), names.length))
  yield* say(`ready ${pid}`)
  yield* say("up")

  for (;;) {
    const [order = "", ...rest] = (yield* Queue.take(queue)).split(" ")
    switch (order) {
      case "close":
        yield* Scope.close(scope, Exit.void)
        yield* say("closed")
        break
      case "close-one":
        yield* children.get(rest.join(" "))?.close ?? Effect.void
        yield* say("closed")
        break
      case "interrupt":
        yield* Fiber.interrupt(fiber)
        yield* say("closed")
        break
      case "exit":
        process.exit(0)
        break
      case "throw":
        setImmediate(() => {
          throw new Error("uncaught")
        })
        break
      case "reject":
        setImmediate(() => void Promise.reject(new Error("unhandled")))
        break
      case "die":
        return yield* Effect.die(new Error("a defect"))
      case "return":
        process.stdin.destroy()
        return
      case "restarted":
        yield* say(`reaper ${yield* restarted(Number(rest[0]))}`)
        break
      case "nested":
        children.get("nested")?.stdin.write(`${rest.join(" ")}\n`)
        if (rest[0] === "exit") yield* children.get("nested")?.exit ?? Effect.void
        yield* say("told")
        break
    }
  }
})

const main = Effect.acquireUseRelease(Scope.make("parallel"), owner, (scope, exit) => Scope.close(scope, exit))

// What NodeRuntime.runMain is made of, and all that it does: this package does not depend on the one it is in.
const runMain = Runtime.makeRunMain(({ fiber, teardown }) => {
  let isSignalled = false
  const onSignal = (): void => {
    isSignalled = true
    fiber.interruptUnsafe(fiber.id)
  }
  fiber.addObserver((exit) => {
    process.removeListener("SIGINT", onSignal)
    process.removeListener("SIGTERM", onSignal)
    teardown(exit, (code) => {
      if (isSignalled || code !== 0) process.exit(code)
    })
  })
  process.on("SIGINT", onSignal)
  process.on("SIGTERM", onSignal)
})

if (run === "main") runMain(main)
else Effect.runFork(main)
