/** The boundary of a request over HTTP: a defect is logged, and answered by 500. */
import * as JsonRpc from "@holdfast/protocol/JsonRpc"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import { complain } from "../complain.ts"
import { refusal } from "./httpAnswers.ts"

export const answerFaults = <R>(
  answer: Effect.Effect<HttpServerResponse.HttpServerResponse, never, R>
): Effect.Effect<HttpServerResponse.HttpServerResponse, never, R> =>
  Effect.catchCauseIf(
    answer,
    // A client that has gone gets no answer.
    (cause) => !Cause.hasInterrupts(cause),
    (cause) => Effect.as(complain("a request has failed", cause), broken)
  )

const broken = refusal(500, "the request has failed; see the server's log", { code: JsonRpc.errorCode.internalError })
