/** Flags of the words that ask all servers. */
import * as Flag from "effect/cli/Flag"
import * as Option from "effect/Option"
import { deadline } from "./deadline.ts"
import { source } from "./source.ts"

export const listing = {
  ...source,
  deadline: deadline(
    "Give up on a server after this time from its start (15 s if all are listed, else the server's own limits)"
  ),
  concurrency: Flag.Int("concurrency").pipe(
    Flag.withMetavar("count"),
    Flag.withDescription("How many servers are started at once (two for each processor, at least four)"),
    Flag.filterMap(
      (count) => count > 0 ? Option.some(count) : Option.none(),
      () => "a count of at least 1"
    ),
    Flag.optional
  )
}
