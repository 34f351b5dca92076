/**
 * A `holdfast call` through a daemon that runs, beside a Node that does nothing, and one that asks a socket and prints what it says: the
 * least that such a command can cost.
 */
import * as Effect from "effect/Effect"
import * as net from "node:net"
import * as path from "node:path"
import { inTurn } from "../InTurn.ts"
import * as Report from "../Report.ts"
import * as World from "./World.ts"

const rounds = 31

const bareClient = `const socket = require("node:net").connect(process.argv[1])
socket.write("hello\\n")
socket.on("data", (said) => { require("node:fs").writeSync(1, said); process.exit(0) })`

const echoing = (file: string) =>
  Effect.acquireRelease(
    Effect.callback<net.Server>((resume) => {
      const server = net.createServer((socket) => socket.on("data", (said) => socket.write(said)).on("error", () => {}))
      server.listen(file, () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.sync(() => server.close())
  )

export const callCost = Effect.scoped(Effect.gen(function*() {
  const world = yield* World.make
  const socket = path.join(world.directory, "echo.sock")
  yield* echoing(socket)
  const [call, version, bare, node] = ["holdfast call", "holdfast --version", "a bare client", "node -e 0"] as const
  const time = (args: ReadonlyArray<string>, expected: string) => World.timeOf(world, args, expected)
  const { comparison, median, row } = yield* inTurn([
    { name: node, round: time(["-e", "0"], "") },
    { name: call, round: time([World.holdfast, "call", "echo.echo", "text=hello"], "hello\n") },
    { name: bare, round: time(["-e", bareClient, socket], "hello\n") },
    { name: version, round: time([World.holdfast, "--version"], "0.0.0\n") }
  ], { rounds, warmUp: 3 })
  const of = (name: string): number => median(name, (millis) => millis)
  const millis = (name: string) => row(name, () => `${of(name).toFixed(1)} ms`)
  const ratio = (name: string, gate?: Report.Bounds) =>
    comparison(gate ? "  ÷ node -e 0 (goal 1.25)" : "  ÷ node -e 0", [name, node], of(name) / of(node), gate)
  Report.print(`One command, ${rounds} times in turn, on one processor`, [
    millis(call),
    ratio(call, { atMost: 1.5 }),
    comparison("  ÷ a bare client", [call, bare], of(call) / of(bare)),
    millis(version),
    ratio(version),
    millis(bare),
    ratio(bare),
    millis(node)
  ])
}))
