import { McpConnections } from "@holdfast/mcp"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"

/** What the tool of the server answers with. */
const FileText = Schema.Struct({ content: Schema.String })

/** Notes in files that a server reads. */
export class Notes extends Context.Service<Notes>()("observed/Notes", {
  make: Effect.gen(function*() {
    const mcp = yield* McpConnections
    return {
      /** The number of words in a file. The span is the call's parent: what it takes, and why, is beneath it. */
      count: Effect.fn("Notes.count")(function*(path: string) {
        const { content } = yield* mcp.callTool("fs", { name: "read_text_file", arguments: { path } }, {
          deadline: "30 seconds",
          output: FileText
        })
        return content.split(/\s+/).filter((word) => word !== "").length
      })
    }
  })
}) {
  /** Needs servers, one of which is called `fs`. */
  static readonly layer = Layer.effect(this, this.make)
}
