/** `holdfast top --json`. */
import { DaemonStatus, Event } from "@holdfast/daemon/ControlContract"
import * as Schema from "effect/Schema"

export const Output = Schema.Struct({
  ...DaemonStatus.fields,
  former: Schema.Array(DaemonStatus).annotate({
    description: "Daemons that have made way for this one, and still have hosts"
  }),
  calls: Schema.Array(Event).annotate({
    description: "The last calls and refusals that the daemon remembers, the newest last; at most 200"
  })
}).annotate({ description: "What `holdfast top` shows, once. `holdfast status --watch --json` goes on." })
