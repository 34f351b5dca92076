/**
 * The tools of all servers as a toolkit of `effect/ai`: a language model is offered them, and what it calls is called over the pool.
 *
 * What a tool says is what the model is given, its own failures included; so is what the runtime says when a call fails, so that the model
 * can do something else. Images, audio and the bytes of resources are handed on as the files that they are; the text names them in their
 * places. Nothing that a server does ends the program.
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
import type * as Messages from "@holdfast/protocol/Messages"
import * as Prompt from "effect/ai/Prompt"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { kindOf } from "./internal/connection/defective.ts"
import * as ModelView from "./ModelView.ts"
import { ToolCatalog } from "./ToolCatalog.ts"

/** An image, a sound, or the bytes of a resource. */
export const File = Schema.Struct({
  mediaType: Schema.String,
  /** Of a resource: its uri. */
  fileName: Schema.optionalKey(Schema.String),
  data: Schema.Uint8ArrayFromBase64
})
/** What the schema `File` reads. */
export interface File extends Schema.Schema.Type<typeof File> {}

/** What a tool has said, or why it could not be asked. */
export const Answer = Schema.Struct({
  text: Schema.String,
  /** The tool failed, or could not be called: `text` says so. */
  isError: Schema.Boolean,
  /** What is no text, in order. Left out where there is none. */
  files: Schema.optionalKey(Schema.Array(File))
})
/** What a tool has said: its text, its files, and whether it says that it failed. */
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
        success: Answer,
        toModelOutput
      })
    )
  )
  const handlers = Object.fromEntries(tools.map(({ name }) => [
    name,
    (input: unknown): Effect.Effect<Answer> => {
      const args = input ?? {}
      if (!isObject(args)) return Effect.succeed({ text: `${name}: its arguments must be an object`, isError: true })
      return Effect.match(catalog.call(name, args), {
        onSuccess: answerOf,
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

const answerOf = (result: Messages.CallToolResult): Answer => {
  const files = result.content.flatMap(filesIn)
  return {
    text: ModelView.textOf(result),
    isError: result.isError === true,
    ...(files.length > 0 && { files })
  }
}

/** Data that is no base64 is named in the text, and is no file. */
const filesIn = (block: Messages.ContentBlock): ReadonlyArray<File> => {
  switch (block.type) {
    case "image":
    case "audio":
      return fileOf(block.mimeType, block.data)
    case "resource": {
      const { blob, mimeType = "application/octet-stream", uri } = block.resource
      return blob === undefined ? [] : fileOf(mimeType, blob, uri)
    }
    default:
      return []
  }
}

const fileOf = (mediaType: string, base64: string, fileName?: string): ReadonlyArray<File> => {
  // Some servers leave out the padding.
  const data = Base64.decode(base64.padEnd(Math.ceil(base64.length / 4) * 4, "="))
  return Result.isSuccess(data)
    ? [{ mediaType, data: data.success, ...(fileName !== undefined && { fileName }) }]
    : []
}

const toModelOutput = ({ files = [], isError, text }: Answer): ReadonlyArray<Prompt.ToolModelOutputPart> => [
  Prompt.makePart("text", { text: isError ? `The tool has failed: ${text}` : text }),
  ...files.map((file) => Prompt.makePart("file", file))
]

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)
