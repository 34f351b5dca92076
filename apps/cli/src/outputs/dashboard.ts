/** `holdfast dashboard --json`. */
import * as Schema from "effect/Schema"

export const Output = Schema.Struct({
  url: Schema.String.annotate({ description: "Opens the page once; keep it to yourself" }),
  port: Schema.Int.annotate({ description: "Of 127.0.0.1" })
}).annotate({ description: "Where the page is, as soon as it is there. The command goes on until it is interrupted." })
