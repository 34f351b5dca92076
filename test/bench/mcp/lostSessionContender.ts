/**
 * A call of one contender, named by the first argument, to a server in a process of its own, on the processor that the second names: after the
 * server has forgotten the session, or with nothing there yet. It answers a task with the milliseconds of the best call.
 */
import { Endpoint, McpConfig, McpConnections } from "@holdfast/mcp"
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as path from "node:path"
import { ContenderFailed, type Failed } from "../ContenderProcess.ts"
import { pinned } from "../core/BestProcess.ts"

export interface Task {
  readonly times: number
}

const [, , name = "", core = ""] = process.argv
const [command, args] = pinned(core, [path.join(import.meta.dirname, "forgetful-server.ts")])
const server = spawn(command, [...args], { stdio: ["pipe", "pipe", "inherit"] })
const [port] = await once(server.stdout, "data")
const url = `http://127.0.0.1:${String(port).trim()}`

const tool = { name: "echo", arguments: { text: "hello" } }
const forget = Effect.promise(() => fetch(`${url}/forget`, { method: "POST" }).then((answer) => answer.arrayBuffer()))
const timed = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<number, E, R> =>
  Effect.suspend(() => {
    const began = performance.now()
    return Effect.map(effect, () => performance.now() - began)
  })

const config = McpConfig.make({ echo: { endpoint: Endpoint.http({ url: `${url}/mcp` }), era: "legacy" } })
const open = Effect.flatMap(config, McpConnections.make)
const call = (mcp: Effect.Success<typeof open>) => mcp.callTool("echo", tool, { idempotent: false })

/** So many losses in a minute are allowed to a server by default. */
const losses = 4

const sdk = Effect.acquireRelease(
  Effect.tryPromise(async () => {
    const client = new Client({ name: "bench", version: "1" })
    // The SDK's declaration of its own transport does not allow for exact optional properties.
    const transport = new StreamableHTTPClientTransport(new URL(`${url}/mcp`)) as Parameters<typeof client.connect>[0]
    await client.connect(transport)
    return client
  }),
  (client) => Effect.promise(() => client.close())
)

const works: Readonly<Record<string, Effect.Effect<ReadonlyArray<number>, unknown>>> = {
  "after a lost session": Effect.scoped(Effect.gen(function*() {
    const mcp = yield* open
    yield* call(mcp)
    return yield* Effect.forEach(Array.from({ length: losses }), () => Effect.andThen(forget, timed(call(mcp))))
  })),
  "handshake and call": Effect.map(Effect.scoped(timed(Effect.flatMap(open, call))), (millis) => [millis]),
  "SDK, after a lost session": Effect.scoped(Effect.gen(function*() {
    const client = yield* sdk
    yield* forget
    return [
      yield* timed(Effect.tryPromise({
        try: () => client.callTool(tool),
        catch: (error) => new ContenderFailed({ message: String(error) })
      }))
    ]
  })),
  "SDK, handshake and call": Effect.map(
    Effect.scoped(timed(Effect.flatMap(sdk, (client) => Effect.tryPromise(() => client.callTool(tool))))),
    (millis) => [millis]
  )
}

const measure = Effect.fnUntraced(function*({ times }: Task) {
  const work = works[name] ?? Effect.die(new Error(`there is no contender "${name}"`))
  let best = Number.POSITIVE_INFINITY
  for (let time = 0; time < times; time++) best = Math.min(best, ...(yield* work))
  return best
})

process.on(
  "message",
  (task: Task) =>
    void Effect.runPromise(measure(task)).catch((error: unknown): Failed => ({ failed: String(error) })).then((said) =>
      process.send?.(said)
    )
)
process.once("disconnect", () => process.exit())
process.send?.("ready")
