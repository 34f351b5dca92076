/**
 * `${NAME}` and `${NAME:-default}` in configuration strings, as editors and agents write them; `${env:NAME}` is the same.
 *
 * Anything else that looks like a placeholder is left as it is: it may be meant for the server.
 */
import * as Result from "effect/Result"

/** A variable that is not set and has no default. */
export interface Unset {
  readonly variable: string
}

const placeholder = /\$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g

/** Expands every placeholder, once: values are not expanded again. An empty variable counts as unset where there is a default. */
export const expandVariables = (
  text: string,
  environment: Readonly<Record<string, string | undefined>>
): Result.Result<string, Unset> => {
  let unset: Unset | undefined
  const expanded = text.replaceAll(placeholder, (_, variable: string, fallback: string | undefined) => {
    const value = environment[variable]
    if (value !== undefined && (value !== "" || fallback === undefined)) return value
    if (fallback !== undefined) return fallback
    unset ??= { variable }
    return ""
  })
  return unset === undefined ? Result.succeed(expanded) : Result.fail(unset)
}
