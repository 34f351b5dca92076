/** `holdfast read --json`. */
import * as Schema from "effect/Schema"

const Contents = Schema.Struct({
  uri: Schema.String,
  mimeType: Schema.optionalKey(Schema.String),
  text: Schema.optionalKey(Schema.String),
  blob: Schema.optionalKey(Schema.String.annotate({ description: "Base64" })),
  file: Schema.optionalKey(Schema.String.annotate({ description: "In place of `blob`: the file of `-o` that has it" }))
})

export const Output = Schema.Struct({ contents: Schema.Array(Contents) }).annotate({
  description: "The resource as the server has given it: `resources/read` of the protocol."
})
