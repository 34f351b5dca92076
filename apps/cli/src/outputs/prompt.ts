/** `holdfast prompt --json`. */
import * as Schema from "effect/Schema"

const open = Schema.Record(Schema.String, Schema.Unknown)

const Content = Schema.StructWithRest(
  Schema.Struct({
    type: Schema.String.annotate({ description: "`text`, `image`, `audio`, `resource` or `resource_link`" }),
    text: Schema.optionalKey(Schema.String)
  }),
  [open]
)

const Message = Schema.StructWithRest(
  Schema.Struct({ role: Schema.String.annotate({ description: "`user` or `assistant`" }), content: Content }),
  [open]
)

export const Output = Schema.StructWithRest(
  Schema.Struct({ description: Schema.optionalKey(Schema.String), messages: Schema.Array(Message) }),
  [open]
).annotate({ description: "The prompt as the server has given it: `prompts/get` of the protocol." })
