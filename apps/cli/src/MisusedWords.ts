/**
 * What is wrong with the words of a command line, as the rest of the program says what is wrong: one sentence, what is meant last. Pure.
 */
import { nearNames } from "@holdfast/mcp/NearNames"
import type * as CliError from "effect/cli/CliError"

/** Several mistakes are several sentences. `flags`: the names of those that the command has. */
export const sentenceOf = (errors: ReadonlyArray<CliError.CliError>, flags: ReadonlyArray<string>): string =>
  [...new Set(errors.map((error) => wordsOf(error, flags)))].join("; ")

const wordsOf = (error: CliError.CliError, flags: ReadonlyArray<string>): string => {
  switch (error._tag) {
    case "UnknownSubcommand": {
      const [, ...parent] = error.parent ?? []
      const what = JSON.stringify(error.subcommand)
      return `${parent.length > 0 ? `${parent.join(" ")} has no command ${what}` : `there is no command ${what}`}${
        meant(error.suggestions)
      }`
    }
    case "UnrecognizedOption": {
      const [, ...word] = error.command ?? []
      const near = nearNames(error.option.replace(/^-+/, ""), flags).map((name) => `--${name}`)
      return `${word.length > 0 ? `${word.join(" ")} has` : "there is"} no flag ${error.option}${meant(near)}`
    }
    case "MissingArgument":
      // What is meant by words that mean several things is said by the line behind this one.
      return error.argument === "word" ? "an argument is missing" : `<${error.argument}> is missing`
    case "MissingOption":
      return `--${error.option} is missing`
    case "UnexpectedArgument":
      return `${error.arguments.map((each) => JSON.stringify(each)).join(" ")} is too much`
    case "InvalidValue": {
      const { kind, option, value } = error
      const expected = error.expected.replace(/^Expected:? /, "").replace(
        "a string representing a finite number",
        "a number"
      )
      const name = kind === "argument" ? `<${option}>` : `--${option}`
      return value === ""
        ? `${name} has no value: expected ${expected}`
        : `${name}: expected ${expected}, not ${JSON.stringify(value)}`
    }
    default:
      return error.message
  }
}

const meant = (suggestions: ReadonlyArray<string>): string =>
  suggestions.length === 0 ? "" : `; did you mean ${suggestions.join(" or ")}?`
