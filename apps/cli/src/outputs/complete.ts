/** `holdfast complete --json`. */
import * as Schema from "effect/Schema"

export const Output = Schema.Struct({
  completion: Schema.Struct({
    values: Schema.Array(Schema.String).annotate({ description: "At most 100" }),
    total: Schema.optionalKey(Schema.Finite.annotate({ description: "How many there are" })),
    hasMore: Schema.optionalKey(Schema.Boolean)
  })
}).annotate({ description: "What the server has answered: `completion/complete` of the protocol." })
