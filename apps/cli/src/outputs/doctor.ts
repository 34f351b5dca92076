/** `holdfast doctor --json`. */
import * as Schema from "effect/Schema"

const Finding = Schema.Struct({
  about: Schema.Literals(["toolchain", "config", "server", "daemon", "process", "sharing"]),
  subject: Schema.String.annotate({ description: "The command, file, server, process or folder" }),
  level: Schema.Literals(["ok", "note", "fault"]).annotate({
    description: "`fault`: something is to be done. `note`: something is to be known, or could be done"
  }),
  message: Schema.String,
  todo: Schema.optional(Schema.String.annotate({ description: "What to do. Every fault has it" }))
})

export const Output = Schema.Struct({
  isWell: Schema.Boolean.annotate({ description: "There is no fault: the exit code is 0, else 1" }),
  findings: Schema.Array(Finding)
}).annotate({ description: "What was looked at, and what was found." })
