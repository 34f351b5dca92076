/**
 * Questions of jobs as elicitations: the request that a client shows to its user, and the answer in what comes back.
 *
 * Gotchas: forms of MCP are objects. A question whose answer is none is asked for as the field `answer` of one.
 */
import type * as Schema from "effect/Schema"
import type { JobQuestion } from "../JobStatus.ts"

const isObject = (value: unknown): value is Readonly<Record<string, Schema.Json>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const isForm = ({ schema }: JobQuestion): boolean => isObject(schema) && schema["type"] === "object"

/** The parameters of `elicitation/create`. */
export const paramsOf = (question: JobQuestion) => ({
  mode: "form" as const,
  message: question.message,
  requestedSchema: isForm(question)
    ? question.schema
    : { type: "object", properties: { answer: question.schema }, required: ["answer"] }
})

/** What the user has answered; nothing if it was declined, or is no answer. */
export const answerIn = (question: JobQuestion, result: unknown): { readonly answer: Schema.Json } | undefined => {
  if (!isObject(result) || result["action"] !== "accept" || !isObject(result["content"])) return undefined
  const { content } = result
  if (isForm(question)) return { answer: content }
  const { answer } = content
  return answer === undefined ? undefined : { answer }
}
