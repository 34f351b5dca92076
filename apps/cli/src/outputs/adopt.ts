/** `holdfast adopt --json`. */
import * as Schema from "effect/Schema"

export const Output = Schema.Struct({
  host: Schema.String,
  files: Schema.Array(Schema.Struct({
    file: Schema.String,
    servers: Schema.Array(Schema.Struct({
      server: Schema.String,
      state: Schema.Literals(["adopted", "already", "left", "restored"]).annotate({
        description: "`adopted`: holdfast stands in front of it, or would. `left`: it is not touched, see `why`"
      }),
      why: Schema.optional(Schema.String)
    })),
    changed: Schema.Boolean.annotate({ description: "The file was written" }),
    exact: Schema.optional(
      Schema.Boolean.annotate({ description: "With --undo: the file is byte for byte as it was before" })
    ),
    copy: Schema.optional(Schema.String.annotate({ description: "Where the file as it was before is kept" }))
  }))
}).annotate({ description: "The files of a program, and what became of their servers." })
