/** `holdfast status --json`, and `holdfast daemon status --json`. */
import { DaemonStatus } from "@holdfast/daemon/ControlContract"
import * as Schema from "effect/Schema"

export const Output = Schema.Struct({
  ...DaemonStatus.fields,
  former: Schema.Array(DaemonStatus).annotate({
    description: "Daemons that have made way for this one, and still have hosts"
  })
}).annotate({ description: "What the daemon holds. With `--watch` a line whenever that has changed." })
