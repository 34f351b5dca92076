/**
 * Checks a value against a schema and gives back the value itself, unknown members included.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

/** For schemas that transform nothing. Fails with a sentence that names the member that is wrong. */
export const checked = <S extends Schema.ConstraintDecoder<unknown>>(
  schema: S
): (input: unknown) => Result.Result<S["Type"], string> => {
  const decode = Schema.decodeUnknownResult(schema)
  return (input) => {
    const decoded = decode(input)
    if (Result.isFailure(decoded)) return Result.fail(decoded.failure.message)
    // The schemas here transform nothing, so what decodes to a `Type` is one already.
    return Result.succeed(input as S["Type"])
  }
}
