/**
 * Whether arguments fit a tool's schema, and in words what does not: the whole of JSON Schema, by ajv.
 *
 * Drafts 7 and 2020-12, by what `$schema` says, or else whichever the schema compiles in. Formats and keywords that are not known are the
 * server's to judge, and so is a schema that does not compile.
 */
import type { Judge } from "@holdfast/daemon/ArgumentReadings"
import * as ExactJson from "@holdfast/daemon/ExactJson"
import { Ajv, type Options } from "ajv"
import { Ajv2020 } from "ajv/dist/2020.js"
import * as Result from "effect/Result"
import { isNativeError } from "node:util/types"
import * as ArgumentProblems from "./ArgumentProblems.ts"

/** A judge of a schema. Fails with the reason why it does not compile. */
export const make = (schema: unknown): Result.Result<Judge, string> => {
  if (typeof schema !== "object" || schema === null) return Result.succeed(() => [])
  let reason = "it is no schema"
  for (const Draft of draftsOf(schema)) {
    try {
      const ajv = new Draft(options)
      ajv.addSchema(schema, root)
      const validate = ajv.getSchema(root)
      if (validate === undefined || "$async" in validate) break
      return Result.succeed((value) => {
        const judged = ExactJson.plain(value)
        if (validate(judged) === true) return []
        return ArgumentProblems.ofErrors(validate.errors ?? [], (forms, index, data) => {
          const pointer = pointerTo(forms, schema)
          const branch = pointer === undefined ? undefined : ajv.getSchema(`${root}#${pointer}/${index}`)
          return branch === undefined || branch(data) === true ? [] : branch.errors ?? []
        })
      })
    } catch (error) {
      reason = isNativeError(error) ? error.message : String(error)
    }
  }
  return Result.fail(reason)
}

const root = "tool:"

/** Where a part of the schema is: it was parsed from JSON, so each part is there once. */
const pointerTo = (part: unknown, schema: unknown): string | undefined => {
  if (schema === part) return ""
  if (typeof schema !== "object" || schema === null) return undefined
  for (const [name, inner] of Object.entries(schema)) {
    const pointer = pointerTo(part, inner)
    if (pointer !== undefined) {
      return `/${encodeURIComponent(name.replaceAll("~", "~0").replaceAll("/", "~1"))}${pointer}`
    }
  }
  return undefined
}

const draftsOf = (schema: object): ReadonlyArray<typeof Ajv | typeof Ajv2020> =>
  "$schema" in schema && /draft-0[4-7]/.test(String(schema.$schema)) ? [Ajv, Ajv2020] : [Ajv2020, Ajv]

/** Patterns are of the language with `u`; those that are none in it may still be one without. */
const regExp = Object.assign((pattern: string, flags: string): RegExp => {
  try {
    return new RegExp(pattern, flags)
  } catch {
    // Throws again if it is none at all.
    return new RegExp(pattern)
  }
}, { code: "" })

const options: Options = {
  strict: false,
  allErrors: true,
  ownProperties: true,
  verbose: true,
  logger: false,
  // Schemas are not held against their own: that would cost more than the rest.
  meta: false,
  validateFormats: false,
  // Compiling tells of faults in the schema itself.
  validateSchema: false,
  code: { regExp }
}
