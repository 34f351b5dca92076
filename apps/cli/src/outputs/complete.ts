/** `holdfast complete --json`. */
import * as Schema from "effect/Schema"

const open = Schema.Record(Schema.String, Schema.Unknown)

const Completion = Schema.StructWithRest(
  Schema.Struct({
    values: Schema.Array(Schema.String).annotate({ description: "At most 100" }),
    total: Schema.optionalKey(Schema.Finite.annotate({ description: "How many there are" })),
    hasMore: Schema.optionalKey(Schema.Boolean)
  }),
  [open]
)

export const Output = Schema.StructWithRest(Schema.Struct({ completion: Completion }), [open]).annotate({
  description: "What the server has answered: `completion/complete` of the protocol."
})
