/**
 * What carries a stateless request: HTTP has a response for each, stdio one line for all of them.
 *
 * A status is what HTTP says besides the message. Other wires leave it out: the message says it too.
 */
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import type * as Effect from "effect/Effect"
import type { SessionShape } from "../../Session.ts"
import type { Origin } from "../http/Origin.ts"
import type { Headers, Refused } from "./StatelessRequest.ts"

/** Where the answer to one request goes, and what comes before it. */
export interface Reply {
  /** Something that is not the answer. Dropped when the client has gone, or cannot be told. */
  readonly say: (text: string) => void
  /** The answer. What comes after it is a no-op. */
  readonly finish: (status: number, text: string) => void
}

/** An answer that no handler has to give. */
export interface Answer {
  readonly status: number
  readonly text: string
  /** Seconds after which the client may ask again, if there is hope. */
  readonly retryAfter?: number | undefined
}

/** One request's share of what carries it. `A`: what becomes of it there. */
export interface StatelessTransport<A> {
  /** What must say the same as the body does. Undefined: there is no such thing here. */
  readonly headers: Headers | undefined
  /** Where the request has come from, for handlers that ask. */
  readonly origin: Origin | undefined
  /** More than the answer can be said. */
  readonly canStream: boolean
  readonly answer: (answer: Answer) => A
  /** Begins what answers in its own time. From then on the session is closed when the client lets go of the request. */
  readonly converse: (session: SessionShape, begin: (reply: Reply) => void) => Effect.Effect<A>
}

export const refusal = (id: JsonRpc.RequestId, { error, status }: Refused, retryAfter?: number): Answer => ({
  status,
  text: JsonRpc.encodeFailure(id, error),
  retryAfter
})
