/**
 * The answer of a tool as a value of the caller's type: its structured content, read by a schema.
 *
 * Where there is no structured content, the JSON of its one text is read: servers from before 2025-06-18 have no other way to say
 * the same. Numbers stay exact or are refused: a whole number beyond 2^53 fits no schema of a number.
 */
import * as Messages from "@holdfast/protocol/Messages"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { McpRuntimeError, OutputInvalid, ToolFailed } from "../../McpRuntimeError.ts"
import * as ModelView from "../../ModelView.ts"
import type { StandardSchema } from "../promise/contract.ts"

/** A schema of Effect, or of any library that keeps the Standard Schema. */
export type Output<A, R = never> = Schema.ConstraintDecoder<A, R> | StandardSchema<A>

export interface Place {
  readonly server: string
  readonly tool: string
}

/** The value in the answer. Fails with `ToolFailed` or `OutputInvalid`; a schema that throws is a defect. */
export const read = <A, R>(
  place: Place,
  output: Output<A, R>,
  answer: Messages.CallToolResult
): Effect.Effect<A, McpRuntimeError, R> => {
  if (answer.isError === true) {
    return Effect.fail(new McpRuntimeError({ reason: new ToolFailed({ ...place, text: ModelView.textOf(answer) }) }))
  }
  const value = structuredIn(answer)
  const described = Result.isFailure(value) ? Effect.fail(value.failure) : decode(output, value.success)
  return Effect.mapError(
    described,
    (description) => new McpRuntimeError({ reason: new OutputInvalid({ ...place, description }) })
  )
}

const structuredIn = ({ content, structuredContent }: Messages.CallToolResult): Result.Result<unknown, string> => {
  if (structuredContent !== undefined && structuredContent !== null) return Result.succeed(structuredContent)
  const [text, ...others] = content.filter(Messages.isText).map((block) => block.text)
  if (text === undefined || others.length > 0) return Result.fail("it has no structured content")
  return Result.mapError(
    Result.try((): unknown => JSON.parse(text)),
    () => "it has no structured content, and its text is no JSON"
  )
}

const decode = <A, R>(output: Output<A, R>, value: unknown): Effect.Effect<A, string, R> =>
  isStandard(output) ? standard(output, value) : Effect.mapError(
    Schema.decodeUnknownEffect(Schema.toCodecJson(output), { errors: "all" })(value),
    ({ message }) => message.replaceAll(/\s*\n\s*/g, "; ")
  )

/** A schema of Effect may keep the Standard Schema besides. */
const isStandard = <A, R>(output: Output<A, R>): output is StandardSchema<A> =>
  !Schema.isSchema(output) && "~standard" in output

const standard = <A>(output: StandardSchema<A>, value: unknown): Effect.Effect<A, string> =>
  Effect.flatMap(
    Effect.suspend(() => {
      const result = output["~standard"].validate(value)
      return Predicate.isPromise(result) ? Effect.promise(() => result) : Effect.succeed(result)
    }),
    (result) => result.issues === undefined ? Effect.succeed(result.value) : Effect.fail(wordsOf(result.issues))
  )

type Issue = Extract<
  Awaited<ReturnType<StandardSchema["~standard"]["validate"]>>,
  { readonly issues: object }
>["issues"][number]

const wordsOf = (issues: ReadonlyArray<Issue>): string =>
  issues.map(({ message, path = [] }) => {
    const place = path.map((part) => String(typeof part === "object" ? part.key : part)).join(".")
    return place === "" ? message : `${message} at ${place}`
  }).join("; ")
