/** `holdfast resources --json`. */
import { Resource, ResourceTemplate } from "@holdfast/protocol/Resources"
import * as Schema from "effect/Schema"
import { Failure } from "./error.ts"

const open = Schema.Record(Schema.String, Schema.Unknown)

const Listed = Schema.Struct({
  server: Schema.String,
  resources: Schema.optionalKey(
    Schema.Array(Schema.StructWithRest(Resource, [open])).annotate({ description: "As the server has given them" })
  ),
  templates: Schema.optionalKey(
    Schema.Array(Schema.StructWithRest(ResourceTemplate, [open])).annotate({
      description: "Of more resources, by their uris (RFC 6570)"
    })
  ),
  error: Schema.optionalKey(Failure.annotate({ description: "In place of the lists: it could not be reached" }))
})

export const Output = Schema.Array(Listed).annotate({
  description:
    "What can be read, by server. A server that cannot be reached has its failure here and on stderr, and decides the exit code."
})
