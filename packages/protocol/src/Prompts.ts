/**
 * What a client reads of a server's prompts, and of its completions for their arguments.
 *
 * As in `Messages`, schemas name what is relied on, tolerate everything else, and `decode…` returns the value itself; what cannot be
 * read is left out and told.
 *
 * @example
 * ```ts
 * import * as Prompts from "@holdfast/protocol/Prompts"
 * import * as Result from "effect/Result"
 *
 * const page = Prompts.decodeListPromptsResult({ prompts: [{ name: "review" }] })
 * export const names = Result.isSuccess(page) ? page.success.prompts.map(({ name }) => name) : []
 * ```
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/server/prompts
 */
import * as Schema from "effect/Schema"
import { tolerant } from "./internal/tolerant.ts"
import { ContentBlock } from "./Messages.ts"

/** An argument of a prompt. It is optional unless `required` says otherwise. */
export const PromptArgument = Schema.Struct({
  name: Schema.String,
  title: Schema.optionalKey(Schema.String),
  description: Schema.optionalKey(Schema.String),
  required: Schema.optionalKey(Schema.Boolean)
})
/** What the schema `PromptArgument` reads. */
export interface PromptArgument extends Schema.Schema.Type<typeof PromptArgument> {}

/** A prompt that a server offers. */
export const Prompt = Schema.Struct({
  name: Schema.String,
  title: Schema.optionalKey(Schema.String),
  description: Schema.optionalKey(Schema.String),
  arguments: Schema.optionalKey(Schema.Array(PromptArgument))
})
/** What the schema `Prompt` reads. */
export interface Prompt extends Schema.Schema.Type<typeof Prompt> {}

/** One page of the answer to `prompts/list`. */
export const ListPromptsResult = Schema.Struct({
  prompts: Schema.Array(Prompt),
  nextCursor: Schema.optionalKey(Schema.String)
})
/** What the schema `ListPromptsResult` reads. */
export interface ListPromptsResult extends Schema.Schema.Type<typeof ListPromptsResult> {}

/** `role` is `user` or `assistant`. */
export const PromptMessage = Schema.Struct({ role: Schema.String, content: ContentBlock })
/** What the schema `PromptMessage` reads. */
export interface PromptMessage extends Schema.Schema.Type<typeof PromptMessage> {}

/** The answer to `prompts/get`. */
export const GetPromptResult = Schema.Struct({
  description: Schema.optionalKey(Schema.String),
  messages: Schema.Array(PromptMessage)
})
/** What the schema `GetPromptResult` reads. */
export interface GetPromptResult extends Schema.Schema.Type<typeof GetPromptResult> {}

/** The answer to `completion/complete`: at most 100 values, of `total` there are. */
export const CompleteResult = Schema.Struct({
  completion: Schema.Struct({
    values: Schema.Array(Schema.String),
    total: Schema.optionalKey(Schema.Finite),
    hasMore: Schema.optionalKey(Schema.Boolean)
  })
})
/** What the schema `CompleteResult` reads. */
export interface CompleteResult extends Schema.Schema.Type<typeof CompleteResult> {}

/** Reads one page of `prompts/list`. Fails with a sentence that names the member that is wrong. */
export const decodeListPromptsResult = tolerant(ListPromptsResult)

/** Reads the answer to `prompts/get`. Fails with a sentence that names the member that is wrong. */
export const decodeGetPromptResult = tolerant(GetPromptResult)

/** Reads the answer to `completion/complete`. Fails with a sentence that names the member that is wrong. */
export const decodeCompleteResult = tolerant(CompleteResult)
