/** `holdfast remove <name>`: takes a server out of a config. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { CliFailure } from "../CliFailure.ts"
import * as ConfigDialect from "../ConfigDialect.ts"
import * as ConfigPlaces from "../ConfigPlaces.ts"
import * as ConfigTarget from "../ConfigTarget.ts"
import { apply, valueAt } from "../configText/ConfigText.ts"
import * as EditedFile from "../EditedFile.ts"
import { ExitCode } from "../ExitCode.ts"
import * as configFiles from "../internal/configFiles.ts"
import type { Output } from "../outputs/remove.ts"
import { note } from "../Quiet.ts"
import { Shell } from "../Shell.ts"
import { printable } from "../Style.ts"
import { writeResult } from "../WriteResult.ts"

export interface RemoveInput extends ConfigTarget.TargetInput {
  readonly json: boolean
  readonly name: string
}

/** Runs the command and succeeds with its exit code. */
export const run = Effect.fnUntraced(function*(input: RemoveInput) {
  const { name } = input
  const { directory } = yield* Shell
  const isNamed = Option.isSome(input.to) || Option.isSome(input.config) || input.user
  const candidates = isNamed ? [yield* ConfigTarget.find(input)] : ConfigPlaces.found({ directory })
  const having: Array<{ readonly file: string; readonly shown: string }> = []
  for (const place of candidates) if (yield* has(place, name)) having.push(place)
  const [first, ...others] = having
  if (first === undefined) {
    return yield* new CliFailure({
      exitCode: ExitCode.usage,
      reason: "UnknownServer",
      message: printable(`no server ${name} in ${candidates.map(({ shown }) => shown).join(", ") || "any config"}`)
    })
  }
  const { file, shown } = first
  const before = yield* EditedFile.inFile(shown, () => configFiles.read(file))
  if (before === undefined) return yield* Effect.die("a file that has a server is there")
  const { containerOf, format } = ConfigDialect.of(file)
  const document = yield* EditedFile.parse(shown, before.text, format)
  const path = [...containerOf(document.value), name]
  const text = yield* EditedFile.inFile(shown, () => apply(before.text, document.remove(path)))
  const after = yield* EditedFile.parse(shown, text, format)
  if (valueAt(after.value, path) !== undefined) {
    return yield* new CliFailure({
      exitCode: ExitCode.config,
      reason: "Unchangeable",
      message: printable(`${shown} has ${name} twice; nothing was written`)
    })
  }
  yield* EditedFile.inFile(shown, () => configFiles.write(file, text, before))
  const left = others.map((each) => each.file)
  if (input.json) yield* writeResult(`${JSON.stringify({ file, server: name, left } satisfies typeof Output.Type)}\n`)
  else {
    yield* note(`${printable(name)} is removed from ${printable(shown)}\n`)
    const [next] = others
    if (next !== undefined) yield* note(`  ${printable(next.shown)} has it, too, and counts from now on\n`)
  }
  return ExitCode.ok
})

const has = Effect.fnUntraced(
  function*({ file, shown }: { readonly file: string; readonly shown: string }, name: string) {
    const read = yield* EditedFile.inFile(shown, () => configFiles.read(file))
    if (read === undefined || read.text.trim() === "") return false
    const { containerOf, format } = ConfigDialect.of(file)
    const { value } = yield* EditedFile.parse(shown, read.text, format)
    return valueAt(value, [...containerOf(value), name]) !== undefined
  }
)
