/**
 * `holdfast resources [server]`: what can be read, and the templates of more.
 */
import type * as Resources from "@holdfast/protocol/Resources"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { FoundConfig } from "../ConfigSearch.ts"
import * as Report from "../Report.ts"
import * as ServerLists from "../ServerLists.ts"
import { Shell } from "../Shell.ts"
import * as Source from "../Source.ts"
import { printable, styleOf } from "../Style.ts"
import { table } from "../Table.ts"
import { writeResult } from "../WriteResult.ts"

export interface ResourcesInput extends Source.SourceInput, ServerLists.ListInput {
  readonly server: Option.Option<string>
}

interface Listing {
  readonly resources: ReadonlyArray<Resources.Resource>
  readonly templates: ReadonlyArray<Resources.ResourceTemplate>
}

/** Runs the command and succeeds with its exit code. */
export const run = Effect.fnUntraced(function*(input: ResourcesInput) {
  const source = yield* Source.open(input, Option.getOrUndefined(input.server))
  const server = yield* Source.serverIn(source, input.server, "resources")
  return yield* (server === undefined
    ? ServerLists.all(input, source, ask)
    : ServerLists.one(input, source, server, ask)).pipe(
      Effect.flatMap((listed) => show(input, source.config, listed, server === undefined)),
      Effect.catch((error) => Report.ending(error, input.json)),
      Effect.provide(Source.layer(input, source))
    )
})

const ask: ServerLists.Ask<Listing> = (mcp, server, deadline) =>
  Effect.all({
    resources: mcp.listResources(server, { deadline }),
    templates: mcp.listResourceTemplates(server, { deadline })
  }, { concurrency: 2 })

const show = Effect.fnUntraced(function*(
  input: ResourcesInput,
  config: FoundConfig,
  listed: ReadonlyArray<ServerLists.Listed<Listing>>,
  isAll: boolean
) {
  const { stdout } = yield* Shell
  const { bold, dim } = styleOf(stdout)
  if (input.json) {
    yield* writeResult(`${JSON.stringify(ServerLists.toJson(listed, (listing) => listing))}\n`)
  } else {
    const rows = ServerLists.answered(listed).flatMap(({ answer, server }) => [
      ...answer.resources.map((each) => rowOf(server, each.uri, each)),
      ...answer.templates.map((each) => rowOf(server, each.uriTemplate, each))
    ])
    const paint = (cell: string, _: number, column: number) =>
      column === 1 ? bold(cell) : column === 0 ? dim(cell) : cell
    if (rows.length > 0) yield* writeResult(`${table(rows, { width: stdout.columns, paint })}\n`)
    else yield* ServerLists.nothing(config, listed, "resources")
  }
  return yield* ServerLists.report(input, config, listed, isAll)
})

type Described = Pick<Resources.Resource, "name" | "title" | "description" | "mimeType">

const rowOf = (server: string, uri: string, { description = "", mimeType = "", name, title = name }: Described) => [
  printable(server),
  printable(uri),
  mimeType,
  [title, description].filter((text, index, all) => text !== "" && all.indexOf(text) === index).join(": ")
]
