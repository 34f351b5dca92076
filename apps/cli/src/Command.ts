/**
 * The command line of `holdfast`: its commands, flags and help.
 *
 * A command's code is loaded when it runs, so that `--help`, `--version` and mistakes answer at once.
 */
import type { Operation } from "@holdfast/daemon/DaemonControl"
import * as Argument from "effect/cli/Argument"
import * as CliCommand from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import { exitCodes } from "./ExitCode.ts"
import * as Help from "./Help.ts"
import { durationExpected, readDuration } from "./ReadDuration.ts"

/** Where a command leaves its exit code. */
export class Outcome extends Context.Service<Outcome, Ref.Ref<number>>()("holdfast/Outcome") {}

const shared = {
  config: Flag.String("config").pipe(
    Flag.withAlias("c"),
    Flag.withMetavar("file"),
    Flag.withDescription("The mcpServers JSON to use. Default: .mcp.json or mcp.json in the working directory"),
    Flag.optional
  ),
  "no-daemon": Flag.Boolean("no-daemon").pipe(
    Flag.withDescription("Start the servers for this command alone. HOLDFAST_NO_DAEMON=1 does the same for all"),
    Flag.withDefault(false)
  ),
  json: Flag.Boolean("json").pipe(
    Flag.withDescription("Print results, and errors on stderr, as JSON"),
    Flag.withDefault(false)
  )
}

const deadline = (described: string) =>
  Flag.String("deadline").pipe(
    Flag.withMetavar("duration"),
    Flag.withDescription(`${described}: ${durationExpected}`),
    Flag.filterMap(readDuration, () => durationExpected),
    Flag.optional
  )

const root = CliCommand.make("holdfast").pipe(
  CliCommand.withSharedFlags(shared),
  CliCommand.withDescription("Call the tools of MCP servers from a shell"),
  CliCommand.annotate(Help.Usage, "holdfast <command> [flags]"),
  CliCommand.annotate(Help.Notes, [
    {
      title: "CONFIG",
      lines: [
        "The mcpServers JSON that other MCP clients use, such as:",
        "{",
        "  \"mcpServers\": {",
        "    \"fs\": {",
        "      \"command\": \"npx\",",
        "      \"args\": [\"-y\", \"@modelcontextprotocol/server-filesystem\", \".\"]",
        "    },",
        "    \"docs\": { \"url\": \"https://example.org/mcp\" }",
        "  }",
        "}",
        "A daemon keeps the servers running for the next command."
      ]
    },
    { title: "EXIT CODES", rows: exitCodes.map(([code, meaning]) => [String(code), meaning.replaceAll("`", "")]) }
  ]),
  CliCommand.withExamples([
    { command: "holdfast tools", description: "Everything that can be called" },
    { command: "holdfast call fs read_text_file path=README.md", description: "A tool, and its arguments as words" }
  ])
)

const tools = CliCommand.make(
  "tools",
  {
    server: Argument.String("server").pipe(
      Argument.withDescription("Only this server; server.tool shows one tool with its arguments"),
      Argument.optional
    ),
    deadline: deadline(
      "Give up on a server after this time from its start (15 s if all are listed, else the server's own limits)"
    ),
    concurrency: Flag.Int("concurrency").pipe(
      Flag.withMetavar("count"),
      Flag.withDescription("How many servers are started at once (two for each processor, at least four)"),
      Flag.filterMap(
        (count) => count > 0 ? Option.some(count) : Option.none(),
        () => "a count of at least 1"
      ),
      Flag.optional
    )
  },
  Effect.fnUntraced(function*(input) {
    const { config, json, "no-daemon": direct } = yield* root
    const { run } = yield* Effect.promise(() => import("./commands/tools.ts"))
    yield* Ref.set(yield* Outcome, yield* run({ ...input, config, direct, json }))
  })
).pipe(
  CliCommand.withDescription("List the tools of all configured servers, or of one"),
  CliCommand.annotate(Help.Usage, "holdfast tools [flags] [server[.tool]]"),
  CliCommand.withExamples([
    { command: "holdfast tools", description: "Everything that can be called" },
    { command: "holdfast tools fs.read_text_file", description: "One tool and its arguments" }
  ])
)

const call = CliCommand.make(
  "call",
  {
    words: Argument.String("word").pipe(
      Argument.withDescription(
        "The server and the tool (two words, or server.tool), then its arguments: key=value, key=@file, key:=json, " +
          "- for a JSON object on standard input"
      ),
      Argument.variadic({ min: 1 })
    ),
    args: Flag.String("args").pipe(
      Flag.withMetavar("json"),
      Flag.withDescription("Arguments as a JSON object; key=value words win over it"),
      Flag.optional
    ),
    deadline: deadline("Give up after this time, connecting included"),
    idempotent: Flag.Boolean("idempotent").pipe(
      Flag.withDescription("Running this call twice does no harm: repeat it when its outcome is unknown"),
      Flag.withDefault(false)
    ),
    unchecked: Flag.Boolean("unchecked").pipe(
      Flag.withDescription("Do not ask for the tool's schema: send text as text, and let the server judge"),
      Flag.withDefault(false)
    )
  },
  Effect.fnUntraced(function*(input) {
    const { config, json, "no-daemon": direct } = yield* root
    const { run } = yield* Effect.promise(() => import("./commands/call.ts"))
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
    }
  ])
)

const daemonRun = CliCommand.make(
  "run",
  {},
  Effect.fnUntraced(function*() {
    const { run } = yield* Effect.promise(() => import("./commands/daemon.ts"))
    return yield* run
  })
).pipe(CliCommand.withDescription("Keep the daemon in the foreground, for containers, systemd and launchd"))

const daemonStatus = CliCommand.make(
  "status",
  {},
  Effect.fnUntraced(function*() {
    const { json } = yield* root
    const { status } = yield* Effect.promise(() => import("./commands/daemon.ts"))
    yield* Ref.set(yield* Outcome, yield* status(json))
  })
).pipe(CliCommand.withDescription("Show what the daemon holds"))

const daemonStop = CliCommand.make(
  "stop",
  {},
  Effect.fnUntraced(function*() {
    const { stop } = yield* Effect.promise(() => import("./commands/daemon.ts"))
    yield* Ref.set(yield* Outcome, yield* stop())
  })
).pipe(CliCommand.withDescription("End the daemon and every server it holds"))

const operation = (name: Operation, description: string) =>
  CliCommand.make(
    name,
    {
      server: Argument.String("server").pipe(
        Argument.withDescription("Its name, or the number of its process: see holdfast daemon status")
      )
    },
    Effect.fnUntraced(function*({ server }) {
      const { operate } = yield* Effect.promise(() => import("./commands/daemon.ts"))
      yield* Ref.set(yield* Outcome, yield* operate(name, server))
    })
  ).pipe(
    CliCommand.withDescription(description),
    CliCommand.annotate(Help.Usage, `holdfast daemon ${name} <server>`)
  )

const daemonReset = operation("reset", "Forget the failures of a server, and try it again at once")
const daemonDrain = operation("drain", "Give a server's processes to nobody else: each ends when its last user leaves")
const daemonClose = operation("close", "End a server's processes now; their users go on with new ones")

const daemon = CliCommand.make("daemon").pipe(
  CliCommand.withDescription("The process that holds servers for all programs of this user"),
  CliCommand.annotate(Help.Usage, "holdfast daemon <run | status | stop | reset | drain | close>"),
  CliCommand.withSubcommands([daemonRun, daemonStatus, daemonStop, daemonReset, daemonDrain, daemonClose])
)

const why = CliCommand.make(
  "why",
  {
    server: Argument.String("server").pipe(
      Argument.withDescription("Its name, or the number of its process: see holdfast daemon status")
    )
  },
  Effect.fnUntraced(function*({ server }) {
    const { json } = yield* root
    const { run } = yield* Effect.promise(() => import("./commands/why.ts"))
    yield* Ref.set(yield* Outcome, yield* run(server, json))
  })
).pipe(
  CliCommand.withDescription("Say what keeps the processes of a server apart"),
  CliCommand.annotate(Help.Usage, "holdfast why <server>")
)

const share = CliCommand.make(
  "share",
  {
    server: Argument.String("server").pipe(
      Argument.withDescription("A server of the config, or the name or number of a process that the daemon has")
    ),
    undo: Flag.Boolean("undo").pipe(Flag.withDescription("Forget it again"), Flag.withDefault(false))
  },
  Effect.fnUntraced(function*(input) {
    const { config } = yield* root
    const { run } = yield* Effect.promise(() => import("./commands/share.ts"))
    yield* Ref.set(yield* Outcome, yield* run({ ...input, config }))
  })
).pipe(
  CliCommand.withDescription("Let hosts share one process of a server, though its protocol may keep state for each"),
  CliCommand.annotate(Help.Usage, "holdfast share [--undo] <server>")
)

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
const connect = CliCommand.make("connect", { ...shimFlags, server: Argument.String("server") }, () => Effect.void).pipe(
  CliCommand.withDescription("Be a server of the config to a host, over stdin and stdout"),
  CliCommand.annotate(Help.Usage, "holdfast connect [flags] <server>")
)

/** As `connect`. */
const wrap = CliCommand.make(
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
  CliCommand.annotate(Help.Usage, "holdfast wrap [flags] -- <command> [args…]")
)

/** The whole command line. */
export const command = root.pipe(CliCommand.withSubcommands([tools, call, connect, wrap, why, share, daemon]))
