/** `holdfast why --json`. */
import { CallRecord, Explanation, History } from "@holdfast/daemon/ControlContract"
import * as Schema from "effect/Schema"

export const Output = Schema.Struct({
  server: Schema.String,
  keys: Explanation.fields.keys.annotate({ description: "What keeps its processes apart: one each kind" }),
  failures: Explanation.fields.failures,
  calls: Schema.Array(CallRecord).annotate({
    description: "The last calls of its tools, the newest last: how each came to its process, and what became of it"
  }),
  tries: History.fields.tries.annotate({ description: "The newest last: starts, and lists and calls that failed" })
}).annotate({
  description:
    "How the last tries and calls of a server went, and what keeps its processes apart. With `--call`: the one call alone, as in `calls`."
})

/** Of `--call`. */
export const Call = CallRecord
