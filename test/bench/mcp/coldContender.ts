/** One contender of the benchmark of cold starts, alone in its process: each call starts a server. Named by its argument. */
import { Endpoint, McpConfig, McpConnections } from "@holdfast/mcp"
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as path from "node:path"
import { contend, type Contender, type Run } from "./contending.ts"
import { processorTime } from "./processorTime.ts"

const server = path.join(import.meta.dirname, "echo-server.ts")
const call = { name: "echo", arguments: { text: "hello" } }

/** Each time from nothing to the first answer. What ends the server is not in it. */
const timed = (first: () => Promise<{ readonly end: () => Promise<unknown> }>): Run => async ({ calls }) => {
  const micros: Array<number> = []
  let own = 0
  for (let i = 0; i < calls; i++) {
    const before = processorTime()
    const start = performance.now()
    const { end } = await first()
    micros.push((performance.now() - start) * 1000)
    own += processorTime().own - before.own
    await end()
  }
  const sum = micros.reduce((sum, one) => sum + one, 0)
  return { perSecond: calls / sum * 1e6, cpuMicros: own / calls, bothMicros: own / calls, micros }
}

const sdk: Contender = (measure) =>
  measure(timed(async () => {
    const client = new Client({ name: "bench", version: "1" })
    await client.connect(new StdioClientTransport({ command: process.execPath, args: [server] }))
    await client.callTool(call)
    return { end: () => client.close() }
  }))

const config = McpConfig.make({ echo: Endpoint.stdio({ command: process.execPath, args: [server] }) })

/** Nothing is known of the server: it is asked which era it speaks. */
const cold: Contender = (measure) =>
  measure(timed(() =>
    new Promise((resolve, reject) => {
      let end = (): void => {}
      const asked = new Promise<void>((done) => {
        end = done
      })
      const ended = Effect.runPromise(
        Effect.scoped(Effect.gen(function*() {
          const mcp = yield* McpConnections.make(yield* config)
          yield* mcp.callTool("echo", call)
          resolve({
            end: () => {
              end()
              return ended
            }
          })
          yield* Effect.promise(() => asked)
        }))
      )
      ended.catch(reject)
    })
  ))

/** The server was connected before. */
const warm: Contender = (measure) =>
  Effect.runPromise(Effect.scoped(Effect.gen(function*() {
    const mcp = yield* McpConnections.make(yield* config)
    const context = yield* Effect.context<never>()
    const run = Effect.runPromiseWith(context)
    const gone = mcp.snapshot.pipe(
      Effect.map(({ connections }) => connections === 0),
      Effect.repeat({ while: (isGone) => !isGone, schedule: Schedule.spaced("10 millis") })
    )
    const end = () => run(Effect.andThen(mcp.reset("echo"), gone))
    yield* mcp.callTool("echo", call)
    yield* Effect.promise(end)
    yield* Effect.promise(() => measure(timed(() => run(Effect.as(mcp.callTool("echo", call), { end })))))
  })))

await contend({ "SDK v1": sdk, "runtime, memory cold": cold, "runtime, memory warm": warm })
process.exit()
