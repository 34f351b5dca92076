/** `holdfast add <name> -- command…`, `holdfast add <name> <url>`: a server in a config. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { isDeepStrictEqual } from "node:util"
import { CliFailure } from "../CliFailure.ts"
import * as ConfigDialect from "../ConfigDialect.ts"
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
  const before = yield* EditedFile.inFile(shown, () => configFiles.read(file))
  const dialect = ConfigDialect.of(file)
  const { format } = dialect
  const isFresh = before === undefined || before.text.trim() === ""
  const document = isFresh && format === "json"
    ? undefined
    : yield* EditedFile.parse(shown, before?.text ?? "", format)
  const unfit = dialect.refusal(file, document?.value)
  if (unfit !== undefined) return yield* refuse("NotWritten", `${shown}: ${unfit}`)
  const written = dialect.entryOf(name, entry)
  if (typeof written === "string") return yield* refuse("NotWritten", written)
  const path = [...dialect.containerOf(document?.value), name]
  const replaced = document !== undefined && valueAt(document.value, path) !== undefined
  if (replaced && !input.replace) {
    return yield* refuse(
      "ServerExists",
      `there is a server ${name} in ${shown} already; --replace puts this one in its place`
    )
  }
  let text: string
  if (document === undefined) {
    const { fresh } = yield* Effect.promise(() => import("../configText/JsonText.ts"))
    text = fresh({ mcpServers: { [name]: written } })
  } else if (replaced && format === "json") {
    const value = JSON.stringify(written, undefined, 2)
    text = yield* EditedFile.inFile(shown, () =>
      apply(document.text, [
        document.replace(path, indented(value, document.text, document.sourceOf(path)))
      ]))
  } else {
    const rest = replaced
      ? yield* EditedFile.parse(
        shown,
        yield* EditedFile.inFile(shown, () => apply(document.text, document.remove(path))),
        format
      )
      : document
    text = yield* EditedFile.inFile(shown, () => apply(rest.text, rest.add(path.slice(0, -1), name, written)))
  }
  const after = yield* EditedFile.parse(shown, text, format)
  const now: unknown = valueAt(after.value, [...dialect.containerOf(after.value), name])
  if (!isDeepStrictEqual(JSON.parse(JSON.stringify(now ?? null)), JSON.parse(JSON.stringify(written)))) {
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

const entryOf = Effect.fnUntraced(function*(input: AddInput): Effect.fn.Return<ConfigDialect.NewEntry, CliFailure> {
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
