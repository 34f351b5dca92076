/** `holdfast add`. */
import * as Argument from "effect/cli/Argument"
import * as CliCommand from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import * as Help from "../Help.ts"
import { Outcome } from "../Outcome.ts"
import { root } from "./root.ts"
import { to, user } from "./target.ts"

export const add = CliCommand.make(
  "add",
  {
    name: Argument.String("name").pipe(Argument.withDescription("The server's name")),
    words: Argument.String("command").pipe(
      Argument.withDescription("A url, or a command with its arguments, behind -- where one begins with a dash"),
      Argument.variadic({ min: 1 })
    ),
    env: Flag.String("env").pipe(
      Flag.withAlias("e"),
      Flag.withMetavar("NAME=value"),
      Flag.withDescription("A variable of its environment; ${NAME} is looked up when the server starts"),
      Flag.atLeast(0)
    ),
    header: Flag.String("header").pipe(
      Flag.withAlias("H"),
      Flag.withMetavar("\"Name: value\""),
      Flag.withDescription("A header of every request"),
      Flag.atLeast(0)
    ),
    cwd: Flag.String("cwd").pipe(
      Flag.withMetavar("folder"),
      Flag.withDescription("Its working directory (default: the folder of the config)"),
      Flag.optional
    ),
    sse: Flag.Boolean("sse").pipe(Flag.withDescription("The url is one of HTTP+SSE"), Flag.withDefault(false)),
    replace: Flag.Boolean("replace").pipe(
      Flag.withDescription("In the place of a server of the same name"),
      Flag.withDefault(false)
    ),
    to,
    user
  },
  Effect.fnUntraced(function*(input) {
    const { config, json } = yield* root
    const { run } = yield* Effect.promise(() => import("../commands/add.ts"))
    yield* Ref.set(yield* Outcome, yield* run({ ...input, config, json }))
  })
).pipe(
  CliCommand.withDescription("Add a server to a config, and leave the rest of it as it is"),
  CliCommand.annotate(Help.Usage, "holdfast add [flags] <name> <url | -- command [args…]>"),
  CliCommand.withExamples([
    { command: "holdfast add fs -- npx -y @modelcontextprotocol/server-filesystem ." },
    { command: "holdfast add docs https://example.org/mcp -H 'Authorization: Bearer ${TOKEN}'" }
  ])
)
