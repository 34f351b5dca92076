/** Options that may be in the application's `Config`. What cannot be read is named in a sentence, without what was found: it may be a secret. */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import { McpServerError, ServerOptionInvalid } from "../McpServerError.ts"

/** The value, read now if it is a `Config`. Fails with `ServerOptionInvalid`. */
export const configured = <A>(
  option: string,
  expected: string,
  value: A | Config.Config<A>
): Effect.Effect<A, McpServerError> =>
  Config.isConfig(value)
    ? Effect.mapError(value, ({ cause }) => {
      const isNamed = cause._tag === "SchemaError" && cause.issue._tag === "Pointer"
      const place = isNamed ? `the variable ${cause.issue.path.map(String).join("_")}` : "the configuration"
      const reason = new ServerOptionInvalid({
        option,
        expected: `${expected} in ${place}`,
        actual: "nothing that is one: it is not set, or says something else"
      })
      return new McpServerError({ reason })
    })
    : Effect.succeed(value)
