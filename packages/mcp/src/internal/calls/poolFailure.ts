/**
 * What a pool's refusal means to a caller of a server, under the name it was called by.
 */
import { AcquireTimeout, type PoolError } from "@holdfast/core"
import * as Reasons from "../../McpRuntimeError.ts"
import { named, withoutName } from "../connection/naming.ts"

export interface Asked {
  readonly server: string
  /** What the connection was wanted for, such as `tools/call`. */
  readonly method: string
  /** The caller's own deadline in milliseconds, if that is what ended the wait. */
  readonly callerMillis: number | undefined
  /** Whether an earlier attempt of the same call may have reached the server. */
  readonly delivery: Reasons.Delivery
  /** How often it was sent before. */
  readonly attempts?: number
  /** How far a dial is that is under way. */
  readonly progress: string | undefined
}

export const fromPoolError = (error: PoolError<Reasons.ConnectReason>, asked: Asked): Reasons.Reason => {
  const { server } = asked
  const { reason } = error
  switch (reason._tag) {
    case "AcquireTimeout":
      return new Reasons.DeadlineExceeded({
        server,
        method: asked.method,
        afterMillis: asked.callerMillis ?? reason.waitedMillis,
        kind: asked.callerMillis === undefined ? "acquire" : "caller",
        delivery: asked.delivery,
        ...(asked.delivery === "Unknown" && { attempts: asked.attempts ?? 1 }),
        description: waitedFor(reason, asked.progress)
      })
    case "TooManyWaiters":
      return new Reasons.TooBusy({ server, description: withoutName(reason.message, reason.key) })
    case "DialFailed":
      return named(reason.cause, server)
    case "DialDefect":
      return new Reasons.HandshakeFailed({ server, description: withoutName(reason.message, reason.key) })
    case "DialTimeout":
      return new Reasons.HandshakeTimeout({ server, timeoutMillis: reason.timeoutMillis })
    case "Quarantined":
    case "NotReady": {
      const { lastCause, lastFailure, retryInMillis } = reason
      const description = lastFailure === undefined
        ? lastCause ?? "it failed repeatedly"
        : withoutName(lastFailure.message, lastFailure.server)
      return reason._tag === "Quarantined"
        ? new Reasons.Quarantined({ server, retryInMillis, description })
        : new Reasons.NotReady({ server, retryInMillis, description })
    }
    case "PoolClosed":
      return new Reasons.ShuttingDown({ server })
  }
}

/** What a caller waited for in vain. The pool's counts tell something only of connections that are there. */
const waitedFor = (reason: AcquireTimeout<Reasons.ConnectReason>, progress: string | undefined): string => {
  const { key, lastFailure, phase } = reason
  const before = lastFailure === undefined ? "" : `: ${withoutName(lastFailure.message, lastFailure.server)}`
  if (phase === "queue") {
    return withoutName(new AcquireTimeout({ ...reason, lastFailure: undefined }).message, key) + before
  }
  if (phase !== "dial") return `it is not connected, and is tried again${before}`
  return (progress ?? "it has not answered the handshake yet") + (before === "" ? "" : `; before${before}`)
}
