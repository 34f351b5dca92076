/**
 * A config file as a text that is changed at a few places, and stays byte for byte as it is everywhere else: JSON with comments, TOML, YAML.
 *
 * A parser of the format says where things stand; a change is a piece of text put in the place of another. Each format is loaded when a file of
 * its kind is changed. A place that a format cannot change without touching more is `Unchangeable`, and nothing is changed then.
 */
import * as Data from "effect/Data"

export type Path = ReadonlyArray<string | number>

/** A piece of the text, and what takes its place. */
export interface Edit {
  readonly from: number
  readonly to: number
  readonly text: string
}

/** A text that is no document of its format, or one that is written in a way that is not changed here. */
export class Unchangeable extends Data.TaggedError("Unchangeable")<{ readonly message: string }> {}

/** A text, read. What fails throws `Unchangeable`. */
export interface ConfigText {
  readonly text: string
  /** The document: objects, lists and scalars. */
  readonly value: unknown
  /** A value as it is written. */
  readonly sourceOf: (path: Path) => string
  /** A text as the format writes it. */
  readonly quote: (text: string) => string
  /** Puts something written in the place of a value. */
  readonly replace: (path: Path, source: string) => Edit
  /** Puts values, as they are written, before the others of a list. */
  readonly prepend: (path: Path, sources: ReadonlyArray<string>) => Edit
  /** Takes as many values from the beginning of a list. */
  readonly drop: (path: Path, count: number) => Edit
  /** Adds a list behind another member of the same object. */
  readonly addList: (after: Path, name: string, sources: ReadonlyArray<string>) => Edit
  /** Takes a member out of its object. */
  readonly remove: (path: Path) => ReadonlyArray<Edit>
  /** Adds a member to an object, which is made if it is missing. */
  readonly add: (container: Path, name: string, value: unknown) => ReadonlyArray<Edit>
}

export type Format = "json" | "toml" | "yaml"

/** Makes the changes. They must not overlap. */
export const apply = (text: string, edits: ReadonlyArray<Edit>): string => {
  let result = ""
  let done = 0
  for (const { from, text: fresh, to } of edits.toSorted((a, b) => a.from - b.from || a.to - b.to)) {
    result += text.slice(done, from) + fresh
    done = to
  }
  return result + text.slice(done)
}

/** The value at a path; undefined where there is none. */
export const valueAt = (value: unknown, path: Path): unknown =>
  path.reduce<unknown>((inner, name) => {
    if (Array.isArray(inner)) return typeof name === "number" ? inner[name] : undefined
    return isMembers(inner) && Object.hasOwn(inner, String(name)) ? inner[String(name)] : undefined
  }, value)

export const isMembers = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** What ends the lines of a text. */
export const lineEndOf = (text: string): string => /\r\n|\n|\r/.exec(text)?.[0] ?? "\n"

/** Where the line of a place begins. */
export const lineStart = (text: string, at: number): number =>
  Math.max(text.lastIndexOf("\n", at - 1), text.lastIndexOf("\r", at - 1)) + 1

/** Where the line of a place ends, before what ends it. */
export const lineStop = (text: string, at: number): number => {
  const end = text.slice(at).search(/[\r\n]/)
  return end < 0 ? text.length : at + end
}

/** Behind what ends the line. */
export const nextLine = (text: string, at: number): number => {
  const stop = lineStop(text, at)
  return stop + (/^(?:\r\n|\n|\r)/.exec(text.slice(stop, stop + 2))?.[0].length ?? 0)
}

/** The blanks before a place, if there is nothing else before it in its line. */
export const indentBefore = (text: string, at: number): string | undefined => {
  const before = text.slice(lineStart(text, at), at)
  return /^[\t ]*$/.test(before) ? before : undefined
}

/** What one step of indentation is: that of the first indented line. */
export const indentUnit = (text: string): string => /^([\t]| +)(?=\S)/m.exec(text)?.[1] ?? "  "
