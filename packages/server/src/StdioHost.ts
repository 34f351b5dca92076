/**
 * An MCP server over stdin and stdout, in both eras, which ends when its client does not listen any more.
 *
 * Promises
 * - Each message says itself which era it is of. Requests of revision 2026-07-28 have a server each, as over HTTP; `initialize` and what
 *   follows is of the one session, whose server is made when something is asked in it. A client may try one and go on with the other.
 * - `notifications/cancelled` aborts the handler, whichever era its request is of. Without a session nothing more is said of it.
 * - It ends when stdin ends, when stdout breaks, when the process that started it is gone and when the session's server closes itself,
 *   whatever timers and sockets would keep the program alive. Requests in flight may finish first, whether or not there is a client to read
 *   the answers; what has none by then is answered by an error, and what listens by its result.
 * - What others print to stdout goes to stderr and harms no message. A stderr that breaks ends nothing.
 * - What is said while a server is still being made waits for it. If the session's cannot be made, the program ends by that.
 * - A line that is no message is answered or passed over, and harms no other line.
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
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as Revision from "@holdfast/protocol/Revision"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import { complainOf } from "./internal/complain.ts"
import * as HttpSessions from "./internal/http/HttpSessions.ts"
import * as NodeMain from "./internal/nodeMain.ts"
import { scopedFork } from "./internal/scopedFork.ts"
import type { SdkServer } from "./internal/sdk/SessionServer.ts"
import type { Message } from "./internal/session/Conversation.ts"
import { factoryOf } from "./internal/session/factoryOf.ts"
import { readMessage } from "./internal/session/readMessage.ts"
import { bothEras } from "./internal/stdio/bothEras.ts"
import { InFlight } from "./internal/stdio/InFlight.ts"
import * as NodeStdio from "./internal/stdio/nodeStdio.ts"
import * as StdioSession from "./internal/stdio/StdioSession.ts"
import type { RunMainOptions, StatelessOptions } from "./McpHost.ts"
import type { McpServerError } from "./McpServerError.ts"
import { Session } from "./Session.ts"
import * as SessionRegistry from "./SessionRegistry.ts"

export { layerJsonLogger } from "./internal/jsonLogger.ts"

/** How one client on a pair of streams is served. */
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

/** Serves until the client does not listen any more, and returns the reason. */
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
    return yield* serve(options, registry, yield* open)
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

/**
 * Serves one client over one pair of streams, in a registry of the application: for sockets whose sessions share limits and metrics. The registry is
 * drained at the end. Dies of the cause that keeps the server of the session from being made.
 */
export const serve = <R>(
  { drainTimeout = "5 seconds", server, stateless = true }: StdioOptions<R>,
  registry: SessionRegistry.SessionRegistry["Service"],
  stdio: Lines
): Effect.Effect<NodeStdio.StdioEnd, never, Scope.Scope | Exclude<R, Session | Scope.Scope>> =>
  Effect.gen(function*() {
    const factory = yield* factoryOf(server)
    const write = (text: string): void => stdio.write(`${text}\n`)
    const fork = yield* scopedFork
    const refuse = (id: JsonRpc.RequestId | null, code: number, message: string): void =>
      write(JsonRpc.encodeFailure(id, { code, message }))
    const closed = Deferred.makeUnsafe<NodeStdio.StdioEnd>()
    const inFlight = new InFlight()
    const session = yield* StdioSession.make({
      registry,
      server: factory,
      inFlight,
      write,
      onClose: () => void Deferred.doneUnsafe(closed, Effect.succeed("the server closed")),
      onFailure: (cause) => void Deferred.doneUnsafe(closed, Effect.failCause(cause))
    })
    if (stateless === false) session.begin()
    const client = stateless === false
      ? session
      : yield* bothEras(session, {
        sessions: yield* HttpSessions.make({ registry, server: factory, revisions }),
        revisions,
        keep: stateless === true ? 0 : stateless.keep ?? 0,
        inFlight,
        write
      })
    const hear = (message: Message): void => {
      const heard = Result.try(() => client.hear(message))
      if (Result.isSuccess(heard)) return
      // Whatever it is, it is this message's, and no reason to end what all others wait for.
      fork(complainOf("what the client said has broken the server", heard.failure))
      if (message._tag === "Request") refuse(message.id, JsonRpc.errorCode.internalError, "the request has failed")
    }
    let isTold = false
    const passOver = (line: string): void => {
      if (isTold || line === "") return
      isTold = true
      fork(Effect.logWarning("a line on stdin that is no message was passed over; so are others", line.slice(0, 200)))
    }
    yield* stdio.read({
      onLine: (said) => {
        const line = said.replace(marks, "")
        // A banner, or what a shell has said: no client waits for an answer to it.
        if (!/^(\{|\[\s*[{\]])/.test(line)) return passOver(line)
        const frame = JsonRpc.decode(line)
        for (const one of frame._tag === "Batch" ? frame.frames : [frame]) {
          const message = readMessage(one)
          if (message._tag !== "Fault") hear(message)
          else {
            refuse(null, JsonRpc.errorCode.invalidRequest, message.reason)
            if (message.failure !== undefined) hear(message.failure)
          }
        }
      },
      onFault: () => refuse(null, JsonRpc.errorCode.parseError, "not a line of JSON")
    })
    const waited = Effect.gen(function*() {
      const end = yield* Effect.raceFirst(stdio.ended, Deferred.await(closed))
      // Also without a client to read the answers: what was asked for may be worth doing.
      if (end !== "the server closed") yield* Effect.timeoutOption(inFlight.quiet, drainTimeout)
      return end
    })
    return yield* Effect.onExit(waited, (exit) =>
      Effect.gen(function*() {
        const end = Exit.isSuccess(exit) ? exit.value : whyOf(exit.cause)
        yield* registry.drain(0)
        client.end(`the server has ended: ${end}; this request may have been carried out`)
        if (end !== "stdout broke" && end !== "the parent died") yield* Effect.timeoutOption(stdio.flushed, "1 second")
      }))
  })

const whyOf = (cause: Cause.Cause<never>): string =>
  Cause.hasInterruptsOnly(cause) ? "it was stopped" : "it could not be made"

/** What may stand before a message: byte order marks, the separators of JSON text sequences, what terminals add, and blanks. */
// oxlint-disable-next-line no-control-regex -- These are control characters.
const marks = /^[\s\u0000\u001e\ufeff]+/

/** Newest first. */
const revisions = [...Revision.modern, ...Revision.legacy]
