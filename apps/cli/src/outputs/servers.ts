/** `holdfast servers --json`. */
import { ServerOverview } from "@holdfast/daemon/ControlContract"
import * as Schema from "effect/Schema"

const File = Schema.Struct({
  file: Schema.String.annotate({ description: "Its path" }),
  outcome: Schema.Literals(["read", "faulty", "untrusted", "behind"]).annotate({
    description: "`untrusted`: left out until the user agrees. `behind`: not read, because a nearer one is faulty"
  }),
  servers: Schema.Int.annotate({ description: "So many of its entries can be used" }),
  problem: Schema.optional(Schema.String)
})

const Server = Schema.Struct({
  name: Schema.String,
  from: Schema.optional(
    Schema.String.annotate({ description: "The config file, or none: a program has brought the server along" })
  ),
  transport: Schema.Literals(["stdio", "http", "sse", "unknown"]),
  target: Schema.optional(Schema.String.annotate({ description: "The command with its arguments, or the url" })),
  state: Schema.String.annotate({
    description:
      "`not started`, `failed` (it could not be started), `switched off`, `unusable`, or what its processes are: `in use`, `idle`, `starting`, " +
      "`leaving`, `backing off`, `quarantined`"
  }),
  problem: Schema.optional(Schema.String.annotate({ description: "Why it cannot be used, or its last failure" })),
  daemon: Schema.optional(ServerOverview.annotate({ description: "What the daemon knows of it" }))
})

export const Output = Schema.Struct({
  files: Schema.Array(File).annotate({ description: "The config files that are there, the nearest first" }),
  servers: Schema.Array(Server)
}).annotate({ description: "Every server that is configured here, or that the daemon has. Nothing is started for it." })
