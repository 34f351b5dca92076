/**
 * A config file that a word changes: read, changed as a text, checked, and written whole or not at all.
 */
import * as Effect from "effect/Effect"
import { CliFailure } from "./CliFailure.ts"
import { type ConfigText, type Format, Unchangeable } from "./configText/ConfigText.ts"
import { ExitCode } from "./ExitCode.ts"
import * as configFiles from "./internal/configFiles.ts"
import { printable } from "./Style.ts"

/** Runs what touches a file. `shown` is its name in messages. */
export const inFile = <A>(shown: string, run: () => A): Effect.Effect<A, CliFailure> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(run())
    } catch (error) {
      if (error instanceof configFiles.FileFault || error instanceof Unchangeable) {
        return Effect.fail(
          new CliFailure({
            exitCode: ExitCode.config,
            reason: error instanceof Unchangeable ? "Unchangeable" : "FileUnusable",
            message: `${printable(shown)}: ${printable(error.message)}`
          })
        )
      }
      throw error
    }
  })

/** Reads the text of a format. Its parser is loaded now. */
export const parse = Effect.fnUntraced(function*(shown: string, text: string, format: Format) {
  const { read } = yield* Effect.promise((): Promise<{ readonly read: (text: string) => ConfigText }> =>
    format === "json"
      ? import("./configText/JsonText.ts")
      : format === "toml"
      ? import("./configText/TomlText.ts")
      : import("./configText/YamlText.ts")
  )
  return yield* inFile(shown, () => read(text))
})

/** A file that cannot be used. */
export const fault = (message: string): CliFailure =>
  new CliFailure({ exitCode: ExitCode.config, reason: "FileUnusable", message: printable(message) })
