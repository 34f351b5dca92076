/**
 * Calls over Streamable HTTP, in turn: the whole runtime and the official SDK's client, both on one server
 * in a process of its own.
 */
import { Endpoint, McpConfig, McpConnections } from "@holdfast/mcp"
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import * as path from "node:path"
import { inTurn } from "../InTurn.ts"
import * as Report from "../Report.ts"

const inFlight = 32
const calls = 6000
const rounds = 5
const tool = { name: "echo", arguments: { text: "hello" } }

const server = Effect.acquireRelease(
  Effect.callback<{ readonly url: string; readonly close: () => void }>((resume) => {
    const child = spawn(process.execPath, [path.join(import.meta.dirname, "http-echo-server.ts")], {
      stdio: ["pipe", "pipe", "inherit"]
    })
    child.stdout.once("data", (port) =>
      resume(Effect.succeed({
        url: `http://127.0.0.1:${String(port).trim()}/mcp`,
        close: () => child.stdin.end()
      })))
    child.once("exit", (code) => resume(Effect.die(new Error(`the server of the benchmark ended with ${code}`))))
  }),
  ({ close }) => Effect.sync(close)
)

interface Measured {
  readonly perSecond: number
  readonly cpuMicros: number
}

const measured = <E>(run: Effect.Effect<unknown, E>): Effect.Effect<Measured, E> =>
  Effect.gen(function*() {
    const cpu = process.cpuUsage()
    const start = performance.now()
    const sender = Effect.gen(function*() {
      for (let i = 0; i < calls / inFlight; i++) yield* run
    })
    yield* Effect.all(Array.from({ length: inFlight }, () => sender), { concurrency: "unbounded", discard: true })
    const { system, user } = process.cpuUsage(cpu)
    return { perSecond: calls / (performance.now() - start) * 1000, cpuMicros: (user + system) / calls }
  })

export const httpCalls = Effect.scoped(Effect.gen(function*() {
  const { url } = yield* server
  const config = yield* McpConfig.make({ echo: { endpoint: Endpoint.http({ url }), era: "legacy" } })
  const client = new Client({ name: "bench", version: "1" })
  const end = Effect.ignoreCause(Effect.timeout(Effect.promise(() => client.close()), "10 seconds"))
  yield* Effect.addFinalizer(() => end)
  let isConnected = false
  const connected = Effect.suspend(() =>
    isConnected ? Effect.void : Effect.tryPromise(async () => {
      // The SDK's declaration of its own transport does not allow for exact optional properties.
      await client.connect(new StreamableHTTPClientTransport(new URL(url)) as Parameters<typeof client.connect>[0])
      isConnected = true
    })
  )
  yield* Effect.provide(
    Effect.gen(function*() {
      const mcp = yield* McpConnections
      const { comparison, median, row } = yield* inTurn([
        { name: "runtime", round: measured(mcp.callTool("echo", tool, { idempotent: false })) },
        {
          name: "SDK",
          round: Effect.andThen(connected, measured(Effect.tryPromise(() => client.callTool(tool)))),
          end,
          isForeign: true
        }
      ], { rounds })
      const rate = (name: string) => median(name, ({ perSecond }) => perSecond)
      const micros = (name: string) => median(name, ({ cpuMicros }) => cpuMicros)
      const both = ["runtime", "SDK"] as const
      Report.print(`${calls} calls over Streamable HTTP, ${inFlight} at once, same server for both`, [
        ...both.map((name) =>
          row(
            name,
            () => `${rate(name).toFixed(0)} calls/s, ${micros(name).toFixed(0)} us of the client's processor each`
          )
        ),
        comparison("runtime ÷ SDK", both, rate("runtime") / rate("SDK"), { atLeast: 2 }),
        comparison("SDK ÷ runtime, processor", both, micros("SDK") / micros("runtime"))
      ])
    }),
    McpConnections.layer(config)
  )
}))
