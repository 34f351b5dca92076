/**
 * Calls that wait in the daemon for the answer to a question of their server: `holdfast call --park`.
 */
import * as Contract from "@holdfast/daemon/ControlContract"
import type { McpConfig } from "@holdfast/mcp/McpConfig"
import type { CallOptions, McpConnections, ToolCall } from "@holdfast/mcp/McpConnections"
import { InvalidAnswer, McpRuntimeError } from "@holdfast/mcp/McpRuntimeError"
import * as Messages from "@holdfast/mcp/Messages"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { CliFailure } from "./CliFailure.ts"
import { ExitCode } from "./ExitCode.ts"
import * as QuestionForm from "./QuestionForm.ts"
import { quoted } from "./Quoted.ts"
import { Shell } from "./Shell.ts"
import { printable } from "./Style.ts"

/** Only the daemon can keep a call. */
export const check = Effect.fnUntraced(function*(config: McpConfig, server: string, direct: boolean) {
  const { usesDaemon } = yield* Shell
  const endpoint = config.servers.get(server)?.endpoint
  const why = direct || !usesDaemon
    ? "this call goes without it"
    : endpoint !== undefined && endpoint._tag !== "Stdio"
    ? `${server} is behind a url, which is called directly`
    : undefined
  if (why !== undefined) {
    return yield* new CliFailure({
      exitCode: ExitCode.usage,
      reason: "BadArguments",
      message: `--park: the daemon keeps calls, and ${why}`
    })
  }
})

/** The call, which the daemon keeps when it is asked something. */
export const call = (
  mcp: McpConnections["Service"],
  server: string,
  asked: ToolCall,
  options: CallOptions
): Effect.Effect<Messages.CallToolResult, McpRuntimeError> =>
  Effect.flatMap(
    mcp.request(server, { method: "tools/call", params: { ...asked, _meta: { [Contract.meta.park]: true } } }, options),
    (answer) => read(server, answer)
  )

/** The result of a tool, as it came. */
export const read = (server: string, answer: unknown): Effect.Effect<Messages.CallToolResult, McpRuntimeError> => {
  const result = Messages.decodeCallToolResult(answer)
  return Result.isSuccess(result)
    ? Effect.succeed(result.success)
    : Effect.fail(
      new McpRuntimeError({ reason: new InvalidAnswer({ server, method: "tools/call", description: result.failure }) })
    )
}

/** Fails if it is no result, but says which questions the call waits for. */
export const refuseParked = (
  server: string,
  tool: string,
  result: Messages.CallToolResult
): Effect.Effect<void, CliFailure> => {
  const meta = "_meta" in result && typeof result._meta === "object" && result._meta !== null ? result._meta : {}
  const said = new Map<string, unknown>(Object.entries(meta)).get(Contract.meta.parked)
  const parked = Schema.decodeUnknownOption(Contract.Parked)(said)
  return Option.isNone(parked) ? Effect.void : Effect.fail(waits(`${server}.${tool}`, parked.value))
}

/** The failure of a call that waits: what is asked, and how it is answered. */
export const waits = (what: string, { call, questions }: Contract.Parked): CliFailure =>
  new CliFailure({
    exitCode: ExitCode.refused,
    reason: "QuestionParked",
    message: printable(
      `${what} asks ${
        questions.map(({ message }) => JSON.stringify(message)).join(" and ")
      }; the call waits for the answer`
    ),
    details: questions.flatMap((question) => [
      ...QuestionForm.describe(formOf(question)),
      ...(question.url === undefined ? [] : [`  ${printable(question.url)}`]),
      `  ${howTo(question)}`
    ]).join("\n"),
    more: { parked: { call, questions } }
  })

/** The question as the form asks it. */
export const formOf = ({ message, mode, requestedSchema, url = "" }: Contract.Question): QuestionForm.Question =>
  mode === "url" ? { mode, message, url } : { mode, message, schema: requestedSchema }

const howTo = (question: Contract.Question): string => {
  const names = question.mode === "url" ? [] : QuestionForm.requiredOf(formOf(question))
  return ["holdfast answer", question.id, ...names.map((name) => quoted(`${name}=…`))].join(" ")
}
