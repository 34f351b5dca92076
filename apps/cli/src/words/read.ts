/** `holdfast read`. */
import * as Argument from "effect/cli/Argument"
import * as CliCommand from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import * as Help from "../Help.ts"
import { Outcome } from "../Outcome.ts"
import { deadline } from "./deadline.ts"
import { output, rootFolder } from "./result.ts"
import { root } from "./root.ts"
import { source } from "./source.ts"

export const read = CliCommand.make(
  "read",
  {
    words: Argument.String("word").pipe(
      Argument.withDescription("The server, and the uri of the resource"),
      Argument.variadic({ min: 1 })
    ),
    output,
    root: rootFolder,
    deadline: deadline("Give up after this time, connecting included"),
    ...source
  },
  Effect.fnUntraced(function*(input) {
    const { config, json, "no-daemon": direct } = yield* root
    const { run } = yield* Effect.promise(() => import("../commands/read.ts"))
    yield* Ref.set(yield* Outcome, yield* run({ ...input, config, direct, json }))
  })
).pipe(
  CliCommand.withDescription("Print a resource"),
  CliCommand.annotate(Help.Usage, "holdfast read [flags] <server> <uri>"),
  CliCommand.withExamples([
    { command: "holdfast read docs file:///guide.md", description: "A text" },
    { command: "holdfast read docs blob:///logo.png -o logo.png", description: "What is no text, into a file" },
    { command: "holdfast read --url https://example.org/mcp docs://guide", description: "Without a config" }
  ])
)
