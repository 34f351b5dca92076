/** One client over one pair of streams, from its first line to the end of what it has asked. */
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as Revision from "@holdfast/protocol/Revision"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import { Session } from "../../Session.ts"
import type { SessionRegistry } from "../../SessionRegistry.ts"
import type { StdioOptions } from "../../StdioHost.ts"
import { complainOf } from "../complain.ts"
import * as Hosted from "../http/HttpSessions.ts"
import type { Message } from "../session/Conversation.ts"
import { factoryOf } from "../session/factoryOf.ts"
import { readMessage } from "../session/readMessage.ts"
import { bothEras } from "./bothEras.ts"
import { InFlight } from "./InFlight.ts"
import type { NodeStdio, StdioEnd } from "./nodeStdio.ts"
import * as StdioSession from "./StdioSession.ts"

/** Serves until nobody listens any more, and drains the registry then. Dies of what keeps the session's server from being made. */
export const serveStdio = <R>(
  { drainTimeout = "5 seconds", server, stateless = true }: StdioOptions<R>,
  registry: SessionRegistry["Service"],
  stdio: NodeStdio
): Effect.Effect<StdioEnd, never, Scope.Scope | Exclude<R, Session | Scope.Scope>> =>
  Effect.gen(function*() {
    const factory = yield* factoryOf(server)
    const write = (text: string): void => stdio.write(`${text}\n`)
    const fork = Effect.runForkWith(yield* Effect.context())
    const refuse = (id: JsonRpc.RequestId | null, code: number, message: string): void =>
      write(JsonRpc.encodeFailure(id, { code, message }))
    const closed = Deferred.makeUnsafe<StdioEnd>()
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
        hosted: yield* Hosted.make({ registry, server: factory, revisions }),
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
      // Without anybody to read the answers, too: what was asked for may be worth doing.
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
