/** `holdfast reset --json`, and of `drain` and `close`. */
import * as Schema from "effect/Schema"

export const Output = Schema.Struct({
  operation: Schema.Literals(["reset", "drain", "close"]),
  server: Schema.String.annotate({ description: "As it was given" }),
  message: Schema.String.annotate({ description: "What was done, in words" })
}).annotate({ description: "What was done to the processes of a server." })
