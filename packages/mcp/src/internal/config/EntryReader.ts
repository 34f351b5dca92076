/**
 * Reads the fields of one entry, under whichever of their names, and knows for each where it stands.
 *
 * - `null` is as good as nothing said, and so is `undefined`.
 * - Every text is expanded (`expandVariables`) when it is read; what came in from elsewhere is kept in `secrets`.
 * - Numbers and booleans are taken as texts where a text is wanted, as they are written: `1.50` stays `1.50`.
 */
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Redacted from "effect/Redacted"
import { ConfigInvalid } from "../../McpRuntimeError.ts"
import { nearNames } from "../../NearNames.ts"
import { type Dialect, isComment, isObject, nameOfKind } from "./configDialects.ts"
import { type ConfigDocument, formatPath, type Path, type Place } from "./ConfigDocument.ts"
import { type Field, fields, nested, noteOn, readNames } from "./entryFields.ts"
import { expandHome, expandVariables, type Sources } from "./expandVariables.ts"

/** What an entry is read with. */
export interface EntryContext {
  readonly file: string
  readonly document: ConfigDocument
  readonly dialect: Dialect
  readonly sources: Sources
  /** Tells of something that stops nothing. The place is that of the value, or of its name, unless it is given. */
  readonly tell: (
    path: Path,
    problem: string,
    options?: {
      readonly server?: string | undefined
      readonly part?: "name" | "value" | undefined
      readonly place?: Place | undefined
    }
  ) => void
}

/** A value, the name it was given under, and where. */
export interface Said {
  readonly name: string
  readonly path: Path
  readonly value: unknown
}

type Values = Readonly<Record<string, unknown>>

export class EntryReader {
  readonly server: string
  readonly path: Path
  readonly context: EntryContext
  /** What the entry is instead of an object. */
  readonly actual: string | undefined
  /** What `${instance}` is in this entry. */
  instance: string | undefined
  /** Values of placeholders so far. */
  readonly secrets = new Set<string>()
  readonly #parts: ReadonlyArray<{ readonly path: Path; readonly values: Values }>

  constructor(server: string, path: Path, value: unknown, context: EntryContext) {
    this.server = server
    this.path = path
    this.context = context
    this.actual = isObject(value) ? undefined : nameOfKind(value)
    const values: Values = isObject(value) ? value : {}
    this.#parts = [
      { path, values },
      ...[...nested].flatMap(([name, inner]) => {
        const part = values[name]
        if (!isObject(part)) return []
        // Zed's older way: `"command": { "path": …, "args": … }`.
        const all = name === "command" ? { ...part, command: part["path"] ?? part["command"] } : part
        const read = inner === "all"
          ? all
          : Object.fromEntries(Object.entries(all).filter(([each]) => inner.includes(each)))
        return [{ path: [...path, name], values: read }]
      })
    ]
  }

  /** All values of a field, under all of its names. */
  findAll(field: Field): ReadonlyArray<Said> {
    return fields[field].flatMap((name) =>
      this.#parts.flatMap(({ path, values }): ReadonlyArray<Said> => {
        const value = Object.hasOwn(values, name) ? values[name] : undefined
        const isPart = isObject(value) && nested.has(name)
        return value === undefined || value === null || isPart ? [] : [{ name, path: [...path, name], value }]
      })
    )
  }

  /** The value of a field. Of several names with different values the first counts, and the others are told of. */
  find(field: Field): Said | undefined {
    const [first, ...others] = this.findAll(field)
    for (const { path, value } of others) {
      if (Equal.equals(value, first?.value)) continue
      this.warn(path, `has no effect beside ${first?.name}, which says something else`, "name")
    }
    return first
  }

  /** A text, and nothing that could be written as one. */
  text({ path, value }: Said): Effect.Effect<string, ConfigInvalid> {
    return typeof value === "string" ? this.expand(path, value) : this.fault(path, "a string", nameOfKind(value))
  }

  /** A path or a word of a command line, where `~` is the home directory. */
  word(path: Path, value: unknown): Effect.Effect<string, ConfigInvalid> {
    return Effect.flatMap(this.scalar(path, value), (text) => {
      const word = expandHome(text, this.context.sources.home)
      return word.includes("\0")
        ? this.fault(path, "a text without NUL characters", "one that has some")
        : Effect.succeed(word)
    })
  }

  /** A list of words. */
  words(said: Said): Effect.Effect<ReadonlyArray<string>, ConfigInvalid> {
    return Array.isArray(said.value)
      ? Effect.forEach(said.value, (each, index) => this.word([...said.path, index], each))
      : this.fault(
        said.path,
        "a list with each argument by itself, such as [\"-y\", \"server\"]",
        nameOfKind(said.value)
      )
  }

  /** Texts by name, without those that are `null`. */
  texts(said: Said): Effect.Effect<ReadonlyArray<readonly [name: string, text: string, path: Path]>, ConfigInvalid> {
    if (!isObject(said.value)) return this.fault(said.path, "an object of texts by name", nameOfKind(said.value))
    const given = Object.entries(said.value).filter(([, value]) => value !== null && value !== undefined)
    return Effect.forEach(given, ([name, value]) => {
      const path = [...said.path, name]
      if (typeof value === "string") this.#tellDollar(path, value)
      return Effect.map(this.scalar(path, value), (text) => [name, text, path] as const)
    })
  }

  /** `Bearer $TOKEN`, where `$TOKEN` could be replaced and is not. */
  #tellDollar(path: Path, text: string): void {
    const { environment, readsDollar } = this.context.sources
    const name = readsDollar ? undefined : /(?<!\$)\$([A-Za-z_]\w*)/.exec(text)?.[1]
    if (name !== undefined && environment[name] !== undefined) {
      this.warn(path, `$${name} is no placeholder here and stays as it is; \${${name}} would be one`)
    }
  }

  /** True or false, also as a text. */
  flag({ path, value }: Said): Effect.Effect<boolean, ConfigInvalid> {
    return Effect.flatMap(this.scalar(path, value, "true or false"), (text) => {
      const is = flags.get(text.trim().toLowerCase())
      return is === undefined ? this.fault(path, "true or false", nameOfKind(value)) : Effect.succeed(is)
    })
  }

  /** A text, or what can be written as one. */
  scalar(path: Path, value: unknown, expected = "a string"): Effect.Effect<string, ConfigInvalid> {
    if (typeof value === "string") return this.expand(path, value)
    if (typeof value === "boolean" || typeof value === "bigint") return Effect.succeed(String(value))
    return typeof value === "number" && Number.isFinite(value)
      ? Effect.succeed(this.context.document.sourceOf(path) ?? String(value))
      : this.fault(path, expected, nameOfKind(value))
  }

  expand(path: Path, text: string): Effect.Effect<string, ConfigInvalid> {
    return Effect.matchEffect(expandVariables(text, { ...this.context.sources, instance: this.instance }), {
      onSuccess: ({ secrets, text }) => {
        for (const secret of secrets) this.secrets.add(secret)
        return Effect.succeed(text)
      },
      onFailure: (unanswered) => Effect.fail(this.invalid(path, unanswered))
    })
  }

  /** Tells of the parts of an entry that have no effect. */
  tellUnknown(): void {
    for (const { path, values } of this.#parts) {
      for (const [name, value] of Object.entries(values)) {
        // Absent and expressly unwanted things have no effect anywhere.
        if (value === null || value === undefined || value === false) continue
        const isKnown = isComment(name) || nested.has(name) || (name === "path" && path.at(-1) === "command")
        const note = isKnown ? undefined : noteOn(name)
        if (note === undefined) continue
        if (note !== "unknown") this.warn([...path, name], `has no effect: ${note}`, "name")
        else {
          const near = nearNames(name, readNames)
          const hint = near.length === 0 ? "" : `; did you mean ${near.join(" or ")}?`
          this.warn([...path, name], `is not understood and has no effect${hint}`, "name")
        }
      }
    }
  }

  warn(path: Path, problem: string, part?: "name" | "value"): void {
    this.context.tell(path, problem, { server: this.server, part })
  }

  fault(path: Path, expected: string, actual: string): Effect.Effect<never, ConfigInvalid> {
    return Effect.fail(this.invalid(path, { expected, actual }))
  }

  invalid(
    path: Path,
    { actual, expected, problem }: {
      readonly expected: string
      readonly actual?: string | undefined
      readonly problem?: string | undefined
    }
  ): ConfigInvalid {
    const { document, file } = this.context
    return new ConfigInvalid({ file, path: formatPath(path), expected, actual, problem, ...document.placeOf(path) })
  }
}

const flags: ReadonlyMap<string, boolean> = new Map([
  ...["true", "1", "yes", "on"].map((word) => [word, true] as const),
  ...["false", "0", "no", "off"].map((word) => [word, false] as const)
])

/** A value that no message shows, under its name. */
export const asRedacted = (name: string, value: string): Redacted.Redacted => Redacted.make(value, { label: name })
