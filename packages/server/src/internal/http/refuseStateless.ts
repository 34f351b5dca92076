/** Requests of a revision without sessions are told which revisions are served. */
import * as ModernEra from "@holdfast/protocol/ModernEra"
import * as Revision from "@holdfast/protocol/Revision"
import * as Effect from "effect/Effect"
import type { ServeStateless } from "../stateless/serveStateless.ts"
import { refusal } from "./httpAnswers.ts"

export const refuseStateless: ServeStateless = (message) =>
  Effect.succeed(
    refusal(400, `the revision ${Revision.latestModern} is not served here`, {
      code: ModernEra.unsupportedProtocolVersion,
      id: message._tag === "Request" ? message.id : null,
      data: { supported: Revision.legacy, requested: Revision.latestModern }
    })
  )
