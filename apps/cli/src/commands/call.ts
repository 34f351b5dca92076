/**
 * `holdfast call <server> <tool> key=value…`: one tool call, its text on stdout.
 */
import type { Given } from "@holdfast/daemon/ArgumentReadings"
import type { McpConfig } from "@holdfast/mcp/McpConfig"
import { McpConnections } from "@holdfast/mcp/McpConnections"
import { McpRuntimeError, ToolDisabled } from "@holdfast/mcp/McpRuntimeError"
import type * as Messages from "@holdfast/mcp/Messages"
import * as ModelView from "@holdfast/mcp/ModelView"
import * as ToolFilter from "@holdfast/mcp/ToolFilter"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { CliFailure } from "../CliFailure.ts"
import * as ConfigFile from "../ConfigFile.ts"
import { ExitCode } from "../ExitCode.ts"
import { findTool } from "../FindTool.ts"
import { whoseResult } from "../LostResult.ts"
import * as Report from "../Report.ts"
import * as Servers from "../Servers.ts"
import * as ServerWord from "../ServerWord.ts"
import { Shell } from "../Shell.ts"
import { printable, styleOf } from "../Style.ts"
import * as ToolArguments from "../ToolArguments.ts"
import * as ToolWords from "../ToolWords.ts"
import * as Waiting from "../Waiting.ts"
import { waitingFor } from "../WaitingFor.ts"
import { writeResult } from "../WriteResult.ts"

export interface CallInput {
  readonly config: Option.Option<string>
  /** Without the daemon. */
  readonly direct: boolean
  readonly json: boolean
  readonly args: Option.Option<string>
  readonly deadline: Option.Option<Duration.Duration>
  readonly idempotent: boolean
  readonly unchecked: boolean
  /** Server and tool, in one word or two, then the arguments. */
  readonly words: ReadonlyArray<string>
}

/** Runs the command and succeeds with its exit code. */
export const run = Effect.fnUntraced(function*(input: CallInput) {
  const config = yield* ConfigFile.load(input.config)
  const { server, tool, words } = yield* understand(input, config)
  // What is wrong in itself is said before a server is started for it.
  const given = yield* ToolWords.read({ words, json: Option.getOrUndefined(input.args) })
  yield* refuseHidden(config, server, tool)
  // Only the server that is called: nothing of the others is looked at.
  const servers = new Map([...config.servers].filter(([name]) => name === server))
  const warnings = config.warnings.filter((warning) => warning.server === undefined || warning.server === server)
  return yield* Effect.scoped(call(input, config, server, tool, given)).pipe(
    Effect.flatMap((result) => show(input, `${server}.${tool}`, result)),
    // Said while the server still lives: ending it may take seconds, and nobody should wait for them.
    Effect.catch((error) => Report.ending(error, input.json)),
    Effect.provide(Servers.layer({ ...config, servers, warnings }, input.direct))
  )
})

const understand = Effect.fnUntraced(function*(input: CallInput, config: McpConfig) {
  const [first, ...rest] = input.words
  if (first === undefined) return yield* incomplete("which server, and which tool")
  const meant = yield* Effect.mapError(
    Effect.fromResult(ServerWord.split(first, config)),
    (reason) => new McpRuntimeError({ reason })
  )
  if (meant.tool !== undefined) return { server: meant.server, tool: meant.tool, words: rest }
  const [tool, ...words] = rest
  if (tool === undefined || tool.includes("=") || tool === "-") {
    return yield* incomplete(`which tool of ${meant.server}; holdfast tools ${meant.server} lists them`)
  }
  return { server: meant.server, tool, words }
})

/** A tool that the config switches off is refused before its server is started. */
const refuseHidden = (config: McpConfig, server: string, tool: string) => {
  const hiding = ToolFilter.hiding(config.servers.get(server)?.tools, tool)
  return hiding === undefined
    ? Effect.void
    : Effect.fail(new McpRuntimeError({ reason: new ToolDisabled({ server, tool, said: hiding.said }) }))
}

const incomplete = (what: string) =>
  Effect.fail(
    new CliFailure({
      exitCode: ExitCode.usage,
      reason: "BadArguments",
      message: `say ${what}`,
      details: "  holdfast call <server> <tool> key=value…"
    })
  )

const call = Effect.fnUntraced(function*(
  input: CallInput,
  config: McpConfig,
  server: string,
  name: string,
  given: Given
) {
  const mcp = yield* McpConnections
  const waiting = yield* Waiting.make
  const deadline = Option.getOrUndefined(input.deadline)
  waiting.say(waitingFor([server], config))
  if (!input.unchecked) yield* Effect.forkScoped(ToolArguments.prepare)
  const asking = input.unchecked
    ? ToolArguments.unchecked(given)
    : Effect.flatMap(mcp.listTools(server, { deadline }), (tools) =>
      Effect.flatMap(
        findTool(server, name, tools),
        (tool) => ToolArguments.fit(`${server}.${name}`, ModelView.schemaOf(tool), given)
      ))
  const [spent, values] = yield* Effect.timed(asking)
  waiting.say(`waiting for ${server}.${name}`)
  return yield* mcp.callTool(server, { name, arguments: values }, {
    // One budget for both questions.
    deadline: deadline === undefined ? undefined : Duration.max(Duration.subtract(deadline, spent), Duration.millis(1)),
    // Said: the word counts. Not said: the tool's own hints do, unless its list is not to be asked for.
    idempotent: input.idempotent || input.unchecked ? input.idempotent : undefined,
    onProgress: ({ message, progress, total }) => {
      const share = total === undefined ? `${progress}` : `${progress} of ${total}`
      waiting.say(`${server}.${name}: ${share}${message === undefined ? "" : `, ${message}`}`)
    }
  })
})

const show = Effect.fnUntraced(function*(input: CallInput, name: string, result: Messages.CallToolResult) {
  const { stderr, stdout } = yield* Shell
  const isError = result.isError === true
  const exitCode = isError ? ExitCode.toolError : ExitCode.ok
  const lost = whoseResult(name)
  if (input.json) {
    yield* writeResult(`${JSON.stringify(result)}\n`, lost)
    return exitCode
  }
  const text = ModelView.textOf(result)
  if (isError) {
    yield* stderr.write(
      `${styleOf(stderr).red("holdfast:")} ${name} failed: ${printable(text).trim() || "it does not say why"}\n`
    )
    return exitCode
  }
  // A pipe or file gets the text byte for byte; only a terminal would obey control characters.
  if (text !== "") {
    yield* writeResult(`${stdout.isTerminal ? printable(text) : text}${text.endsWith("\n") ? "" : "\n"}`, lost)
  }
  const named = result.content.filter((block) => !ModelView.isReadable(block))
  if (named.length > 0) {
    const what = named.map((block) => printable(ModelView.wordsOf(block))).join(", ")
    yield* stderr.write(`holdfast: named only: ${what}; --json has everything\n`)
  }
  return exitCode
})
