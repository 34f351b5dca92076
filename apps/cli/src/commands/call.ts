/**
 * `holdfast call <server> <tool> key=value…`: one tool call, its text on stdout.
 */
import type { Given } from "@holdfast/daemon/ArgumentReadings"
import type { McpConfig } from "@holdfast/mcp/McpConfig"
import { type CallOptions, McpConnections, type TaskHandle } from "@holdfast/mcp/McpConnections"
import { McpRuntimeError, ToolDisabled } from "@holdfast/mcp/McpRuntimeError"
import type { Tool } from "@holdfast/mcp/Messages"
import * as ModelView from "@holdfast/mcp/ModelView"
import * as ToolFilter from "@holdfast/mcp/ToolFilter"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import { CliFailure } from "../CliFailure.ts"
import type { FoundConfig } from "../ConfigSearch.ts"
import { ExitCode } from "../ExitCode.ts"
import { findTool } from "../FindTool.ts"
import * as LeftTasks from "../LeftTasks.ts"
import * as Parking from "../Parking.ts"
import * as Questions from "../Questions.ts"
import { note } from "../Quiet.ts"
import * as Report from "../Report.ts"
import * as SaveOutput from "../SaveOutput.ts"
import { Shell } from "../Shell.ts"
import * as ShowCall from "../ShowCall.ts"
import * as Source from "../Source.ts"
import * as ToolArguments from "../ToolArguments.ts"
import * as ToolWords from "../ToolWords.ts"
import * as Waiting from "../Waiting.ts"
import { waitingFor } from "../WaitingFor.ts"
import { writeResult } from "../WriteResult.ts"

export interface CallInput extends Source.SourceInput, Questions.QuestionsInput {
  readonly args: Option.Option<string>
  readonly deadline: Option.Option<Duration.Duration>
  readonly idempotent: boolean
  readonly unchecked: boolean
  /** A question that cannot be asked here is kept, and the call with it. */
  readonly park: boolean
  /** The call is left at its server. */
  readonly detach: boolean
  readonly ttl: Option.Option<Duration.Duration>
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
  if (input.detach) yield* checkDetached(input, source)
  else if (Option.isSome(input.ttl)) return yield* wrong("--ttl is for a task that is left at its server: add --detach")
  const target = yield* SaveOutput.prepare(input.output)
  if (input.park) yield* Parking.check(source.config, server, input.direct || input["no-reuse"])
  const isDirect = input.direct || input["no-reuse"] || !(yield* Shell).usesDaemon
  // Only the server that is called: nothing of the others is looked at.
  const config = Source.only(source.config, [server])
  return yield* Effect.scoped(Effect.gen(function*() {
    const waiting = yield* Waiting.make
    let isTask = false
    const onTask = () => {
      isTask = true
    }
    const questions = yield* Questions.make(input, waiting, tool, () =>
      isTask
        ? "Answer it on a terminal, or leave the call with --detach and answer it by holdfast task <id> --wait."
        : "Answer it on a terminal, or keep the call with --park and answer it by holdfast answer.")
    const called = waiting.until(questions.during(call(input, config, server, tool, given, waiting, onTask)))
    const shown = Effect.flatMap(called, (answer) =>
      "taskId" in answer ? leave(input, config, answer) : Effect.andThen(
        Parking.refuseParked(server, tool, answer),
        ShowCall.show({ ...input, target }, `${server}.${tool}`, answer)
      ))
    return yield* shown.pipe(
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

/** The daemon keeps calls, and a task is no call any more. */
const refuseParking = ({ park }: CallInput, name: string, { execution }: Tool) =>
  park && execution?.taskSupport === "required"
    ? wrong(
      `--park: ${name} runs as a task: leave it with --detach, and answer what it asks by holdfast task <id> --wait`
    )
    : Effect.void

/** Only what a file has is found again. */
const checkDetached = (
  { direct, "no-reuse": isAlone, output, park, root }: CallInput,
  { config, only }: Source.Source
) => {
  if (only !== undefined) {
    return wrong("--detach: the server of a task is found again by its name in a config; holdfast add gives it one")
  }
  if (park) return wrong("--detach and --park are two ways to leave a call; give one")
  if (Option.isSome(output)) return wrong("--output is for the result, which holdfast task <id> --wait --output brings")
  if (root.length > 0) return wrong("--root is told while a call waits, and one that is left does not wait")
  const servers = [...config.servers.values()]
  return (direct || isAlone) && servers.some(({ endpoint }) => endpoint._tag === "Stdio")
    ? note(
      "holdfast: the server ends with this command; the task goes on only if the server keeps it outside of its process\n"
    )
    : Effect.void
}

/** Remembers the task, and prints its id. */
const leave = Effect.fnUntraced(function*({ json }: CallInput, config: FoundConfig, handle: TaskHandle) {
  const { directory } = yield* Shell
  const path = yield* Path.Path
  const { server, tool } = handle
  const file = path.resolve(directory, config.origins.get(server)?.file ?? config.file)
  const { config: _, ...task } = yield* Effect.mapError(
    LeftTasks.keep({ ...handle, config: file }),
    ({ exitCode, message, reason }) =>
      new CliFailure({
        exitCode,
        reason,
        // It runs: without its id nothing leads back to it.
        message:
          `${server}.${tool} goes on at its server as the task ${handle.taskId}, and is not remembered here: ${message}`
      })
  )
  yield* writeResult(json ? `${JSON.stringify({ task })}\n` : `${task.id}\n`)
  yield* note(`holdfast: ${server}.${tool} goes on; holdfast task ${task.id} --wait prints its result\n`)
  return ExitCode.ok
})

const wrong = (message: string) =>
  Effect.fail(new CliFailure({ exitCode: ExitCode.usage, reason: "BadArguments", message }))

const call = Effect.fnUntraced(function*(
  input: CallInput,
  config: McpConfig,
  server: string,
  name: string,
  given: Given,
  waiting: Waiting.Waiting,
  onTask: () => void
) {
  const mcp = yield* McpConnections
  const deadline = Option.getOrUndefined(input.deadline)
  waiting.say(waitingFor([server], config))
  const asking = input.unchecked
    ? ToolArguments.unchecked(given)
    : Effect.flatMap(mcp.listTools(server, { deadline }), (tools) =>
      Effect.flatMap(
        findTool(server, name, tools),
        (tool) =>
          Effect.andThen(
            refuseParking(input, `${server}.${name}`, tool),
            ToolArguments.fit(`${server}.${name}`, ModelView.schemaOf(tool), given)
          )
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
    onProgress: (progress) => waiting.progress(`${server}.${name}`, progress),
    onTask: ({ status, statusMessage }) => {
      onTask()
      waiting.say(`${server}.${name}: ${statusMessage ?? status}`)
    }
  }
  if (input.detach) {
    const { deadline, idempotent } = options
    const started = mcp.startTask(server, { name, arguments: values }, {
      deadline,
      idempotent,
      ttl: Option.getOrUndefined(input.ttl)
    })
    // The tool has run, and its answer is not to be lost.
    return yield* Effect.catchIf(
      started,
      ({ reason }) => reason._tag === "NotATask" && reason.result !== undefined,
      ({ reason }) => Parking.read(server, reason._tag === "NotATask" ? reason.result : undefined)
    )
  }
  return input.park
    ? yield* Parking.call(mcp, server, { name, arguments: values }, options)
    : yield* mcp.callTool(server, { name, arguments: values }, options)
})
