/**
 * `holdfast tools [server]`: what can be called.
 *
 * Few servers are started at once, each with its own time, and one that cannot be reached does not hide the tools of the others: it is
 * reported on stderr and decides the exit code.
 */
import type { McpConfig } from "@holdfast/mcp/McpConfig"
import { McpConnections } from "@holdfast/mcp/McpConnections"
import { McpRuntimeError } from "@holdfast/mcp/McpRuntimeError"
import type * as Messages from "@holdfast/mcp/Messages"
import * as ModelView from "@holdfast/mcp/ModelView"
import * as StartTurns from "@holdfast/mcp/StartTurns"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as ConfigFile from "../ConfigFile.ts"
import { type ExitCode, exitCodeOf } from "../ExitCode.ts"
import { findTool } from "../FindTool.ts"
import { InputSchema } from "@holdfast/daemon/InputSchema"
import * as Report from "../Report.ts"
import * as Servers from "../Servers.ts"
import * as ServerWord from "../ServerWord.ts"
import { Shell } from "../Shell.ts"
import { firstLine, printable, styleOf } from "../Style.ts"
import { table } from "../Table.ts"
import * as ToolArguments from "../ToolArguments.ts"
import * as Waiting from "../Waiting.ts"
import { waitingFor } from "../WaitingFor.ts"
import { writeResult } from "../WriteResult.ts"

export interface ToolsInput {
  readonly config: Option.Option<string>
  /** Without the daemon. */
  readonly direct: boolean
  readonly json: boolean
  readonly server: Option.Option<string>
  /** For each server, from its own start. */
  readonly deadline: Option.Option<Duration.Duration>
  /** How many servers are started at once. */
  readonly concurrency: Option.Option<number>
}

interface Listed {
  readonly server: string
  readonly tools: Result.Result<ReadonlyArray<Messages.Tool>, McpRuntimeError>
}

/** How long a listing of all servers waits for each, unless it is said: one that hangs must not hide the others for minutes. */
export const patience = Duration.seconds(15)

/** Runs the command and succeeds with its exit code. */
export const run = Effect.fnUntraced(function*(input: ToolsInput) {
  const config = yield* ConfigFile.load(input.config)
  const meant = Option.isNone(input.server) ? undefined : yield* Effect.mapError(
    Effect.fromResult(ServerWord.split(input.server.value, config)),
    (reason) => new McpRuntimeError({ reason })
  )
  return yield* (meant === undefined ? listing(input, config) : listingOf(input, config, meant)).pipe(
    // Said while the servers still live: ending them may take seconds, and nobody should wait for them.
    Effect.catch((error) => Report.ending(error, input.json)),
    Effect.provide(Servers.layer(config, input.direct))
  )
})

const listing = Effect.fnUntraced(function*(input: ToolsInput, config: McpConfig) {
  const off = [...config.switchedOff]
  const servers = [...config.servers.keys(), ...config.unusable.keys()].filter((name) => !off.includes(name))
  const listed = yield* list(input, servers, config, Option.getOrElse(input.deadline, () => patience))
  const exitCode = listed.length === 0 && off.length > 0 && !input.json ? 0 : yield* show(input, listed)
  if (!input.json && off.length > 0) {
    const { stderr } = yield* Shell
    yield* stderr.write(`holdfast: switched off in ${config.file}: ${printable(off.join(", "))}\n`)
  }
  if (!input.json && Option.isNone(input.deadline) && listed.some(isLate)) {
    const { stderr } = yield* Shell
    yield* stderr.write(
      `  Listing all servers waits ${Duration.toSeconds(patience)} s for each; --deadline 1m waits longer.\n`
    )
  }
  return exitCode
})

const listingOf = Effect.fnUntraced(
  function*(input: ToolsInput, config: McpConfig, { server, tool }: ServerWord.Meant) {
    const listed = yield* list(input, [server], config, Option.getOrUndefined(input.deadline))
    if (tool === undefined) return yield* show(input, listed)
    const [answer] = yield* Effect.forEach(listed, ({ tools }) => Effect.fromResult(tools))
    return yield* showOne(input, server, yield* findTool(server, tool, answer ?? []))
  }
)

const list = (
  { concurrency }: ToolsInput,
  servers: ReadonlyArray<string>,
  config: McpConfig,
  deadline: Duration.Duration | undefined
) =>
  Effect.scoped(Effect.gen(function*() {
    const mcp = yield* McpConnections
    const turns = yield* StartTurns.make(Option.getOrUndefined(concurrency))
    const waiting = yield* Waiting.make
    const open = new Set(servers)
    waiting.say(waitingFor(open, config))
    return yield* Effect.forEach(
      servers,
      (server) =>
        Effect.map(Effect.result(turns.take(mcp.listTools(server, { deadline }))), (tools): Listed => {
          open.delete(server)
          waiting.say(waitingFor(open, config))
          return { server, tools }
        }),
      { concurrency: "unbounded" }
    )
  }))

const isLate = ({ tools }: Listed): boolean =>
  Result.isFailure(tools) && tools.failure.reason._tag === "DeadlineExceeded" && tools.failure.reason.kind === "caller"

const show = Effect.fnUntraced(function*(input: ToolsInput, listed: ReadonlyArray<Listed>) {
  const { stderr, stdout } = yield* Shell
  const { bold, dim } = styleOf(stdout)
  if (input.json) {
    const answer = listed.map(({ server, tools }) =>
      Result.isSuccess(tools)
        ? { server, tools: tools.success }
        : { server, error: Report.errorJson(tools.failure.reason._tag, tools.failure.message) }
    )
    yield* writeResult(`${JSON.stringify(answer)}\n`)
  } else {
    const rows = listed.flatMap(({ server, tools }) =>
      Result.isFailure(tools) ? [] : tools.success.map((tool) => [
        printable(`${server}.${tool.name}`),
        firstLine(signature(new InputSchema(ModelView.schemaOf(tool))), stdout.isTerminal ? 44 : undefined),
        firstLine(tool.description ?? tool.title ?? "")
      ])
    )
    const paint = (cell: string, _row: number, column: number) =>
      column === 0 ? bold(cell) : column === 1 ? dim(cell) : cell
    if (rows.length > 0) yield* writeResult(`${table(rows, { width: stdout.columns, paint })}\n`)
    else if (listed.every(({ tools }) => Result.isSuccess(tools))) {
      yield* stderr.write(listed.length === 0 ? "no servers are configured\n" : "no tools\n")
    }
  }
  let exitCode: ExitCode = 0
  for (const { tools } of listed) {
    if (Result.isSuccess(tools)) continue
    exitCode = exitCode === 0 ? exitCodeOf(tools.failure.reason) : exitCode
    yield* Report.failure(tools.failure, input.json)
  }
  return exitCode
})

const showOne = Effect.fnUntraced(function*(input: ToolsInput, server: string, tool: Messages.Tool) {
  const { stdout } = yield* Shell
  if (input.json) {
    yield* writeResult(`${JSON.stringify([{ server, tools: [tool] }])}\n`)
    return 0
  }
  const { bold } = styleOf(stdout)
  const description = printable(tool.description ?? "").trim()
  yield* writeResult([
    bold(printable(`${server}.${tool.name}`)),
    ...(description === "" ? [] : ["", description]),
    "",
    ToolArguments.argumentTable(new InputSchema(ModelView.schemaOf(tool)), stdout.columns),
    ""
  ].join("\n"))
  return 0
})

/** The arguments in short: `path [head] [tail]`. */
const signature = (schema: InputSchema): string => {
  const names = schema.arguments.map(({ isRequired, name }) => isRequired ? name : `[${name}]`)
  return printable(names.join(" "))
}
