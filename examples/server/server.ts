import { JobTools } from "@holdfast/jobs/mcp"
import * as EffectPrompt from "@holdfast/server/EffectPrompt"
import * as EffectResource from "@holdfast/server/EffectResource"
import * as EffectTool from "@holdfast/server/EffectTool"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Schema from "effect/Schema"
import { Mailing } from "./Mailing.ts"

/** Made for each session. Whatever lasts is outside of it. */
export const server = Effect.gen(function*() {
  const files = yield* FileSystem.FileSystem
  const mcp = new McpServer({ name: "letters", version: "1.0.0" })
  yield* EffectTool.register(
    mcp,
    "count_words",
    {
      description: "Counts the words of a letter",
      input: { text: Schema.String },
      output: { words: Schema.Int },
      annotations: { readOnlyHint: true }
    },
    ({ text }) => Effect.succeed({ words: text.split(/\s+/).filter((word) => word !== "").length })
  )
  yield* EffectResource.registerTemplate(
    mcp,
    "letter",
    { uriTemplate: "letter://{name}", variables: { name: Schema.String }, mimeType: "text/plain" },
    ({ name }) => files.readFileString(`outbox/${encodeURIComponent(name)}.txt`)
  )
  yield* EffectPrompt.register(
    mcp,
    "invite",
    { description: "Asks for an invitation", input: { occasion: Schema.String } },
    ({ occasion }) => Effect.succeed(`Write an invitation to ${occasion}, in two sentences.`)
  )
  yield* JobTools.register(mcp, Mailing, { description: "Sends a letter to each of many people." })
  return mcp
})
