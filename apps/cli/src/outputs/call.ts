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

/** What a tool has answered. */
export const Result = Schema.StructWithRest(
  Schema.Struct({
    content: Schema.Array(Block),
    structuredContent: Schema.optionalKey(Schema.Unknown),
    isError: Schema.optionalKey(Schema.Boolean.annotate({ description: "The tool has failed: the exit code is 1" }))
  }),
  [open]
)

/** A task that was left at its server. */
export const Detached = Schema.Struct({
  task: Schema.Struct({
    id: Schema.String.annotate({ description: "For `holdfast task`" }),
    server: Schema.String,
    tool: Schema.String,
    taskId: Schema.String.annotate({ description: "The server's own id of it" }),
    startedAt: Schema.Finite,
    ttl: Schema.NullOr(Schema.Finite).annotate({
      description: "So long from its start the server keeps it; null: it has said no such time"
    })
  })
})

export const Output = Schema.Union([Result, Detached]).annotate({
  description:
    "The result as the server has given it: `tools/call` of the protocol. With `--detach` the task in its place."
})
