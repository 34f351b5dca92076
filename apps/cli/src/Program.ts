/**
 * The program without its process: arguments in, exit code out.
 */
import type { McpRuntimeError } from "@holdfast/mcp/McpRuntimeError"
import * as CliConfig from "effect/cli/CliConfig"
import type * as CliError from "effect/cli/CliError"
import * as CliOutput from "effect/cli/CliOutput"
import * as CliCommand from "effect/cli/Command"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Ref from "effect/Ref"
import type { CliFailure } from "./CliFailure.ts"
import { command, Outcome } from "./Command.ts"
import * as Diagnostics from "./Diagnostics.ts"
import { ExitCode, exitCodeOf } from "./ExitCode.ts"
import * as Report from "./Report.ts"
import { Shell } from "./Shell.ts"

/** Runs a command line and succeeds with the exit code, whatever went wrong. Only defects and interruption are left. */
export const run = Effect.fnUntraced(function*(words: ReadonlyArray<string>) {
  const { version } = yield* Shell
  const outcome = yield* Ref.make<number>(ExitCode.ok)
  const isJson = words.slice(0, words.includes("--") ? words.indexOf("--") : undefined).includes("--json")
  return yield* CliCommand.runWith(command, { version })(words).pipe(
    Effect.andThen(Ref.get(outcome)),
    Effect.catch((error) => failed(error, isJson)),
    Effect.provideService(Outcome, outcome),
    Effect.provide(Layer.merge(presentation(isJson), Diagnostics.layer(isJson)))
  )
})

const failed = (
  error: McpRuntimeError | CliFailure | CliError.CliError,
  isJson: boolean
): Effect.Effect<number, never, Shell> => {
  switch (error._tag) {
    case "McpRuntimeError":
      return Effect.as(Report.failure(error, isJson), exitCodeOf(error.reason))
    case "CliFailure":
      return Effect.as(Report.failure(error, isJson), error.exitCode)
    default:
      // The presenter has said what is wrong with the words.
      return Effect.succeed(ExitCode.usage)
  }
}

/** Help that was asked for is a result. Help for a mistake is not: it goes to stderr. */
const presentation = (isJson: boolean) =>
  Layer.unwrap(Effect.map(Shell, ({ stderr, stdout }) => {
    const asked = CliOutput.defaultFormatter({ colors: stdout.hasColor })
    const unasked = CliOutput.defaultFormatter({ colors: stderr.hasColor })
    return Layer.mergeAll(
      CliConfig.layer({
        builtIns: [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.Completions, GlobalFlag.LogLevel]
      }),
      CliOutput.layer(unasked),
      CliOutput.layerPresenter({
        present: (event) => {
          switch (event._tag) {
            case "Version":
              return stdout.write(`${event.version}\n`)
            case "Help":
              return event.reason === "Requested"
                ? stdout.write(`${asked.formatHelpDoc(event.helpDoc)}\n`)
                : stderr.write(`${unasked.formatHelpDoc(event.helpDoc)}\n`)
            case "InvalidInvocation":
              if (isJson) {
                const message = event.errors.map((error) => error.message).join("; ")
                return stderr.write(`${JSON.stringify({ error: Report.errorJson("Usage", message) })}\n`)
              }
              return stderr.write(
                `${unasked.formatErrors(event.errors).trim()}\n\n${event.helpDoc.usage}\n` +
                  `More: ${event.commandPath.join(" ")} --help\n`
              )
          }
        }
      })
    )
  }))
