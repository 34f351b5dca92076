/** `holdfast daemon unit --json`. */
import * as Schema from "effect/Schema"

export const Output = Schema.Struct({
  kind: Schema.Literals(["systemd", "launchd"]),
  file: Schema.String.annotate({ description: "Where it belongs" }),
  text: Schema.String
}).annotate({ description: "A unit that keeps the daemon." })
