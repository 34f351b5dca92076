/**
 * MCP servers inside the test: no process, no socket, any clock.
 *
 * `MemoryServer.make` gives a server with tools and handlers written as Effects, and an `endpoint` that goes wherever an endpoint
 * goes: into `McpConfig.make`, `McpConnections.callTool`, `McpConnection.connect`. What is between them is the real runtime: pool,
 * handshake, delivery, replay. Nothing of it knows that the server is not a process.
 *
 * Promises
 * - A connection keeps everything that a link to a process keeps: it can be congested, cut in mid-frame, and lost with calls in
 *   doubt.
 * - Nothing but Effect's `Clock` and `Random` is used, so that tests run under `TestClock` and under a seeded scheduler.
 * - A server's handlers run in the Scope of the connection they serve: interrupted when it ends, as a dead process's work.
 *
 * `RecordedServer` is one that answers as a recording did (`Recording`), with faults besides: a user's failure as a test.
 *
 * **Gotchas**: requests that a server makes of its client, answered by `handlers` of the layer, are written by hand: `connection.send`.
 *
 * @example
 * ```ts
 * import { McpConnections } from "@holdfast/mcp"
 * import { MemoryServer } from "@holdfast/mcp/testing"
 * import * as Effect from "effect/Effect"
 *
 * export const program = Effect.gen(function*() {
 *   const server = yield* MemoryServer.make({
 *     tools: { greet: { run: ({ name }) => Effect.succeed(`hello ${name}`) } }
 *   })
 *   const mcp = yield* McpConnections
 *   return yield* mcp.callTool(server.endpoint, { name: "greet", arguments: { name: "Ada" } })
 * })
 * ```
 */
import type * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import { Endpoint } from "./Endpoint.ts"
import type { ConnectionOptions, MemoryServerOptions } from "./internal/memory/contract.ts"
import * as memoryLink from "./internal/memory/memoryLink.ts"
import * as memoryServer from "./internal/memory/memoryServer.ts"
import type { OpenOwnLink } from "./Link.ts"
import * as Recording from "./Recording.ts"
import * as Replay from "./Replay.ts"

export {
  /** Faults for a recorded server: see `RecordedServer.make`. */
  Fault
} from "./Fault.ts"

/** The server's end of one connection: what a process does with its stdin and stdout, and with its life. */
export type MemoryPeer = memoryLink.MemoryPeer

/** How a server's process is said to have ended. */
export type ExitOptions = memoryLink.ExitOptions

export type {
  ConnectionOptions,
  Handler,
  MemoryCall,
  MemoryServerOptions,
  MemoryTool
} from "./internal/memory/contract.ts"

/** A server without a will of its own: every connection is served by the script. */
export interface ScriptedServer {
  /** Where to connect to. */
  readonly endpoint: Endpoint
  /** Connections that are open now. */
  readonly connections: () => ReadonlyArray<MemoryPeer>
  /** Connections there ever were. */
  readonly opened: () => number
  /** Ends all connections as a process that is killed: without a word, with everything unread lost. */
  readonly kill: Effect.Effect<void>
}

/** A server that speaks MCP, in memory, with a record of what its clients have said. */
export interface MemoryServer extends ScriptedServer {
  /** What clients have said, over all connections, in order. */
  readonly received: () => ReadonlyArray<JsonRpc.Incoming>
  /** The `tools/call` among it, by the name of the tool. */
  readonly calls: (tool: string) => ReadonlyArray<JsonRpc.Request>
  /**
   * Waits until the tool has been called so many times, over all connections, and gives the last of these calls; at once if it has been.
   * Waits for as long as it takes, on no clock. Default: once.
   */
  readonly awaitCall: (tool: string, times?: number) => Effect.Effect<JsonRpc.Request>
  /** Says something to all clients of its own accord. */
  readonly notify: (method: string, params?: object) => Effect.Effect<void>
}

/** A server that speaks MCP. It exists as long as its endpoint is referred to; it owns nothing while there is no connection. */
const make = (options: MemoryServerOptions = {}): Effect.Effect<MemoryServer> =>
  Effect.suspend(() => {
    const received: Array<JsonRpc.Incoming> = []
    const waiting = new Set<() => void>()
    const serve = memoryServer.serve(options, (frame) => {
      received.push(frame)
      for (const look of waiting) look()
    })
    const calls = (tool: string) =>
      received.filter((frame): frame is JsonRpc.Request => frame._tag === "Request" && isCallOf(frame, tool))
    return Effect.map(script(serve, options), (server) => ({
      ...server,
      received: () => [...received],
      calls,
      awaitCall: (tool, times = 1) =>
        Effect.callback((resume) => {
          const look = () => {
            const call = calls(tool)[times - 1]
            if (call === undefined) return void waiting.add(look)
            waiting.delete(look)
            resume(Effect.succeed(call))
          }
          look()
          return Effect.sync(() => waiting.delete(look))
        }),
      notify: (method, params) =>
        Effect.sync(() => {
          for (const peer of server.connections()) peer.send({ jsonrpc: "2.0", method, params })
        })
    }))
  })

/**
 * A server that does exactly what it is told: `serve` is run for every connection, in its Scope. Its end is the end of the
 * process, with code 0, or 1 and the cause on stderr when it dies of a defect.
 */
const script = (
  serve: (peer: MemoryPeer) => Effect.Effect<void>,
  options: ConnectionOptions = {}
): Effect.Effect<ScriptedServer> =>
  Effect.map(Random.nextInt, (number) => {
    const { capacity, name = "memory", onDial, transport = "stdio" } = options
    const peers = new Set<MemoryPeer>()
    let opened = 0
    const counted = (peer: MemoryPeer) =>
      Effect.ensuring(
        Effect.suspend(() => serve(peer)),
        Effect.sync(() => peers.delete(peer))
      )
    const open: OpenOwnLink = ({ maxMessageBytes, server }, receiver) =>
      Effect.andThen(
        onDial?.(server) ?? Effect.void,
        memoryLink.make(
          (peer) => {
            opened++
            peers.add(peer)
            return counted(peer)
          },
          receiver,
          { capacity, maxMessageBytes }
        )
      )
    const endpoint: Endpoint = transport === "stdio"
      ? Endpoint.stdio({ command: name, args: [`memory-${Math.abs(number)}`], open })
      : Endpoint.http({ url: `http://${name}.invalid/memory-${Math.abs(number)}`, open })
    const connections = () => [...peers].filter((peer) => peer.isOpen())
    return {
      endpoint,
      connections,
      opened: () => opened,
      kill: Effect.sync(() => {
        for (const peer of connections()) peer.exit({ signal: "SIGKILL" })
      })
    }
  })

/** Ways to come by a server. */
export const MemoryServer = { make, script } as const

/** A server that answers as a recording did, in memory and on any clock. */
export interface RecordedServer extends ScriptedServer {
  /** Its name in the recording. */
  readonly server: string
  /** Requests that were not recorded, in the words in which they were refused. */
  readonly misses: () => ReadonlyArray<string>
  /** Recorded requests that no client has asked yet, in words. Not those of the handshake. */
  readonly unused: () => ReadonlyArray<string>
}

/**
 * Ways to come by a recorded server.
 *
 * @example
 * ```ts
 * import { McpConnections } from "@holdfast/mcp"
 * import { Fault, RecordedServer } from "@holdfast/mcp/testing"
 * import * as Effect from "effect/Effect"
 *
 * // A user's recording as a test, with a fault that the user did not have.
 * export const program = Effect.gen(function*() {
 *   const faults = [Fault.kill({ method: "tools/call", name: "write_file" })]
 *   const server = yield* RecordedServer.load("failure.ndjson", { faults })
 *   const mcp = yield* McpConnections
 *   return yield* Effect.flip(mcp.callTool(server.endpoint, { name: "write_file", arguments: { path: "x" } }))
 * })
 * ```
 */
export const RecordedServer = {
  /** Fails with `RecordingInvalid` where there is nothing to play, or only heads. */
  make: (
    recording: Recording.Recording,
    options: Replay.ReplayOptions = {}
  ): Effect.Effect<RecordedServer, Recording.RecordingInvalid> =>
    Effect.gen(function*() {
      const misses: Array<string> = []
      const replay = yield* Replay.make(recording, {
        ...options,
        onMiss: (sentence) => {
          misses.push(sentence)
          options.onMiss?.(sentence)
        }
      })
      const transport = replay.transport === "stdio" ? "stdio" : "http"
      const scripted = yield* script(replay.serve, { name: "recorded", transport, onDial: () => replay.dial })
      return { ...scripted, server: replay.server, misses: () => [...misses], unused: replay.unused }
    }),
  /** The same from a file. Fails besides when it cannot be read, or is no recording. */
  load: (
    file: string,
    options: Replay.ReplayOptions = {}
  ): Effect.Effect<RecordedServer, Recording.RecordingInvalid> =>
    Effect.flatMap(Recording.load(file), (recording) => RecordedServer.make(recording, options))
} as const

const isCallOf = ({ method, params }: JsonRpc.Request, tool: string): boolean =>
  method === "tools/call" && typeof params === "object" && params !== null && "name" in params && params.name === tool
