/** `holdfast import --json`. */
import * as Schema from "effect/Schema"

const Found = Schema.Struct({
  host: Schema.String.annotate({ description: "The program, as `holdfast import` takes it" }),
  file: Schema.String,
  scope: Schema.Literals(["user", "project"]),
  server: Schema.String,
  entry: Schema.optional(
    Schema.Record(Schema.String, Schema.Unknown).annotate({
      description: "What is written for it. Values of env and headers are left out"
    })
  ),
  runs: Schema.optional(Schema.String.annotate({ description: "Its command or url in short, without secrets" })),
  state: Schema.Literals(["new", "same", "conflict", "unusable"]).annotate({
    description:
      "`same`: the target has it. `conflict`: the target, or a host before this one, has another server of this name"
  }),
  notes: Schema.Array(Schema.String).annotate({ description: "What could not be taken over, and why" })
})

export const Output = Schema.Struct({
  target: Schema.String.annotate({ description: "The file that is, or would be, written" }),
  servers: Schema.Array(Found),
  faults: Schema.Array(Schema.Struct({ host: Schema.String, file: Schema.String, problem: Schema.String })).annotate({
    description: "Files that could not be read: the exit code is 3"
  }),
  written: Schema.Array(Schema.String).annotate({ description: "The servers that were written; none without --write" })
}).annotate({ description: "The servers that other programs have." })
