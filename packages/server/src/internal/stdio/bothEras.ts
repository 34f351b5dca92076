/**
 * Both eras on one pair of streams: each message says itself which it is of, so that a client may ask what is spoken here, and go on either
 * way, at any time.
 *
 * A message of the newest revision names its revision. Whatever does not is of the session, but for what takes back a request of the other
 * era: ids are the client's, and it has one set of them.
 */
import type * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as Effect from "effect/Effect"
import * as StatelessLines from "../stateless/serveLines.ts"
import { cancelledBy, type StdioSession } from "./StdioSession.ts"

export const bothEras = (
  session: StdioSession,
  options: Omit<StatelessLines.StatelessLinesOptions, "isTaken">
): Effect.Effect<Pick<StdioSession, "hear" | "end">> =>
  Effect.map(StatelessLines.make({ ...options, isTaken: session.isWaiting }), (stateless) => ({
    hear: (message: JsonRpc.Incoming): void => {
      const isRequest = message._tag === "Request"
      const isStateless = StatelessLines.isStateless(message)
      if (isRequest && isStateless) return stateless.hear(message)
      // A client that asks in a session by the same id has let go of what it had asked before: a server that took too long to be discovered.
      const letGo = isRequest ? message.id : cancelledBy(message)
      const wasStateless = letGo !== undefined && stateless.cancel(letGo)
      // Nothing else is to be told without a session.
      if (isRequest || !(isStateless || wasStateless)) session.hear(message)
    },
    end: (message: string): void => {
      session.end(message)
      stateless.end(message)
    }
  }))
