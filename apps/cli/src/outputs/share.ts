/** `holdfast share --json`. */
import * as Schema from "effect/Schema"

export const Output = Schema.Struct({
  server: Schema.String.annotate({ description: "As it was given" }),
  isShared: Schema.Boolean.annotate({ description: "From the next host on" }),
  hasChanged: Schema.Boolean,
  file: Schema.String.annotate({ description: "Where that is remembered" })
}).annotate({ description: "Whether hosts share one process of a server." })
