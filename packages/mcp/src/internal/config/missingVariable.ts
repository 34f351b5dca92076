/** A value of the application's configuration that is not there, in a clause. Words of Effect's own stay out: they may quote what was found. */
import type * as Config from "effect/Config"

/** The name by which it was looked for, if that is known. */
const variableIn = ({ cause }: Config.ConfigError): string | undefined =>
  cause._tag === "SchemaError" && cause.issue._tag === "Pointer"
    ? cause.issue.path.map(String).join("_")
    : undefined

export const missingVariable = (error: Config.ConfigError): string => {
  const variable = variableIn(error)
  return variable === undefined
    ? "the configuration that names it cannot be read"
    : `the variable ${variable} is not set, or is not what it must be`
}
