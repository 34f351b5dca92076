/** `holdfast prompts --json`. */
import { Prompt } from "@holdfast/protocol/Prompts"
import * as Schema from "effect/Schema"
import { Failure } from "./error.ts"

const open = Schema.Record(Schema.String, Schema.Unknown)

const Listed = Schema.Struct({
  server: Schema.String,
  prompts: Schema.optionalKey(
    Schema.Array(Schema.StructWithRest(Prompt, [open])).annotate({ description: "As the server has given them" })
  ),
  error: Schema.optionalKey(Failure.annotate({ description: "In place of `prompts`: it could not be reached" }))
})

export const Output = Schema.Array(Listed).annotate({
  description:
    "The prompts by server. A server that cannot be reached has its failure here and on stderr, and decides the exit code."
})
