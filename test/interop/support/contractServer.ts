/** A server with something of everything: a tool of each kind, a job as tools and as a task, a resource, a prompt. */
import * as Job from "@holdfast/jobs/Job"
import { JobTasks, JobTools } from "@holdfast/jobs/mcp"
import * as MemoryStore from "@holdfast/jobs/MemoryStore"
import * as Runner from "@holdfast/jobs/Runner"
import * as EffectTool from "@holdfast/server/EffectTool"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { z } from "zod"

const Count = Job.make("count", { version: 1, payload: { to: Schema.Int }, success: Schema.Array(Schema.Int) })

/** What the server needs. */
export const layer = Runner.toLayer(
  Count,
  ({ to }) => Effect.succeed(Array.from({ length: to }, (_, index) => index + 1))
)
  .pipe(
    Layer.provide(MemoryStore.layer)
  )

/** A schema that refers to itself, by its name. */
interface Tree {
  readonly children: ReadonlyArray<Tree>
}
const Tree = Schema.Struct({
  children: Schema.Array(Schema.suspend((): Schema.Codec<Tree> => Tree))
}).annotate({ identifier: "Tree" })

const countOf = ({ children }: Tree): number => children.reduce((sum, child) => sum + countOf(child), 1)

export const server = Effect.gen(function*() {
  const tasks = yield* JobTasks.make()
  const mcp = new McpServer({ name: "contract", version: "1.0.0" }, tasks.serverOptions)
  yield* EffectTool.register(
    mcp,
    "echo",
    { description: "Says it again", input: { text: Schema.String }, annotations: { readOnlyHint: true } },
    ({ text }) => Effect.succeed(text)
  )
  yield* EffectTool.register(mcp, "nothing", {}, () => Effect.succeed("nothing was asked"))
  yield* EffectTool.register(
    mcp,
    "measure",
    { input: { tree: Tree }, output: { count: Schema.Int } },
    ({ tree }) => Effect.succeed({ count: countOf(tree) })
  )
  yield* JobTools.register(mcp, Count, { description: "Counts.", tasks })
  mcp.registerResource("notes", "note://one", { mimeType: "text/plain" }, () => ({
    contents: [{ uri: "note://one", text: "a note" }]
  }))
  mcp.registerPrompt("greet", { argsSchema: { name: z.string() } }, ({ name }) => ({
    messages: [{ role: "user", content: { type: "text", text: `Greet ${name}` } }]
  }))
  return mcp
})
