/** `holdfast daemon stop --json`, and of `restart`. */
import * as Schema from "effect/Schema"

const Daemon = Schema.Struct({ pid: Schema.Int, version: Schema.String })

export const Output = Schema.Struct({
  was: Schema.optional(Daemon.annotate({ description: "The one that has ended; none: there was none" })),
  is: Schema.optional(Daemon.annotate({ description: "The one that runs now, after a restart" }))
}).annotate({ description: "Which daemon has ended, and which one has been started." })
