import { JobTools } from "@holdfast/jobs/mcp"
import * as EffectTool from "@holdfast/server/EffectTool"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Mailing } from "./Mailing.ts"

/** Made for each session. Whatever lasts is outside of it. */
export const server = Effect.gen(function*() {
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
  yield* JobTools.register(mcp, Mailing, { description: "Sends a letter to each of many people." })
  return mcp
})
