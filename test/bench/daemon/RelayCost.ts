/**
 * A call through `wrap` and `connect`, beside the same call through two Node processes that copy bytes between a pipe, a socket and a pipe,
 * and beside the server itself.
 */
import * as Effect from "effect/Effect"
import * as path from "node:path"
import { inTurn } from "../InTurn.ts"
import * as Report from "../Report.ts"
import * as World from "./World.ts"

const rounds = 15
const calls = 200

const front = `const socket = require("node:net").connect(process.argv[1])
process.stdin.pipe(socket).pipe(process.stdout)`

const back = `const { spawn } = require("node:child_process")
require("node:net").createServer((socket) => {
  const child = spawn(process.execPath, [process.argv[2]], { stdio: ["pipe", "pipe", "inherit"] })
  socket.pipe(child.stdin); child.stdout.pipe(socket)
}).listen(process.argv[1], () => console.log(JSON.stringify({ id: 1 })))
process.stdin.on("end", () => process.exit()).resume()`

/** The median of so many calls, one after the other, in microseconds. */
const micros = ({ ask }: World.Spoken) =>
  Effect.map(
    Effect.forEach(
      Array.from({ length: calls }),
      () =>
        Effect.suspend(() => {
          const begun = performance.now()
          return Effect.map(
            ask("tools/call", { name: "echo", arguments: { text: "hello" } }),
            () => (performance.now() - begun) * 1000
          )
        })
    ),
    Report.median
  )

export const relayCost = Effect.scoped(Effect.gen(function*() {
  const world = yield* World.make
  const socket = path.join(world.directory, "relay.sock")
  const opened = (args: ReadonlyArray<string>) =>
    Effect.tap(World.speak(world, args), ({ ask }) => ask("initialize", World.initialize))
  // It says that it listens as an answer to the first question.
  yield* Effect.flatMap(World.speak(world, ["-e", back, socket, World.server]), ({ ask }) => ask("listen", {}))
  const [wrap, connect, relay, direct] = ["wrap", "connect", "two bare relays", "the server itself"] as const
  const wrapped = [World.holdfast, "wrap", "--", process.execPath, World.server]
  const { comparison, median, row } = yield* inTurn([
    { name: wrap, round: micros(yield* opened(wrapped)) },
    { name: connect, round: micros(yield* opened([World.holdfast, "connect", "echo"])) },
    { name: relay, round: micros(yield* opened(["-e", front, socket])) },
    { name: direct, round: micros(yield* opened([World.server])) }
  ], { rounds, warmUp: 3 })
  const of = (name: string): number => median(name, (value) => value)
  const p50 = (name: string) => row(name, () => `${of(name).toFixed(0)} µs`)
  const ratio = (name: string) =>
    comparison("  ÷ two bare relays (goal 1.15)", [name, relay], of(name) / of(relay), { atMost: 1.5 })
  const added = (name: string) => row(name, () => `+ ${(of(name) - of(direct)).toFixed(0)} µs`, { title: "  added" })
  Report.print(`One call, p50 of ${calls}, ${rounds} times in turn, on one processor`, [
    ...[wrap, connect].flatMap((name) => [p50(name), ratio(name), added(name)]),
    p50(relay),
    added(relay),
    p50(direct)
  ])
}))
