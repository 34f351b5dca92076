/** The words of the command line, as `--help` lists them. */
import type * as CliCommand from "effect/cli/Command"
import { command } from "../../src/Command.ts"

export interface Word {
  /** `["daemon", "stop"]`. */
  readonly words: ReadonlyArray<string>
  readonly hasWordsBelow: boolean
  readonly description: string
  readonly examples: ReadonlyArray<{ readonly command: string }>
}

const within = (one: CliCommand.Command.Any, before: ReadonlyArray<string>): ReadonlyArray<Word> => {
  const below = one.subcommands.flatMap(({ commands }) => commands)
  const words = before.length === 0 && one === command ? [] : [...before, one.name]
  const { description = "", examples } = one
  return [
    { words, hasWordsBelow: below.length > 0, description, examples },
    ...below.flatMap((each) => within(each, words))
  ]
}

/** All of them, the command line's own root first. */
export const all: ReadonlyArray<Word> = within(command, [])
