/**
 * `holdfast prompts [server]`: the prompts that servers offer, with their arguments.
 */
import type * as Prompts from "@holdfast/protocol/Prompts"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { FoundConfig } from "../ConfigSearch.ts"
import * as Report from "../Report.ts"
import * as ServerLists from "../ServerLists.ts"
import { Shell } from "../Shell.ts"
import * as Source from "../Source.ts"
import { printable, styleOf } from "../Style.ts"
import { firstLine, table } from "../Table.ts"
import { writeResult } from "../WriteResult.ts"

export interface PromptsInput extends Source.SourceInput, ServerLists.ListInput {
  readonly server: Option.Option<string>
}

type Listing = ReadonlyArray<Prompts.Prompt>

/** Runs the command and succeeds with its exit code. */
export const run = Effect.fnUntraced(function*(input: PromptsInput) {
  const source = yield* Source.open(input, Option.getOrUndefined(input.server))
  const server = yield* Source.serverIn(source, input.server, "prompts")
  return yield* (server === undefined
    ? ServerLists.all(input, source, ask)
    : ServerLists.one(input, source, server, ask)).pipe(
      Effect.flatMap((listed) => show(input, source.config, listed, server === undefined)),
      Effect.catch((error) => Report.ending(error, input.json)),
      Effect.provide(Source.layer(input, source))
    )
})

const ask: ServerLists.Ask<Listing> = (mcp, server, deadline) => mcp.listPrompts(server, { deadline })

const show = Effect.fnUntraced(function*(
  input: PromptsInput,
  config: FoundConfig,
  listed: ReadonlyArray<ServerLists.Listed<Listing>>,
  isAll: boolean
) {
  const { stdout } = yield* Shell
  const { bold, dim } = styleOf(stdout)
  if (input.json) {
    yield* writeResult(`${JSON.stringify(ServerLists.toJson(listed, (prompts) => ({ prompts })))}\n`)
  } else {
    const rows = ServerLists.answered(listed).flatMap(({ answer, server }) =>
      answer.map(({ arguments: args = [], description = "", name, title }) => [
        printable(`${server}.${name}`),
        firstLine(args.map((each) => each.required === true ? each.name : `[${each.name}]`).join(" ")),
        [title ?? "", description].filter((text, index, all) => text !== "" && all.indexOf(text) === index).join(": ")
      ])
    )
    const paint = (cell: string, _: number, column: number) =>
      column === 0 ? bold(cell) : column === 1 ? dim(cell) : cell
    if (rows.length > 0) yield* writeResult(`${table(rows, { width: stdout.columns, paint })}\n`)
    else yield* ServerLists.nothing(config, listed, "prompts")
  }
  return yield* ServerLists.report(input, config, listed, isAll)
})
