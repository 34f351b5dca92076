/** `holdfast add <name> -- command…`, `holdfast add <name> <url>`: a server in a config. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { CliFailure } from "../CliFailure.ts"
import * as ConfigTarget from "../ConfigTarget.ts"
import { apply, valueAt } from "../configText/ConfigText.ts"
import * as EditedFile from "../EditedFile.ts"
import { ExitCode } from "../ExitCode.ts"
import { isSecret } from "../hosts/ImportedEntry.ts"
import * as configFiles from "../internal/configFiles.ts"
import type { Output } from "../outputs/add.ts"
import { note } from "../Quiet.ts"
import { printable } from "../Style.ts"
import { writeResult } from "../WriteResult.ts"

export interface AddInput extends ConfigTarget.TargetInput {
  readonly json: boolean
  readonly name: string
  /** A url, or a command with its arguments. */
  readonly words: ReadonlyArray<string>
  readonly env: ReadonlyArray<string>
  readonly header: ReadonlyArray<string>
  readonly cwd: Option.Option<string>
  readonly sse: boolean
  readonly replace: boolean
}

/** Runs the command and succeeds with its exit code. */
export const run = Effect.fnUntraced(function*(input: AddInput) {
  const { name } = input
  const entry = yield* entryOf(input)
  const target = yield* ConfigTarget.find(input)
  const { file, mode, shown } = target
  yield* EditedFile.refuseOthers(shown)
  const before = yield* EditedFile.inFile(shown, () => configFiles.read(file))
  const { fresh } = yield* Effect.promise(() => import("../configText/JsonText.ts"))
  let replaced = false
  let text: string
  if (before === undefined || before.text.trim() === "") text = fresh({ mcpServers: { [name]: entry } })
  else {
    const document = yield* EditedFile.parse(shown, before.text, "json")
    const container = EditedFile.containerOf(document.value)
    replaced = valueAt(document.value, [...container, name]) !== undefined
    if (replaced && !input.replace) {
      return yield* refuse(
        "ServerExists",
        `there is a server ${name} in ${shown} already; --replace puts this one in its place`
      )
    }
    text = yield* EditedFile.inFile(shown, () => {
      if (!replaced) return apply(before.text, document.add(container, name, entry))
      const { text } = document
      const value = JSON.stringify(entry, undefined, 2)
      return apply(text, [
        document.replace([...container, name], indented(value, text, document.sourceOf([...container, name])))
      ])
    })
  }
  const after = yield* EditedFile.parse(shown, text, "json")
  if (JSON.stringify(valueAt(after.value, [...EditedFile.containerOf(after.value), name])) !== JSON.stringify(entry)) {
    return yield* refuse("Unchangeable", `${shown} is written in a way that is not changed here; nothing was written`)
  }
  yield* EditedFile.inFile(shown, () => configFiles.write(file, text, before, mode))
  if (input.json) {
    yield* writeResult(`${JSON.stringify({ file, server: name, replaced } satisfies typeof Output.Type)}\n`)
  } else {
    const open = target.isUsers ? [] : Object.entries({ ...entry.env, ...entry.headers })
      .filter(([name, value]) => isSecret(name) && !/\$\{[^}]+\}/.test(value))
    for (const [secret] of open) {
      yield* note(
        `holdfast: ${printable(secret)} is in ${printable(shown)} now, which others may read; ` +
          `a placeholder, \${${printable(secret).toUpperCase().replaceAll(/\W/g, "_")}}, would keep it out\n`
      )
    }
    yield* note(`${printable(name)} is ${replaced ? "replaced" : "added"} in ${printable(shown)}\n`)
  }
  return ExitCode.ok
})

/** In the place of a value that begins behind its name, in the line of that. */
const indented = (value: string, text: string, old: string): string => {
  const line = text.slice(0, text.indexOf(old)).split(/\r\n|\r|\n/).at(-1) ?? ""
  const indent = /^[\t ]*/.exec(line)?.[0] ?? ""
  const eol = /\r\n|\n|\r/.exec(text)?.[0]
  if (eol === undefined) return JSON.stringify(JSON.parse(value))
  return value.split("\n").join(`${eol}${indent}`)
}

interface NewEntry {
  readonly command?: string
  readonly args?: ReadonlyArray<string>
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly type?: string
  readonly url?: string
  readonly headers?: Readonly<Record<string, string>>
}

const entryOf = Effect.fnUntraced(function*(input: AddInput): Effect.fn.Return<NewEntry, CliFailure> {
  const { cwd, env, header, name, sse, words } = input
  const [first, ...rest] = words
  if (name.trim() === "") return yield* refuse("BadArguments", "say the server's name")
  if (first === undefined) return yield* refuse("BadArguments", "say a command, or a url")
  const isUrl = rest.length === 0 && /^https?:\/\//i.test(first)
  if (!isUrl) {
    if (header.length > 0 || sse) {
      return yield* refuse("BadArguments", "--header and --sse are for a server behind a url")
    }
    const variables = yield* Effect.forEach(env, (each) => pair(each, "=", "--env", "NAME=value"))
    return {
      command: first,
      ...(rest.length > 0 ? { args: rest } : {}),
      ...(variables.length > 0 ? { env: Object.fromEntries(variables) } : {}),
      ...(Option.isSome(cwd) ? { cwd: cwd.value } : {})
    }
  }
  if (env.length > 0 || Option.isSome(cwd)) return yield* refuse("BadArguments", "--env and --cwd are for a command")
  if (!URL.canParse(first)) return yield* refuse("BadArguments", `${first} is no url`)
  const headers = yield* Effect.forEach(header, (each) => pair(each, ":", "--header", "\"Name: value\""))
  return {
    type: sse ? "sse" : "http",
    url: first,
    ...(headers.length > 0 ? { headers: Object.fromEntries(headers) } : {})
  }
})

const pair = (text: string, sign: string, flag: string, example: string) => {
  const at = text.indexOf(sign)
  // The value may be a secret.
  return at < 1
    ? refuse("BadArguments", `${flag}: ${example} is expected`)
    : Effect.succeed([text.slice(0, at).trim(), sign === ":" ? text.slice(at + 1).trim() : text.slice(at + 1)] as const)
}

const refuse = (reason: string, message: string) =>
  Effect.fail(new CliFailure({ exitCode: ExitCode.usage, reason, message: printable(message) }))
