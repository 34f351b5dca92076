/** `holdfast call --json`. */
import * as Schema from "effect/Schema"

const open = Schema.Record(Schema.String, Schema.Unknown)

const Block = Schema.StructWithRest(
  Schema.Struct({
    type: Schema.String.annotate({ description: "`text`, `image`, `audio`, `resource` or `resource_link`" }),
    text: Schema.optionalKey(Schema.String)
  }),
  [open]
)

export const Output = Schema.StructWithRest(
  Schema.Struct({
    content: Schema.Array(Block),
    structuredContent: Schema.optionalKey(Schema.Unknown),
    isError: Schema.optionalKey(Schema.Boolean.annotate({ description: "The tool has failed: the exit code is 1" }))
  }),
  [open]
).annotate({ description: "The result as the server has given it: `tools/call` of the protocol." })
