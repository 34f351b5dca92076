/**
 * An MCP server over stdin and stdout, which ends when nobody listens any more.
 *
 * Promises
 * - It ends when stdin ends, when stdout breaks, when the process that started it is gone and when the server closes itself, whatever timers
 *   and sockets would keep the program alive. Requests in flight may finish first, for as long as there is somebody to read the answers.
 * - What is said while the server is still being made waits for it.
 * - A line that is no message is answered or ignored, and harms nobody.
 *
 * **Gotchas**: stdout belongs to the protocol. What a program logs must go to stderr: provide `layerLogger` of this module, or a logger of
 * your own.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#stdio
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as Principal from "@holdfast/protocol/Principal"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import { serverError } from "./internal/httpAnswers.ts"
import * as NodeStdio from "./internal/nodeStdio.ts"
import { type SdkServer, serve, type Speaker } from "./internal/sdk/SessionServer.ts"
import { Session } from "./Session.ts"
import type { McpServerError } from "./SessionError.ts"
import * as SessionRegistry from "./SessionRegistry.ts"

export interface StdioOptions<R = never> {
  /** Makes the server of the one session. What an Effect acquires for it is released in the end. */
  readonly server: (() => SdkServer) | Effect.Effect<SdkServer, unknown, R>
  /** How long requests in flight may take when stdin has ended. Default: 5 seconds. */
  readonly drainTimeout?: Duration.Input | undefined
}

/** Serves until nobody listens any more, and says why that is. */
export const run = <R = never>(
  { drainTimeout = "5 seconds", server }: StdioOptions<R>
): Effect.Effect<NodeStdio.StdioEnd, McpServerError, Exclude<R, Session | Scope.Scope>> =>
  Effect.scoped(Effect.gen(function*() {
    const registry = yield* SessionRegistry.make({ idleTimeout: Number.POSITIVE_INFINITY, halfOpenTimeout: "1 hour" })
    const { session } = yield* registry.open({ principal: Principal.local, transport: "stdio" })
    const pending = new Map<JsonRpc.RequestId, () => void>()
    // Clients do not wait to be told that there is a server.
    const early: Array<string> = []
    let receive: (line: string) => void = (line) => void early.push(line)
    const stdio = yield* NodeStdio.open({
      onLine: (line) => receive(line),
      onFault: () =>
        stdio.write(
          `${JsonRpc.encodeFailure(null, { code: JsonRpc.errorCode.parseError, message: "not a line of JSON" })}\n`
        )
    })
    const speaker: Speaker = {
      send: (message, text) => {
        stdio.write(`${text}\n`)
        if ((message._tag === "Success" || message._tag === "Failure") && message.id !== null) settle(message.id)
      }
    }
    const settle = (id: JsonRpc.RequestId): void => {
      pending.get(id)?.()
      pending.delete(id)
    }
    const closed = Deferred.makeUnsafe<NodeStdio.StdioEnd>()
    const onClose = (): void => void Deferred.doneUnsafe(closed, Effect.succeed("the server closed"))
    const ended = Effect.raceFirst(stdio.ended, Deferred.await(closed))
    const hear = yield* (typeof server === "function" ? Effect.sync(server) : server).pipe(
      Effect.flatMap((server) => serve(server, speaker, { name: `session-${session.number}`, onClose })),
      Effect.provideService(Session, session),
      Scope.provide(session.scope),
      Effect.orDie,
      // Who has gone need not be served; who has asked something and ended stdin may still read.
      Effect.raceFirst(
        Effect.tap(ended, (end) => end === "stdin ended" && early.length > 0 ? Effect.sleep(drainTimeout) : Effect.void)
      )
    )
    if (typeof hear === "string") return hear
    receive = (line) => {
      const frame = JsonRpc.decode(line)
      const messages = frame._tag === "Batch" ? frame.frames : [frame]
      for (const message of messages) {
        if (message._tag === "Malformed") {
          stdio.write(
            `${JsonRpc.encodeFailure(null, { code: JsonRpc.errorCode.invalidRequest, message: message.reason })}\n`
          )
          continue
        }
        if (message._tag === "Request" && !pending.has(message.id)) pending.set(message.id, session.holdRequest())
        if (message._tag === "Notification") {
          if (message.method === "notifications/initialized") session.activate()
          const id = message.method === "notifications/cancelled" ? requestIn(message.params) : undefined
          if (id !== undefined) settle(id)
        }
        hear(message)
      }
    }
    early.splice(0).forEach(receive)
    const end = yield* ended
    // With a broken stdout there is nobody to finish for.
    yield* registry.drain(end === "stdin ended" ? drainTimeout : 0)
    for (const id of pending.keys()) {
      stdio.write(`${JsonRpc.encodeFailure(id, { code: serverError, message: `the server has ended: ${end}` })}\n`)
    }
    if (end === "stdin ended" || end === "the server closed") yield* Effect.timeoutOption(stdio.flushed, "1 second")
    return end
    // What is left over of R is what each session gives: the Session and its Scope.
  })) as Effect.Effect<NodeStdio.StdioEnd, McpServerError, Exclude<R, Session | Scope.Scope>>

/** Logs to stderr: stdout belongs to the protocol. */
export const layerLogger: Layer.Layer<never> = Logger.layer([Logger.withConsoleError(Logger.formatSimple)])

/**
 * Runs a program that serves stdio as this process: signals interrupt it, and when it ends the process does, timers or not.
 *
 * @example
 * ```ts
 * import * as StdioHost from "@holdfast/server/StdioHost"
 * import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
 *
 * StdioHost.runMain(StdioHost.run({ server: () => new McpServer({ name: "greeter", version: "1.0.0" }) }))
 * ```
 */
export const runMain = <A, E>(program: Effect.Effect<A, E>): void =>
  NodeRuntime.runMain(Effect.provide(program, layerLogger), {
    // A signal that was obeyed is no failure.
    teardown: (exit) => NodeStdio.exit(Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause) ? 0 : 1)
  })

const requestIn = (params: unknown): JsonRpc.RequestId | undefined => {
  const id = typeof params === "object" && params !== null && "requestId" in params ? params.requestId : undefined
  return JsonRpc.isRequestId(id) ? id : undefined
}
