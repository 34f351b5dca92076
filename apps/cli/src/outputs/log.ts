/** What every command prints on stderr besides its result. */
import * as Schema from "effect/Schema"

export const Output = Schema.Struct({
  log: Schema.Struct({
    level: Schema.String.annotate({ description: "`info`, `warn` or `error`; with `--log-level` others, too" }),
    message: Schema.String
  })
}).annotate({
  description: "A warning or a note, as one line on **stderr**, of every command. `--quiet` leaves it out."
})
