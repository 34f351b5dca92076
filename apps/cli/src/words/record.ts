/** `holdfast record`. */
import * as Argument from "effect/cli/Argument"
import * as CliCommand from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import * as Help from "../Help.ts"
import { Outcome } from "../Outcome.ts"
import * as CallFlags from "./callFlags.ts"
import { deadline } from "./deadline.ts"
import { rootFolder } from "./result.ts"
import { root } from "./root.ts"
import { source } from "./source.ts"

export const record = CliCommand.make(
  "record",
  {
    words: Argument.String("word").pipe(
      Argument.withDescription(
        "A server alone: be that server to a host, over stdin and stdout. With a tool and its arguments: call it, as holdfast call does"
      ),
      Argument.variadic()
    ),
    output: Flag.String("output").pipe(
      Flag.withAlias("o"),
      Flag.withMetavar("file"),
      Flag.withDescription(
        "Where the recording goes, for this user alone. In front of a host one that is there stays, and the new one gets a number"
      ),
      Flag.optional
    ),
    args: CallFlags.args("Arguments of the call as a JSON object; key=value words win over it"),
    deadline: deadline("Give up the call after this time, connecting included"),
    idempotent: CallFlags.idempotent("Running the call twice does no harm: repeat it when its outcome is unknown"),
    root: rootFolder,
    unchecked: CallFlags.unchecked(),
    ...source
  },
  Effect.fnUntraced(function*(input) {
    const { config, json, "no-daemon": direct } = yield* root
    const { run } = yield* Effect.promise(() => import("../commands/record.ts"))
    yield* Ref.set(yield* Outcome, yield* run({ ...input, config, direct, json }))
  })
).pipe(
  CliCommand.withDescription("Record what a server is asked and what it answers, for holdfast replay and for tests"),
  CliCommand.annotate(Help.Usage, "holdfast record -o <file> [flags] <server> [<tool> key=value…]"),
  CliCommand.annotate(Help.Notes, [
    {
      title: "SECRETS",
      lines: [
        "Values of the config's env and headers, of variables whose name says that they",
        "are secrets, and of members such as password, apiKey and token are left out.",
        "Others are not: read a recording before you give it away."
      ]
    }
  ]),
  CliCommand.withExamples([
    { command: "holdfast record fs.read_text_file path=README.md -o read.ndjson", description: "One call" },
    { command: "holdfast record -o fs.ndjson fs", description: "In a host's config, as the command of the server" },
    {
      command: "holdfast record -o everything.ndjson -- npx -y my-server",
      description: "The same, in front of what is there"
    }
  ])
)
