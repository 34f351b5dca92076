/** The command line's root: flags that every word takes, and what `--help` says first. */
import * as CliCommand from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { exitCodes } from "../ExitCode.ts"
import * as Help from "../Help.ts"

const shared = {
  config: Flag.String("config").pipe(
    Flag.withAlias("c"),
    Flag.withMetavar("file"),
    Flag.withDescription(
      "The only config to use. Default: .mcp.json and others here and up to the root of the repository, and the user's"
    ),
    Flag.optional
  ),
  trust: Flag.Boolean("trust").pipe(
    Flag.withDescription("Agree to the configs that a repository brings along, as they are now, and remember it"),
    Flag.withDefault(false)
  ),
  "no-daemon": Flag.Boolean("no-daemon").pipe(
    Flag.withDescription("Start the servers for this command alone. HOLDFAST_NO_DAEMON=1 does the same for all"),
    Flag.withDefault(false)
  ),
  json: Flag.Boolean("json").pipe(
    Flag.withDescription("Print results, and errors on stderr, as JSON"),
    Flag.withDefault(false)
  ),
  // Read by `Program`, before anything is said.
  quiet: Flag.Boolean("quiet").pipe(
    Flag.withAlias("q"),
    Flag.withDescription("Say nothing on stderr but what has failed"),
    Flag.withDefault(false)
  )
}

export const root = CliCommand.make("holdfast").pipe(
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
