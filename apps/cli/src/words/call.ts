/** `holdfast call`. */
import * as Argument from "effect/cli/Argument"
import * as CliCommand from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import * as Help from "../Help.ts"
import { Outcome } from "../Outcome.ts"
import { durationExpected, readDuration } from "../ReadDuration.ts"
import * as CallFlags from "./callFlags.ts"
import { deadline } from "./deadline.ts"
import { output, rootFolder } from "./result.ts"
import { root } from "./root.ts"
import { source } from "./source.ts"

export const call = CliCommand.make(
  "call",
  {
    words: Argument.String("word").pipe(
      Argument.withDescription(
        "The server and the tool (two words, or server.tool), then its arguments: key=value, key=@file, key:=json, " +
          "- for a JSON object on standard input"
      ),
      Argument.variadic({ min: 1 })
    ),
    args: CallFlags.args(),
    deadline: deadline("Give up after this time, connecting included"),
    detach: Flag.Boolean("detach").pipe(
      Flag.withDescription("Leave the call at its server, as a task, and print its id: see holdfast task"),
      Flag.withDefault(false)
    ),
    idempotent: CallFlags.idempotent(),
    output,
    park: Flag.Boolean("park").pipe(
      Flag.withDescription("Keep the call if the server asks something: see holdfast questions and holdfast answer"),
      Flag.withDefault(false)
    ),
    root: rootFolder,
    ttl: Flag.String("ttl").pipe(
      Flag.withMetavar("duration"),
      Flag.withDescription("With --detach: how long the server is asked to keep the task and its result"),
      Flag.filterMap(readDuration, () => durationExpected),
      Flag.optional
    ),
    unchecked: CallFlags.unchecked(),
    ...source
  },
  Effect.fnUntraced(function*(input) {
    const { config, json, "no-daemon": direct } = yield* root
    const { run } = yield* Effect.promise(() => import("../commands/call.ts"))
    yield* Ref.set(yield* Outcome, yield* run({ ...input, config, direct, json }))
  })
).pipe(
  CliCommand.withDescription("Call a tool and print its text"),
  CliCommand.annotate(Help.Usage, "holdfast call [flags] <server> <tool> [key=value…]"),
  CliCommand.withExamples([
    { command: "holdfast call fs read_text_file path=README.md", description: "Arguments as words" },
    { command: "holdfast call fs.write_file path=x content=@body.md", description: "An argument from a file" },
    {
      command: "jq -n '{path: \"README.md\"}' | holdfast call fs.read_text_file -",
      description: "Arguments from a pipe"
    },
    {
      command: "holdfast call scanner.scan path=. --detach --ttl 1d",
      description: "A long one; holdfast task <id> --wait prints its result"
    },
    { command: "holdfast call browser.screenshot -o page.png", description: "A picture, into a file" },
    { command: "holdfast call --url https://example.org/mcp search q=kelp", description: "Without a config" }
  ])
)
