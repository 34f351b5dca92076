/** A request that the SDK (version 1) hands to a handler, as ours see it. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { complainOf } from "../complain.ts"
import type { AuthInfo } from "./Transport.ts"

export type { AuthInfo }

/** What a handler is told while it runs. */
type Told =
  | {
    method: "notifications/progress"
    params: { progressToken: string | number; progress: number }
  }
  | { method: "notifications/message"; params: { level: Level; data: unknown } }

type Level = "debug" | "info" | "notice" | "warning" | "error" | "critical" | "alert" | "emergency"

/** What of the SDK's `RequestHandlerExtra` is needed. */
export interface Extra {
  readonly signal: AbortSignal
  readonly requestId: string | number
  readonly authInfo?: AuthInfo
  readonly _meta?: { readonly progressToken?: string | number | undefined } | undefined
  readonly requestInfo?: { readonly headers: object }
  readonly sendNotification: (notification: Told) => Promise<void>
}

export interface SdkRequest {
  readonly id: string | number
  /** What the host says of the caller, if it uses the SDK's authentication. */
  readonly authInfo: AuthInfo | undefined
  /** The trace the request is part of, as the client or the transport says. */
  readonly traceparent: string | undefined
  /** Set when the client asked to be told. */
  readonly progress: ((progress: { readonly progress: number }) => Effect.Effect<void>) | undefined
  readonly log: (level: string, data: unknown) => Effect.Effect<void>
}

/** `what`: what is asked for, in complaints. */
export const sdkRequest = (
  what: string,
  { _meta, authInfo, requestId, requestInfo, sendNotification }: Extra
): SdkRequest => {
  const progressToken = _meta?.progressToken
  // A client that has gone is no reason for a handler to fail, nor is a report that cannot be sent.
  const tell = (notification: () => Told): Effect.Effect<void> =>
    Effect.suspend(() => {
      const said = Result.try(notification)
      return Result.isSuccess(said)
        ? Effect.catchCause(
          Effect.promise(() => sendNotification(said.success)),
          (cause) => Effect.logDebug("the client could not be told", cause)
        )
        : complainOf(`what ${what} tells on its way is nothing that can be told`, said.failure)
    })
  return {
    id: requestId,
    authInfo,
    traceparent: traceIn(_meta) ?? traceIn(requestInfo?.headers),
    progress: progressToken === undefined
      ? undefined
      : (progress) =>
        tell(() => {
          const params = { ...progress, progressToken }
          // JSON has no word for other numbers.
          if (!Number.isFinite(params.progress)) throw new TypeError("its progress is no number")
          return { method: "notifications/progress", params }
        }),
    log: (level, data) =>
      // The levels are the protocol's: see `LogLevel`.
      tell(() => ({ method: "notifications/message", params: { level: level as Level, data } }))
  }
}

/** @see https://www.w3.org/TR/trace-context/ */
const traceIn = (members: object | undefined): string | undefined =>
  members !== undefined && "traceparent" in members && typeof members.traceparent === "string"
    ? members.traceparent
    : undefined
