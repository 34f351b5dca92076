/** The file that `add`, `remove` and `import --write` write to. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as path from "node:path"
import { CliFailure } from "./CliFailure.ts"
import * as ConfigPlaces from "./ConfigPlaces.ts"
import { ExitCode } from "./ExitCode.ts"
import { Shell } from "./Shell.ts"

export interface Target {
  /** Absolute. */
  readonly file: string
  readonly shown: string
  readonly isUsers: boolean
  /** The mode of a new file. */
  readonly mode: number
}

export interface TargetInput {
  readonly config: Option.Option<string>
  readonly to: Option.Option<string>
  readonly user: boolean
}

/** The one that is named, or that of the working directory: `.mcp.json`, or `mcp.json` where only that one is there. */
export const find = Effect.fnUntraced(function*({ config, to, user }: TargetInput) {
  const { directory } = yield* Shell
  const named = Option.orElse(to, () => config)
  if (Option.isSome(named) && user) {
    return yield* new CliFailure({
      exitCode: ExitCode.usage,
      reason: "BadArguments",
      message: "say either --user or a file"
    })
  }
  const [first, second] = ConfigPlaces.names
  const usual = !ConfigPlaces.isThere({ file: path.join(directory, first) }) &&
      ConfigPlaces.isThere({ file: path.join(directory, second) })
    ? second
    : first
  const users = ConfigPlaces.usersFile()
  const shown = user ? users : Option.getOrElse(named, () => usual)
  const file = path.resolve(directory, shown)
  const isUsers = file === users
  return { file, shown, isUsers, mode: isUsers ? 0o600 : 0o644 } satisfies Target
})
