/**
 * `holdfast call <server> <tool> key=value…`: one tool call, its text on stdout.
 */
import type { Given } from "@holdfast/daemon/ArgumentReadings"
import type { McpConfig } from "@holdfast/mcp/McpConfig"
import { type CallOptions, McpConnections } from "@holdfast/mcp/McpConnections"
import { McpRuntimeError, ToolDisabled } from "@holdfast/mcp/McpRuntimeError"
import * as ModelView from "@holdfast/mcp/ModelView"
import * as ToolFilter from "@holdfast/mcp/ToolFilter"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { findTool } from "../FindTool.ts"
import * as Parking from "../Parking.ts"
import * as Questions from "../Questions.ts"
import * as Report from "../Report.ts"
import * as SaveOutput from "../SaveOutput.ts"
import { Shell } from "../Shell.ts"
import * as ShowCall from "../ShowCall.ts"
import * as Source from "../Source.ts"
import * as ToolArguments from "../ToolArguments.ts"
import * as ToolWords from "../ToolWords.ts"
import * as Waiting from "../Waiting.ts"
import { waitingFor } from "../WaitingFor.ts"

export interface CallInput extends Source.SourceInput, Questions.QuestionsInput {
  readonly args: Option.Option<string>
  readonly deadline: Option.Option<Duration.Duration>
  readonly idempotent: boolean
  readonly unchecked: boolean
  /** A question that cannot be asked here is kept, and the call with it. */
  readonly park: boolean
  readonly output: Option.Option<string>
  /** Server and tool, in one word or two, then the arguments. */
  readonly words: ReadonlyArray<string>
}

/** Runs the command and succeeds with its exit code. */
export const run = Effect.fnUntraced(function*(input: CallInput) {
  const source = yield* Source.open(input, input.words[0])
  const { item: tool, rest: words, server } = yield* Source.meant(source, input.words, {
    what: "tool",
    usage: source.only === undefined ? "holdfast call <server> <tool> key=value…" : "holdfast call <tool> key=value…"
  })
  // What is wrong in itself is said before a server is started for it.
  const given = yield* ToolWords.read({ words, json: Option.getOrUndefined(input.args) })
  yield* refuseHidden(source.config, server, tool)
  const target = yield* SaveOutput.prepare(input.output)
  if (input.park) yield* Parking.check(source.config, server, input.direct || input["no-reuse"])
  const isDirect = input.direct || input["no-reuse"] || !(yield* Shell).usesDaemon
  // Only the server that is called: nothing of the others is looked at.
  const config = Source.only(source.config, [server])
  return yield* Effect.scoped(Effect.gen(function*() {
    const waiting = yield* Waiting.make
    const questions = yield* Questions.make(input, waiting, tool)
    return yield* questions.during(call(input, config, server, tool, given, waiting)).pipe(
      Effect.tap((result) => Parking.refuseParked(server, tool, result)),
      Effect.flatMap((result) => ShowCall.show({ ...input, target }, `${server}.${tool}`, result)),
      // Said while the server still lives: ending it may take seconds, and the user should not wait for them.
      Effect.catch((error) => Report.ending(error, input.json, isDirect)),
      Effect.provide(
        Source.layer(input, { ...source, config }, questions.offered)
      )
    )
  }))
})

/** A tool that the config switches off is refused before its server is started. */
const refuseHidden = (config: McpConfig, server: string, tool: string) => {
  const hiding = ToolFilter.hiding(config.servers.get(server)?.tools, tool)
  return hiding === undefined
    ? Effect.void
    : Effect.fail(new McpRuntimeError({ reason: new ToolDisabled({ server, tool, said: hiding.said }) }))
}

const call = Effect.fnUntraced(function*(
  input: CallInput,
  config: McpConfig,
  server: string,
  name: string,
  given: Given,
  waiting: Waiting.Waiting
) {
  const mcp = yield* McpConnections
  const deadline = Option.getOrUndefined(input.deadline)
  waiting.say(waitingFor([server], config))
  const asking = input.unchecked
    ? ToolArguments.unchecked(given)
    : Effect.flatMap(mcp.listTools(server, { deadline }), (tools) =>
      Effect.flatMap(
        findTool(server, name, tools),
        (tool) => ToolArguments.fit(`${server}.${name}`, ModelView.schemaOf(tool), given)
      ))
  const [spent, values] = yield* Effect.timed(
    input.unchecked ? asking : Effect.scoped(Effect.andThen(Effect.forkScoped(ToolArguments.prepare), asking))
  )
  waiting.say(`waiting for ${server}.${name}`)
  const options: CallOptions = {
    // One budget for both questions.
    deadline: deadline === undefined ? undefined : Duration.max(Duration.subtract(deadline, spent), Duration.millis(1)),
    // Said: the word counts. Not said: the tool's own hints do, unless its list is not to be asked for.
    idempotent: input.idempotent || input.unchecked ? input.idempotent : undefined,
    onProgress: (progress) => waiting.progress(`${server}.${name}`, progress)
  }
  return input.park
    ? yield* Parking.call(mcp, server, { name, arguments: values }, options)
    : yield* mcp.callTool(server, { name, arguments: values }, options)
})
