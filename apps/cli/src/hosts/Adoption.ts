/**
 * `holdfast wrap --` in front of the commands of a config, and out of it again. Pure.
 *
 * Of an entry the command and the arguments change, and nothing else: its environment, its working directory and all the rest are for the
 * program that stands there, and that one hands them on.
 */
import { isDeepStrictEqual } from "node:util"
import {
  apply,
  type ConfigText,
  type Edit,
  isMembers,
  type Path,
  Unchangeable,
  valueAt
} from "../configText/ConfigText.ts"
import type { Host } from "./Host.ts"
import { isWrapped } from "./ImportedEntry.ts"

/** An entry that was adopted. */
export interface AdoptedEntry {
  readonly path: Path
  /** It had arguments before, be it none. */
  readonly hadArgs: boolean
}

export type EntryState =
  | { readonly _tag: "Adoptable"; readonly shape: Shape }
  | { readonly _tag: "Already" }
  | { readonly _tag: "Left"; readonly why: string }

/** Where the command of an entry is. */
type Shape =
  /** In a list with its arguments. */
  | { readonly list: Path }
  /** By itself. `args`: there is something under that name. */
  | { readonly command: Path; readonly args: Path; readonly has: "list" | "null" | "nothing" }

/** What there is to do with an entry. */
export const stateOf = (host: Host, document: ConfigText, path: Path): EntryState => {
  const entry = valueAt(document.value, path)
  if (!isMembers(entry)) return { _tag: "Left", why: "it is no object" }
  const command = entry[host.command]
  if (Array.isArray(command)) {
    if (isWrapped(command)) return { _tag: "Already" }
    return typeof command[0] === "string" && command[0] !== ""
      ? homely(command[0]) ?? { _tag: "Adoptable", shape: { list: [...path, host.command] } }
      : { _tag: "Left", why: "its command is empty" }
  }
  const at = isMembers(command) ? [...path, host.command] : path
  const program = isMembers(command) ? command["path"] : command
  const args = isMembers(command) ? command["args"] : entry["args"]
  if (typeof program !== "string" || program.trim() === "") {
    const isRemote = ["url", "uri", "httpUrl", "serverUrl"].some((name) => typeof entry[name] === "string")
    return { _tag: "Left", why: isRemote ? "it is behind a url" : "it has no command" }
  }
  if (args !== undefined && args !== null && !Array.isArray(args)) return { _tag: "Left", why: "its args are no list" }
  if (isWrapped([program, ...(args ?? [])])) return { _tag: "Already" }
  return homely(program) ?? {
    _tag: "Adoptable",
    shape: {
      command: [...at, isMembers(command) ? "path" : host.command],
      args: [...at, "args"],
      has: args === undefined ? "nothing" : args === null ? "null" : "list"
    }
  }
}

/** Not every program reads `~` in arguments as it does in a command. */
const homely = (program: string): EntryState | undefined =>
  program.startsWith("~")
    ? { _tag: "Left", why: "its command begins with ~, which may mean nothing in arguments" }
    : undefined

/** The text with these entries adopted. Throws `Unchangeable`. */
export const adopt = (
  document: ConfigText,
  entries: ReadonlyArray<{ readonly path: Path; readonly shape: Shape }>,
  program: string
): { readonly text: string; readonly adopted: ReadonlyArray<AdoptedEntry> } => {
  const front = ["wrap", "--"].map(document.quote)
  const edits = entries.flatMap(({ shape }): ReadonlyArray<Edit> => {
    if ("list" in shape) return [document.prepend(shape.list, [document.quote(program), ...front])]
    const { args, command, has } = shape
    const words = [...front, document.sourceOf(command)]
    return [
      document.replace(command, document.quote(program)),
      has === "list"
        ? document.prepend(args, words)
        : has === "null"
        ? document.replace(args, `[${words.join(", ")}]`)
        : document.addList(command, "args", words)
    ]
  })
  const text = applied(document.text, edits)
  return {
    text,
    adopted: entries.map(({ path, shape }) => ({ path, hadArgs: "list" in shape || shape.has !== "nothing" }))
  }
}

/** An addition may stand where a replacement ends. */
const applied = (text: string, edits: ReadonlyArray<Edit>): string => apply(text, edits)

/** The value that a document has to have after it. */
export const expected = (
  value: unknown,
  entries: ReadonlyArray<{ readonly path: Path; readonly shape: Shape }>,
  program: string
): unknown => {
  const copy = structuredClone(value)
  for (const { shape } of entries) {
    const at = "list" in shape ? shape.list : shape.command
    const parent = valueAt(copy, at.slice(0, -1))
    const name = String(at.at(-1))
    const old = valueAt(copy, at)
    const args = "list" in shape ? undefined : valueAt(copy, shape.args)
    if ("list" in shape) Object.assign(Object(parent), { [name]: [program, "wrap", "--", ...Object(old)] })
    else {
      Object.assign(Object(parent), {
        [name]: program,
        args: ["wrap", "--", old, ...(Array.isArray(args) ? args : [])]
      })
    }
  }
  return copy
}

/** Whether a text says what is expected of it, and so nothing else than before. */
export const isExpected = (after: ConfigText, value: unknown): boolean => isDeepStrictEqual(after.value, value)

/** Takes ours out of those entries that still have it. Throws `Unchangeable`. */
export const restore = (
  host: Host,
  document: ConfigText,
  entries: ReadonlyArray<AdoptedEntry>
): { readonly text: string; readonly restored: ReadonlyArray<Path> } => {
  const restored: Array<Path> = []
  const edits = entries.flatMap(({ hadArgs, path }): ReadonlyArray<Edit> => {
    const entry = valueAt(document.value, path)
    if (!isMembers(entry)) return []
    const command = entry[host.command]
    if (Array.isArray(command)) {
      const end = command.indexOf("--")
      if (!isWrapped(command) || end < 0 || end === command.length - 1) return []
      restored.push(path)
      return [document.drop([...path, host.command], end + 1)]
    }
    const at = isMembers(command) ? [...path, host.command] : path
    const name = isMembers(command) ? "path" : host.command
    const program = isMembers(command) ? command["path"] : command
    const args = isMembers(command) ? command["args"] : entry["args"]
    const end = Array.isArray(args) ? args.indexOf("--") : -1
    if (!Array.isArray(args) || !isWrapped([program, ...args]) || end < 0 || end === args.length - 1) return []
    restored.push(path)
    const list = [...at, "args"]
    return [
      document.replace([...at, name], sourceOfItem(document, list, end + 1)),
      ...(args.length === end + 2 && !hadArgs ? document.remove(list) : [document.drop(list, end + 2)])
    ]
  })
  return { text: apply(document.text, edits), restored }
}

const sourceOfItem = (document: ConfigText, list: Path, index: number): string => {
  const source = document.sourceOf([...list, index])
  if (source === "") throw new Unchangeable({ message: `${list.join(".")} has no command` })
  return source
}
