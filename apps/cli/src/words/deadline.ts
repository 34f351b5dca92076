/** The flag `--deadline`. */
import * as Flag from "effect/cli/Flag"
import { durationExpected, readDuration } from "../ReadDuration.ts"

export const deadline = (described: string) =>
  Flag.String("deadline").pipe(
    Flag.withMetavar("duration"),
    Flag.withDescription(`${described}: ${durationExpected}`),
    Flag.filterMap(readDuration, () => durationExpected),
    Flag.optional
  )
