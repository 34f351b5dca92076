/**
 * Whether a connection that the server may have forgotten is given to further callers.
 *
 * Promises
 * - A doubt costs at most one new handshake per `minUptime` and server, however many connections have it.
 * - Refusals that do not speak of the session decide nothing: a `ping` does. One tool that answers 422 costs no session.
 * - The old connection lives until the new one has answered a request like the one that was refused. Where that one is refused in
 *   the same way, or cannot be opened, the old connection stays, and the new one goes.
 * - The calls in flight are untouched: a connection that is retired is closed when the last of them is over.
 *
 * As long as the new connection is open and not decided about, callers are given it. Where none of them asks the same again, a ping on
 * the old connection decides.
 */
import type { Succeed, Successor } from "@holdfast/core/Connector"
import type { Deadlines } from "@holdfast/core/Deadlines"
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Doubt } from "../../Link.ts"
import type { CallFailure, McpConnection } from "../connection/contract.ts"
import { namesSession } from "../http/SessionLost.ts"
import { annotation } from "./ConnectionLog.ts"
import type { ServerNotes } from "./ServerMemory.ts"

export interface RetirementOptions {
  readonly notes: ServerNotes
  readonly deadlines: Pick<Deadlines, "now"> | undefined
  /** The least time between two handshakes for a doubt, in milliseconds. */
  readonly minUptime: number
  /** How long the server has to answer a ping, in milliseconds. */
  readonly patience: number
}

/** What is asked of a server to see whether it answers at all. The modern era has no `ping`. */
export const question = (connection: McpConnection): Effect.Effect<unknown, CallFailure> =>
  connection.request(connection.era === "modern" ? "server/discover" : "ping")

/** Done when the connection is to be retired. Undefined where nothing is ever doubted. */
export const make = (
  connection: McpConnection,
  { deadlines, minUptime, notes, patience }: RetirementOptions
): ((succeed: Succeed<McpConnection>) => Effect.Effect<void>) | undefined => {
  const { doubts, server } = connection
  if (doubts === undefined || deadlines === undefined) return undefined
  const tell = (words: string) => Effect.logInfo(`${server}: ${words}`).pipe(Effect.annotateLogs(annotation, server))
  /** Whether the new connection is better than this one. */
  const isBetter = (doubt: Doubt, { value }: Successor<McpConnection>): Effect.Effect<boolean> => {
    const verdict = value.doubts?.trial(doubt.about) ?? Effect.never
    // The caller that was refused may ask it now.
    doubts.pass()
    return Effect.timeoutOrElse(verdict, {
      duration: Duration.millis(patience),
      orElse: () => Effect.map(answers(connection, patience, doubt), (isKnown) => !isKnown)
    })
  }
  return (succeed) => {
    const renew = (doubt: Doubt): Effect.Effect<void> =>
      Effect.flatMap(succeed, (successor) => {
        if (successor === undefined) return stay
        return Effect.flatMap(isBetter(doubt, successor), (isSo) =>
          isSo ? Effect.void : tell("the new connection is refused like the old one, which stays").pipe(
            Effect.andThen(successor.retire),
            Effect.andThen(stay)
          ))
      })
    const stay: Effect.Effect<void> = Effect.suspend(() => {
      doubts.dispel()
      return look
    })
    const look: Effect.Effect<void> = Effect.gen(function*() {
      const doubt = yield* doubts.next
      const isKnown = answers(connection, patience, doubt)
      if (doubt._tag === "Refused" && (yield* isKnown)) return yield* stay
      const wait = notes.renewedAt + minUptime - deadlines.now()
      if (wait > 0) {
        yield* Effect.sleep(Duration.millis(wait))
        // By now it may know us again.
        if (yield* isKnown) return yield* stay
      }
      // Another connection of this server may have been first.
      if (notes.renewedAt + minUptime > deadlines.now()) return yield* look
      notes.renewedAt = deadlines.now()
      yield* tell(`is connected anew: ${doubt.description}`)
      return yield* renew(doubt)
    })
    return look
  }
}

/** False only when the server refuses the question: one that is busy, or overloaded, may know us well. */
const answers = (connection: McpConnection, patience: number, { code }: Doubt): Effect.Effect<boolean> =>
  question(connection).pipe(
    Effect.as(true),
    Effect.catch((failure) => {
      switch (failure._tag) {
        case "ConnectionLost":
        case "OutcomeUnknown":
          return Effect.succeed(false)
        case "HttpRejected":
          return Effect.succeed([401, 403, 407, 408, 425, 429].includes(failure.status))
        // A ping is about no session but this one, and there are servers without it.
        case "ServerError":
          return Effect.succeed(
            failure.code === JsonRpc.errorCode.methodNotFound ||
              (failure.code !== code && !namesSession(failure.description))
          )
        case "InvalidAnswer":
        case "TooBusy":
        case "DeadlineExceeded":
          return Effect.succeed(true)
      }
    }),
    Effect.timeoutOrElse({ duration: Duration.millis(patience), orElse: () => Effect.succeed(true) })
  )
