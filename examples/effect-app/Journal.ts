import { McpConnections, type McpRuntimeError } from "@holdfast/mcp"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Semaphore from "effect/Semaphore"

/** The journal could not be read or written. */
export class JournalError extends Data.TaggedError("JournalError")<{
  readonly message: string
  readonly cause: McpRuntimeError
}> {}

/** What the tools of the server answer with. */
const FileText = Schema.Struct({ content: Schema.String })

/** A journal that a server keeps. Its users know nothing of servers. */
export class Journal extends Context.Service<Journal, {
  /** Adds a line, once, and says how many there are. */
  readonly add: (line: string) => Effect.Effect<number, JournalError>
}>()("effect-app/Journal") {
  /** Needs servers, one of which is called `fs`. The file is `JOURNAL_FILE`, by default `journal.txt`. */
  static readonly layer = Layer.effect(
    Journal,
    Effect.gen(function*() {
      const path = yield* Config.String("JOURNAL_FILE").pipe(Config.withDefault("journal.txt"))
      const mcp = yield* McpConnections
      const oneAtATime = yield* Semaphore.make(1)

      const ask = (name: string, args: Readonly<Record<string, unknown>>) =>
        mcp.callTool("fs", { name, arguments: args }, { deadline: "30 seconds", output: FileText })

      const add = Effect.fn("Journal.add")(
        function*(line: string) {
          const { content } = yield* ask("read_text_file", { path }).pipe(
            // What the tool says of a file that is not there. A lost connection has other reasons, and is not caught here.
            Effect.catchReason("McpRuntimeError", "ToolFailed", () => Effect.succeed({ content: "" }))
          )
          const lines = [...content.split("\n").filter((line) => line !== ""), line]
          // Writing the same file twice is as good as once. The tool says so (`idempotentHint`), so a lost call is sent again.
          yield* ask("write_file", { path, content: `${lines.join("\n")}\n` })
          return lines.length
        },
        Effect.mapError((cause) => new JournalError({ message: cause.message, cause }))
      )
      return { add: (line) => oneAtATime.withPermit(add(line)) }
    })
  )
}
