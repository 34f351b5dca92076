/** Two replicas behind a balancer, and the clients that use them through it. */
import { assert } from "@effect/vitest"
import * as McpHost from "@holdfast/server/McpHost"
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { StreamableHTTPClientTransport, StreamableHTTPError } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import type { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as http from "node:http"
import { echoServer, type Steering, steering } from "./echoServer.ts"
import { open } from "./hosted.ts"
import { RawClient } from "./rawClient.ts"

/** What a balancer has to say of a request. `upstream` is empty where it answered itself, and names several where it tried several. */
export interface Served {
  readonly upstream: string
  readonly method: string
  readonly status: number
}

/** Enough that none of two replicas is left without one. */
export const names = Array.from({ length: 64 }, (_, index) => `user-${index}`)
const tokenOf = (name: string): string => `${name}-token-0123456789`
export const auth = McpHost.bearerTokens(
  Object.fromEntries(names.map((name) => [name, Redacted.make(tokenOf(name))]))
)
export const headersOf = (name: string) => ({ authorization: `Bearer ${tokenOf(name)}` })

/** Says that it has begun, and goes on when the test says so. */
const workingServer = (steer: Steering) => (): McpServer => {
  const server = echoServer(steer)()
  server.registerTool("work", { inputSchema: {} }, async (_, { _meta, sendNotification, signal }) => {
    signal.addEventListener("abort", () => void steer.aborted++)
    const progressToken = _meta?.progressToken ?? "none"
    await sendNotification({ method: "notifications/progress", params: { progressToken, progress: 1, total: 2 } })
    const text = await new Promise<string>((resolve) => void steer.waiting.push(resolve))
    return { content: [{ type: "text", text }] }
  })
  return server
}

/** A replica in a Scope of its own, so that it can stop before the test does. */
export const openReplica = (options: Partial<McpHost.HttpOptions>) =>
  Effect.gen(function*() {
    const scope = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.void))
    const steer = steering()
    let adminPort = 0
    const admin = { port: 0, onListen: (port: number) => void (adminPort = port) }
    // The clients call the balancer by its address.
    const host = yield* Scope.provide(
      open({ server: workingServer(steer), allowedHosts: ["127.0.0.1"], admin, ...options }, "Warn", byTheWall),
      scope
    )
    const address = `127.0.0.1:${host.port}`
    return { ...host, steer, address, adminPort, stop: Scope.close(scope, Exit.void) }
  })

export type Replica = Effect.Success<ReturnType<typeof openReplica>>

/** Two of them. */
export const openPair = (options: Partial<McpHost.HttpOptions> = { auth }) =>
  Effect.map(Effect.all([openReplica(options), openReplica(options)]), ([a, b]) => ({ a, b }))

/** How many sessions a replica has opened. */
export const openedBy = ({ registry }: Replica) => Effect.map(registry.snapshot, ({ opened }) => opened)

/** One name whose session the first of the two replicas opens, and one of the other. Those sessions are over. */
export const nameForEach = (url: string, { a }: { readonly a: Replica }) =>
  Effect.gen(function*() {
    const homes = new Map<"a" | "b", string>()
    for (const name of names) {
      if (homes.size === 2) break
      const before = yield* openedBy(a)
      const client = new RawClient(url, headersOf(name))
      yield* client.initialize()
      yield* client.send(undefined, {}, "DELETE")
      homes.set((yield* openedBy(a)) > before ? "a" : "b", name)
    }
    const [ofA, ofB] = [homes.get("a"), homes.get("b")]
    if (ofA === undefined || ofB === undefined) throw new Error(`all ${names.length} went to one replica`)
    return { ofA, ofB }
  })

/** The SDK's client. */
export const connect = (url: string, name: string) =>
  Effect.gen(function*() {
    const client = new Client({ name: "sdk", version: "1" })
    const transport = new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: headersOf(name) } })
    yield* Effect.acquireRelease(
      // The SDK's declaration of its own transport does not allow for exact optional properties.
      Effect.tryPromise(() => client.connect(transport as Parameters<typeof client.connect>[0])),
      () => Effect.promise(() => client.close())
    )
    return { client, transport }
  })

export const echo = (client: Client, text: string) =>
  Effect.tryPromise(() => client.callTool({ name: "echo", arguments: { text } }))

/** A body of exactly so many bytes that the tool `echo` answers. */
export const echoOf = (bytes: number): string => {
  const bodyOf = (text: string): string =>
    JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "echo", arguments: { text } } })
  return bodyOf("x".repeat(bytes - Buffer.byteLength(bodyOf(""))))
}

/** Opens a stream of the client's and never reads it. */
export const neglectStream = (client: RawClient) =>
  Effect.acquireRelease(
    Effect.callback<http.ClientRequest>((resume) => {
      const sent = http.request(client.url, { headers: client.headers, agent: false }, (answer) => {
        // From now on nobody reads it. That it is cut off is what is wanted.
        answer.once("error", () => {})
        resume(Effect.succeed(sent))
      })
      sent.once("error", (cause) => resume(Effect.die(cause))).end()
    }),
    (sent) => Effect.sync(() => sent.destroy())
  )

/** What stands in front of them is another program, whose time is real. */
const byTheWall: Parameters<typeof open>[2] = (effect) => effect

/** No heartbeat, no ping: what arrives is what was said. */
export const silent = { heartbeatInterval: "1 hour", pingInterval: "1 hour" } as const

/** What both have at the moment. */
export const openStreams = ({ a, b }: { readonly a: Replica; readonly b: Replica }) =>
  Effect.map(
    Effect.all([a.registry.snapshot, b.registry.snapshot]),
    (both) => both.reduce((sum, { openStreams }) => sum + openStreams, 0)
  )

/** What the SDK's client says when a session is not there. */
export const assertNotFound = (error: unknown): void => {
  if (!(error instanceof StreamableHTTPError)) throw error
  assert.strictEqual(error.code, 404)
  assert.include(error.message, "Session not found")
}
