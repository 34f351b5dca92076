/** A request that the SDK (version 1) hands to a handler, as ours see it. */
import type { AuthInfo } from "@modelcontextprotocol/sdk/server/auth/types.js"
import type { RequestHandlerExtra } from "@modelcontextprotocol/sdk/shared/protocol.js"
import type { ServerNotification, ServerRequest } from "@modelcontextprotocol/sdk/types.js"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { complainOf } from "../complain.ts"

export type { AuthInfo }

export type Extra = RequestHandlerExtra<ServerRequest, ServerNotification>

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
  const tell = (notification: () => ServerNotification): Effect.Effect<void> =>
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
      tell(() => ({ method: "notifications/message", params: { level: level as "info", data } }))
  }
}

/** @see https://www.w3.org/TR/trace-context/ */
const traceIn = (members: object | undefined): string | undefined =>
  members !== undefined && "traceparent" in members && typeof members.traceparent === "string"
    ? members.traceparent
    : undefined
