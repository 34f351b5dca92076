/** `holdfast batch`. */
import * as CliCommand from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import * as Help from "../Help.ts"
import { Outcome } from "../Outcome.ts"
import * as CallFlags from "./callFlags.ts"
import { deadline } from "./deadline.ts"
import { root } from "./root.ts"
import { source } from "./source.ts"

export const batch = CliCommand.make(
  "batch",
  {
    jobs: Flag.Int("jobs").pipe(
      Flag.withAlias("j"),
      Flag.withMetavar("count"),
      Flag.withDescription("How many calls run at once (4)"),
      Flag.filterMap(
        (count) => count > 0 ? Option.some(count) : Option.none(),
        () => "a count of at least 1"
      ),
      Flag.withDefault(4)
    ),
    deadline: deadline("Give up on a call after this time, connecting included"),
    idempotent: CallFlags.idempotent(
      "Running any of these calls twice does no harm: repeat one when its outcome is unknown"
    ),
    unchecked: CallFlags.unchecked("Do not ask for the tools' schemas: let the servers judge"),
    ...source
  },
  Effect.fnUntraced(function*(input) {
    const { config, json, "no-daemon": direct } = yield* root
    const { run } = yield* Effect.promise(() => import("../commands/batch.ts"))
    yield* Ref.set(yield* Outcome, yield* run({ ...input, config, direct, json }))
  })
).pipe(
  CliCommand.withDescription("Make many calls: a line of JSON each on stdin, a line for each result on stdout"),
  CliCommand.annotate(Help.Usage, "holdfast batch [flags] < calls.ndjson > results.ndjson"),
  CliCommand.annotate(Help.Notes, [{
    title: "LINES",
    lines: [
      "in   {\"id\": 1, \"server\": \"fs\", \"tool\": \"read_text_file\",",
      "      \"arguments\": {\"path\": \"README.md\"}}",
      "out  {\"id\": 1, \"line\": 1, \"server\": \"fs\", \"tool\": …, \"result\": {…}}",
      "     or \"error\" instead of \"result\"; in the order in which they finish"
    ]
  }]),
  CliCommand.withExamples([
    { command: "holdfast batch -j 8 < calls.ndjson > results.ndjson", description: "Eight at once" }
  ])
)
