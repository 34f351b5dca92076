/** `holdfast logs --json`. */
import { LogLine } from "@holdfast/daemon/ControlContract"
import * as Schema from "effect/Schema"

const OfServer = Schema.Struct({ server: Schema.String, ...LogLine.fields }).annotate({
  description: "With a server"
})
const OfDaemon = Schema.Struct({ line: Schema.String }).annotate({
  description: "Without one: of the daemon's own log"
})

export const Output = Schema.Union([OfServer, OfDaemon]).annotate({
  description: "A line for each line of the log; with `--follow` as they come."
})
