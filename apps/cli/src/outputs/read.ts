/** `holdfast read --json`. */
import * as Schema from "effect/Schema"

const open = Schema.Record(Schema.String, Schema.Unknown)

const Contents = Schema.StructWithRest(
  Schema.Struct({
    uri: Schema.String,
    mimeType: Schema.optionalKey(Schema.String),
    text: Schema.optionalKey(Schema.String),
    blob: Schema.optionalKey(Schema.String.annotate({ description: "Base64" })),
    file: Schema.optionalKey(
      Schema.String.annotate({ description: "In place of `blob`: the file of `-o` that has it" })
    )
  }),
  [open]
)

export const Output = Schema.StructWithRest(Schema.Struct({ contents: Schema.Array(Contents) }), [open]).annotate({
  description: "The resource as the server has given it: `resources/read` of the protocol."
})
