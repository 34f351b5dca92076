/**
 * The tools of all servers as a toolkit of `effect/ai`: a language model is offered them, and what it calls is called over the pool.
 *
 * What a tool says is what the model is given, its own failures included; so is what the runtime says when a call fails, so that the model
 * can do something else. Nothing that a server does ends the program.
 *
 * **Gotchas**: a toolkit is of one moment. Make it anew when `ToolCatalog.changes` tells of another.
 *
 * @example
 * ```ts
 * import { ToolCatalog } from "@holdfast/mcp"
 * import * as McpToolkit from "@holdfast/mcp/McpToolkit"
 * import * as LanguageModel from "effect/ai/LanguageModel"
 * import * as Effect from "effect/Effect"
 *
 * export const answer = Effect.gen(function*() {
 *   const { toolkit } = yield* McpToolkit.make({ within: "10 seconds" })
 *   return yield* LanguageModel.generateText({ prompt: "What is in README.md?", toolkit })
 * }).pipe(Effect.provide(ToolCatalog.layerFile("mcp.json")))
 * ```
 */
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { kindOf } from "./internal/connection/defective.ts"
import * as ModelView from "./ModelView.ts"
import { ToolCatalog } from "./ToolCatalog.ts"

/** What a tool has said, or why it could not be asked. */
export const Answer = Schema.Struct({
  text: Schema.String,
  /** The tool failed, or could not be called: `text` says so. */
  isError: Schema.Boolean
})
/** What a model is told of a call: the text of the result, and whether the tool says that it failed. */
export type Answer = typeof Answer.Type

/** The tools of the catalog at this moment, and the servers that have none to offer. Waits as `ToolCatalog.ready` does. */
export const make = Effect.fnUntraced(function*(
  options: { readonly within?: Duration.Input | undefined } = {}
) {
  const catalog = yield* ToolCatalog
  const { tools, unavailable } = yield* catalog.ready(options)
  const toolkit = Toolkit.make(
    ...tools.map(({ name, tool }) =>
      Tool.dynamic(name, {
        ...(tool.description !== undefined && { description: tool.description }),
        parameters: { ...ModelView.schemaOf(tool) },
        success: Answer
      })
    )
  )
  const handlers = Object.fromEntries(tools.map(({ name }) => [
    name,
    (input: unknown): Effect.Effect<Answer> => {
      const args = input ?? {}
      if (!isObject(args)) return Effect.succeed({ text: `${name}: its arguments must be an object`, isError: true })
      return Effect.match(catalog.call(name, args), {
        onSuccess: (result) => ({ text: ModelView.textOf(result), isError: result.isError === true }),
        onFailure: ({ message }) => ({ text: message, isError: true })
      }).pipe(
        Effect.catchDefect((defect) =>
          Effect.as(Effect.logError(`${name} could not be called: ${kindOf(defect)}`), {
            text: `${name} could not be called, by a mistake of the program`,
            isError: true
          })
        )
      )
    }
  ]))
  const provided = yield* toolkit.toHandlers(handlers)
  return { toolkit: yield* Effect.provideContext(toolkit, provided), unavailable }
})

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)
