import type { JobError } from "@holdfast/jobs/JobError"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"

class NotSo extends Data.TaggedError("NotSo")<{ readonly message: string }> {}

const isNotSo = (error: { readonly _tag: string }) => error._tag === "NotSo"

/** Looks until it is so; fails with what it saw last. The bound only keeps a broken test from hanging, unless it is stated. */
export const until = <A, E extends { readonly _tag: string } = JobError>(
  look: Effect.Effect<A, E>,
  isSo: (seen: A) => boolean,
  within: `${number} seconds` = "120 seconds"
) =>
  look.pipe(
    Effect.filterOrFail(isSo, (seen) => new NotSo({ message: `not within ${within}: ${JSON.stringify(seen)}` })),
    Effect.retry({ schedule: Schedule.spaced("50 millis").pipe(Schedule.upTo({ duration: within })), while: isNotSo })
  )
