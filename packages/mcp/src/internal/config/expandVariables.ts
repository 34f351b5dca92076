/**
 * The placeholders of configuration strings, as editors and agents write them.
 *
 * | written                                                   | stands for                                                     |
 * | --------------------------------------------------------- | -------------------------------------------------------------- |
 * | `${NAME}`, `${env:NAME}`, `{env:NAME}`                    | the environment variable                                       |
 * | `${NAME:-default}`                                        | the same, or the default where it is not set or empty          |
 * | `$NAME`                                                   | the same, in the files of programs that read it so             |
 * | `${input:id}`, `${{ inputs.id }}`                         | an answer given in code, or `HOLDFAST_INPUT_ID`                |
 * | `${{ secrets.NAME }}`                                     | the environment variable                                       |
 * | `${workspaceFolder}`, `${workspaceFolderBasename}`, `${cwd}` | the folder the file is for, its name                        |
 * | `${userHome}`                                             | the home directory                                             |
 * | `${instance}`                                             | the number of the process, where an entry says `instances`     |
 * | `${pathSeparator}`, `${/}`                                | `/`, or `\` on Windows                                         |
 * | `${file:path}`, `{file:path}`                             | the file's text without white space at its end                 |
 * | `$${…}`                                                   | `${…}` itself, for the server                                  |
 *
 * Values are not expanded again; defaults are. A placeholder that nothing answers is a fault and never goes out as it is: a server
 * that is sent `Bearer ${TOKEN}` answers with a riddle.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as path from "node:path"
import { readTextFile } from "../nodePlatform.ts"

/** Where the values come from. */
export interface Sources {
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Answers by the ids of inputs. */
  readonly inputs: ReadonlyMap<string, string>
  /** Ids of the inputs that the file defines. */
  readonly asked: ReadonlySet<string>
  readonly home: string
  /** Absolute: what `${workspaceFolder}` is. */
  readonly folder: string
  /** What `${instance}` is. Undefined: nothing particular. */
  readonly instance?: string | undefined
  /** Whether `$NAME` is a placeholder, too. */
  readonly readsDollar: boolean
  /** Whether `$(…)` is one, which nothing answers. */
  readonly readsCommands: boolean
}

/** A text, and the values in it that may be secrets. */
export interface Expanded {
  readonly text: string
  readonly secrets: ReadonlyArray<string>
}

/** A placeholder without a value: its need, or its fault in one clause. */
export class Unanswered extends Data.TaggedError("Unanswered")<{
  readonly expected: string
  readonly actual?: string
  readonly problem?: string
}> {}

/** Expands every placeholder. */
export const expandVariables = (text: string, sources: Sources): Effect.Effect<Expanded, Unanswered> =>
  Effect.map(
    Effect.forEach(split(text, sources), (part) =>
      typeof part === "string" ? Effect.succeed({ text: part, secrets: [] }) : valueOf(part, sources)),
    (parts) => ({
      text: parts.map((part) =>
        part.text
      ).join(""),
      secrets: parts.flatMap(({ secrets }) => secrets)
    })
  )

/** `~` and `~/…` as shells read them, also behind the `=` of an option. */
export const expandHome = (text: string, home: string): string =>
  text.replace(/^(--?[A-Za-z][\w-]*=)?~(?=$|[/\\])/, (_, option: string | undefined) => `${option ?? ""}${home}`)

interface Placeholder {
  readonly source: string
  readonly content: string
}

const openings = /\$\$(?=\{|[A-Za-z_])|\$\{|\$\(|\{(?=(?:env|file):)|\$[A-Za-z_]\w*/g

const split = (text: string, { readsCommands, readsDollar }: Sources): ReadonlyArray<string | Placeholder> => {
  const parts: Array<string | Placeholder> = []
  let literal = 0
  openings.lastIndex = 0
  for (let match = openings.exec(text); match !== null; match = openings.exec(text)) {
    const [opening] = match
    const start = match.index
    const take = (part: string | Placeholder, next: number): void => {
      parts.push(text.slice(literal, start), part)
      literal = next
      openings.lastIndex = next
    }
    if (opening === "$$") {
      if (text.charAt(start + 2) === "{") take("${", start + 3)
      else if (readsDollar) take("$", start + 2)
    } else if (opening === "$(") {
      if (readsCommands) take({ source: "$(…)", content: "$(" }, text.length)
    } else if (opening.endsWith("{")) {
      const open = start + opening.length
      const close = closingBrace(text, open)
      if (close !== undefined) {
        take({ source: text.slice(start, close + 1), content: text.slice(open, close) }, close + 1)
      }
    } else if (readsDollar) take({ source: opening, content: opening.slice(1) }, start + opening.length)
  }
  return [...parts, text.slice(literal)]
}

const closingBrace = (text: string, open: number): number | undefined => {
  let depth = 1
  for (let at = open; at < text.length; at++) {
    const sign = text.charAt(at)
    if (sign === "{") depth++
    if (sign === "}" && --depth === 0) return at
  }
  return undefined
}

const valueOf = ({ content, source }: Placeholder, sources: Sources): Effect.Effect<Expanded, Unanswered> => {
  if (content === "$(") {
    return unanswered("no command is run for $(…); write ${NAME} in its place, and set that variable")
  }
  const known = knownTo(sources, content)
  if (known !== undefined) return Effect.succeed({ text: known, secrets: [] })
  const [, kind, id = ""] = /^\{?\s*(inputs?[:.]|secrets\.|env:|file:)(.*?)\s*\}?$/s.exec(content) ?? []
  switch (kind) {
    case "file:":
      return contentOf(id, source, sources)
    case "input:":
    case "input.":
    case "inputs:":
    case "inputs.":
      return inputOf(id, source, sources)
    default: {
      const [, name = "", fallback] = /^(.*?)(?::-(.*))?$/s.exec(kind === undefined ? content : id) ?? []
      return /^[A-Za-z_]\w*$/.test(name) || kind !== undefined && name !== ""
        ? variableOf(name, fallback, source, sources)
        : unanswered(
          `nothing is known of ${source}; known are \${NAME}, \${env:NAME}, \${input:id}, \${workspaceFolder} and their like, and ` +
            `what the server itself is to see is written $${source}`
        )
    }
  }
}

const knownTo = ({ environment, folder, home, instance }: Sources, name: string): string | undefined => {
  switch (name) {
    case "instance":
      return instance
    case "workspaceFolder":
    case "workspaceRoot":
    case "cwd":
      return folder
    case "workspaceFolderBasename":
      return path.basename(folder)
    case "CLAUDE_PROJECT_DIR":
      return environment[name] ?? folder
    case "userHome":
      return home
    case "pathSeparator":
    case "/":
      return path.sep
    default:
      return undefined
  }
}

/** An empty variable counts as one that is not set where there is a default. */
const variableOf = (
  name: string,
  fallback: string | undefined,
  source: string,
  sources: Sources
): Effect.Effect<Expanded, Unanswered> => {
  const value = sources.environment[name]
  if (value !== undefined && (value !== "" || fallback === undefined)) {
    return Effect.succeed({ text: value, secrets: isPublic(name) ? [] : [value] })
  }
  return fallback !== undefined ? expandVariables(fallback, sources) : Effect.fail(
    new Unanswered({
      expected: `the environment variable ${name} to be set` +
        (source.startsWith("${") ? `, or a default: ${source.slice(0, -1)}:-…}` : ""),
      actual: "an unset variable"
    })
  )
}

const inputOf = (
  id: string,
  source: string,
  { asked, environment, inputs }: Sources
): Effect.Effect<Expanded, Unanswered> => {
  const variable = `HOLDFAST_INPUT_${id.replaceAll(/[^A-Za-z0-9]/g, "_").toUpperCase()}`
  const value = inputs.get(id) ?? environment[variable]
  if (value !== undefined) return Effect.succeed({ text: value, secrets: [value] })
  const undefinedId = asked.has(id) ? "" : " The file defines no input of this id."
  return unanswered(
    `nothing answers ${source}: no editor asks for it here. Set the environment variable ${variable}, or write \${NAME} in its place.` +
      undefinedId
  )
}

const unanswered = (problem: string): Effect.Effect<never, Unanswered> =>
  Effect.fail(new Unanswered({ expected: "a placeholder that is answered", problem }))

const contentOf = (file: string, source: string, sources: Sources): Effect.Effect<Expanded, Unanswered> =>
  Effect.mapBoth(readTextFile(path.resolve(sources.folder, expandHome(file, sources.home))), {
    onSuccess: (text) => ({ text: text.trimEnd(), secrets: [text.trimEnd()] }),
    onFailure: ({ code }) => new Unanswered({ expected: `the file of ${source} to be readable`, actual: code })
  })

/** Where a user and a machine keep things: words that messages need, and no secrets. */
const isPublic = (name: string): boolean =>
  /^(?:HOME|USERPROFILE|USER|USERNAME|LOGNAME|PATH|PWD|SHELL|LANG|TMPDIR|TE?MP|(?:LOCAL)?APPDATA|PROGRAMFILES|XDG_\w+)$/i
    .test(name)
