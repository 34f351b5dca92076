/**
 * `holdfast tools [server]`: what can be called.
 *
 * Servers are asked at once, and one that cannot be reached does not hide the tools of the others: it is reported on stderr and
 * decides the exit code.
 */
import type { McpConfig } from "@holdfast/mcp/McpConfig"
import { layer, McpConnections } from "@holdfast/mcp/McpConnections"
import { McpRuntimeError } from "@holdfast/mcp/McpRuntimeError"
import type * as Messages from "@holdfast/mcp/Messages"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as ConfigFile from "../ConfigFile.ts"
import { type ExitCode, exitCodeOf } from "../ExitCode.ts"
import { findTool } from "../FindTool.ts"
import { InputSchema } from "../InputSchema.ts"
import * as Report from "../Report.ts"
import * as ServerWord from "../ServerWord.ts"
import { Shell } from "../Shell.ts"
import { firstLine, printable, styleOf, table } from "../Style.ts"
import * as ToolArguments from "../ToolArguments.ts"
import * as Waiting from "../Waiting.ts"
import { waitingFor } from "../WaitingFor.ts"

export interface ToolsInput {
  readonly config: Option.Option<string>
  readonly json: boolean
  readonly server: Option.Option<string>
}

interface Listed {
  readonly server: string
  readonly tools: Result.Result<ReadonlyArray<Messages.Tool>, McpRuntimeError>
}

/** Runs the command and succeeds with its exit code. */
export const run = Effect.fnUntraced(function*(input: ToolsInput) {
  const config = yield* ConfigFile.load(input.config)
  const { version } = yield* Shell
  return yield* Effect.provide(listing(input, config), layer(config, { clientInfo: { name: "holdfast", version } }))
})

const listing = Effect.fnUntraced(function*(input: ToolsInput, config: McpConfig) {
  if (input.server._tag === "None") {
    const servers = [...config.servers.keys(), ...config.unusable.keys()]
    return yield* show(input, yield* listAll(servers, config))
  }
  const { server, tool } = yield* Effect.mapError(
    Effect.fromResult(ServerWord.split(input.server.value, config)),
    (reason) => new McpRuntimeError({ reason })
  )
  const [listed] = yield* listAll([server], config)
  if (listed === undefined || tool === undefined) return yield* show(input, listed === undefined ? [] : [listed])
  const tools = yield* Effect.fromResult(listed.tools)
  return yield* showOne(input, server, yield* findTool(server, tool, tools))
})

const listAll = (servers: ReadonlyArray<string>, config: McpConfig) =>
  Effect.scoped(Effect.gen(function*() {
    const mcp = yield* McpConnections
    const waiting = yield* Waiting.make
    const open = new Set(servers)
    waiting.say(waitingFor(open, config))
    return yield* Effect.forEach(servers, (server) =>
      Effect.map(Effect.result(mcp.listTools(server)), (tools): Listed => {
        open.delete(server)
        waiting.say(waitingFor(open, config))
        return { server, tools }
      }), { concurrency: 8 })
  }))

const show = Effect.fnUntraced(function*(input: ToolsInput, listed: ReadonlyArray<Listed>) {
  const { stderr, stdout } = yield* Shell
  const { bold, dim } = styleOf(stdout)
  if (input.json) {
    const answer = listed.map(({ server, tools }) =>
      Result.isSuccess(tools)
        ? { server, tools: tools.success }
        : { server, error: Report.errorJson(tools.failure.reason._tag, tools.failure.message) }
    )
    yield* stdout.write(`${JSON.stringify(answer)}\n`)
  } else {
    const rows = listed.flatMap(({ server, tools }) =>
      Result.isFailure(tools) ? [] : tools.success.map((tool) => [
        printable(`${server}.${tool.name}`),
        signature(new InputSchema(tool.inputSchema)),
        firstLine(tool.description ?? tool.title ?? "")
      ])
    )
    const paint = (cell: string, _row: number, column: number) =>
      column === 0 ? bold(cell) : column === 1 ? dim(cell) : cell
    if (rows.length > 0) yield* stdout.write(`${table(rows, { width: stdout.columns, paint })}\n`)
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
    yield* stdout.write(`${JSON.stringify([{ server, tools: [tool] }])}\n`)
    return 0
  }
  const { bold } = styleOf(stdout)
  const description = printable(tool.description ?? "").trim()
  yield* stdout.write([
    bold(printable(`${server}.${tool.name}`)),
    ...(description === "" ? [] : ["", description]),
    "",
    ToolArguments.argumentTable(new InputSchema(tool.inputSchema), stdout.columns),
    ""
  ].join("\n"))
  return 0
})

/** The arguments in short: `path, [head], [tail]`. */
const signature = (schema: InputSchema): string => {
  const names = schema.arguments.map(({ isRequired, name }) => isRequired ? name : `[${name}]`)
  const text = printable(names.join(" "))
  return text.length > 44 ? `${text.slice(0, 43)}…` : text
}
