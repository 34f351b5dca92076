/** Patterns on RE2's engine: time in proportion to the text, whatever the pattern. */
import { isNativeError } from "node:util/types"
import { RE2JS } from "re2js"

/** A pattern made ready. `ignoreCase`: in any case. */
export const compile = (pattern: string, ignoreCase = false): RE2JS =>
  RE2JS.compile(pattern, ignoreCase ? RE2JS.CASE_INSENSITIVE : 0)

/** Why a pattern is not taken. One that finds must find something. */
export const problemOf = (pattern: string, use: "find" | "test"): string | undefined => {
  try {
    if (compile(pattern).test("") && use === "find") return "matches nothing at all, which is everywhere"
  } catch (error) {
    const message = isNativeError(error) ? error.message : String(error)
    const advice = /\(\?(?:<?[=!])/.test(pattern) ? "; the engine has no lookahead and no lookbehind" : ""
    return `is no regular expression of RE2: ${message}${advice}`
  }
  return undefined
}
