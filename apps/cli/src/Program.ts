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
import { ExitCode } from "./ExitCode.ts"
import * as Help from "./Help.ts"
import * as MisusedWords from "./MisusedWords.ts"
import { ForPrograms, Quiet } from "./Quiet.ts"
import * as Report from "./Report.ts"
import { Shell } from "./Shell.ts"
import { printable, styleOf } from "./Style.ts"
import { Trusting } from "./Trusting.ts"
import { Verbatim } from "./Verbatim.ts"
import { writeResult } from "./WriteResult.ts"

/** Runs a command line and succeeds with the exit code, whatever went wrong. Only defects and interruption are left. */
export const run = Effect.fnUntraced(function*(words: ReadonlyArray<string>) {
  const { version } = yield* Shell
  const outcome = yield* Ref.make<number>(ExitCode.ok)
  const own = words.slice(0, words.includes("--") ? words.indexOf("--") : undefined)
  const isJson = own.includes("--json")
  const isQuiet = own.includes("--quiet") || own.includes("-q")
  return yield* CliCommand.runWith(command, { version })(helpAsked(words)).pipe(
    Effect.andThen(Ref.get(outcome)),
    Effect.catch((error) => failed(error, isJson)),
    Effect.provideService(Outcome, outcome),
    Effect.provideService(Trusting, own.includes("--trust")),
    Effect.provideService(Verbatim, own.length === words.length ? undefined : words.slice(own.length + 1)),
    Effect.provide(Layer.merge(presentation(isJson, outcome), Diagnostics.layer(isJson, isQuiet))),
    Effect.provideService(Quiet, isQuiet),
    Effect.provideService(ForPrograms, isJson)
  )
})

/** `help call` is `call --help`. What is no command is for the word `help` itself. */
const helpAsked = (words: ReadonlyArray<string>): ReadonlyArray<string> => {
  const [first, ...rest] = words
  if (first !== "help" || rest.includes("--help") || rest.includes("-h")) return words
  const [about = "--help"] = rest
  return about.startsWith("-") || names.includes(about) ? [...rest, "--help"] : words
}

const names = command.subcommands.flatMap(({ commands }) => commands.map(({ name }) => name))

const failed = (
  error: McpRuntimeError | CliFailure | CliError.CliError,
  isJson: boolean
): Effect.Effect<number, never, Shell> => {
  switch (error._tag) {
    case "McpRuntimeError":
    case "CliFailure":
      return Report.ending(error, isJson)
    default:
      // The presenter has said what is wrong with the words.
      return Effect.succeed(ExitCode.usage)
  }
}

/** Help that was asked for is a result. Help for a mistake is not: it goes to stderr. */
const presentation = (isJson: boolean, outcome: Ref.Ref<number>) =>
  Layer.unwrap(Effect.map(Shell, (shell) => {
    const { stderr, stdout } = shell
    // A presenter cannot fail.
    const result = (text: string) =>
      writeResult(text).pipe(
        Effect.catch((error) => Effect.flatMap(Report.ending(error, isJson), (exitCode) => Ref.set(outcome, exitCode))),
        Effect.provideService(Shell, shell)
      )
    return Layer.mergeAll(
      CliConfig.layer({
        // The word `completion` has scripts that know servers and tools.
        builtIns: [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.LogLevel]
      }),
      CliOutput.layer(CliOutput.defaultFormatter({ colors: stderr.hasColor })),
      CliOutput.layerPresenter({
        present: (event) => {
          switch (event._tag) {
            case "Version":
              return result(`${event.version}\n`)
            case "Help":
              return event.reason === "Requested"
                ? result(`${Help.format(event.helpDoc, stdout)}\n`)
                : stderr.write(`${Help.inShort(event.helpDoc, stderr)}\n`)
            case "InvalidInvocation":
              const { flags, globalFlags = [], inheritedFlags = [] } = event.helpDoc
              const names = [...flags, ...inheritedFlags, ...globalFlags].map(({ name }) => name)
              const sentence = MisusedWords.sentenceOf(event.errors, names)
              if (isJson) {
                const error = Report.errorJson("Usage", sentence)
                return stderr.write(`${JSON.stringify({ error })}\n`)
              }
              return stderr.write(
                `${styleOf(stderr).red("holdfast:")} ${printable(sentence)}\n` +
                  `  ${Help.usage(event.helpDoc)}\n  More: ${event.commandPath.join(" ")} --help\n`
              )
          }
        }
      })
    )
  }))
