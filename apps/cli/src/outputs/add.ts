/** `holdfast add --json`. */
import * as Schema from "effect/Schema"

export const Output = Schema.Struct({
  file: Schema.String.annotate({ description: "The file that was written" }),
  server: Schema.String,
  replaced: Schema.Boolean.annotate({ description: "There was a server of this name, which is gone" })
}).annotate({ description: "The server that was added." })
