/** `holdfast tools --json`. */
import * as Schema from "effect/Schema"
import { Failure } from "./error.ts"

const open = Schema.Record(Schema.String, Schema.Unknown)

const Tool = Schema.StructWithRest(
  Schema.Struct({
    name: Schema.String,
    description: Schema.optionalKey(Schema.String),
    inputSchema: Schema.Unknown.annotate({ description: "The arguments, as JSON Schema" })
  }),
  [open]
)

const Listed = Schema.Struct({
  server: Schema.String,
  tools: Schema.optionalKey(Schema.Array(Tool).annotate({ description: "As the server has given them" })),
  error: Schema.optionalKey(Failure.annotate({ description: "In place of `tools`: it could not be reached" }))
})

export const Output = Schema.Array(Listed).annotate({
  description:
    "The tools by server. A server that cannot be reached has its failure here and on stderr, and decides the exit code."
})
