/** `holdfast connect` and `holdfast wrap`. */
import * as Argument from "effect/cli/Argument"
import * as CliCommand from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Help from "../Help.ts"

const shimFlags = {
  eager: Flag.Boolean("eager").pipe(
    Flag.withDescription("Wait for the server's own answers, instead of giving those it gave the last time"),
    Flag.withDefault(false)
  ),
  modern: Flag.Boolean("modern").pipe(
    Flag.withDescription(
      "The host knows no revision before 2026-07-28: a legacy server is made to look like a modern one"
    ),
    Flag.withDefault(false)
  ),
  "long-calls": Flag.Boolean("long-calls").pipe(
    Flag.withDescription(
      "Answer a call that takes longer than the host waits with \"still running\", and offer a tool that gives its result"
    ),
    Flag.withDefault(false)
  ),
  "call-limit": Flag.String("call-limit").pipe(
    Flag.withMetavar("duration"),
    Flag.withDescription("How long the host waits; implies --long-calls (default: 50s)"),
    Flag.optional
  ),
  shared: Flag.Boolean("shared").pipe(
    Flag.withDescription("Share the process of a legacy server with other hosts at the same time"),
    Flag.withDefault(false)
  ),
  "no-hand-on": Flag.Boolean("no-hand-on").pipe(
    Flag.withDescription("End the process of a legacy server with this host, instead of handing it on"),
    Flag.withDefault(false)
  )
}

/** Only its help is from here: see `internal/shimMain.ts`. */
export const connect = CliCommand.make(
  "connect",
  { ...shimFlags, server: Argument.String("server") },
  () => Effect.void
).pipe(
  CliCommand.withDescription("Be a server of the config to a host, over stdin and stdout"),
  CliCommand.annotate(Help.Usage, "holdfast connect [flags] <server>"),
  CliCommand.withExamples([
    {
      command: "holdfast connect -c /home/me/.mcp.json fs",
      description: "In a host's config, as the command of a server"
    }
  ])
)

/** As `connect`. */
export const wrap = CliCommand.make(
  "wrap",
  {
    ...shimFlags,
    env: Flag.String("env").pipe(
      Flag.withMetavar("names"),
      Flag.withDescription(
        "The environment variables that the server is given, instead of all but those of the session"
      ),
      Flag.optional
    ),
    name: Flag.String("name").pipe(Flag.withDescription("The server's name in messages"), Flag.optional),
    words: Argument.String("command").pipe(Argument.variadic({ min: 1 }))
  },
  () => Effect.void
).pipe(
  CliCommand.withDescription(
    "Be the server of this command to a host: shared with other hosts, and healed when it dies"
  ),
  CliCommand.annotate(Help.Usage, "holdfast wrap [flags] -- <command> [args…]"),
  CliCommand.withExamples([
    {
      command: "holdfast wrap -- npx -y @modelcontextprotocol/server-filesystem .",
      description: "In a host's config, in front of what is there"
    }
  ])
)
