/** What a request of a client fails with, as the SDK (version 1) tells it: the members are those that it looks for. */
import * as Data from "effect/Data"

export class Told extends Data.TaggedError("Told")<{
  readonly code: number
  readonly message: string
  readonly data?: unknown
}> {}
