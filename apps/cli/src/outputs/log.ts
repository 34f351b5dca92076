/** What every command prints on stderr when something is worth a warning. */
import * as Schema from "effect/Schema"

export const Output = Schema.Struct({
  log: Schema.Struct({
    level: Schema.String.annotate({ description: "`warn` or `error`; with `--log-level` others, too" }),
    message: Schema.String
  })
}).annotate({ description: "A warning, as one line on **stderr**, of every command. `--quiet` leaves it out." })
