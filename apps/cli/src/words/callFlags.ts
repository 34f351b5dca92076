/** Flags of the words that call a tool. */
import * as Flag from "effect/cli/Flag"

/** Arguments beside the words `key=value`. */
export const args = (description = "Arguments as a JSON object; key=value words win over it") =>
  Flag.String("args").pipe(Flag.withMetavar("json"), Flag.withDescription(description), Flag.optional)

export const idempotent = (
  description = "Running this call twice does no harm: repeat it when its outcome is unknown"
) => Flag.Boolean("idempotent").pipe(Flag.withDescription(description), Flag.withDefault(false))

export const unchecked = (
  description = "Do not ask for the tool's schema: send text as text, and let the server judge"
) => Flag.Boolean("unchecked").pipe(Flag.withDescription(description), Flag.withDefault(false))
