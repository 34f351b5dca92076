/** A program that opens and closes servers with grandchildren, and says what is left of them. It is the first process of its namespace, or not. */
import * as Capabilities from "@holdfast/process/Capabilities"
import * as SupervisedProcess from "@holdfast/process/SupervisedProcess"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import process from "node:process"

const zombies = (): number =>
  fs.readdirSync("/proc").filter((name) => {
    if (!/^\d+$/.test(name)) return false
    try {
      return /\) Z /.test(fs.readFileSync(`/proc/${name}/stat`, "utf8"))
    } catch {
      // It has ended, and is gone.
      return false
    }
  }).length

// As `npx` is: a shell that waits for the real server, which outlives its input.
const open = SupervisedProcess.spawn({
  command: "/bin/sh",
  args: ["-c", "(echo up; sleep 1000) & (sleep 1000) & wait"],
  gracePeriod: "50 millis"
})

const closed = Effect.scoped(
  Effect.flatMap(
    open,
    ({ stdout }) => Effect.callback<void>((resume) => void stdout.once("data", () => resume(Effect.void)))
  )
)

/** An init has the time that ten looks take. */
const settled = Effect.sync(zombies).pipe(
  Effect.delay("50 millis"),
  Effect.repeat({ times: 10, until: (count) => count === 0 })
)

const program = Effect.gen(function*() {
  yield* Effect.forEach(Array.from({ length: 5 }), () => closed, { discard: true })
  const { orphans } = yield* Capabilities.current
  const left = yield* Effect.map(settled, zombies)
  // Until it is told to end, which may be once it has spoken.
  yield* Effect.callback<void>((resume) => {
    const alive = setInterval(() => {}, 1000)
    process.once("SIGTERM", () => {
      clearInterval(alive)
      process.exitCode = 7
      resume(Effect.void)
    })
    console.log(JSON.stringify({ pid: process.pid, orphans, zombies: left }))
  })
})

void Effect.runPromise(program)
