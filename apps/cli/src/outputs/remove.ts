/** `holdfast remove --json`. */
import * as Schema from "effect/Schema"

export const Output = Schema.Struct({
  file: Schema.String.annotate({ description: "The file that was written" }),
  server: Schema.String,
  left: Schema.Array(Schema.String).annotate({ description: "Farther files that have a server of this name, too" })
}).annotate({ description: "The server that was removed." })
