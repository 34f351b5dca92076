/**
 * An MCP server over stdin and stdout, in both eras, which ends when nobody listens any more.
 *
 * Promises
 * - Each message says itself which era it is of. Requests of revision 2026-07-28 have a server each, as over HTTP; `initialize` and what
 *   follows is of the one session, whose server is made when something is asked in it. A client may try one and go on with the other.
 * - `notifications/cancelled` aborts the handler, whichever era its request is of. Without a session nothing more is said of it.
 * - It ends when stdin ends, when stdout breaks, when the process that started it is gone and when the session's server closes itself,
 *   whatever timers and sockets would keep the program alive. Requests in flight may finish first, whether or not there is somebody to read
 *   the answers; what has none by then is answered by an error, and what listens by its result.
 * - What others print to stdout goes to stderr and harms no message. A stderr that breaks ends nothing.
 * - What is said while a server is still being made waits for it. If the session's cannot be made, the program ends by that.
 * - A line that is no message is answered or passed over, and harms nobody.
 *
 * **Gotchas**: stdout belongs to the protocol. What writes to descriptor 1 itself (a child that inherits it, an addon) is not caught. What a
 * program logs must go to stderr: provide `layerLogger` of this module, or a logger of
 * your own. A client that does not read has ended when 64 MiB wait for it: stdout counts as broken then. Of requests, questions and those who
 * listen there may be 10 000 at a time, and each has a server of its own: what is more is answered by an error. A question without a session
 * is open for five minutes.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#stdio
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/stdio
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type * as Scope from "effect/Scope"
import * as NodeMain from "./internal/nodeMain.ts"
import type { SdkServer } from "./internal/sdk/SessionServer.ts"
import * as NodeStdio from "./internal/stdio/nodeStdio.ts"
import { serveStdio } from "./internal/stdio/serveStdio.ts"
import type { RunMainOptions, StatelessOptions } from "./McpHost.ts"
import type { Session } from "./Session.ts"
import type { McpServerError } from "./SessionError.ts"
import * as SessionRegistry from "./SessionRegistry.ts"

export { layerJsonLogger } from "./internal/jsonLogger.ts"

export interface StdioOptions<R = never> {
  /**
   * Makes a server: the one of the session, when something is asked in it, and one for each request of revision 2026-07-28. What an Effect
   * acquires for it is released with it.
   */
  readonly server: (() => SdkServer) | Effect.Effect<SdkServer, unknown, R>
  /**
   * Serves revision 2026-07-28, which has no sessions, on the same streams: a server of its own for each request. Default: true. With false
   * there is nothing but the session, and its server is made at once.
   */
  readonly stateless?: boolean | StatelessOptions | undefined
  /** How long requests in flight may take when stdin has ended, or stdout is broken. Default: 5 seconds. */
  readonly drainTimeout?: Duration.Input | undefined
}

/** Serves until nobody listens any more, and says why that is. */
export const run = <R = never>(
  options: StdioOptions<R>
): Effect.Effect<NodeStdio.StdioEnd, McpServerError, Exclude<R, Session | Scope.Scope>> => over(options, NodeStdio.open)

/** Lines from a client and to it, and what there is to know of their end. */
export type Lines = NodeStdio.NodeStdio

/** The same over other streams than those of this process, such as a socket. */
export const over = <R = never>(
  options: StdioOptions<R>,
  open: Effect.Effect<Lines, never, Scope.Scope>
): Effect.Effect<NodeStdio.StdioEnd, McpServerError, Exclude<R, Session | Scope.Scope>> =>
  Effect.scoped(Effect.gen(function*() {
    // Its client is there for as long as the streams are: a handshake that is slow is not half-open.
    const registry = yield* SessionRegistry.make({ halfOpenTimeout: Number.POSITIVE_INFINITY })
    return yield* serveStdio(options, registry, yield* open)
    // A Scope that is left out twice is left out: of generics the compiler does not know it.
  })) as Effect.Effect<NodeStdio.StdioEnd, McpServerError, Exclude<R, Session | Scope.Scope>>

/** Logs to stderr: stdout belongs to the protocol. */
export const layerLogger: Layer.Layer<never> = Logger.layer([Logger.withConsoleError(Logger.formatSimple)])

/**
 * Runs a program that serves stdio as this process: a signal interrupts it, a second one ends it at once, and when it ends the process does, timers
 * or not. An unhandled rejection is logged. An uncaught error is logged and ends the program with 1; requests in flight are answered by an error first.
 *
 * @example
 * ```ts
 * import * as StdioHost from "@holdfast/server/StdioHost"
 * import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
 *
 * StdioHost.runMain(StdioHost.run({ server: () => new McpServer({ name: "greeter", version: "1.0.0" }) }))
 * ```
 */
export const runMain = <A, E>(program: Effect.Effect<A, E>, options: RunMainOptions = {}): void =>
  NodeMain.run(Effect.provide(program, layerLogger), { isEnd: true, ...options })
