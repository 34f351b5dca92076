/** `holdfast why --json`. */
import { Explanation, History } from "@holdfast/daemon/ControlContract"
import * as Schema from "effect/Schema"

export const Output = Schema.Struct({
  server: Schema.String,
  keys: Explanation.fields.keys.annotate({ description: "What keeps its processes apart: one each kind" }),
  failures: Explanation.fields.failures,
  tries: History.fields.tries.annotate({ description: "The newest last: starts, and lists and calls that failed" })
}).annotate({ description: "How the last tries of a server went, and what keeps its processes apart." })
