/** `holdfast task --json`. */
import * as Schema from "effect/Schema"
import * as Call from "./call.ts"

/** How a task stands. */
export const Row = Schema.Struct({
  id: Schema.String,
  server: Schema.String,
  tool: Schema.String,
  taskId: Schema.String.annotate({ description: "The server's own id of it" }),
  status: Schema.Literals([
    "working",
    "input_required",
    "completed",
    "failed",
    "cancelled",
    "lost",
    "unknown"
  ]).annotate({
    description:
      "As the server says it. `lost`: the server does not know it any more. `unknown`: the server could not be asked, see `error`"
  }),
  statusMessage: Schema.optionalKey(Schema.String),
  startedAt: Schema.Finite,
  ttl: Schema.NullOr(Schema.Finite).annotate({
    description: "So long from its start the server keeps it; null: it has said no such time"
  }),
  config: Schema.String.annotate({ description: "The file that has the server" }),
  error: Schema.optionalKey(Schema.Struct({ reason: Schema.String, message: Schema.String }))
})
export interface Row extends Schema.Schema.Type<typeof Row> {}

export const Output = Schema.Union([Row, Call.Result]).annotate({
  description: "How the task stands; with `--wait` the result of its call, as `holdfast call --json` prints it."
})
