/** `holdfast batch`, with `--json` and without: a line for each line of stdin. */
import * as Schema from "effect/Schema"
import * as Call from "./call.ts"
import { Failure } from "./error.ts"

export const Output = Schema.Struct({
  id: Schema.Unknown.annotate({ description: "That of the line; `null` if it has none" }),
  line: Schema.Int.annotate({ description: "Which line of stdin, from 1; blank ones do not count" }),
  server: Schema.optionalKey(Schema.String),
  tool: Schema.optionalKey(Schema.String),
  result: Schema.optionalKey(Call.Result),
  error: Schema.optionalKey(
    Failure.annotate({ description: "In place of `result`. The reason of a line that cannot be read is `BadLine`" })
  )
}).annotate({ description: "A line for each call, in the order in which they finish. Its summary is on stderr." })
