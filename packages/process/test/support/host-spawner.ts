/**
 * A program that starts others through `effect/process` and dies of SIGKILL, run as a child process.
 *
 *   argument 1: `tree`: a stubborn group and one who left it; `pipeline`: two processes; `mcp`: an MCP server, by the client of effect/ai
 *   argument 2: `layer`: with the spawner under test; `plain`: with Node's alone
 *   stdout:     the numbers of the processes
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ChildProcess from "effect/process/ChildProcess"
import { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as Stream from "effect/Stream"
import * as path from "node:path"
import process from "node:process"
import * as OrphanFreeSpawner from "../../src/OrphanFreeSpawner.ts"

const [, , what = "", spawner = ""] = process.argv

// Deaf to the end of its input and to TERM, as the one is that it sends away.
const script = "trap '' TERM; setsid sleep 60 </dev/null >/dev/null 2>&1 & echo $$ $!; while :; do sleep 60; done"

const tree = Effect.gen(function*() {
  const { stdout } = yield* (yield* ChildProcessSpawner).spawn(ChildProcess.make("sh", ["-c", script]))
  return yield* firstLine(stdout)
})

const pipeline = Effect.gen(function*() {
  const command = ChildProcess.make("sh", ["-c", "echo $$; exec sleep 60"]).pipe(
    ChildProcess.pipeTo(ChildProcess.make("sh", ["-c", "read -r first; echo $first $$; exec sleep 60"]))
  )
  const { stdout } = yield* (yield* ChildProcessSpawner).spawn(command)
  return yield* firstLine(stdout)
})

const mcp = Effect.gen(function*() {
  // Loaded when it is wanted: most of the tests need none of it.
  const McpClient = yield* Effect.promise(() => import("effect/ai/McpClient"))
  const McpProtocol = yield* Effect.promise(() => import("effect/ai/McpProtocol"))
  const transport = yield* McpClient.stdio({
    command: ChildProcess.make(process.execPath, [path.join(import.meta.dirname, "mcpServer.ts")]),
    protocol: McpProtocol.v2025_11_25
  })
  const client = yield* Effect.provideService(
    McpClient.make({ name: "host", version: "1.0.0" }),
    McpClient.Transport,
    transport
  )
  const [tool] = yield* client.listTools()
  if (tool === undefined) return yield* Effect.die(new Error("the server has no tool"))
  return /\d+ \d+/.exec(JSON.stringify(yield* client.callTool({ tool })))?.[0] ?? ""
})

const firstLine = <E>(stdout: Stream.Stream<Uint8Array, E>) =>
  Effect.map(
    Stream.runHead(Stream.splitLines(Stream.decodeText(stdout))),
    (line) => line._tag === "Some" ? line.value : ""
  )

const main = Effect.gen(function*() {
  const pids = yield* what === "tree" ? tree : what === "pipeline" ? pipeline : mcp
  yield* Effect.callback<void>((resume) => {
    process.stdout.write(`${pids}\n`, () => resume(Effect.void))
  })
  process.kill(process.pid, "SIGKILL")
  return yield* Effect.never
})

const layer = spawner === "plain"
  ? NodeServices.layer
  : OrphanFreeSpawner.layer.pipe(Layer.provide(NodeServices.layer))

Effect.runFork(Effect.provide(Effect.scoped(main), layer))
